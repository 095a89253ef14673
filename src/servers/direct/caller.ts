import type { McpServer } from '@modelcontextprotocol/server';
import type { DirectRequest } from './request.js';

/** What a client is asked while its request is being answered. */
export interface Question {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Who sent a request, and the way back while it is being answered. */
export interface Caller {
  /** Tells clients apart: the same for all requests of a session. */
  readonly client: object;
  readonly requestId: string | number;
  readonly protocolVersion: string | undefined;
  /** What the headers of the HTTP request say of a trace; it comes from outside and may be anything. */
  readonly trace: { readonly traceparent?: unknown; readonly tracestate?: unknown };
  /** What the client calls itself. */
  readonly name: string | undefined;
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Aborts when the client cancels the request, and when its session ends. */
  readonly signal: AbortSignal;
  /** From which level on the client wants log messages of this request, if any. */
  readonly logLevel: string | undefined;
  /** Tells the client something that belongs to the request; one that left meanwhile hears nothing. */
  readonly tell: (method: string, params: Readonly<Record<string, unknown>>) => void;
  /** Asks the client; absent in 2026-07-28, where servers ask in their results. */
  readonly ask: ((request: Question, signal: AbortSignal) => Promise<Record<string, unknown>>) | undefined;
}

/** A server that answers some requests itself, so that they need not go through the SDK's protocol layer. */
export interface DirectServer extends McpServer {
  /**
   * The result of a request; `undefined` for one that the SDK is to answer after all.
   *
   * @throws what the client is told: by its `code`, `message` and `data`
   */
  answerDirectly(request: DirectRequest, caller: Caller): Promise<Record<string, unknown> | undefined>;
  /**
   * The result of a request as JSON where it is known already, without waiting for anyone; else `undefined`, and nothing
   * has happened. Absent where nothing ever is.
   */
  answerAtOnce?(request: DirectRequest): string | undefined;
}

export function isDirectServer(server: McpServer): server is DirectServer {
  return 'answerDirectly' in server;
}
