// oxlint-disable unicorn/prefer-add-event-listener -- the ends of MCP transports are no event targets
import { PassThrough, type Readable, type Writable } from 'node:stream';
import {
  InMemoryServerEventBus,
  type JSONRPCMessage,
  type McpServer,
  type MessageExtraInfo,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio as serveSdkStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Operation } from '../core/operation.js';
import { createNotifier, followChanges } from './changes.js';
import { DirectRequests, type Outlet } from './direct/direct-requests.js';
import { DEFAULT_GRACE_MS, InFlight, PendingRequests } from './in-flight.js';
import { asLegacyError } from './legacy-errors.js';
import type { CreateServer, Served } from './serve.js';
import { isListen, Subscriptions } from './subscriptions.js';

export interface StdioStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
}

/** Serves one client over this process's standard input and output, in whichever era it opens. */
export function serveStdio(
  createServer: CreateServer,
  op: Operation,
  { stdin, stdout }: StdioStreams = process,
  subscriptions: Subscriptions = new Subscriptions(),
): Served {
  const bus = new InMemoryServerEventBus();
  const inFlight = new InFlight();
  const input = new PassThrough();
  const wire = new CountedTransport(new StdioServerTransport(input, stdout), inFlight, subscriptions);

  const handle = serveSdkStdio(
    ({ era }) => {
      const server = createServer({ era });
      wire.takeServer(server, era);
      const unfollow = followChanges(server, bus, era, subscriptions);
      const { onclose } = server.server;
      server.server.onclose = () => {
        unfollow();
        onclose?.();
      };
      return server;
    },
    {
      transport: wire,
      onerror: (error) => op.log('serve.client_error', { message: error.message }, 'debug'),
    },
  );

  let closing: Promise<void> | undefined;
  const close = (graceMs = DEFAULT_GRACE_MS) => (closing ??= shutDown(graceMs));
  async function shutDown(graceMs: number): Promise<void> {
    stdin.unpipe(input);
    stdin.pause();
    // What was read is on its way to the server; only once it arrived do we know what is in flight.
    await new Promise<void>((resolve) => input.write('', () => resolve()));
    await inFlight.drained(graceMs);
    await handle.close();
  }

  // The SDK drops what is in flight when its input ends, so `echo '…' | mcpx serve` would get no answer.
  stdin.pipe(input, { end: false });
  stdin.once('end', () => void close());
  stdin.once('error', () => void close());

  op.log('serve.ready', { transport: 'stdio' });
  return {
    transport: 'stdio',
    notify: createNotifier(bus),
    ended: wire.closed.then(() => {
      stdin.unpipe(input);
      stdin.pause();
      op.log('serve.closed', { transport: 'stdio' });
    }),
    close,
  };
}

/** Knows which requests are not answered yet, and which era the client speaks. */
class CountedTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  #era: 'legacy' | 'modern' = 'legacy';
  #server: McpServer | undefined;
  /** What is answered beside the SDK. */
  #direct: DirectRequests | undefined;
  readonly #outlet: Outlet = {
    send: (message) => {
      this.#write(message).catch((error: unknown) => this.onerror?.(error as Error));
    },
    giveUp: () => undefined,
  };
  readonly closed: Promise<void>;
  readonly #pending: PendingRequests;
  /** What the client listens to, by the id of its request. */
  readonly #listening = new Map<unknown, Promise<() => void>>();
  #resolveClosed: () => void = () => undefined;

  constructor(
    private readonly inner: StdioServerTransport,
    inFlight: InFlight,
    private readonly subscriptions: Subscriptions,
  ) {
    this.#pending = new PendingRequests(inFlight);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    inner.onmessage = (message) => {
      this.#pending.received(message);
      if (this.#answerDirectly(message)) return;
      this.#direct?.receive(message);
      this.#follow(message);
      this.onmessage?.(message);
    };
    inner.onerror = (error) => this.onerror?.(error);
    inner.onclose = () => {
      this.#pending.giveUp();
      this.#direct?.close();
      for (const id of this.#listening.keys()) this.#endListening(id);
      this.onclose?.();
      this.#resolveClosed();
    };
  }

  /** The server that the client has got for the era in which it opened. */
  takeServer(server: McpServer, era: 'legacy' | 'modern'): void {
    this.#era = era;
    this.#server = server;
    this.#direct =
      era === 'legacy' ? DirectRequests.of(server, (message) => this.onmessage?.(message)) : undefined;
  }

  /** @returns false for what the SDK is to answer */
  #answerDirectly(message: JSONRPCMessage): boolean {
    // Until the SDK has made the handshake, nobody knows what the client can do.
    if (this.#server?.server.getNegotiatedProtocolVersion() === undefined) return false;
    const request = this.#direct?.read(message);
    if (request === undefined) return false;
    this.#direct
      ?.answer(request, undefined, this.#outlet)
      .catch((error: unknown) => this.onerror?.(error as Error));
    return true;
  }

  #follow(message: JSONRPCMessage): void {
    const { id, method, params } = message as {
      id?: unknown;
      method?: unknown;
      params?: { requestId?: unknown };
    };
    if (method === 'notifications/cancelled') this.#endListening(params?.requestId);
    else if (isListen(message)) {
      this.#endListening(id);
      this.#listening.set(id, this.subscriptions.listen(message));
    }
  }

  #endListening(id: unknown): void {
    void this.#listening.get(id)?.then((end) => end());
    this.#listening.delete(id);
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  send(message: JSONRPCMessage): Promise<void> {
    const way = 'method' in message ? undefined : this.#direct?.answered(message.id);
    const named = way === undefined ? message : { ...message, id: way.id };
    return this.#write(this.#era === 'legacy' ? asLegacyError(named) : named);
  }

  async #write(message: JSONRPCMessage): Promise<void> {
    try {
      await this.inner.send(message);
    } finally {
      this.#pending.sent(message);
    }
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
