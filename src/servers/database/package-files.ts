import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The folder of mcpx's own package, where this file stands: in `src/` of a checkout or in `dist/` of an installed
 * one. In the CommonJS bundle there is no `import.meta`, in the sources no `__dirname`.
 */
function packageRoot(): string {
  let folder = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The threads' code, which cannot be loaded as TypeScript. */
export interface WorkerUrls {
  /** Of `worker.ts`. */
  readonly database: URL;
  /** Of `policy-worker.ts`. */
  readonly policy: URL;
}

/** What the build made of them. */
export function builtWorkerUrls(): WorkerUrls {
  const built = (name: string): URL => pathToFileURL(join(packageRoot(), 'dist', name));
  return { database: built('database-worker.js'), policy: built('policy-worker.js') };
}

/** The sample shop as the build made it ready, or undefined in a checkout that was not built. */
export function builtSnapshotPath(): string | undefined {
  const path = join(packageRoot(), 'dist', SNAPSHOT_NAME);
  return existsSync(path) ? path : undefined;
}

const SNAPSHOT_NAME = 'sample-shop.tar.gz';

/** The product metadata that the package ships; the sample shop sells its products. */
export function shippedMetadataPath(): string {
  return join(packageRoot(), 'resources', 'product_metadata.json');
}
