import type { Operation } from '../../core/operation.js';
import { serve, type Served, type ServeOptions } from '../serve.js';
import { GuardedEngine } from './guarded-engine.js';
import { builtSnapshotPath, builtWorkerUrls, shippedMetadataPath, type WorkerUrls } from './package-files.js';
import type { Engine } from './engine.js';
import { PgliteEngine } from './pglite-engine.js';
import type { SessionOptions } from './pglite-session.js';
import { PolicyThread } from './policy-thread.js';
import { shopFromMetadata, shopFromSnapshot } from './sample/shop.js';
import { createDatabaseServer, type DatabaseServerOptions } from './server.js';

export interface StartDatabaseOptions extends ServeOptions, DatabaseServerOptions {
  /** Where the built workers are, when they are not the package's own. */
  readonly workers?: WorkerUrls;
  /** The data to serve instead of the sample shop. */
  readonly session?: SessionOptions;
}

/**
 * Starts the database, then listens: a client that gets through gets answers. Closing lets running queries finish
 * as `serve` does, and stops the database after that.
 *
 * @throws ServeError  SRV401-403 of `serve`, SRV405 without the engine, SRV406 when it does not start
 */
export async function startDatabaseServer(options: StartDatabaseOptions, op: Operation): Promise<Served> {
  const session = options.session ?? (await sampleShop());
  const workers = options.workers ?? builtWorkerUrls();
  const engine = await startGuarded(
    PgliteEngine.start({ ...session, workerUrl: workers.database }, op),
    workers,
  );
  let served: Served;
  try {
    served = await serve(() => createDatabaseServer(engine, options, op), options, op);
  } catch (error) {
    await engine.close();
    throw error;
  }
  const ended = served.ended.then(() => engine.close());
  return {
    ...served,
    ended,
    async close(graceMs) {
      await served.close(graceMs);
      await engine.close();
    },
  };
}

async function sampleShop(): Promise<SessionOptions> {
  const snapshot = builtSnapshotPath();
  return snapshot === undefined ? shopFromMetadata(shippedMetadataPath()) : shopFromSnapshot(snapshot);
}

/** The parser loads beside the database; where one of them fails, the other is stopped. */
export async function startGuarded(starting: Promise<Engine>, workers: WorkerUrls): Promise<Engine> {
  const [engine, policy] = await Promise.allSettled([
    starting,
    PolicyThread.start(workers.policy, { schemas: [] }),
  ]);
  if (engine.status === 'fulfilled' && policy.status === 'fulfilled') {
    return new GuardedEngine(engine.value, policy.value);
  }
  if (engine.status === 'fulfilled') await engine.value.close();
  if (policy.status === 'fulfilled') await policy.value.close();
  throw engine.status === 'rejected' ? engine.reason : (policy as PromiseRejectedResult).reason;
}
