import { noSpan, type Span } from '../core/telemetry/span.js';
import { startTelemetry } from '../core/telemetry/start.js';
import type { Ending, Io } from './command.js';

/** The trace of one command, and what brings it to its end. */
interface CommandTrace {
  readonly span: Span;
  /** Sends what has been recorded; says so on standard error where that did not work. */
  end(ending: Ending): Promise<void>;
}

/**
 * Traces a command line.
 *
 * @see OpenTelemetry semantic conventions, "CLI programs"
 */
export async function traceCommand(
  name: string,
  operationId: string,
  quiet: boolean,
  io: Io,
): Promise<CommandTrace> {
  const telemetry = await startTelemetry({ oneShot: true });
  if (telemetry === undefined) return { span: noSpan, end: () => Promise.resolve() };
  const span = telemetry.startSpan(`mcpx ${name}`, {
    'process.executable.name': 'mcpx',
    'mcpx.command': name,
    'mcpx.operation.id': operationId,
  });
  return {
    span,
    async end({ status, error }) {
      span.set({ 'process.exit.code': status });
      if (error !== undefined) span.fail(error);
      // A result that is incomplete or says that there is none.
      else if (status !== 0) span.set({ 'error.type': `exit_${status}` });
      span.end();
      const complaints = await telemetry.shutdown();
      if (!quiet) for (const complaint of complaints) io.err(`note: OpenTelemetry: ${complaint}\n`);
    },
  };
}
