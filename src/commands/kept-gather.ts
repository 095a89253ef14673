import { DiskStore } from '../core/cache/disk-store.js';
import { cacheFolder } from '../core/cache/folder.js';
import { KeptCache } from '../core/cache/kept-cache.js';
import type { ServerConfig } from '../core/config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../core/errors.js';
import { gather } from '../core/gather/gather.js';
import type { Reach } from '../core/gather/gather-server.js';
import { policyOf } from '../core/gather/shelf-of.js';
import { createOperation, createOperationId } from '../core/operation.js';
import { NEVER } from '../core/resilience/deadline.js';
import type { Io } from './command.js';
import { confirmRun, recallRun } from './kept-run.js';
import { logEnd, loggerFor } from './logger.js';
import { printGathered } from './print-gathered.js';
import { unmatched } from './wanted.js';

/**
 * A `gather` that was run before and whose answers are all still fresh: printed without reading flags, configuration,
 * or anything of MCP, which is most of what a start costs.
 *
 * @returns the exit status, or `undefined` where a whole run is needed; nothing is written then
 */
export async function keptGather(argv: readonly string[], io: Io): Promise<number | undefined> {
  const started = performance.now();
  const startedAt = Date.now();
  const recalled = recallRun(argv, io);
  const folder = cacheFolder(io.env);
  if (recalled === undefined || folder === undefined) return undefined;
  const { run } = recalled;
  const { global, config } = run;
  const lines: string[] = [];
  const held: Pick<Io, 'err' | 'stderrIsTerminal'> = {
    err: (text) => void lines.push(text),
    // To look costs a terminal 3 ms, and who logs nothing need not know.
    get stderrIsTerminal() {
      return io.stderrIsTerminal;
    },
  };
  const op = createOperation({
    id: createOperationId(),
    logger: loggerFor(global, held, config.logging),
    signal: NEVER,
  });
  const disk = new DiskStore({
    folder,
    maxBytes: config.cacheMaxBytes,
    checked: new Map(run.checked?.shelves),
  });
  const cache = new KeptCache(disk);
  const shelves = new Map(run.servers.map(({ server, shelf }) => [server, shelf]));
  const cacheOf = (server: ServerConfig) => ({
    cache,
    shelf: shelves.get(server) ?? { key: '', server: server.id, address: '' },
    policy: policyOf(server, config),
    mode: 'use' as const,
    serveStaleOnError: false,
  });
  try {
    const gathered = await gather(
      [...shelves.keys()],
      NOBODY,
      {
        failFast: config.failFast,
        ...run.wanted,
        deadlineMs: config.deadlineMs,
        asksNobody: true,
        concurrency: run.servers.length,
        redact: (text) => text,
        cacheOf,
      },
      op,
    );
    if (gathered.outcomes.some(({ status, cache: { misses } }) => status !== 'ok' || misses > 0))
      return undefined;
    // Another run may have learned meanwhile that nothing matches any more, of which the whole program tells.
    if (unmatched(run.wanted, gathered) !== undefined) return undefined;
    for (const line of lines.splice(0)) io.err(line);
    const head = {
      operationId: op.id,
      // A table does without, and the first such text takes a third of a millisecond.
      get startedAt() {
        return new Date(startedAt).toISOString();
      },
    };
    await printGathered(gathered, head, { global, io, areServersOut: false });
    logEnd(op, 'gather', 0, performance.now() - started);
    for (const line of lines) io.err(line);
    confirmRun(recalled, disk.stamps, io);
    return 0;
  } catch (error) {
    if (error instanceof MCPOrchestratorException) return undefined;
    throw error;
  }
}

const NOT_KEPT = new MCPConnectionError('UPS219', 'an answer is not kept');

const NOBODY: Reach = {
  get: () => Promise.reject(NOT_KEPT),
  release: () => Promise.resolve(),
  phaseOf: () => 'connect',
  policyOf: () => ({ run: (call) => call() }),
};
