import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';
import { readEvents } from './event-stream.js';
import { HttpOrigin, readErrorBody } from './http.js';
import { httpStatusError } from './http-status.js';
import { parseMessages, responseId } from './messages.js';
import { Posts } from './posts.js';
import { traceHeaders } from './traced-requests.js';
import type { ConnectPhase, LeanTransport } from './transport.js';

/**
 * The HTTP+SSE transport of 2024-11-05 for the SDK's client: one event stream down, a POST for each message up,
 * to the address that the stream's first event names.
 *
 * The stream is the connection: when it ends, breaks or carries garbage, all waiting requests fail at once with
 * that reason.
 */
export class SseTransport implements LeanTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  failure: Error | undefined;
  readonly #origin: HttpOrigin;
  readonly #maxBytes: number;
  readonly #closed = new AbortController();
  readonly #posts = new Posts(this.#closed.signal);
  readonly #received: JSONRPCMessage[] = [];
  #endpoint: URL | undefined;
  #protocolVersion: string | undefined;

  constructor(url: URL, headers: Readonly<Record<string, string>>, maxBytes: number) {
    this.#origin = new HttpOrigin(url, headers);
    this.#maxBytes = maxBytes;
    // Every request in flight listens; more than ten are no leak.
    setMaxListeners(0, this.#closed.signal);
  }

  get phase(): ConnectPhase {
    if (this.#endpoint !== undefined) return 'negotiate';
    return this.#origin.reach === 'resolve' ? 'resolve' : 'connect';
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  /**
   * Opens the stream and waits for the `endpoint` event.
   *
   * @throws MCPConnectionError by the kind of failure; UPS215 where the endpoint is on another origin
   */
  async start(): Promise<void> {
    const response = await this.#origin.request({
      method: 'GET',
      headers: { accept: 'text/event-stream', 'cache-control': 'no-store' },
      signal: this.#closed.signal,
    });
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      response.destroy();
      throw httpStatusError(status, this.#origin.url.href, response.headers['retry-after']);
    }
    if (!(response.headers['content-type'] ?? '').toLowerCase().startsWith('text/event-stream')) {
      response.destroy();
      throw new MCPConnectionError('UPS206', 'the server answered without an event stream', {
        hint: 'Is this the address of its SSE endpoint? A url that ends in /mcp wants transport: streamable-http.',
      });
    }
    await new Promise<void>((resolve, reject) => {
      readEvents(response, this.#maxBytes, (event) => {
        if (event.event === 'endpoint') {
          this.#endpoint = this.#checkedEndpoint(event.data);
          resolve();
        } else if ((event.event ?? 'message') === 'message' && event.data !== '') {
          for (const message of parseMessages(event.data)) {
            this.#posts.answered(responseId(message));
            this.#received.push(message);
            // A turn later the POST of the request has mostly ended as well, and the next one can have its socket.
            if (this.#received.length === 1) setImmediate(() => this.#handOver());
          }
        }
      })
        .then(() => {
          throw new MCPConnectionError('UPS203', 'the server closed the event stream', {
            hint: 'The server may have stopped or restarted; look at its log.',
          });
        })
        .catch((error: Error) => {
          response.destroy();
          reject(error);
          // What came before counts.
          this.#handOver();
          queueMicrotask(() => this.#fail(error));
        });
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) throw new MCPConnectionError('UPS203', 'the connection is not open');
    await this.#posts.send(message, (signal) => this.#post(message, endpoint, signal));
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new MCPConnectionError('UPS219', 'the connection was closed'));
    this.#origin.close();
    this.onclose?.();
  }

  async #post(message: JSONRPCMessage, endpoint: URL, signal: AbortSignal): Promise<void> {
    const response = await this.#origin.request(
      {
        method: 'POST',
        headers: {
          ...traceHeaders(message),
          'content-type': 'application/json',
          ...(this.#protocolVersion === undefined ? {} : { 'mcp-protocol-version': this.#protocolVersion }),
        },
        body: JSON.stringify(message),
        signal,
      },
      endpoint,
    );
    const status = response.statusCode ?? 0;
    // The answer itself comes down the stream; this body says "Accepted" or is empty.
    if (status < 200 || status > 299) {
      await readErrorBody(response);
      throw httpStatusError(status, this.#origin.url.href, response.headers['retry-after']);
    }
    response.resume();
    // By then it has mostly ended, and what is sent next can have its socket.
    await nextTurn();
  }

  #handOver(): void {
    for (const message of this.#received.splice(0)) {
      if (!this.#closed.signal.aborted) this.onmessage?.(message);
    }
  }

  #fail(error: Error): void {
    if (this.#closed.signal.aborted) return;
    this.failure = error;
    void this.close();
  }

  /** Requests carry credentials: a stream that sends them to another origin is refused. */
  #checkedEndpoint(data: string): URL {
    const base = this.#origin.url;
    const endpoint = URL.canParse(data, base.href) ? new URL(data, base) : undefined;
    if (endpoint?.origin !== base.origin) {
      throw new MCPConnectionError('UPS215', 'the server names an endpoint on another origin', {
        context: { to: endpoint?.origin ?? 'an invalid address' },
        hint: 'Its public address may be misconfigured; it must answer on the origin of its url.',
      });
    }
    return endpoint;
  }
}
