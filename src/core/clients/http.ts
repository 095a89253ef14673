import type http from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { urlToHttpOptions } from 'node:url';
import { MCPConnectionError, type ErrorCode } from '../errors.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** How far the way to an origin has been gone: its name is being looked up, its socket opens, it is there. */
export type Reach = 'resolve' | 'connect' | 'open';

/** Only this many redirects are followed, and only within one origin. */
const MAX_REDIRECTS = 3;

/**
 * A connection that nobody uses is closed by us, before the server does: a request that it crosses would be lost, and a
 * call of a tool is never repeated. Most servers wait for 5 s; of one that announces less Node's agent takes off 1 s.
 */
const LONGEST_IDLE_MS = 4000;

/**
 * HTTP requests to one origin over kept-alive connections.
 *
 * On `node:http` and not on the built-in fetch: fetch loads a second HTTP stack (20 ms and 35 MB a process),
 * cannot be told to keep credentials within an origin, and does not bound what it buffers.
 */
export class HttpOrigin {
  readonly url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: http.Agent;
  readonly #module: typeof http;
  #reach: Reach;
  /** Addresses that were asked, as `node:http` wants them. */
  readonly #targets = new WeakMap<URL, http.RequestOptions>();
  #users = 1;

  /** @param url  user info in it becomes an Authorization header, as in a browser */
  constructor(url: URL, headers: Readonly<Record<string, string>>) {
    this.url = new URL(url);
    this.url.username = '';
    this.url.password = '';
    const hasUser = url.username !== '' || url.password !== '';
    this.#headers = hasUser ? { authorization: basic(url), ...headers } : headers;
    // An ES import of node:http loads the built-in fetch as well on Node 24 (45 ms); this does not.
    this.#module = process.getBuiltinModule(
      this.url.protocol === 'https:' ? 'node:https' : 'node:http',
    ) as typeof http;
    // An address is not looked up. Brackets are those of IPv6.
    this.#reach = isIP(this.url.hostname.replace(/^\[|\]$/g, '')) === 0 ? 'resolve' : 'connect';
    this.#agent = new this.#module.Agent({
      keepAlive: true,
      maxSockets: 64,
      noDelay: true,
      timeout: LONGEST_IDLE_MS,
    });
  }

  get reach(): Reach {
    return this.#reach;
  }

  /**
   * Sends a request and waits for the head of the answer; its body is still to be read.
   *
   * @throws MCPConnectionError by the kind of failure; UPS215 for a redirect that leaves the origin
   */
  async request(request: HttpRequest, target: URL = this.url): Promise<IncomingMessage> {
    let at = target;
    for (let hop = 0; ; hop += 1) {
      const response = await this.#once(request, at);
      const location = response.headers.location;
      const status = response.statusCode ?? 0;
      if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return response;
      response.resume();
      const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
      if (next?.origin !== this.url.origin || hop >= MAX_REDIRECTS) {
        throw new MCPConnectionError('UPS215', `${this.url.origin} redirects elsewhere`, {
          context: { status, to: next?.origin ?? 'an invalid address' },
          hint: 'Configure the address that it redirects to, if you trust it.',
        });
      }
      at = next;
    }
  }

  /** The same for another user; it closes when all of them have closed it. */
  share(): this {
    this.#users += 1;
    return this;
  }

  close(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#agent.destroy();
  }

  #watch(socket: Socket): void {
    if (this.#reach === 'open') return;
    socket.once('lookup', (error: Error | null) => {
      if (error === null && this.#reach === 'resolve') this.#reach = 'connect';
    });
    socket.once(this.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (this.#reach = 'open'));
  }

  #optionsOf(target: URL): http.RequestOptions {
    const known = this.#targets.get(target);
    if (known !== undefined) return known;
    // A plain object, which is copied faster.
    const options = { ...urlToHttpOptions(target) };
    this.#targets.set(target, options);
    return options;
  }

  #once(request: HttpRequest, target: URL): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      let sent: ClientRequest | undefined;
      // Without the reason: a socket that is back in the pool by now has nobody to take an error.
      const onAbort = () => sent?.destroy();
      try {
        sent = this.#module.request({
          ...this.#optionsOf(target),
          method: request.method,
          agent: this.#agent,
          headers: {
            ...this.#headers,
            ...request.headers,
            ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
          },
        });
      } catch (error) {
        reject(error);
        return;
      }
      sent.once('socket', (socket) => this.#watch(socket));
      sent.on('response', (response) => {
        // The signal goes on to guard the body: whoever aborts wants no more of it.
        response.once('close', () => signal?.removeEventListener('abort', onAbort));
        const encoding = response.headers['content-encoding'] ?? 'identity';
        if (encoding === 'identity' || response.statusCode !== 200) return resolve(response);
        response.destroy();
        return reject(
          new MCPConnectionError(
            'UPS206',
            `the server encodes its answer (${encoding.slice(0, 20)}), unasked`,
            {
              hint: 'Switch compression off for the path of the server, also in a proxy before it.',
            },
          ),
        );
      });
      sent.on('upgrade', (response, socket) => {
        socket.destroy();
        reject(
          new MCPConnectionError(
            'UPS206',
            `the server wants another protocol (HTTP ${response.statusCode ?? 101})`,
            {
              hint: 'Is there really an MCP server at this address?',
            },
          ),
        );
      });
      sent.on('error', (error) => {
        signal?.removeEventListener('abort', onAbort);
        reject(signal?.aborted === true ? (signal.reason as Error) : connectionError(error, this.url.origin));
      });
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
      sent.end(request.body);
    });
  }
}

/**
 * Reads a whole body as text.
 *
 * @throws MCPConnectionError UPS209 above `maxBytes`, UPS203 where it ends early
 */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  // What is said to be too large need not come first.
  if (Number(response.headers['content-length']) > maxBytes) {
    response.destroy();
    throw tooLarge(maxBytes);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  await readChunks(response, (chunk) => {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Reads a body as it comes; by events, which cost a third of what an iterator does.
 *
 * @throws MCPConnectionError UPS203 where it ends early; what `take` throws, and nothing more is read then
 */
export function readChunks(response: IncomingMessage, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const fail = (error: Error) => {
      if (isOver) return;
      isOver = true;
      reject(error);
      response.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      // What has been read already comes all the same.
      if (isOver) return;
      try {
        take(chunk);
      } catch (error) {
        fail(error as Error);
      }
    });
    response.on('end', () => {
      isOver = true;
      resolve();
    });
    response.on('error', (error) => fail(connectionError(error, undefined)));
    const onClose = () => {
      if (!isOver) fail(connectionError(undefined, undefined));
    };
    response.on('close', onClose);
    if (response.destroyed) onClose();
  });
}

export function tooLarge(maxBytes: number): MCPConnectionError {
  return new MCPConnectionError(
    'UPS209',
    `the answer is larger than ${Math.round(maxBytes / 1024 ** 2)} MiB`,
    {
      context: { max_bytes: maxBytes },
      hint: 'Exclude the resource by "resources: { exclude: […] }" of the server.',
    },
  );
}

const KINDS: readonly (readonly [RegExp, ErrorCode, string, string])[] = [
  [/^ECONNREFUSED$/, 'UPS202', 'nothing listens', 'Is the server running, and is this its port?'],
  [
    /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL)$/,
    'UPS220',
    'the host name does not resolve',
    'Check the host name in the url.',
  ],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)$/,
    'UPS201',
    'the host cannot be reached',
    'Check the address and the network.',
  ],
  [
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/,
    'UPS221',
    'the TLS handshake failed',
    'Check the certificate; a private one goes into NODE_EXTRA_CA_CERTS.',
  ],
  [
    /^HPE_HEADER_OVERFLOW$/,
    'UPS206',
    'the headers of the answer are too large',
    'Is there really an MCP server at this address?',
  ],
  [
    /^HPE_/,
    'UPS206',
    'what answers speaks no proper HTTP',
    'Is it the right port, and http or https as it should be?',
  ],
];

/** Translates what `node:http` reports, by its code. */
export function connectionError(cause: unknown, origin: string | undefined): MCPConnectionError {
  const found = (cause as { code?: unknown } | null)?.code;
  const code = typeof found === 'string' ? found : '';
  const [, kind, what, hint] = KINDS.find(([pattern]) => pattern.test(code)) ?? [
    undefined,
    'UPS203' as const,
    'the connection broke',
    'The server may have crashed or restarted; look at its log.',
  ];
  const at = origin === undefined ? '' : ` at ${origin}`;
  return new MCPConnectionError(kind, `${what}${at}`, { hint, cause });
}

function basic(url: URL): string {
  const text = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** User info that is no valid percent-encoding is meant as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The status says what is wrong; a body that does not come is not waited for. */
const ERROR_BODY_MS = 250;
const MAX_ERROR_BYTES = 64 * 1024;

/** Reads the body of an answer that is no success, as far as it is there soon. */
export async function readErrorBody(response: IncomingMessage): Promise<string> {
  const timer = setTimeout(() => response.destroy(), ERROR_BODY_MS);
  try {
    return await readBody(response, MAX_ERROR_BYTES);
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}
