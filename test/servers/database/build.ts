import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'tsup';
import { shopFromSnapshot, writeShopSnapshot } from '../../../src/servers/database/sample/shop.js';
import type { WorkerUrls } from '../../../src/servers/database/package-files.js';
import type { SessionOptions } from '../../../src/servers/database/pglite-session.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const sources = join(root, 'src/servers/database');
export const metadataPath = join(root, 'resources/product_metadata.json');

export interface BuiltDatabase {
  readonly workers: WorkerUrls;
  readonly shop: SessionOptions;
  /** `query-policy.ts`, for a thread of a test's own. */
  readonly queryPolicy: URL;
}

/**
 * What a build puts into `dist/`, made for the tests once for each state of the sources: the worker, which a thread
 * cannot load as TypeScript, and the snapshot, which takes seconds. It lies under `node_modules`, so that the worker
 * finds its packages.
 */
export async function buildDatabase(): Promise<BuiltDatabase> {
  const folder = join(root, 'node_modules/.cache/mcpx-test', `database-${await sourceHash()}`);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    await Promise.all([
      build({
        entry: {
          'database-worker': join(sources, 'worker.ts'),
          'policy-worker': join(sources, 'policy-worker.ts'),
          'query-policy': join(sources, 'query-policy.ts'),
        },
        outDir: unfinished,
        format: 'esm',
        splitting: false,
        outExtension: () => ({ js: '.mjs' }),
        external: ['@electric-sql/pglite'],
        config: false,
        silent: true,
        clean: false,
      }),
      writeShopSnapshot(join(unfinished, 'sample-shop.tar.gz'), metadataPath),
    ]);
    await rename(unfinished, folder).catch(async (error: unknown) => {
      // Another test file was faster, and made the same.
      if (!existsSync(folder)) throw error;
      await rm(unfinished, { recursive: true });
    });
  }
  return {
    workers: {
      database: pathToFileURL(join(folder, 'database-worker.mjs')),
      policy: pathToFileURL(join(folder, 'policy-worker.mjs')),
    },
    queryPolicy: pathToFileURL(join(folder, 'query-policy.mjs')),
    shop: shopFromSnapshot(join(folder, 'sample-shop.tar.gz')),
  };
}

async function sourceHash(): Promise<string> {
  const names = await readdir(sources, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => join(sources, name));
  const hash = createHash('sha256');
  for (const file of [...files.sort(), import.meta.filename, join(root, 'src/core/errors.ts'), metadataPath])
    hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
