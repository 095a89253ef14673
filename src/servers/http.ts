// oxlint-disable unicorn/prefer-add-event-listener -- the ends of MCP transports are no event targets
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { InMemoryServerEventBus } from '@modelcontextprotocol/server';
import { ServeError } from '../core/errors.js';
import type { Operation } from '../core/operation.js';
import { createNotifier, followChanges } from './changes.js';
import { DirectRequests } from './direct/direct-requests.js';
import { answerAtEndOfTurn, answersLeaving } from './direct/end-of-turn.js';
import { createGuard } from './guard.js';
import { readJsonBody, Refusal, sendJson, sendPage, sendRefusal } from './http-exchange.js';
import { DEFAULT_GRACE_MS, InFlight } from './in-flight.js';
import type { CreateServer, Served, ServeOptions } from './serve.js';
import { Sessions } from './sessions.js';
import { SseTransport } from './sse-transport.js';
import { createStreamableHttp } from './streamable-http.js';
import type { Subscriptions } from './subscriptions.js';

const METHODS: Readonly<Record<string, readonly string[]>> = {
  '/sse': ['GET'],
  '/messages': ['POST'],
  '/mcp': ['POST', 'GET', 'DELETE'],
  '/healthz': ['GET', 'HEAD'],
};
const ACCEPTED = 'Accepted';
/** With its length, so that head and body are one write. */
const ACCEPTED_HEADERS = { 'content-length': ACCEPTED.length };
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often slow senders are looked for. */
const CHECK_MS = 5000;
/** How long sockets may take to send their last bytes once everything is answered. */
const LAST_BYTES_MS = 500;

/** Listens on one port for all HTTP transports. @throws ServeError SRV401 | SRV402 */
export async function serveHttp(
  createServer: CreateServer,
  options: ServeOptions,
  op: Operation,
  subscriptions: Subscriptions,
): Promise<Served> {
  const guard = createGuard(options);
  const bus = new InMemoryServerEventBus();
  const inFlight = new InFlight();
  const sessions = new Sessions();
  const reportError = (error: Error) => op.log('serve.client_error', { message: error.message }, 'debug');
  const streamable = createStreamableHttp(createServer, bus, sessions, subscriptions, reportError);
  const { pages = {}, maxInFlight = Infinity, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  let draining = false;

  const http = createHttpServer(
    {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      // Whoever sends more slowly is answered with 408.
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, requestTimeoutMs / 2),
    },
    (request, response) => {
      const answered = inFlight.begin();
      response.once('close', answered);
      route(request, response, answered).catch((error: unknown) => {
        if (error instanceof Refusal) return sendRefusal(request, response, error);
        if (!response.destroyed) op.log('serve.failed', { message: messageOf(error) }, 'error');
        sendRefusal(request, response, new Refusal(500, 'Internal server error', -32603));
      });
    },
  );

  async function route(
    request: IncomingMessage,
    response: ServerResponse,
    answered: () => void,
  ): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const query = url.indexOf('?');
    const path = query === -1 ? url : url.slice(0, query);
    const refused = guard.refusal(request.headers);
    if (refused !== undefined) {
      op.log('serve.refused', { path: path.slice(0, 100), reason: refused }, 'warn');
      throw new Refusal(403, `Forbidden: ${refused}`);
    }
    allowNamedOrigin(request, response);
    const page = pages[path];
    const methods = page === undefined ? METHODS[path] : ['GET', 'HEAD'];
    if (methods === undefined)
      throw new Refusal(
        404,
        `Not found: this server answers at ${['/mcp', '/sse', '/healthz', ...Object.keys(pages)].join(', ')}`,
      );
    if (method === 'OPTIONS' && guard.isNamedOrigin(request.headers.origin)) {
      response.writeHead(204, preflightHeaders(methods, request.headers)).end();
      return;
    }
    if (!methods.includes(method)) {
      response.setHeader('allow', methods.join(', '));
      throw new Refusal(405, `Method not allowed: ${path} takes ${methods.join(', ')}`);
    }
    if (path === '/healthz') {
      sendJson(request, response, draining ? 503 : 200, { status: draining ? 'closing' : 'ok' });
      return;
    }
    const isAuthorized = guard.isAuthorized(request.headers);
    if (!isAuthorized && page?.isOpen !== true) {
      response.setHeader('www-authenticate', 'Bearer');
      throw new Refusal(401, 'Unauthorized: this server needs a bearer token');
    }
    if (page !== undefined) {
      const load = {
        sessions: sessions.size,
        inFlight: inFlight.count - 1,
        isDraining: draining,
        isAuthorized,
      };
      sendPage(request, response, page.answer(load));
      return;
    }
    if (draining) throw new Refusal(503, 'The server is closing');
    if (request.method === 'POST' && inFlight.count - answersLeaving() > maxInFlight) {
      op.log('serve.overloaded', { in_flight: inFlight.count - 1 }, 'warn');
      response.setHeader('retry-after', '1');
      throw new Refusal(429, `Too many requests: ${maxInFlight} are being answered; try again later`);
    }
    if (path === '/sse') return openSse(response, answered);
    if (path === '/messages') return takeMessage(request, response);
    await streamable.handle(request, response, answered);
  }

  async function openSse(response: ServerResponse, answered: () => void): Promise<void> {
    sessions.makeRoom();
    answered();
    const server = createServer({ era: 'legacy' });
    const transport = new SseTransport(response, '/messages', inFlight);
    transport.direct = DirectRequests.of(server, (message, incoming) =>
      transport.handOver(message, incoming),
    );
    const unfollow = followChanges(server, bus, 'legacy', subscriptions);
    transport.onerror = reportError;
    transport.onclose = () => {
      unfollow();
      sessions.remove(transport.sessionId);
    };
    sessions.add(transport.sessionId, { transport });
    sessions.use(transport.sessionId);
    await server.connect(transport);
  }

  async function takeMessage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = new URLSearchParams(request.url?.split('?')[1]).get('sessionId');
    if (id === null) throw new Refusal(400, 'Bad Request: sessionId is missing; open /sse first');
    const session = sessions.find(id);
    if (!(session?.transport instanceof SseTransport)) throw new Refusal(404, 'Session not found', -32001);
    const body = await readJsonBody(request);
    session.transport.receive(body, request);
    answerAtEndOfTurn(response, () => {
      response.writeHead(202, ACCEPTED_HEADERS).end(ACCEPTED);
    });
  }

  function allowNamedOrigin(request: IncomingMessage, response: ServerResponse): void {
    const { origin } = request.headers;
    if (origin === undefined || !guard.isNamedOrigin(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader(
      'access-control-expose-headers',
      'mcp-session-id, mcp-protocol-version, www-authenticate',
    );
    response.setHeader('vary', 'origin');
  }

  const port = await listen(http, options);
  http.on('error', reportError);
  const closed = new Promise<void>((resolve) => http.once('close', resolve));
  let closing: Promise<void> | undefined;
  async function shutDown(graceMs: number): Promise<void> {
    draining = true;
    http.close();
    await inFlight.drained(graceMs);
    await Promise.all([sessions.closeAll(), streamable.close()]);
    const lastBytes = setTimeout(() => http.closeAllConnections(), LAST_BYTES_MS);
    // Streams that end in this turn become idle connections in a later one.
    const idle = setInterval(() => http.closeIdleConnections(), 5);
    await closed;
    clearTimeout(lastBytes);
    clearInterval(idle);
    op.log('serve.closed', { transport: 'http' });
  }

  const origin = `http://${reachableHost(options.host)}:${port}`;
  const urls = { sse: `${origin}/sse`, mcp: `${origin}/mcp`, health: `${origin}/healthz` };
  op.log('serve.ready', { transport: 'http', ...urls });
  return {
    transport: 'http',
    port,
    urls,
    notify: createNotifier(bus),
    ended: closed,
    close: (graceMs = DEFAULT_GRACE_MS) => (closing ??= shutDown(graceMs)),
  };
}

/** Listens for a moment. @throws ServeError SRV401 | SRV402 */
export async function assertFree(options: ServeOptions): Promise<void> {
  const probe = createHttpServer();
  await listen(probe, options);
  await new Promise((resolve) => probe.close(resolve));
}

function listen(http: Server, { host, port }: ServeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(bindError(error, host, port));
    http.once('error', fail);
    try {
      http.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, () => {
        http.off('error', fail);
        resolve((http.address() as AddressInfo).port);
      });
    } catch (error) {
      fail(error as NodeJS.ErrnoException);
    }
  });
}

function bindError(cause: NodeJS.ErrnoException, host: string, port: number): ServeError {
  const context = { host, port };
  switch (cause.code) {
    case 'EADDRINUSE':
      return new ServeError('SRV401', `Port ${port} on ${host} is in use`, {
        context,
        hint: 'Stop the process that listens there, or choose another port with --port.',
        cause,
      });
    case 'EACCES':
      return new ServeError('SRV402', `Listening on port ${port} of ${host} is not permitted`, {
        context,
        hint: 'Ports below 1024 often need privileges; choose a higher one with --port.',
        cause,
      });
    default:
      return new ServeError('SRV402', `Cannot listen on ${host}, port ${port}`, {
        context,
        hint: 'Is --host an address of this machine, and --port between 0 and 65535?',
        cause,
      });
  }
}

const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'accept',
  'last-event-id',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'traceparent',
  'tracestate',
];
/** Arguments of tools that their schemas send as headers too (2026-07-28, "Streamable HTTP"). */
const PARAMETER_HEADER = /^mcp-param-[\w!#$%&'*+.^`|~-]+$/;

function preflightHeaders(methods: readonly string[], asked: IncomingHttpHeaders): Record<string, string> {
  const wanted = (asked['access-control-request-headers'] ?? '').toLowerCase().split(',');
  const parameters = wanted.map((name) => name.trim()).filter((name) => PARAMETER_HEADER.test(name));
  return {
    'access-control-allow-methods': methods.join(', '),
    // Their names are those of the tools, so only who asks can say them.
    'access-control-allow-headers': [...ALLOWED_HEADERS, ...new Set(parameters)].join(', '),
    'access-control-max-age': '600',
    vary: 'origin, access-control-request-headers',
  };
}

/** The host as it stands in a URL; for "all addresses" the one that this machine can always use. */
function reachableHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (bare === '0.0.0.0') return '127.0.0.1';
  if (bare === '::') return '[::1]';
  return bare.includes(':') ? `[${bare}]` : bare;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
