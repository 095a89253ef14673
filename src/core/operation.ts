import { silentLogger, type LogFields, type Logger, type LogLevel } from './logging/logger.js';
import { noSpan, type Span, type SpanOptions } from './telemetry/span.js';

/**
 * One request of a user on its way through the core: passed on as the last parameter, so that cancelling and
 * tracing need no global state.
 */
export interface Operation {
  /** In every log line and every error of this operation. */
  readonly id: string;
  /** Aborts on Ctrl-C, at the deadline, and when fail-fast stops the others. */
  readonly signal: AbortSignal;
  /** What is being done, for OpenTelemetry; parts of it are spans below this one. */
  readonly span: Span;
  log(event: string, fields?: LogFields, level?: LogLevel): void;
}

export interface OperationOptions {
  readonly id?: string;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** From `startTelemetry`; nothing is traced without it. */
  readonly span?: Span;
}

/**
 * A fresh id in the form of a version 4 UUID.
 *
 * It only has to be told apart from others in a log, not to be unguessable: loading `node:crypto` for that would cost
 * every start 3 ms.
 */
export function createOperationId(): string {
  const [a, b, c, d] = [word(), word(), word(), word()];
  const variant = 0x8 + (c >>> 30);
  return (
    `${hex(a)}${hex(a >>> 16)}-${hex(b)}-${hex(0x4000 + (b >>> 20))}-` +
    `${hex(variant * 0x1000 + ((c >>> 16) & 0xfff))}-${hex(c)}${hex(d)}${hex(d >>> 16)}`
  );
}

/** 32 random bits. */
function word(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}

/** Bytes as two hexadecimal digits, as they are first needed: a busy server makes an id for each request, a start one. */
const DIGITS: string[] = [];

function digitsOf(byte: number): string {
  return (DIGITS[byte] ??= byte.toString(16).padStart(2, '0'));
}

/** The lower 16 bits of a number as four hexadecimal digits. */
function hex(value: number): string {
  return digitsOf((value >>> 8) & 0xff) + digitsOf(value & 0xff);
}

export function createOperation(options: OperationOptions = {}): Operation {
  const id = options.id ?? createOperationId();
  const logger = options.logger ?? silentLogger;
  return {
    id,
    signal: options.signal ?? new AbortController().signal,
    span: options.span ?? noSpan,
    log: (event, fields, level = 'info') => logger.log(level, event, { operation_id: id, ...fields }),
  };
}

/** The same operation under another signal, for a part that may be stopped alone. */
export function withSignal(op: Operation, signal: AbortSignal): Operation {
  return { id: op.id, signal, span: op.span, log: (event, fields, level) => op.log(event, fields, level) };
}

function withSpan(op: Operation, span: Span): Operation {
  return { id: op.id, signal: op.signal, span, log: (event, fields, level) => op.log(event, fields, level) };
}

/** Does a part of an operation as a span of its own, which fails where the part does. */
export async function inSpan<T>(
  op: Operation,
  name: string,
  options: SpanOptions,
  part: (op: Operation) => Promise<T>,
): Promise<T> {
  const span = op.span.child(name, options);
  try {
    return await part(span === op.span ? op : withSpan(op, span));
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
