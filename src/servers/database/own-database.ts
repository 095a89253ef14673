import { existsSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ServeError } from '../../core/errors.js';
import { makeFolder } from '../../core/make-folder.js';
import type { Operation } from '../../core/operation.js';
import { lockDirectory } from './data-lock.js';
import type { Engine } from './engine.js';
import type { WorkerUrls } from './package-files.js';
import { PgliteEngine, type StandIn } from './pglite-engine.js';
import { createDataDirectory } from './pglite-worker.js';
import type { SessionOptions } from './pglite-session.js';
import { READER_ROLE } from './sample/schema.js';
import type { DatabaseSource } from './source.js';
import { copyAtRest, newCopyName, removeCopies } from './standby-copy.js';

type OwnSource = Extract<DatabaseSource, { readonly kind: 'own' }>;

/**
 * Opens the user's own embedded database: in memory, made of the files at each start, or in a directory, made of them
 * the first time. A directory belongs to one process.
 *
 * @throws ServeError SRV404 where another process has the directory, SRV410 for a file that cannot be loaded or a
 *   directory that is none of a database
 */
export async function openOwn(
  { directory, files, schemas, maxWaiting }: OwnSource,
  snapshotPath: string | undefined,
  workers: WorkerUrls,
  op: Operation,
): Promise<Engine> {
  const session = { role: READER_ROLE, schemas, grantReader: true };
  const queue = maxWaiting === undefined ? {} : { maxWaiting };
  // The snapshot is the sample's, which saves seconds of creating an empty one.
  const fresh: SessionOptions = {
    ...session,
    ...(snapshotPath === undefined ? {} : { snapshotPath }),
    setupSql: ['DROP SCHEMA public CASCADE; CREATE SCHEMA public'],
    own: files,
  };
  if (directory === undefined) {
    return PgliteEngine.start({ ...fresh, workerUrl: workers.database, ...queue }, op);
  }
  const path = canonical(directory);
  const release = lockDirectory(path);
  try {
    if (isNew(path)) await create(path, fresh, workers);
    else if (Object.keys(files).length > 0) {
      op.log('database.files_not_loaded', { directory: path, reason: 'it holds a database already' }, 'warn');
    }
    await removeCopies(path, op);
    const kept = { ...session, dataDir: path };
    const standIn = (signal: AbortSignal) => makeStandIn(kept, signal);
    const options = { ...kept, workerUrl: workers.database, standIn, ...queue };
    const engine = await PgliteEngine.start(options, op);
    return {
      query: (sql, limits, inner) => engine.query(sql, limits, inner),
      describe: () => engine.describe(),
      async close() {
        await engine.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Queries write nothing, so a copy is as good as the directory while a long one holds that. */
async function makeStandIn(
  session: SessionOptions & { readonly dataDir: string },
  signal: AbortSignal,
): Promise<StandIn> {
  const copy = newCopyName(session.dataDir);
  await copyAtRest(session.dataDir, copy, signal);
  return {
    session: { ...session, dataDir: copy },
    [Symbol.asyncDispose]: () => rm(copy, { recursive: true, force: true }),
  };
}

/** One name for one directory, so that two ways to write it share a lock. */
function canonical(directory: string): string {
  const path = resolve(directory);
  if (existsSync(path)) return realpathSync(path);
  makeFolder(dirname(path));
  return join(realpathSync(dirname(path)), basename(path));
}

function isNew(path: string): boolean {
  if (!existsSync(path)) return true;
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (cause) {
    throw new ServeError('SRV410', `${path} cannot be read as a directory.`, {
      hint: 'Name a directory that the user who runs mcpx may write: --data <dir>.',
      cause,
    });
  }
  if (names.length > 0 && !names.includes('PG_VERSION')) {
    throw new ServeError('SRV410', `${path} holds other files than a database.`, {
      hint: 'Name a new or empty directory, or one that mcpx or PGlite has made.',
    });
  }
  return names.length === 0;
}

/** Beside its place first, so that a crash leaves no half of a database. */
async function create(path: string, fresh: SessionOptions, workers: WorkerUrls): Promise<void> {
  const unfinished = `${path}.creating`;
  rmSync(unfinished, { recursive: true, force: true });
  try {
    await createDataDirectory(workers.database, { ...fresh, dataDir: unfinished });
    rmSync(path, { recursive: true, force: true });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}
