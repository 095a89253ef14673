// oxlint-disable unicorn/prefer-add-event-listener -- the ends of MCP transports are no event targets
import { PassThrough, type Readable, type Writable } from 'node:stream';
import {
  InMemoryServerEventBus,
  type JSONRPCMessage,
  type MessageExtraInfo,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio as serveSdkStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Operation } from '../core/operation.js';
import { createNotifier, followChanges } from './changes.js';
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
      wire.era = era;
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
  era: 'legacy' | 'modern' = 'legacy';
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
      this.#follow(message);
      this.onmessage?.(message);
    };
    inner.onerror = (error) => this.onerror?.(error);
    inner.onclose = () => {
      this.#pending.giveUp();
      for (const id of this.#listening.keys()) this.#endListening(id);
      this.onclose?.();
      this.#resolveClosed();
    };
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

  async send(message: JSONRPCMessage): Promise<void> {
    try {
      await this.inner.send(this.era === 'legacy' ? asLegacyError(message) : message);
    } finally {
      this.#pending.sent(message);
    }
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
