import { isDeepStrictEqual } from 'node:util';
import { buildIndex, type ResolverIndex } from './build-index.js';
import type { Catalogue } from './types.js';

/**
 * Builds the index of a domain once for each state of its catalogues. What is kept is the index, never an answer:
 * the catalogues are compared at each call, so that a changed one is seen at once.
 */
export class IndexKeeper {
  readonly #kept = new Map<string, { catalogues: readonly Catalogue[]; index: ResolverIndex }>();

  indexFor(domain: string, catalogues: readonly Catalogue[]): ResolverIndex {
    const kept = this.#kept.get(domain);
    if (kept !== undefined && areEqual(kept.catalogues, catalogues)) return kept.index;
    const index = buildIndex(catalogues);
    this.#kept.set(domain, { catalogues, index });
    return index;
  }
}

function areEqual(one: readonly Catalogue[], other: readonly Catalogue[]): boolean {
  try {
    return isDeepStrictEqual(one, other);
  } catch {
    // Nested deeper than the stack: then it counts as changed.
    return false;
  }
}
