import type { Operation } from '../../core/operation.js';
import { serve, type Served, type ServeOptions } from '../serve.js';
import { builtSnapshotPath, builtWorkerUrl, shippedMetadataPath } from './package-files.js';
import { PgliteEngine } from './pglite-engine.js';
import type { SessionOptions } from './pglite-session.js';
import { shopFromMetadata, shopFromSnapshot } from './sample/shop.js';
import { createDatabaseServer, type DatabaseServerOptions } from './server.js';

export interface StartDatabaseOptions extends ServeOptions, DatabaseServerOptions {
  /** Where the built worker is, when it is not the package's own. */
  readonly workerUrl?: URL;
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
  const engine = await PgliteEngine.start(
    { ...session, workerUrl: options.workerUrl ?? builtWorkerUrl() },
    op,
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
