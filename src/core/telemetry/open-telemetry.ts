import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createNoopMeter,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  ProxyTracerProvider,
  defaultTextMapGetter,
  type Context,
  type Meter,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { readVersion } from '../version.js';
import { Complaints } from './complaints.js';
import { createMetricExporter, createTraceExporter } from './exporters.js';
import { Measures } from './measures.js';
import { RecordedSpan } from './recorded-span.js';
import type { Telemetry, TelemetryOptions } from './start.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The end of a run waits for the collector for so long. */
const FLUSH_MS = 1500;
/** Less than the shortest pause before the exporters' second attempt, so that they give up at once. */
const ONE_SHOT_EXPORT_MS = 790;
const DEFAULT_METRIC_INTERVAL_MS = 60_000;

/** OpenTelemetry's SDK, set up by its standard variables; what it does not read itself is read here. */
export function createTelemetry(env: Environment, { oneShot = false }: TelemetryOptions): Telemetry {
  const complaints = new Complaints();
  const complain = (sentence: string) => complaints.add(sentence);
  const settings = { env, timeoutMs: oneShot ? ONE_SHOT_EXPORT_MS : undefined, complaints };
  // The SDK tells of bad values of its variables over a logger that the whole process shares.
  if (oneShot) {
    const quiet = () => undefined;
    const logger = { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet };
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  }
  const resource = createResource();
  const traces = createTraces(resource, settings);
  const metrics = createMetrics(resource, env, settings);
  if (oneShot) diag.disable();

  const measures = new Measures(metrics.meter);
  const parent = parentFrom(env);
  return {
    startSpan: (name, attributes = {}, { parent: asking, ...options } = {}) =>
      RecordedSpan.start(
        traces.tracer,
        measures,
        asking === undefined ? parent : contextFrom({ ...asking }),
        name,
        { ...options, attributes },
      ),
    async shutdown() {
      const stopped = Promise.allSettled([traces.shutdown(), metrics.shutdown()]).then(
        () => 'stopped' as const,
      );
      const first = await Promise.race([stopped, sleep(FLUSH_MS, 'late' as const)]);
      if (first === 'late') complain(`the collector did not take everything within ${FLUSH_MS / 1000} s`);
      return complaints.list();
    },
  };
}

/** What the environment says of us stands above what we say. */
function createResource(): Resource {
  const own = resourceFromAttributes({
    'service.name': 'mcpx',
    'service.version': readVersion(),
    // Runs at the same time are not one: their sums would be taken for each other's.
    'service.instance.id': randomUUID(),
    'process.pid': process.pid,
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

type Settings = Parameters<typeof createTraceExporter>[0];

function createTraces(resource: Resource, settings: Settings): { tracer: Tracer; shutdown(): Promise<void> } {
  const exporter = createTraceExporter(settings);
  // Without a provider behind it, it passes on the trace that we hang below, and records nothing.
  if (exporter === undefined) {
    return { tracer: new ProxyTracerProvider().getTracer('mcpx'), shutdown: () => Promise.resolve() };
  }
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  return { tracer: provider.getTracer('mcpx', readVersion()), shutdown: () => provider.shutdown() };
}

function createMetrics(
  resource: Resource,
  env: Environment,
  settings: Settings,
): { meter: Meter; shutdown(): Promise<void> } {
  const exporter = createMetricExporter(settings);
  if (exporter === undefined) return { meter: createNoopMeter(), shutdown: () => Promise.resolve() };
  const interval = Number(env['OTEL_METRIC_EXPORT_INTERVAL']);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval > 0 ? interval : DEFAULT_METRIC_INTERVAL_MS,
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { meter: provider.getMeter('mcpx', readVersion()), shutdown: () => provider.shutdown() };
}

/** The trace of whoever started us (OpenTelemetry, "Environment Variables as Context Propagation Carriers"). */
function parentFrom(env: Environment): Context {
  return contextFrom({ traceparent: env['TRACEPARENT'] ?? '', tracestate: env['TRACESTATE'] ?? '' });
}

function contextFrom(carrier: Readonly<Record<string, string>>): Context {
  return new W3CTraceContextPropagator().extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
}
