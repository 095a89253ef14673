import { parentPort, workerData } from 'node:worker_threads';
import { CsvFileError } from './csv-table.js';
import { OwnDataError } from './own-data.js';
import { PgliteSession } from './pglite-session.js';
import { QueryError } from './query-error.js';
import type { WorkerQuery, WorkerReply, WorkerStart } from './worker-protocol.js';

/** The thread of one embedded database: each query goes to the session. */
const port = parentPort;
if (port === null) throw new Error('this file is the start of a worker thread');
const reply = (message: WorkerReply): void => port.postMessage(message);

/**
 * PostgreSQL gets an honest "out of memory" beyond this, where it would take up to 2 GB: a thread's limits do not count
 * WebAssembly's memory. Without a query it has 128 MB.
 */
const MAX_MEMORY_BYTES = 512 * 1024 * 1024;
const PAGE_BYTES = 65_536;

/** The one method through which an engine gets more memory. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } })
  .WebAssembly.Memory;
const { grow } = prototype;
prototype.grow = function growWithin(this: WasmMemory, pages: number): number {
  if (this.buffer.byteLength + pages * PAGE_BYTES > MAX_MEMORY_BYTES) throw new RangeError('too much memory');
  return grow.call(this, pages);
};

try {
  const { session: options, create } = workerData as WorkerStart;
  const session = await PgliteSession.open(options);
  if (create) {
    await session.close();
    reply({ kind: 'created' });
  } else {
    const isLoaded = options.own !== undefined && options.dataDir === undefined;
    const snapshot = isLoaded ? { snapshot: await session.dump() } : {};
    reply({ kind: 'ready', description: session.description, ...snapshot });
    // Between the start and the first query there is time for it.
    session.refresh().catch((error: unknown) => reply({ kind: 'broken', message: messageOf(error) }));
    port.on('message', ({ sql, ...limits }: WorkerQuery) => {
      session.query(sql, limits).then(
        (rows) => reply({ kind: 'rows', result: rows }),
        (error: unknown) => reply(failureReply(error)),
      );
    });
  }
} catch (error) {
  const isMissing = (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
  const isData = error instanceof OwnDataError || error instanceof CsvFileError;
  reply({
    kind: 'failed',
    message: messageOf(error),
    reason: isMissing ? 'missing' : isData ? 'data' : 'engine',
    hint: error instanceof OwnDataError ? error.hint : undefined,
  });
}

function failureReply(error: unknown): WorkerReply {
  if (!(error instanceof QueryError)) return { kind: 'broken', message: messageOf(error) };
  return { kind: 'refused', ...error.toFailure() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
