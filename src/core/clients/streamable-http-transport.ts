import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { EventSourceMessage } from 'eventsource-parser';
import {
  SdkErrorCode,
  SdkHttpError,
  type JSONRPCMessage,
  type TransportSendOptions,
} from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';
import { readEvents } from './event-stream.js';
import { headerValue } from './header-value.js';
import { readBody, readErrorBody, type HttpOrigin } from './http.js';
import { parseMessages, responseId } from './messages.js';
import { Posts } from './posts.js';
import { traceHeaders } from './traced-requests.js';
import type { ConnectPhase, LeanTransport } from './transport.js';

/** Keys of the 2026-07-28 revision: what `Mcp-Name` repeats of the parameters, by method. */
const NAME_PARAMETER: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};
const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

/** Until a stream is asked for again whose server has named no time. */
const DEFAULT_RETRY_MS = 1000;
const MIN_RETRY_MS = 50;
const LONGEST_TIMER_MS = 2_147_483_647;
/** So many streams in a row without a single event have no more to come. */
const MAX_FRUITLESS = 3;

/** The session is over for us; a server that is slow to say goodbye is not waited for. */
const GOODBYE_MS = 75;

/**
 * Streamable HTTP for the SDK's client: one POST a message, answered by JSON or by an event stream.
 *
 * It differs from the SDK's own in what a gather needs: `node:http`, bounded bodies, no credentials across
 * origins, and an answer that is missing or garbled fails its request at once instead of at its timeout.
 *
 * @see Model Context Protocol, "Transports", revisions 2025-11-25 and 2026-07-28
 */
export class StreamableHttpTransport implements LeanTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly hasPerRequestStream = true;
  readonly failure = undefined;
  readonly #origin: HttpOrigin;
  readonly #maxBytes: number;
  readonly #closed = new AbortController();
  readonly #posts = new Posts(this.#closed.signal);
  #sessionId: string | undefined;
  #protocolVersion: string | undefined;

  /** @param origin  is closed with it */
  constructor(origin: HttpOrigin, maxBytes: number) {
    this.#origin = origin;
    this.#maxBytes = maxBytes;
    // Every request in flight listens; more than ten are no leak.
    setMaxListeners(0, this.#closed.signal);
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  get phase(): ConnectPhase {
    return this.#origin.reach === 'open' ? 'negotiate' : this.#origin.reach;
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  async start(): Promise<void> {
    // Nothing to open: each message brings its own request.
  }

  /**
   * @throws MCPConnectionError for what the network or the frame does wrong
   * @throws SdkHttpError for an HTTP status, which the SDK reads to tell the protocol eras apart
   */
  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const post = async (signal: AbortSignal) => {
      const response = await this.#origin.request({
        method: 'POST',
        headers: {
          ...options?.headers,
          ...traceHeaders(message),
          ...this.#sessionHeaders(),
          ...bodyHeaders(message),
          ...CONTENT_HEADERS,
        },
        body: JSON.stringify(message),
        signal,
      });
      if (isInitialize(message)) this.#sessionId = header(response, 'mcp-session-id');
      await this.#receive(response, message, signal);
    };
    try {
      await this.#posts.send(message, post, options?.requestSignal);
    } catch (error) {
      if (!this.#closed.signal.aborted) throw error;
    }
  }

  async listen(onOpen: () => void): Promise<'ended' | 'unsupported'> {
    // A server without sessions has nobody to tell anything.
    if (this.#sessionId === undefined) return 'unsupported';
    const response = await this.#origin.request({
      method: 'GET',
      headers: { ...this.#sessionHeaders(), accept: 'text/event-stream' },
      signal: this.#closed.signal,
    });
    if (response.statusCode !== 200 || mediaType(response) !== 'text/event-stream') {
      response.destroy();
      // 405 is the answer of a server that has no such stream; 404 that of one that has forgotten the session.
      if (response.statusCode === 404) void this.close();
      return response.statusCode === 503 ? 'ended' : 'unsupported';
    }
    onOpen();
    await readEvents(response, this.#maxBytes, (event) => {
      if (event.data === '' || (event.event ?? 'message') !== 'message') return;
      for (const message of parseMessages(event.data)) this.onmessage?.(message);
    });
    return 'ended';
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new MCPConnectionError('UPS219', 'the connection was closed'));
    if (this.#sessionId !== undefined) {
      await this.#origin
        .request({
          method: 'DELETE',
          headers: this.#sessionHeaders(),
          signal: AbortSignal.timeout(GOODBYE_MS),
        })
        .then((response) => response.resume())
        .catch(() => undefined);
    }
    this.#origin.close();
    this.onclose?.();
  }

  async #receive(response: IncomingMessage, message: JSONRPCMessage, signal: AbortSignal): Promise<void> {
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) {
      const text = await readErrorBody(response);
      if (this.#deliverErrorBody(text, message)) return;
      throw new SdkHttpError(SdkErrorCode.ClientHttpNotImplemented, `HTTP ${status}`, {
        status,
        statusText: response.statusMessage ?? '',
        text,
        retryAfter: header(response, 'retry-after'),
      });
    }
    const expected = 'method' in message && 'id' in message ? message.id : undefined;
    if (expected === undefined) {
      response.resume();
      await nextTurn();
      return;
    }
    let answered = false;
    const deliver = (text: string) => {
      for (const received of parseMessages(text)) {
        // The SDK takes "1" for 1 as well.
        if (String(responseId(received)) === String(expected)) answered = true;
        // Mostly the request ends with its answer, and a turn later what is asked next can have its socket.
        if (answered) setImmediate(() => this.#handOver(received));
        else this.#handOver(received);
      }
    };
    const type = mediaType(response);
    if (type === 'text/event-stream') {
      // Since 2026-07-28 streams are not resumed.
      const isResumable = envelopeVersion(message) === undefined;
      await this.#readAnswer(response, deliver, () => answered, isResumable, signal);
    } else if (type === 'application/json') {
      deliver(await readBody(response, this.#maxBytes));
    } else {
      response.destroy();
      throw new MCPConnectionError(
        'UPS206',
        `the server answered with ${type === '' ? 'no content type' : type}`,
        {
          hint: 'Is there really an MCP server at this address?',
        },
      );
    }
    if (!answered) {
      throw new MCPConnectionError('UPS206', 'the server ended its answer without answering the request', {
        context: { method: 'method' in message ? message.method : undefined },
      });
    }
  }

  #handOver(message: JSONRPCMessage): void {
    if (!this.#closed.signal.aborted) this.onmessage?.(message);
  }

  /**
   * Reads the stream that answers a request. One that ends too early goes on where it ended, as soon as the server wants
   * that, if it has told where that is (2025-11-25, "Resumability and Redelivery").
   */
  async #readAnswer(
    first: IncomingMessage,
    deliver: (text: string) => void,
    isAnswered: () => boolean,
    isResumable: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    let place = '';
    let pauseMs = DEFAULT_RETRY_MS;
    let fruitless = 0;
    const onRetry = (retryMs: number) => {
      pauseMs = Math.min(Math.max(retryMs, MIN_RETRY_MS), LONGEST_TIMER_MS);
    };
    for (let stream = first; ;) {
      let failure: unknown;
      fruitless += 1;
      const onEvent = ({ id = '', event = 'message', data }: EventSourceMessage) => {
        if (id !== '') [place, fruitless] = [id, 0];
        if (data !== '' && event === 'message') deliver(data);
        // A stream that was asked for has no end of its own.
        if (stream !== first && isAnswered()) stream.destroy();
      };
      try {
        await readEvents(stream, this.#maxBytes, onEvent, onRetry);
      } catch (error) {
        failure = error;
      }
      if (isAnswered()) return;
      const isBroken = failure instanceof MCPConnectionError && failure.code === 'UPS203';
      const goesOn = isResumable && place !== '' && fruitless < MAX_FRUITLESS;
      if (failure !== undefined && !(isBroken && goesOn)) throw failure;
      if (!goesOn) return;
      await sleep(pauseMs, undefined, { signal });
      stream = await this.#origin.request({
        method: 'GET',
        headers: { ...this.#sessionHeaders(), accept: 'text/event-stream', 'last-event-id': place },
        signal,
      });
      if (stream.statusCode === 200 && mediaType(stream) === 'text/event-stream') continue;
      stream.destroy();
      if (failure !== undefined) throw failure;
      return;
    }
  }

  /** A 4xx of the 2026 revision carries a JSON-RPC error, which says more than the status. */
  #deliverErrorBody(text: string, message: JSONRPCMessage): boolean {
    if (!('id' in message) || envelopeVersion(message) === undefined) return false;
    try {
      const [received] = parseMessages(text);
      if (received === undefined || responseId(received) !== message.id) return false;
      this.onmessage?.(received);
      return true;
    } catch {
      return false;
    }
  }

  #sessionHeaders(): Record<string, string> {
    return {
      ...(this.#sessionId === undefined ? {} : { 'mcp-session-id': this.#sessionId }),
      ...(this.#protocolVersion === undefined ? {} : { 'mcp-protocol-version': this.#protocolVersion }),
    };
  }
}

const CONTENT_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

function isInitialize(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === 'initialize';
}

/** The protocol version that a message of the 2026 revision carries in its own `_meta`. */
function envelopeVersion(message: JSONRPCMessage): string | undefined {
  if (!('method' in message) || !('id' in message)) return undefined;
  const version = message.params?._meta?.[PROTOCOL_VERSION_KEY];
  return typeof version === 'string' ? version : undefined;
}

/** The headers of the 2026 revision that repeat the body, so that balancers can route without parsing it. */
function bodyHeaders(message: JSONRPCMessage): Record<string, string> {
  const version = envelopeVersion(message);
  if (version === undefined || !('method' in message)) return {};
  const parameter = NAME_PARAMETER[message.method];
  const name = parameter === undefined ? undefined : message.params?.[parameter];
  return {
    'mcp-protocol-version': version,
    'mcp-method': message.method,
    ...(typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  };
}

function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function mediaType(response: IncomingMessage): string {
  return (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}
