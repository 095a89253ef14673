import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPMetricExporter as JsonMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { asksFor, exportersOf } from './asked.js';
import type { Complaints } from './complaints.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Signal = 'TRACES' | 'METRICS';

interface Settings {
  readonly env: Environment;
  /** Longest time for one export, where the environment sets none. */
  readonly timeoutMs: number | undefined;
  readonly complaints: Complaints;
}

/** The exporter of spans, or `undefined` where they are not to be sent. */
export function createTraceExporter(settings: Settings): SpanExporter | undefined {
  const protocol = protocolOf('TRACES', settings);
  if (protocol === undefined) return undefined;
  const Exporter = protocol === 'http/json' ? JsonTraceExporter : ProtobufTraceExporter;
  return telling(new Exporter(limits('TRACES', settings)), 'TRACES', settings);
}

/** The exporter of metrics, or `undefined` where they are not to be sent. */
export function createMetricExporter(settings: Settings): PushMetricExporter | undefined {
  const protocol = protocolOf('METRICS', settings);
  if (protocol === undefined) return undefined;
  const Exporter = protocol === 'http/json' ? JsonMetricExporter : ProtobufMetricExporter;
  return telling(new Exporter(limits('METRICS', settings)), 'METRICS', settings);
}

function limits(signal: Signal, { env, timeoutMs }: Settings): { timeoutMillis?: number } {
  const isSet = [`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`, 'OTEL_EXPORTER_OTLP_TIMEOUT'].some(
    (name) => (env[name] ?? '') !== '',
  );
  return isSet || timeoutMs === undefined ? {} : { timeoutMillis: timeoutMs };
}

/** OpenTelemetry's default is http/protobuf; the third protocol, grpc, would cost more than all of the rest. */
function protocolOf(
  signal: Signal,
  { env, complaints }: Settings,
): 'http/json' | 'http/protobuf' | undefined {
  if (!asksFor(signal, env)) return undefined;
  const foreign = exportersOf(signal, env).filter((name) => name !== 'otlp');
  if (foreign.length > 0) {
    complaints.add(`OTEL_${signal}_EXPORTER: mcpx knows otlp and none, not ${foreign.join(', ')}`);
    return undefined;
  }
  const variable = [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL'].find(
    (name) => (env[name] ?? '').trim() !== '',
  );
  const protocol = variable === undefined ? 'http/protobuf' : env[variable]!.trim();
  if (protocol === 'http/json' || protocol === 'http/protobuf') return protocol;
  complaints.add(`${variable ?? ''}: mcpx speaks http/protobuf and http/json, not ${protocol}`);
  return undefined;
}

interface Exporter<T> {
  export(items: T, done: (result: ExportResult) => void): void;
}

/** The same exporter, whose failures are told: the SDK keeps them to itself. */
function telling<T, E extends Exporter<T>>(exporter: E, signal: Signal, { env, complaints }: Settings): E {
  const send = exporter.export.bind(exporter);
  const what = signal === 'TRACES' ? 'traces' : 'metrics';
  exporter.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) {
        complaints.lost(what, `at ${originOf(signal, env)} (${why(result.error)})`);
      }
      done(result);
    });
  return exporter;
}

/** Without what else the address may hold: user info, a query. */
function originOf(signal: Signal, env: Environment): string {
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  return URL.canParse(endpoint) ? new URL(endpoint).origin : 'the default address';
}

/** By code alone: the text may hold what the collector answered. */
function why(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'number') return `HTTP ${code}`;
  return typeof code === 'string' ? code : 'no answer in time';
}
