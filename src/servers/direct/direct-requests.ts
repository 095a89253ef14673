import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { JSONRPCMessage, McpServer, RequestId, StandardSchemaV1 } from '@modelcontextprotocol/server';
import { asLegacyError } from '../legacy-errors.js';
import { isDirectServer, type Caller, type DirectServer } from './caller.js';
import { answerOf } from './exchange.js';
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

/** A request whose answer is not there yet. */
interface Running {
  /** As the client named it. */
  readonly id: RequestId;
  readonly controller: AbortController;
  readonly outlet: Outlet;
  /** The SDK has it, and what it sends by the name of the request belongs here. */
  isHandedOver: boolean;
}

/** Gives a message to the SDK, with the HTTP request that brought it. */
export type HandOver = (message: JSONRPCMessage, incoming: IncomingMessage | undefined) => void;

/** Where a message of the SDK belongs. */
export type Way = Pick<Running, 'id' | 'outlet'>;

/**
 * The requests of one session that are answered without the SDK's protocol layer, which copies and checks each message
 * several times. What it does beyond that is done here: cancelling, progress, questions to the client, errors by era.
 */
export class DirectRequests {
  readonly #server: DirectServer;
  readonly #handOver: HandOver;
  /** Those that their client waits for, by its id, with their names. */
  readonly #open = new Map<RequestId, { readonly name: RequestId; readonly running: Running }>();
  /**
   * All of them by name, which is the id, unless a request that the client has left is still under way by that: its answer
   * is not to pass for the answer of the next one.
   */
  readonly #running = new Map<RequestId, Running>();
  /** What the client is being asked, by the names that the SDK knows the reasons by. */
  readonly #asking = new Map<RequestId, Way>();
  #names = 0;

  private constructor(server: DirectServer, handOver: HandOver) {
    this.#server = server;
    this.#handOver = handOver;
  }

  /**
   * @param handOver  gives a message to the SDK; what that sends finds its way by `wayOf`
   * @returns `undefined` for a server that leaves all requests to the SDK
   */
  static of(server: McpServer, handOver: HandOver): DirectRequests | undefined {
    return isDirectServer(server) ? new DirectRequests(server, handOver) : undefined;
  }

  /** Where a message of the SDK goes that belongs to a request of this name; `undefined` where that is the SDK's matter. */
  wayOf(name: RequestId | undefined): Way | undefined {
    if (name === undefined) return undefined;
    const running = this.#running.get(name);
    return running?.isHandedOver === true ? running : this.#asking.get(name);
  }

  /** The same for the answer itself, with which the request ends. */
  answered(name: RequestId | undefined): Way | undefined {
    const way = this.wayOf(name);
    if (name === undefined || way === undefined) return undefined;
    this.#running.delete(name);
    this.forget(way.id, way.outlet);
    return way;
  }

  /** The request in a body, unless the SDK is to take it as it is. */
  read(body: unknown): DirectRequest | undefined {
    const request = readDirectRequest(body);
    return request === undefined || this.#open.has(request.id) ? undefined : request;
  }

  /** The whole answer to a request as JSON, where the server knows it without waiting for anyone. */
  answerAtOnce(request: DirectRequest): string | undefined {
    const result = this.#server.answerAtOnce?.(request);
    return result === undefined ? undefined : answerOf(request.id, result);
  }

  /**
   * Answers a request.
   *
   * @param incoming  the HTTP request that brought it, if one did
   * @returns whether the SDK is to do so
   */
  async answer(
    request: DirectRequest,
    incoming: IncomingMessage | undefined,
    outlet: Outlet,
  ): Promise<boolean> {
    const { id } = request;
    const controller = new AbortController();
    const name = this.#running.has(id) ? this.#freshName() : id;
    const running = { id, controller, outlet, isHandedOver: false };
    this.#running.set(name, running);
    this.#open.set(id, { name, running });
    const caller = this.#caller(id, incoming?.headers ?? {}, controller.signal, outlet);
    const named = name === id ? request : { ...request, id: name };
    const answer = await this.#answerOf(named, caller);
    if (answer === undefined && !controller.signal.aborted) {
      running.isHandedOver = true;
      this.#handOver({ jsonrpc: '2.0', ...named }, incoming);
      return true;
    }
    this.#running.delete(name);
    if (answer === undefined || controller.signal.aborted) return false;
    this.forget(id, outlet);
    outlet.send(asLegacyError(answer));
    return false;
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
    this.#end(open.name, open.running);
    // The SDK sees what the client sends, and knows the request by another name.
    if (open.name !== id && open.running.isHandedOver) {
      this.#handOver({ jsonrpc: '2.0', method, params: { requestId: open.name } }, undefined);
    }
  }

  #end(name: RequestId, { controller, outlet, isHandedOver }: Running): void {
    // Of a cancelled request the SDK sends nothing any more.
    if (isHandedOver) this.#running.delete(name);
    controller.abort();
    outlet.giveUp();
  }

  #freshName(): RequestId {
    for (;;) {
      const name = `mcpx-${(this.#names += 1)}`;
      if (!this.#running.has(name)) return name;
    }
  }

  /** The client will not hear of a request any more, which goes on all the same. */
  forget(id: RequestId | undefined, outlet: Outlet): void {
    if (id !== undefined && this.#open.get(id)?.running.outlet === outlet) this.#open.delete(id);
  }

  /** The session has ended. */
  close(): void {
    for (const [name, running] of this.#running) this.#end(name, running);
    this.#running.clear();
    this.#open.clear();
  }

  async #answerOf(request: DirectRequest, caller: Caller): Promise<JSONRPCMessage | undefined> {
    const { requestId: id } = caller;
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
      ask: async ({ method, params }, within) => {
        const name = this.#freshName();
        this.#asking.set(name, { id: requestId, outlet });
        try {
          return await server.request({ method, params: { ...params } }, ANY_RESULT, {
            relatedRequestId: name,
            signal: within,
            timeout: ASK_MS,
          });
        } finally {
          this.#asking.delete(name);
        }
      },
    };
  }
}

/** The SDK sends -32602 for "not found" in every era, and `asLegacyError` finds the ones that are to be -32002. */
function codeOf(code: unknown): number {
  if (!Number.isSafeInteger(code)) return INTERNAL_ERROR;
  return code === RESOURCE_NOT_FOUND ? INVALID_PARAMS : (code as number);
}
