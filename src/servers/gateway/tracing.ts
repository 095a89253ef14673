import { requestSpan } from '../../core/clients/traced-requests.js';
import { noSpan, readTraceContext, type Span, type TraceContext } from '../../core/telemetry/span.js';
import type { Telemetry } from '../../core/telemetry/start.js';
import type { Caller } from '../direct/caller.js';

/** What traces the requests of a gateway. */
export interface Tracing {
  readonly telemetry: Telemetry;
  /** Takes the configuration's secrets out of a text. */
  readonly redact: (text: string) => string;
}

/** What a request is, for its span. */
export interface TracedRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly id: string | number;
  readonly protocolVersion: string | undefined;
  readonly operationId: string;
  readonly parent: TraceContext | undefined;
}

/** The span of one request of a client, below that of the client where it told of one. */
export function startRequestSpan(tracing: Tracing | undefined, request: TracedRequest): Span {
  // The usual case, which is to cost nothing.
  if (tracing === undefined) return noSpan;
  const { method, params, id, protocolVersion, operationId, parent } = request;
  const { redact } = tracing;
  const attributes = {
    'jsonrpc.request.id': String(id),
    'mcp.protocol.version': protocolVersion,
    'mcpx.operation.id': operationId,
  };
  const { name, options } = requestSpan(method, params, attributes, redact);
  return tracing.telemetry.startSpan(name, options.attributes, { kind: 'server', redact, parent });
}

/** What a gateway does by itself hangs below nobody's request: each part of it begins a trace of its own. */
export function ownSpan(tracing: Tracing | undefined): Span {
  if (tracing === undefined) return noSpan;
  const { telemetry, redact } = tracing;
  return {
    ...noSpan,
    child: (name, { attributes = {}, ...options } = {}) =>
      telemetry.startSpan(name, attributes, { redact, ...options }),
  };
}

/** Whose trace a request belongs to: as `_meta` says, else the headers of its HTTP request. */
export function askedIn(params: Readonly<Record<string, unknown>>, { trace }: Pick<Caller, 'trace'>) {
  return readTraceContext(params['_meta'] ?? {}) ?? readTraceContext(trace);
}
