import type { IncomingHttpHeaders } from 'node:http';
import type { JSONRPCMessage, McpServer, RequestId, StandardSchemaV1 } from '@modelcontextprotocol/server';
import { asLegacyError } from '../legacy-errors.js';
import { isDirectServer, type Caller, type DirectServer } from './caller.js';
import { readDirectRequest, type DirectRequest } from './request.js';

/** A person may take this long to answer what a server asks. */
const ASK_MS = 10 * 60_000;
const INTERNAL_ERROR = -32603;
const RESOURCE_NOT_FOUND = -32002;
const INVALID_PARAMS = -32602;

/** What is inside is the business of whoever asked. */
const ANY_RESULT: StandardSchemaV1<unknown, Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'mcpx',
    validate: (value: unknown) => ({ value: (value ?? {}) as Record<string, unknown> }),
  },
};

/** How the messages that belong to a request, and at last its answer, get to the client. */
export interface Outlet {
  send(message: JSONRPCMessage): void;
  /** Nothing more will come: the client has cancelled the request. */
  giveUp(): void;
}

/**
 * The requests of one session that are answered without the SDK's protocol layer, which copies and checks each message
 * several times. What it does beyond that is done here: cancelling, progress, questions to the client, errors by era.
 */
export class DirectRequests {
  readonly #server: DirectServer;
  readonly #open = new Map<RequestId, { readonly controller: AbortController; readonly outlet: Outlet }>();

  private constructor(server: DirectServer) {
    this.#server = server;
  }

  /** @returns `undefined` for a server that leaves all requests to the SDK */
  static of(server: McpServer): DirectRequests | undefined {
    return isDirectServer(server) ? new DirectRequests(server) : undefined;
  }

  /** Whether a message, by its relation to a request, is to go out beside the SDK's transport. */
  outletOf(id: RequestId | undefined): Outlet | undefined {
    return id === undefined ? undefined : this.#open.get(id)?.outlet;
  }

  /** The request in a body, unless the SDK is to take it as it is. */
  read(body: unknown): DirectRequest | undefined {
    const request = readDirectRequest(body);
    return request === undefined || this.#open.has(request.id) ? undefined : request;
  }

  /**
   * Answers a request.
   *
   * @param handOver  gives it to the SDK, whose messages then find their way by `outletOf`
   */
  async answer(
    request: DirectRequest,
    headers: IncomingHttpHeaders,
    outlet: Outlet,
    handOver: () => void,
  ): Promise<void> {
    const { id } = request;
    const controller = new AbortController();
    const open = { controller, outlet };
    this.#open.set(id, open);
    const caller = this.#caller(id, headers, controller.signal, outlet);
    const answer = await this.#answerOf(request, caller);
    if (controller.signal.aborted) return;
    if (answer === undefined) {
      handOver();
      return;
    }
    this.forget(id, outlet);
    outlet.send(asLegacyError(answer));
  }

  /** Sees what else the client sends, one message or a batch: it may cancel requests. */
  receive(body: unknown): void {
    for (const message of Array.isArray(body) ? body : [body]) this.#receive(message);
  }

  #receive(message: unknown): void {
    const { method, params } = (message ?? {}) as { method?: unknown; params?: { requestId?: unknown } };
    if (method !== 'notifications/cancelled') return;
    const id = params?.requestId as RequestId;
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.controller.abort();
    open.outlet.giveUp();
  }

  /** The client will not hear of a request any more, which goes on all the same. */
  forget(id: RequestId | undefined, outlet: Outlet): void {
    if (id !== undefined && this.#open.get(id)?.outlet === outlet) this.#open.delete(id);
  }

  /** The session has ended. */
  close(): void {
    for (const { controller, outlet } of this.#open.values()) {
      controller.abort();
      outlet.giveUp();
    }
    this.#open.clear();
  }

  async #answerOf(request: DirectRequest, caller: Caller): Promise<JSONRPCMessage | undefined> {
    const { id } = request;
    try {
      const result = await this.#server.answerDirectly(request, caller);
      return result === undefined ? undefined : { result, jsonrpc: '2.0', id };
    } catch (error) {
      const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
      return {
        jsonrpc: '2.0',
        id,
        error: {
          code: codeOf(code),
          message: typeof message === 'string' ? message : 'Internal error',
          ...(data === undefined ? {} : { data }),
        },
      };
    }
  }

  #caller(requestId: RequestId, headers: IncomingHttpHeaders, signal: AbortSignal, outlet: Outlet): Caller {
    const { server } = this.#server;
    return {
      client: this.#server,
      requestId,
      protocolVersion: server.getNegotiatedProtocolVersion(),
      trace: { traceparent: headers['traceparent'], tracestate: headers['tracestate'] },
      name: server.getClientVersion()?.name,
      capabilities: server.getClientCapabilities() ?? {},
      signal,
      logLevel: undefined,
      tell: (method, params) => outlet.send({ jsonrpc: '2.0', method, params: { ...params } }),
      ask: ({ method, params }, within) =>
        server.request({ method, params: { ...params } }, ANY_RESULT, {
          relatedRequestId: requestId,
          signal: within,
          timeout: ASK_MS,
        }),
    };
  }
}

/** The SDK sends -32602 for "not found" in every era, and `asLegacyError` finds the ones that are to be -32002. */
function codeOf(code: unknown): number {
  if (!Number.isSafeInteger(code)) return INTERNAL_ERROR;
  return code === RESOURCE_NOT_FOUND ? INVALID_PARAMS : (code as number);
}
