/** Values of one type in a list, as OpenTelemetry takes them; what is `undefined` is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The place of a span in its trace, as it travels to servers (W3C Trace Context). */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** A version, a trace, a span and flags; later versions may have more behind that. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{0,200})?$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** What of a message or of the headers of a request is a trace context; it comes from outside and may be anything. */
export function readTraceContext(carrier: {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
}): TraceContext | undefined {
  const { traceparent, tracestate } = carrier;
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return undefined;
  if (typeof tracestate !== 'string' || !TRACESTATE.test(tracestate)) return { traceparent };
  return { traceparent, tracestate };
}

export interface SpanOptions {
  readonly attributes?: Attributes;
  /** client: a request to a server; server: one that we answer; internal (the default): everything else. */
  readonly kind?: 'client' | 'server' | 'internal';
  /** Takes secrets out of the texts of this span and of all below it. */
  readonly redact?: (text: string) => string;
}

/** A part of an operation that is timed and told to OpenTelemetry; without telemetry one that does nothing. */
export interface Span {
  /** What servers are told, so that their spans hang below this one; `undefined` where nothing is traced. */
  readonly context: TraceContext | undefined;
  child(name: string, options?: SpanOptions): Span;
  set(attributes: Attributes): void;
  /** Something that happened at a point in time. */
  event(name: string, attributes?: Attributes): void;
  /** Marks it as failed, with code and message. */
  fail(error: unknown): void;
  /** Once, and nothing can be added afterwards. */
  end(): void;
}

/** The span of everything while nobody traces. */
export const noSpan: Span = {
  context: undefined,
  child: () => noSpan,
  set: () => undefined,
  event: () => undefined,
  fail: () => undefined,
  end: () => undefined,
};

/** Carries the trace of a span on and records nothing: for attempts that are expected to fail. */
export function silently({ context }: Span): Span {
  if (context === undefined) return noSpan;
  const silent: Span = { ...noSpan, context, child: () => silent };
  return silent;
}
