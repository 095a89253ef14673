// oxlint-disable unicorn/prefer-add-event-listener -- the ends of MCP transports are no event targets
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
  type JSONRPCMessage,
  type RequestId,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { followChanges } from './changes.js';
import { DirectRequests } from './direct/direct-requests.js';
import { Exchange, sendAnswer } from './direct/exchange.js';
import { areDirectHeaders, type DirectRequest } from './direct/request.js';
import { extraOf, readJsonBody, Refusal, sendWebResponse, toWebRequest } from './http-exchange.js';
import { asLegacyError } from './legacy-errors.js';
import type { CreateServer } from './serve.js';
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
  const modern = createMcpHandler(() => createServer({ era: 'modern' }), { legacy: 'reject', bus, onerror });

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    detach: () => void,
  ): Promise<void> {
    const body = request.method === 'POST' ? await readJsonBody(request) : undefined;
    if (await answerDirectly(request, body, response)) return;
    const gone = new AbortController();
    if (response.destroyed) gone.abort();
    response.once('close', () => gone.abort());
    const webRequest = toWebRequest(request, gone.signal);
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
        sendAnswer(response, known, { 'mcp-session-id': String(id) });
        return true;
      }
      await transport.answer(request, incoming, response);
    } finally {
      release();
    }
    return true;
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
