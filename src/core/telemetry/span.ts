/** Values of one type in a list, as OpenTelemetry takes them; what is `undefined` is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The place of a span in its trace, as it travels to servers (W3C Trace Context). */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export interface SpanOptions {
  readonly attributes?: Attributes;
  /** client: a request to a server; internal (the default): everything else. */
  readonly kind?: 'client' | 'internal';
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
