import { isAscii } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Page } from './pages.js';

const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** What we still read of a body that was refused, so that its sender gets to see the refusal. */
const MAX_DISCARDED_BYTES = 4 * MAX_BODY_BYTES;

/** A request that cannot be served as it is: the HTTP status, and a JSON-RPC error for MCP endpoints. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly rpcCode = -32000,
  ) {
    super(message);
  }
}

/** Reads a JSON body. @throws Refusal 400 no JSON, 413 too large, 415 of another type */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (!isJson(request.headers['content-type'])) {
    throw new Refusal(415, 'Unsupported Media Type: Content-Type must be application/json');
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();

  const body = await readBody(request);
  try {
    return JSON.parse(decode(body));
  } catch {
    throw new Refusal(400, 'Parse error: the body is not valid JSON', -32700);
  }
}

function isJson(type: string | undefined): boolean {
  return type === 'application/json' || type?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}

function tooLarge(): Refusal {
  return new Refusal(413, `Payload Too Large: a message must not exceed ${MAX_BODY_BYTES} bytes`);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function decode(body: Buffer): string {
  // Nearly every message is ASCII, and looking for that is cheaper than decoding.
  return isAscii(body) ? body.toString('latin1') : UTF8.decode(body);
}

/** By events, which cost a third of what an iterator does. What is refused is left to whoever answers. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const fail = (error: Error) => {
      if (!isOver) reject(error);
      isOver = true;
    };
    // Taking them off again would cost more than all that they do.
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else if (!isOver) {
        request.pause();
        fail(tooLarge());
      }
    });
    request.on('end', () => {
      isOver = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    request.on('error', fail);
    request.on('close', () => {
      if (!isOver) fail(new Error('The client went away'));
    });
  });
}

/** Answers with JSON, whatever of the body is still on its way. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  if (request.method === 'HEAD' || request.complete) {
    response.end(request.method === 'HEAD' ? undefined : text);
    return;
  }
  // Ending now would close the connection under a client that still sends, and it might never see the answer.
  response.write(text);
  discardBody(request, () => response.end());
}

export function sendPage(request: IncomingMessage, response: ServerResponse, page: Page): void {
  response.writeHead(page.status, {
    'content-type': page.contentType,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : page.body);
}

export function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const error = { code: refusal.rpcCode, message: refusal.message };
  sendJson(request, response, refusal.status, { jsonrpc: '2.0', error, id: null });
}

/** What the SDK is told of the request that brought a message: nothing, unless its headers name a trace. */
export function extraOf(request: IncomingMessage): { readonly request: Request } | undefined {
  // Of the headers only this one has a meaning for a message; and the conversion costs more than the rest.
  if (request.headers['traceparent'] === undefined) return undefined;
  return { request: toWebRequest(request, new AbortController().signal) };
}

/** The web-standard form of a request whose body, if any, was read already. */
export function toWebRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headersDistinct)) {
    for (const item of value ?? []) headers.append(name, item);
  }
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
  return new Request(url, { method: request.method ?? 'GET', headers, signal });
}

/** Sends a web-standard response, no faster than the client reads it. */
export async function sendWebResponse(answer: Response, response: ServerResponse): Promise<void> {
  const reader = answer.body?.getReader();
  if (response.destroyed) {
    await reader?.cancel();
    return;
  }
  // The connection is node:http's business, which knows when the server is closing.
  const headers = [...answer.headers].filter(([name]) => name !== 'connection');
  response.writeHead(answer.status, Object.fromEntries(headers));
  if (reader === undefined) {
    response.end();
    return;
  }
  response.flushHeaders();
  const cancel = () => void reader.cancel().catch(() => undefined);
  response.once('close', cancel);
  for (;;) {
    const { done, value } = await reader.read();
    if (done || response.destroyed) break;
    if (!response.write(value)) await drainedOrClosed(response);
  }
  response.off('close', cancel);
  response.end();
}

function drainedOrClosed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
    if (response.destroyed) done();
  });
}

function discardBody(request: IncomingMessage, done: () => void): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > MAX_DISCARDED_BYTES) request.destroy();
  });
  request.once('close', done);
  request.once('end', done);
  request.on('error', () => undefined);
  request.resume();
}
