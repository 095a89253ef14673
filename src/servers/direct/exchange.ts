import type { ServerResponse } from 'node:http';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { Outlet } from './direct-requests.js';
import { answerAtEndOfTurn } from './end-of-turn.js';

export interface ExchangeOptions {
  /** Who waits for an answer longer is sent the head of it, so that nobody between takes silence for death. */
  readonly streamAfterMs?: number;
  /** A client that does not read what it asked for is cut off here. */
  readonly maxUnreadBytes?: number;
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;
const STREAM_AFTER_MS = 5000;
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

/**
 * What goes back for one POST: an event stream that ends with the answer. Where that is all there is to say, head and
 * answer leave together.
 */
export class Exchange implements Outlet {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #maxUnreadBytes: number;
  #timer: NodeJS.Timeout;
  #isStream = false;
  #hasEnded = false;

  constructor(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    { streamAfterMs = STREAM_AFTER_MS, maxUnreadBytes = MAX_UNREAD_BYTES }: ExchangeOptions = {},
  ) {
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#response = response;
    this.#headers = headers;
    this.#timer = setTimeout(() => this.#openStream(), streamAfterMs);
    this.#timer.unref();
  }

  send(message: JSONRPCMessage): void {
    if (this.#hasEnded) return;
    const text = JSON.stringify(message);
    if ('method' in message) {
      this.#openStream();
      this.#write(eventOf(text));
      return;
    }
    this.stop();
    if (this.#isStream) this.#response.end(eventOf(text));
    else sendStream(this.#response, text, this.#headers);
  }

  giveUp(): void {
    if (this.#hasEnded) return;
    this.#openStream();
    this.stop();
    this.#response.end();
  }

  #openStream(): void {
    if (this.#isStream || this.#hasEnded) return;
    this.#isStream = true;
    clearTimeout(this.#timer);
    this.#response.writeHead(200, { ...STREAM_HEADERS, ...this.#headers });
    this.#response.flushHeaders();
    this.#timer = setInterval(() => this.#write(': keepalive\n\n'), KEEP_ALIVE_MS);
    this.#timer.unref();
  }

  #write(text: string): void {
    if (this.#response.writableLength > this.#maxUnreadBytes) this.#response.destroy();
    else this.#response.write(text);
  }

  /** To be called when the connection has ended; nothing more is said. */
  stop(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }
}

/** The answer to a request whose result is JSON already. */
export function answerOf(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

/** Answers with one message as a whole event stream. */
export function sendStream(
  response: ServerResponse,
  text: string,
  headers: Readonly<Record<string, string>>,
): void {
  endWith(response, eventOf(text), { ...STREAM_HEADERS, ...headers });
}

/** Answers with one message as JSON. */
export function sendMessage(response: ServerResponse, text: string): void {
  endWith(response, text, { 'content-type': 'application/json' });
}

/** Head and body leave together, at the end of this turn. */
function endWith(response: ServerResponse, body: string, headers: Readonly<Record<string, string>>): void {
  answerAtEndOfTurn(response, () => {
    const bytes = Buffer.byteLength(body);
    response.writeHead(200, { 'content-length': bytes, ...headers });
    // Node makes room for three bytes a character of UTF-8, which costs more than the rest of an answer.
    response.end(body, bytes === body.length ? 'latin1' : 'utf8');
  });
}

/** A message on an event stream. */
export function eventOf(text: string): string {
  return `event: message\ndata: ${text}\n\n`;
}
