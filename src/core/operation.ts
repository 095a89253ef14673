import { randomUUID } from 'node:crypto';
import { silentLogger, type LogFields, type Logger, type LogLevel } from './logging/logger.js';

/**
 * One request of a user on its way through the core: passed on as the last parameter, so that cancelling and
 * tracing need no global state.
 */
export interface Operation {
  /** In every log line and every error of this operation. */
  readonly id: string;
  /** Aborts on Ctrl-C, at the deadline, and when fail-fast stops the others. */
  readonly signal: AbortSignal;
  log(event: string, fields?: LogFields, level?: LogLevel): void;
}

export interface OperationOptions {
  readonly id?: string;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

export function createOperation(options: OperationOptions = {}): Operation {
  const id = options.id ?? randomUUID();
  const logger = options.logger ?? silentLogger;
  return {
    id,
    signal: options.signal ?? new AbortController().signal,
    log: (event, fields, level = 'info') => logger.log(level, event, { operation_id: id, ...fields }),
  };
}

/** The same operation under another signal, for a part that may be stopped alone. */
export function withSignal(op: Operation, signal: AbortSignal): Operation {
  return { id: op.id, signal, log: (event, fields, level) => op.log(event, fields, level) };
}
