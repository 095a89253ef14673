import { watchFile } from '../../core/config/watch-file.js';
import { describeProblem } from '../../core/config/problem.js';
import type { Operation } from '../../core/operation.js';
import { serve, type Served, type ServeOptions } from '../serve.js';
import { loadMetadata } from './load.js';
import { createReload } from './reload.js';
import { createMetadataServer } from './server.js';
import { MetadataStore } from './store.js';

export interface MetadataServeOptions extends ServeOptions {
  readonly metadataPath: string;
  /** Takes the file over whenever it changes; on unless false. */
  readonly watch?: boolean;
}

export interface ServedMetadata extends Served {
  /** Reads the file again, as on SIGHUP. Resolves to whether what it holds is served now. */
  readonly reload: () => Promise<boolean>;
}

/** More than this many are for `validate-config --metadata` to show. */
const MAX_LOGGED_WARNINGS = 20;

/**
 * Serves a product-metadata file; it is checked before anything listens.
 *
 * @throws ConfigurationError where the file is missing or wrong, with `context.problems`
 * @throws ServeError where the address cannot be listened on
 */
export async function startMetadataServer(
  options: MetadataServeOptions,
  op: Operation,
): Promise<ServedMetadata> {
  const { metadataPath: file } = options;
  // Watched before it is read, so that no change falls between the two.
  let onChange = () => {
    changedMeanwhile = true;
  };
  let changedMeanwhile = false;
  const stop = options.watch === false ? () => undefined : await watchFile(file, () => onChange());
  try {
    const { metadata, modified, warnings } = await loadMetadata(file);
    const store = new MetadataStore(metadata, modified);
    op.log('metadata.loaded', { file, products: metadata.products.size, mappings: metadata.mappings.size });
    for (const warning of warnings.slice(0, MAX_LOGGED_WARNINGS)) {
      op.log('metadata.warning', { code: warning.code, message: describeProblem(warning) }, 'warn');
    }

    const cacheScope = options.bearerToken === undefined ? 'public' : 'private';
    const served = await serve(() => createMetadataServer(store, { cacheScope }), options, op);
    void served.ended.then(stop);
    const reload = createReload(file, store, served.notify, op);
    onChange = () => void reload();
    if (changedMeanwhile) onChange();
    return { ...served, reload };
  } catch (error) {
    stop();
    throw error;
  }
}
