import {
  defaultTextMapSetter,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span as ApiSpan,
  type SpanAttributes,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Measures } from './measures.js';
import type { Attributes, Span, SpanOptions, TraceContext } from './span.js';

/** As in `ERROR_CODES`. */
const CODE = /^[A-Z]{3}\d{3}$/;

const KINDS = { client: SpanKind.CLIENT, server: SpanKind.SERVER, internal: SpanKind.INTERNAL } as const;

const propagator = new W3CTraceContextPropagator();

/** A span of OpenTelemetry's SDK; at its end it becomes a measurement as well. */
export class RecordedSpan implements Span {
  readonly context: TraceContext | undefined;
  readonly #tracer: Tracer;
  readonly #measures: Measures;
  readonly #name: string;
  readonly #isServer: boolean;
  readonly #span: ApiSpan;
  readonly #below: Context;
  readonly #redact: (text: string) => string;
  readonly #started = performance.now();
  readonly #attributes: Record<string, string | number | boolean | readonly string[]> = {};

  private constructor(
    tracer: Tracer,
    measures: Measures,
    parent: Context,
    name: string,
    options: SpanOptions,
  ) {
    this.#tracer = tracer;
    this.#measures = measures;
    this.#name = name;
    this.#redact = options.redact ?? ((text) => text);
    const { kind: named = 'internal' } = options;
    const kind = KINDS[named];
    this.#isServer = named === 'server';
    const attributes = this.#kept(options.attributes ?? {});
    this.#span = tracer.startSpan(name, { kind, attributes }, parent);
    this.#below = trace.setSpan(parent, this.#span);
    const carrier: { traceparent?: string; tracestate?: string } = {};
    propagator.inject(this.#below, carrier, defaultTextMapSetter);
    const { traceparent, tracestate } = carrier;
    this.context =
      traceparent === undefined
        ? undefined
        : { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
  }

  static start(
    tracer: Tracer,
    measures: Measures,
    parent: Context,
    name: string,
    options: SpanOptions,
  ): RecordedSpan {
    return new RecordedSpan(tracer, measures, parent, name, options);
  }

  child(name: string, options: SpanOptions = {}): Span {
    const redact = options.redact ?? this.#redact;
    return new RecordedSpan(this.#tracer, this.#measures, this.#below, name, { ...options, redact });
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(this.#kept(attributes));
  }

  event(name: string, attributes: Attributes = {}): void {
    this.#span.addEvent(name, this.#clean(attributes));
  }

  fail(error: unknown): void {
    // Not by its class: this bundle has its own copy of what it would be compared with.
    const { code, context = {} } = error as { code?: unknown; context?: Record<string, unknown> };
    const isOurs = typeof code === 'string' && CODE.test(code);
    const { rpc_code: rpcCode, status } = isOurs ? context : {};
    // What we answer with is an error of JSON-RPC itself.
    const isAnswer = this.#isServer && typeof code === 'number';
    const rpc = typeof rpcCode === 'number' ? String(rpcCode) : isAnswer ? String(code) : undefined;
    this.set({
      'error.type': rpc ?? (isOurs ? code : nameOf(error)),
      'mcpx.error.code': isOurs ? code : undefined,
      'rpc.response.status_code': rpc,
      'http.response.status_code': typeof status === 'number' ? status : undefined,
    });
    const message = this.#redact(error instanceof Error ? error.message : String(error));
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  end(): void {
    this.#span.end();
    const seconds = (performance.now() - this.#started) / 1000;
    this.#measures.record(this.#name, seconds, this.#attributes, this.#isServer);
  }

  #kept(attributes: Attributes): SpanAttributes {
    const clean = this.#clean(attributes);
    Object.assign(this.#attributes, clean);
    return clean;
  }

  #clean(attributes: Attributes): SpanAttributes {
    const entries = Object.entries(attributes).filter(([, value]) => value !== undefined);
    return Object.fromEntries(entries.map(([key, value]) => [key, this.#plain(value)])) as SpanAttributes;
  }

  #plain(value: Attributes[string]): unknown {
    if (typeof value === 'string') return this.#redact(value);
    return Array.isArray(value) ? value.map((text: string) => this.#redact(text)) : value;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '_OTHER';
}
