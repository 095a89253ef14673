import type { ServerNotifier } from '@modelcontextprotocol/server';
import { oneAtATime } from '../../core/config/one-at-a-time.js';
import { problemsIn } from '../../core/config/problem.js';
import { MCPOrchestratorException } from '../../core/errors.js';
import type { Operation } from '../../core/operation.js';
import { loadMetadata } from './load.js';
import type { Change, MetadataStore } from './store.js';

/**
 * Makes the function that takes a changed file over: checked first, and where it is broken the last good data
 * stays. Calls that come while one is at work are answered by one more reading.
 *
 * @returns whether what the file holds is being served now
 */
export function createReload(
  file: string,
  store: MetadataStore,
  notify: Pick<ServerNotifier, 'resourceUpdated' | 'resourcesChanged'>,
  op: Operation,
): () => Promise<boolean> {
  return oneAtATime(run);

  async function run(): Promise<boolean> {
    try {
      const { metadata, modified, warnings } = await loadMetadata(file);
      const change = store.replace(metadata, modified);
      if (change === undefined) {
        op.log('metadata.unchanged', { file }, 'debug');
        return true;
      }
      op.log('metadata.reloaded', {
        file,
        products: metadata.products.size,
        mappings: metadata.mappings.size,
        changed: change.resources,
        warnings: warnings.length,
      });
      tell(change);
      return true;
    } catch (error) {
      const code = error instanceof MCPOrchestratorException ? error.code : undefined;
      const message = error instanceof Error ? error.message : String(error);
      const problems = error instanceof MCPOrchestratorException ? problemsIn(error.context) : {};
      op.log('metadata.reload_refused', { file, code, message, ...problems }, 'warn');
      return false;
    }
  }

  function tell({ resources, names }: Change): void {
    for (const uri of resources) notify.resourceUpdated(uri);
    for (const name of names) notify.resourceUpdated(`product-aliases://${encodeURIComponent(name)}`);
    // The list carries the size and date of each resource, so it changed too.
    notify.resourcesChanged();
  }
}
