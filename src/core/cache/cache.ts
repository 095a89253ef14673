import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import { withSignal, type Operation } from '../operation.js';
import { abortable } from '../resilience/deadline.js';
import type { DiskStore } from './disk-store.js';
import { weigh, type Entry, type Shelf } from './entry.js';
import {
  freshnessOf,
  lifetimeOf,
  NOT_CACHED,
  type CachePolicy,
  type Freshness,
  type Scope,
} from './lifetime.js';

/**
 * `refresh` asks the server, from now on and not by joining who asked before, and keeps the answer; `off` asks and keeps
 * nothing.
 */
export type CacheMode = 'use' | 'refresh' | 'off';

export interface CacheOptions {
  readonly maxBytes: number;
  /** Keeps the store of other processes; memory alone when left out. */
  readonly disk?: DiskStore;
  readonly now?: () => number;
}

/** What is asked for, and how it may be answered. */
export interface Question {
  readonly shelf: Shelf;
  /** Tells the answers of one server apart. */
  readonly name: string;
  readonly policy: CachePolicy;
  readonly mode: CacheMode;
  /** Whether a kept value has the shape that its user counts on: a file may hold anything. */
  readonly accepts: (value: unknown) => boolean;
  /** Nobody else in this process can ask for the same: sharing a request would cost time and give nothing. */
  readonly isAlone?: boolean;
  /** Whether an answer whose time is over may stand in for this failure. */
  readonly mayBeStale?: (failure: unknown) => boolean;
}

/** An answer that has just come from a server. */
export interface Loaded<T> {
  readonly value: T;
  readonly hintMs?: number;
  readonly scope?: Scope;
  /** Whether it may answer anybody else later; it may when left out. */
  readonly isForKeeping?: boolean;
}

export interface Answer<T> {
  readonly value: T;
  readonly freshness: Freshness;
  /** Why the answer is stale. */
  readonly failure?: unknown;
}

export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
}

/** One request to a server that several wait for; it is given up when the last of them has gone. */
interface Load {
  readonly answer: Promise<Answer<unknown>>;
  readonly controller: AbortController;
  waiting: number;
  /** What it was asked for has changed meanwhile, so its answer is not kept. */
  outdated: boolean;
}

/**
 * The only cache of mcpx: what servers listed and what was read from them, for as long as that is fresh.
 *
 * It holds at most `maxBytes`; what was not used for the longest time leaves first. Whoever asks for the same thing
 * at the same time shares one request, which lives on when the first of them gives up.
 *
 * @see DESIGN, "How it behaves", Cache
 */
export class ResourceCache {
  readonly #entries: LRUCache<string, Entry>;
  /** What is held, by shelf: a long-running process drops one server's answers often, among those of many. */
  readonly #names = new Map<string, Set<string>>();
  readonly #disk: DiskStore | undefined;
  readonly #now: () => number;
  readonly #loads = new Map<string, Load>();
  /** Shelves that were read from disk, and those with something new for it. */
  readonly #known = new Set<string>();
  readonly #changed = new Map<string, Shelf>();
  #hits = 0;
  #misses = 0;

  constructor(options: CacheOptions) {
    this.#entries = new LRUCache<string, Entry>({
      // The library wants a size above 0; nothing weighs so little.
      maxSize: Math.max(1, Math.floor(options.maxBytes)),
      sizeCalculation: ({ bytes }) => bytes,
      dispose: (_entry, key, reason) => {
        if (reason !== 'set') this.#forgetName(key);
      },
    });
    this.#disk = options.disk;
    this.#now = options.now ?? Date.now;
  }

  get counts(): CacheCounts {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /**
   * Answers from what is kept while it is fresh, else by asking.
   *
   * @param load  asks the server; its operation ends when nobody waits for the answer any more
   * @throws what `load` throws, and the reason of the operation's signal
   */
  async load<T>(
    question: Question,
    load: (op: Operation) => Promise<Loaded<T>>,
    op: Operation,
  ): Promise<Answer<T>> {
    const isOn = question.mode !== 'off' && question.policy.ttlMs > 0;
    if (!isOn) {
      this.#misses += 1;
      const { value, scope } = await load(op);
      return { value, freshness: { ...NOT_CACHED, ...(scope === undefined ? {} : { scope }) } };
    }
    const isRefresh = question.mode === 'refresh';
    let usable = isRefresh ? undefined : this.#usable(question);
    if (usable !== undefined && usable.freshness.stale !== true) {
      this.#hits += 1;
      return usable as Answer<T>;
    }
    try {
      this.#misses += 1;
      // What was asked before this call may be answered with what was true before it.
      if (isRefresh) this.#abandon(question.shelf, question.name);
      const asked =
        question.isAlone === true
          ? this.#ask(question, load, op, () => true)
          : this.#shared(question, load, op);
      // Only a failure needs it, so the file is read while the server is at work.
      if (isRefresh) usable = this.#usable(question);
      return await asked;
    } catch (failure) {
      if (usable === undefined || question.mayBeStale?.(failure) !== true) throw failure;
      return { value: usable.value as T, freshness: { ...usable.freshness, stale: true }, failure };
    }
  }

  /** What is kept and fresh, for who would `load` it otherwise. */
  fresh<T>(question: Question): Answer<T> | undefined {
    if (question.mode !== 'use' || question.policy.ttlMs <= 0) return undefined;
    const usable = this.#usable(question);
    if (usable === undefined || usable.freshness.stale === true) return undefined;
    this.#hits += 1;
    return usable as Answer<T>;
  }

  #usable({ shelf, name, policy, accepts }: Question): Answer<unknown> | undefined {
    const kept = this.#find(shelf, name);
    if (kept === undefined || !accepts(kept.value)) return undefined;
    return { value: kept.value, freshness: freshnessOf(kept, policy, this.#now()) };
  }

  /** What is kept under a name, whether or not it is still fresh. */
  peek(shelf: Shelf, name: string): unknown {
    return this.#find(shelf, name)?.value;
  }

  /** Keeps something that is known without a request of its own. */
  keep(shelf: Shelf, name: string, value: unknown): void {
    this.#put(shelf, name, { storedAt: this.#now(), scope: 'private', bytes: weigh(value), value });
  }

  /** Forgets one answer, or all of a server; what is being asked for just now is not kept either. */
  drop(shelf: Shelf, name?: string): void {
    this.#readOnce(shelf);
    const names = name === undefined ? this.#namesOf(shelf) : [name];
    for (const each of names) {
      this.#entries.delete(keyOf(shelf, each));
      this.#abandon(shelf, each);
    }
    this.#disk?.forget(shelf.key, name, this.#now());
    this.#markChanged(shelf);
  }

  /** Ends the time of all answers of a server; they may still stand in for a failure. */
  expire(shelf: Shelf): void {
    this.#readOnce(shelf);
    for (const name of this.#namesOf(shelf)) {
      const entry = this.#entries.peek(keyOf(shelf, name));
      if (entry !== undefined) this.#hold(shelf, name, { ...entry, isOutdated: true });
      this.#abandon(shelf, name);
    }
    this.#markChanged(shelf);
  }

  /** Writes what is new to disk, where there is one. A disk that fails costs the cache and nothing else. */
  flush(): void {
    if (this.#disk === undefined) return;
    const kept = [...this.#changed.values()].map((shelf) => {
      const entries = [...(this.#names.get(shelf.key) ?? [])].flatMap((name): [string, Entry][] => {
        const entry = this.#entries.peek(keyOf(shelf, name));
        return entry === undefined ? [] : [[name, entry]];
      });
      return [shelf, entries] as const;
    });
    if (kept.length > 0) this.#disk.writeAll(kept);
    this.#changed.clear();
  }

  /** Whoever asks from now on asks anew, and what is being asked for just now is not kept. */
  #abandon(shelf: Shelf, name: string): void {
    // The first to ask need not know the key of its shelf, which is a digest and takes a while.
    if (this.#loads.size === 0) return;
    const key = keyOf(shelf, name);
    const load = this.#loads.get(key);
    if (load !== undefined) load.outdated = true;
    this.#loads.delete(key);
  }

  async #shared<T>(
    question: Question,
    load: (op: Operation) => Promise<Loaded<T>>,
    op: Operation,
  ): Promise<Answer<T>> {
    const key = keyOf(question.shelf, question.name);
    const joined = this.#loads.get(key) ?? this.#start(key, question, load, op);
    joined.waiting += 1;
    try {
      return (await abortable(joined.answer, op.signal)) as Answer<T>;
    } finally {
      joined.waiting -= 1;
      if (joined.waiting === 0) {
        if (op.signal.aborted) joined.controller.abort(op.signal.reason);
        if (this.#loads.get(key) === joined) this.#loads.delete(key);
      }
    }
  }

  #start<T>(
    key: string,
    question: Question,
    load: (op: Operation) => Promise<Loaded<T>>,
    op: Operation,
  ): Load {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const inner = withSignal(op, controller.signal);
    const answer = this.#ask(question, load, inner, () => !started.outdated);
    const started: Load = { answer, controller, waiting: 0, outdated: false };
    this.#loads.set(key, started);
    // Each of those who wait hears of a failure; when all have gone nobody does.
    started.answer.catch(() => undefined);
    return started;
  }

  /** Asks the server, and keeps its answer where it may be kept. */
  async #ask<T>(
    question: Question,
    load: (op: Operation) => Promise<Loaded<T>>,
    op: Operation,
    mayKeep: () => boolean,
  ): Promise<Answer<T>> {
    const { value, hintMs, scope = 'private', isForKeeping = true } = await load(op);
    if (!isForKeeping) return { value, freshness: { ...NOT_CACHED, scope } };
    const lifetime = lifetimeOf(hintMs, question.policy);
    // Something newer may be kept by now.
    if (!mayKeep()) return { value, freshness: { hit: false, ...lifetime, ageMs: 0, scope } };
    if (lifetime.ttlMs <= 0) {
      // What was kept before is older than this, however long it was meant to last.
      if (this.#entries.has(keyOf(question.shelf, question.name))) this.drop(question.shelf, question.name);
    } else {
      const hint = hintMs === undefined ? {} : { hintMs };
      const entry = { storedAt: this.#now(), ...hint, scope, bytes: weigh(value), value };
      this.#put(question.shelf, question.name, entry);
    }
    return { value, freshness: { hit: false, ...lifetime, ageMs: 0, scope } };
  }

  #find(shelf: Shelf, name: string): Entry | undefined {
    this.#readOnce(shelf);
    return this.#entries.get(keyOf(shelf, name));
  }

  #put(shelf: Shelf, name: string, entry: Entry): void {
    this.#hold(shelf, name, entry);
    this.#markChanged(shelf);
  }

  #hold(shelf: Shelf, name: string, entry: Entry): void {
    const key = keyOf(shelf, name);
    this.#entries.set(key, entry);
    // What is larger than the whole cache is not held.
    if (!this.#entries.has(key)) return this.#forgetName(key);
    const names = this.#names.get(shelf.key) ?? new Set();
    this.#names.set(shelf.key, names.add(name));
  }

  #forgetName(key: string): void {
    const end = key.indexOf(' ');
    const shelfKey = key.slice(0, end);
    const names = this.#names.get(shelfKey);
    names?.delete(key.slice(end + 1));
    if (names?.size === 0) this.#names.delete(shelfKey);
  }

  #markChanged(shelf: Shelf): void {
    if (this.#disk !== undefined) this.#changed.set(shelf.key, shelf);
  }

  #readOnce(shelf: Shelf): void {
    if (this.#disk === undefined || this.#known.has(shelf.key)) return;
    this.#known.add(shelf.key);
    for (const [name, entry] of this.#disk.read(shelf.key)) this.#hold(shelf, name, entry);
  }

  /** What is held of a server, and what it is being asked for just now. */
  #namesOf(shelf: Shelf): readonly string[] {
    const prefix = keyOf(shelf, '');
    const asked = [...this.#loads.keys()].filter((key) => key.startsWith(prefix));
    return [...(this.#names.get(shelf.key) ?? []), ...asked.map((key) => key.slice(prefix.length))];
  }
}

function keyOf(shelf: Shelf, name: string): string {
  return `${shelf.key} ${name}`;
}
