import type { Operation } from '../operation.js';
import type { Answer, Loaded, Question, ResourceCache } from './cache.js';
import type { DiskStore } from './disk-store.js';
import type { Entry, Shelf } from './entry.js';
import { freshnessOf, NOT_CACHED } from './lifetime.js';

/**
 * What the disk has, for a run that asks nobody and ends at the first answer that is missing: it needs no room for new
 * answers, and nothing of what shares requests.
 */
export class KeptCache implements Pick<ResourceCache, 'load' | 'peek' | 'keep' | 'drop'> {
  readonly #disk: DiskStore;
  readonly #now: () => number;
  readonly #shelves = new Map<string, ReadonlyMap<string, Entry>>();

  constructor(disk: DiskStore, now: () => number = Date.now) {
    this.#disk = disk;
    this.#now = now;
  }

  /** As `ResourceCache` answers from what is kept; whatever else it would do is left to `load`. */
  async load<T>(
    { shelf, name, policy, mode, accepts }: Question,
    load: (op: Operation) => Promise<Loaded<T>>,
    op: Operation,
  ): Promise<Answer<T>> {
    const isOn = mode === 'use' && policy.ttlMs > 0;
    const entry = isOn ? this.#find(shelf, name) : undefined;
    if (entry !== undefined && accepts(entry.value)) {
      const freshness = freshnessOf(entry, policy, this.#now());
      if (freshness.stale !== true) return { value: entry.value as T, freshness };
    }
    const { value } = await load(op);
    return { value, freshness: NOT_CACHED };
  }

  peek(shelf: Shelf, name: string): unknown {
    return this.#find(shelf, name)?.value;
  }

  /** What is new or wrong is kept or dropped by the whole run, which comes to the same. */
  keep(): void {}
  drop(): void {}

  #find({ key }: Shelf, name: string): Entry | undefined {
    let entries = this.#shelves.get(key);
    if (entries === undefined) {
      entries = new Map(this.#disk.read(key));
      this.#shelves.set(key, entries);
    }
    return entries.get(name);
  }
}
