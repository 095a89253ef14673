// oxlint-disable unicorn/prefer-add-event-listener -- the ends of MCP transports are no event targets
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
  type JSONRPCMessage,
  type McpServer,
  type RequestId,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { followChanges } from './changes.js';
import type { Caller } from './direct/caller.js';
import { DirectRequests } from './direct/direct-requests.js';
import { answerOf, Exchange, sendMessage, sendStream } from './direct/exchange.js';
import { areDirectHeaders, type DirectRequest } from './direct/request.js';
import {
  isStatelessServer,
  readStatelessRequest,
  STATELESS_REVISION,
  type StatelessRequest,
} from './direct/stateless.js';
import { extraOf, readJsonBody, Refusal, sendWebResponse, toWebRequest } from './http-exchange.js';
import { asLegacyError } from './legacy-errors.js';
import type { CreateServer, ServerContext } from './serve.js';
import type { Sessions } from './sessions.js';
import { isListen, type Subscriptions } from './subscriptions.js';

export interface StreamableHttp {
  /**
   * Answers one request to the endpoint. Resolves when the answer is complete; a stream that only ends with
   * its client calls `detach` first, for nobody should wait for it.
   */
  handle(request: IncomingMessage, response: ServerResponse, detach: () => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * Streamable HTTP in both eras at one address. 2026-07-28 is served statelessly by the SDK; the revisions before
 * get a session each, since a subscription has to outlive the request that made it.
 */
export function createStreamableHttp(
  createServer: CreateServer,
  bus: ServerEventBus,
  sessions: Sessions,
  subscriptions: Subscriptions,
  onerror: (error: Error) => void,
): StreamableHttp {
  const modern = createMcpHandler(({ requestInfo }) => createServer(contextOf(requestInfo)), {
    legacy: 'reject',
    bus,
    onerror,
  });
  /** What was asked for already when the SDK is given a request. */
  const outcomes = new WeakMap<Request, Outcome>();
  const contextOf = (request: Request | undefined): ServerContext => {
    const outcome = request === undefined ? undefined : outcomes.get(request);
    return { era: 'modern', ...(outcome === undefined ? {} : { outcome }) };
  };
  /** One for all requests of 2026-07-28 that need no instance of their own. */
  let stateless: McpServer | undefined;

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    detach: () => void,
  ): Promise<void> {
    const body = request.method === 'POST' ? await readJsonBody(request) : undefined;
    if (await answerDirectly(request, body, response)) return;
    const answered = await answerStateless(request, body, response);
    if (answered === 'done') return;
    const gone = new AbortController();
    if (response.destroyed) gone.abort();
    response.once('close', () => gone.abort());
    const webRequest = toWebRequest(request, gone.signal);
    if (answered !== undefined) outcomes.set(webRequest, answered.outcome);
    if (request.method === 'GET' || isListen(body)) detach();

    if (await isLegacyRequest(webRequest, body)) return handleLegacy(webRequest, body, response);
    if (isListen(body)) {
      const end = await subscriptions.listen(body);
      response.once('close', end);
      if (response.destroyed) end();
    }
    await sendWebResponse(await modern.fetch(webRequest, { parsedBody: body }), response);
  }

  /** @returns false for what the SDK is to answer */
  async function answerDirectly(
    incoming: IncomingMessage,
    body: unknown,
    response: ServerResponse,
  ): Promise<boolean> {
    const { headers } = incoming;
    const id = headers['mcp-session-id'];
    const transport = typeof id === 'string' ? sessions.find(id)?.transport : undefined;
    if (!(transport instanceof LegacyTransport) || !areDirectHeaders(headers)) return false;
    const request = transport.direct?.read(body);
    if (request === undefined) return false;
    const release = sessions.use(String(id));
    try {
      const known = transport.direct?.answerAtOnce(request);
      if (known !== undefined) {
        sendStream(response, known, { 'mcp-session-id': String(id) });
        return true;
      }
      await transport.answer(request, incoming, response);
    } finally {
      release();
    }
    return true;
  }

  /**
   * Answers a plain request of 2026-07-28 beside the SDK. Whatever the answer turns out to be that is not plain, or not
   * there soon, the SDK gives it.
   *
   * @returns what was asked for, where the SDK is to answer with it
   */
  async function answerStateless(
    { headers }: IncomingMessage,
    body: unknown,
    response: ServerResponse,
  ): Promise<'done' | { readonly outcome: Outcome } | undefined> {
    const request = readStatelessRequest(headers, body);
    if (request === undefined) return undefined;
    const server = (stateless ??= createServer({ era: 'modern' }));
    if (!isStatelessServer(server)) return undefined;
    const controller = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    if (response.destroyed) controller.abort();
    const outcome = server.answerStateless(request, statelessCaller(request, headers, controller.signal));
    if (outcome === undefined) return undefined;
    const result = await soon(outcome);
    if (response.destroyed) return 'done';
    const text = result === undefined ? undefined : server.writeStateless(request.method, result);
    if (text === undefined) return { outcome };
    sendMessage(response, answerOf(request.id, text));
    return 'done';
  }

  async function handleLegacy(request: Request, body: unknown, response: ServerResponse): Promise<void> {
    const id = request.headers.get('mcp-session-id');
    if (id !== null) {
      const session = sessions.find(id);
      if (!(session?.transport instanceof LegacyTransport))
        throw new Refusal(404, 'Session not found', -32001);
      session.transport.direct?.receive(body);
      const release = sessions.use(id);
      try {
        await sendWebResponse(await session.transport.handleRequest(request, { parsedBody: body }), response);
      } finally {
        release();
      }
      return;
    }
    if (!isInitializeRequest(body)) throw new Refusal(400, 'Bad Request: Mcp-Session-Id header is required');
    sessions.makeRoom();

    const server = createServer({ era: 'legacy' });
    const transport = new LegacyTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (sessionId) => sessions.add(sessionId, { transport }),
    });
    transport.direct = DirectRequests.of(server, (message, incoming) =>
      transport.handOver(message, incoming),
    );
    const unfollow = followChanges(server, bus, 'legacy', subscriptions);
    transport.onerror = onerror;
    transport.onclose = () => {
      unfollow();
      transport.direct?.close();
      if (transport.sessionId !== undefined) sessions.remove(transport.sessionId);
    };
    await server.connect(transport);
    await sendWebResponse(await transport.handleRequest(request, { parsedBody: body }), response);
    if (transport.sessionId === undefined) await server.close();
  }

  return { handle, close: () => modern.close() };
}

type Outcome = Promise<Record<string, unknown>>;

/** Who waits for an answer longer is better told that it is coming, which is the SDK's matter. */
const SOON_MS = 5000;

/** The result if it is there soon, and no failure. */
async function soon(outcome: Outcome): Promise<Record<string, unknown> | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), SOON_MS).unref();
  });
  try {
    return await Promise.race([outcome.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

function statelessCaller(
  { id, clientName, capabilities }: StatelessRequest,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
): Caller {
  return {
    client: signal,
    requestId: id,
    protocolVersion: STATELESS_REVISION,
    trace: { traceparent: headers['traceparent'], tracestate: headers['tracestate'] },
    name: clientName,
    capabilities,
    signal,
    logLevel: undefined,
    // Clients that want to be told something ask for it, and are answered by the SDK.
    tell: () => undefined,
    ask: undefined,
  };
}

class LegacyTransport extends WebStandardStreamableHTTPServerTransport {
  /** What is answered beside the SDK. */
  direct: DirectRequests | undefined;

  /** Answers a request over `node:http`. Resolves when the answer is complete. */
  async answer(request: DirectRequest, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { direct, sessionId } = this;
    if (direct === undefined || sessionId === undefined) throw new Error('no session');
    const exchange = new Exchange(response, { 'mcp-session-id': sessionId });
    let closed: (() => void) | undefined;
    response.once('close', () => {
      exchange.stop();
      direct.forget(request.id, exchange);
      closed?.();
    });
    const isHandedOver = await direct.answer(request, incoming, exchange);
    if (isHandedOver && !response.destroyed) await new Promise<void>((resolve) => (closed = resolve));
  }

  /** Gives a message to the SDK. */
  handOver(message: JSONRPCMessage, incoming: IncomingMessage | undefined): void {
    this.onmessage?.(message, incoming === undefined ? undefined : extraOf(incoming));
  }

  override send(message: JSONRPCMessage, options?: { relatedRequestId?: RequestId }): Promise<void> {
    const isAnswer = !('method' in message);
    const way = isAnswer ? this.direct?.answered(message.id) : this.direct?.wayOf(options?.relatedRequestId);
    if (way === undefined) return super.send(asLegacyError(message), options);
    way.outlet.send(asLegacyError(isAnswer ? { ...message, id: way.id } : message));
    return Promise.resolve();
  }
}
