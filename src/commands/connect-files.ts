import type { ServerConfig } from '../core/config/config.js';
import type { ValidatedConfig, ValidatedFile } from '../core/config/validate.js';
import type { ConnectedFile } from '../core/inspect/connected-file.js';
import type { CommandInput } from './command.js';

/**
 * Connects to the servers of each configuration without errors, and adds what that brings to light to its problems.
 *
 * One file after the other: the servers that one file starts may be those of the next. `--deadline` bounds them all,
 * the `deadline` of a file its own servers.
 */
export async function connectFiles(
  input: CommandInput,
  files: readonly (ValidatedFile | ValidatedConfig)[],
): Promise<readonly ConnectedFile[]> {
  const started = performance.now();
  const connected: ConnectedFile[] = [];
  for (const file of files) {
    const isFirst = connected.every(({ inspection }) => inspection === undefined);
    connected.push(await connectFile(input, file, { started, isFirst }));
  }
  return connected;
}

async function connectFile(
  { command, global, io, operationId, span, onEnd }: CommandInput,
  file: ValidatedFile | ValidatedConfig,
  { started, isFirst }: { readonly started: number; readonly isFirst: boolean },
): Promise<ConnectedFile> {
  // Product metadata has no servers.
  if (!('examined' in file)) return file;
  const { examined } = file;
  const config = examined?.config;
  if (examined === undefined || config === undefined) return { ...file, skipped: true };
  const [
    { MCPOrchestrator },
    { createRedactor, secretsOf },
    { createOperation },
    { findingsOf },
    { logEnd, loggerFor },
    { startProgress },
  ] = await Promise.all([
    import('../core/orchestrator.js'),
    import('../core/config/config.js'),
    import('../core/operation.js'),
    import('../core/inspect/findings.js'),
    import('./logger.js'),
    import('./progress.js'),
  ]);
  const redact = createRedactor(secretsOf(config));
  const logger = loggerFor(global, io, config.logging, redact);
  const op = createOperation({ id: operationId, signal: io.signal, logger, span });
  if (isFirst) onEnd(({ status, durationMs, error }) => logEnd(op, command, status, durationMs, error));
  await using orchestrator = new MCPOrchestrator(config, { ownExecutable: io.ownExecutable });
  const progress = io.stderrIsTerminal && !global.quiet && !global.verbose ? startProgress(io) : undefined;
  try {
    const inspection = await orchestrator.inspect(
      {
        // The deadline of the file is that of its servers alone.
        ...(global.deadlineMs === undefined
          ? {}
          : { deadlineMs: global.deadlineMs, spentMs: performance.now() - started }),
        ...(progress === undefined
          ? {}
          : { onPhase: (server: ServerConfig, phase: string) => progress.update(server.id, phase) }),
      },
      op,
    );
    const { compareProblems } = await import('../core/config/problem.js');
    const found = findingsOf(inspection, file.file, examined, redact).filter(
      // What resembles a word that mcpx knows has been told of before.
      ({ code, path }) =>
        code !== 'UPS230' || !file.problems.some((one) => one.code === 'CFG129' && one.path === path),
    );
    return { ...file, inspection, problems: [...file.problems, ...found].sort(compareProblems) };
  } finally {
    progress?.stop();
  }
}
