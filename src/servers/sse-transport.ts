import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  parseJSONRPCMessage,
  type JSONRPCMessage,
  type MessageExtraInfo,
  type Transport,
} from '@modelcontextprotocol/server';
import type { DirectRequests, Outlet } from './direct/direct-requests.js';
import { atEndOfTurn } from './direct/end-of-turn.js';
import { eventOf } from './direct/exchange.js';
import { extraOf, Refusal } from './http-exchange.js';
import type { InFlight } from './in-flight.js';
import { PendingRequests } from './in-flight.js';
import { asLegacyError } from './legacy-errors.js';

/** A client that does not read what it asked for is cut off here. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

/**
 * The server's end of an HTTP+SSE connection (revision 2024-11-05): answers go out on one event stream, messages
 * come in by POST to the address that its first event names.
 *
 * The SDK's own is in a frozen, deprecated package with a second copy of all schemas, whose loading costs a
 * fifth of our start.
 */
export class SseTransport implements Transport {
  readonly sessionId: string = randomUUID();
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  /** What is answered beside the SDK. */
  direct: DirectRequests | undefined;
  readonly #outlet: Outlet = { send: (message) => this.#send(message), giveUp: () => undefined };
  readonly #pending: PendingRequests;
  #keepAlive: NodeJS.Timeout | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';
  /** What is written in this turn, which leaves together. */
  #unsent = '';

  constructor(
    private readonly response: ServerResponse,
    private readonly messagesPath: string,
    inFlight: InFlight,
  ) {
    this.#pending = new PendingRequests(inFlight);
  }

  async start(): Promise<void> {
    this.response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    this.#state = 'open';
    this.response.on('close', () => this.#closed());
    this.response.on('error', (error) => this.onerror?.(error));
    this.#write(`event: endpoint\ndata: ${this.messagesPath}?sessionId=${this.sessionId}\n\n`);
    // Comments find out about clients that vanished without a word, and keep proxies from closing the stream.
    this.#keepAlive = setInterval(() => this.#write(': keepalive\n\n'), KEEP_ALIVE_MS);
    this.#keepAlive.unref();
  }

  /** Takes one parsed body, and the request that brought it. @throws Refusal 400 where it is no JSON-RPC message */
  receive(body: unknown, incoming: IncomingMessage): void {
    const direct = this.direct?.read(body);
    if (direct !== undefined) {
      const known = this.direct?.answerAtOnce(direct);
      if (known !== undefined) return this.#write(eventOf(known));
      this.#pending.received(direct);
      this.direct
        ?.answer(direct, incoming, this.#outlet)
        .catch((error: unknown) => this.onerror?.(error as Error));
      return;
    }
    const message = readMessage(body);
    this.direct?.receive(message);
    this.#pending.received(message);
    this.handOver(message, incoming);
  }

  /** Gives a message to the SDK. */
  handOver(message: JSONRPCMessage, incoming: IncomingMessage | undefined): void {
    this.onmessage?.(message, incoming === undefined ? undefined : extraOf(incoming));
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const named = 'method' in message ? undefined : this.direct?.answered(message.id);
    if (this.#state !== 'open') throw new Error('The event stream is closed');
    this.#send(asLegacyError(named === undefined ? message : { ...message, id: named.id }));
  }

  async close(): Promise<void> {
    this.#flush();
    this.response.end();
    this.#closed();
  }

  #send(message: JSONRPCMessage): void {
    this.#pending.sent(message);
    this.#write(eventOf(JSON.stringify(message)));
  }

  #write(text: string): void {
    if (this.#state !== 'open') return;
    if (this.response.writableLength + this.#unsent.length > MAX_UNREAD_BYTES) {
      this.onerror?.(new Error(`The client left more than ${MAX_UNREAD_BYTES} bytes unread`));
      this.response.destroy();
      return;
    }
    if (this.#unsent === '') atEndOfTurn(() => this.#flush());
    this.#unsent += text;
  }

  #flush(): void {
    if (this.#unsent !== '' && !this.response.writableEnded) this.response.write(this.#unsent);
    this.#unsent = '';
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearInterval(this.#keepAlive);
    this.#pending.giveUp();
    this.direct?.close();
    this.onclose?.();
  }
}

function readMessage(body: unknown): JSONRPCMessage {
  try {
    return parseJSONRPCMessage(body);
  } catch {
    throw new Refusal(400, 'Invalid Request: the body is not a JSON-RPC message', -32600);
  }
}
