import type { Config } from '../core/config/config.js';
import { logFieldsOf, MCPOrchestratorException } from '../core/errors.js';
import { createLogger, silentLogger, type Logger } from '../core/logging/logger.js';
import type { Operation } from '../core/operation.js';
import type { GlobalOptions, Io } from './command.js';

/** The last event of a run: with which exit status it ends, and through what. */
export function logEnd(
  op: Operation,
  command: string,
  status: number,
  durationMs: number,
  error?: unknown,
): void {
  const failure =
    error instanceof MCPOrchestratorException
      ? { server: error.context['server'], ...logFieldsOf(error) }
      : error instanceof Error
        ? { message: `a bug of mcpx: ${error.message}` }
        : {};
  op.log(
    'command.finished',
    { command, exit_code: status, ...failure, duration_ms: Math.round(durationMs) },
    status === 0 ? 'info' : 'warn',
  );
}

/** The logger of the flags, or of the configuration where they say nothing. */
export function loggerFor(
  global: Pick<GlobalOptions, 'quiet' | 'verbose' | 'logFormat' | 'logLevel'>,
  io: Pick<Io, 'err' | 'stderrIsTerminal'>,
  configured: Config['logging'],
  redact?: (text: string) => string,
): Logger {
  const asked = global.logLevel ?? (global.verbose ? 'debug' : global.quiet ? 'error' : undefined);
  if (asked === undefined && !configured.enabled) return silentLogger;
  const format = global.logFormat === 'auto' ? (io.stderrIsTerminal ? 'text' : 'json') : global.logFormat;
  // Somebody who watches sees the result, the progress and, where it fails, why; a log is for later.
  const byItself = io.stderrIsTerminal && configured.isDefault === true ? 'error' : configured.level;
  return createLogger({
    level: asked ?? byItself,
    format,
    write: (line) => io.err(line),
    ...(redact === undefined ? {} : { redact }),
  });
}
