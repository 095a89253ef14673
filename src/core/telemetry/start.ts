import { asksForTelemetry } from './asked.js';
import type { Attributes, Span, SpanOptions, TraceContext } from './span.js';

export interface Telemetry {
  /**
   * Begins a trace, or hangs below the one that `TRACEPARENT` in the environment names, or the one that the options do.
   */
  startSpan(name: string, attributes?: Attributes, options?: RootOptions): Span;
  /**
   * Sends what has been recorded and stops, within a bound: a collector that cannot be reached holds nobody up.
   *
   * @returns what did not work, one sentence each
   */
  shutdown(): Promise<readonly string[]>;
}

export interface RootOptions extends Pick<SpanOptions, 'kind' | 'redact'> {
  /** The span of whoever asked us, as it came with the request. */
  readonly parent?: TraceContext | undefined;
}

export interface TelemetryOptions {
  /** For a process that ends soon: a collector is given up at the first sign that it is not there. */
  readonly oneShot?: boolean;
}

/**
 * Starts OpenTelemetry where the environment of this process asks for it (`OTEL_EXPORTER_OTLP_ENDPOINT` and the
 * other standard variables).
 *
 * @returns `undefined` where nobody asks; nothing is loaded then
 */
export async function startTelemetry(options: TelemetryOptions = {}): Promise<Telemetry | undefined> {
  if (!asksForTelemetry(process.env)) return undefined;
  // The build makes a bundle of its own of it (`tsup.config.ts`).
  const { createTelemetry } = await import('./open-telemetry.js');
  return createTelemetry(process.env, options);
}
