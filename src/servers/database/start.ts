import type { Operation } from '../../core/operation.js';
import { assertServable, serve, type Served, type ServeOptions } from '../serve.js';
import type { WorkerUrls } from './package-files.js';
import { createDatabaseServer, type DatabaseServerOptions } from './server.js';
import { openDatabase, type DatabaseSource } from './source.js';

export interface StartDatabaseOptions extends ServeOptions, DatabaseServerOptions {
  /** The sample shop when left out. */
  readonly source?: DatabaseSource;
  /** Where the built workers are, when they are not the package's own. */
  readonly workers?: WorkerUrls;
}

/**
 * Starts the database, then listens: a client that gets through gets answers. Closing lets running queries finish
 * as `serve` does, and stops the database after that.
 *
 * @throws ServeError  SRV401-403 of `serve`, SRV405-409 of `openDatabase`
 */
export async function startDatabaseServer(options: StartDatabaseOptions, op: Operation): Promise<Served> {
  // A database takes a while: whoever cannot be heard is told before that.
  await assertServable(options);
  const engine = await openDatabase(options.source ?? { kind: 'sample' }, op, options.workers);
  let served: Served;
  try {
    served = await serve(({ era }) => createDatabaseServer(engine, options, op, era), options, op);
  } catch (error) {
    await engine.close();
    throw error;
  }
  // What runs is stopped with the operation, and not after the time that requests in flight are given.
  const stop = () => void engine.close();
  op.signal.addEventListener('abort', stop, { once: true });
  const ended = served.ended.then(() => {
    op.signal.removeEventListener('abort', stop);
    return engine.close();
  });
  return {
    ...served,
    ended,
    async close(graceMs) {
      await served.close(graceMs);
      await engine.close();
    },
  };
}
