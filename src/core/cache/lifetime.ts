import type { Entry } from './entry.js';

/** Where an answer came from and how long it may be used. */
export interface Freshness {
  /** Taken from the cache; false for the server's own, fresh answer. */
  readonly hit: boolean;
  /** What set the time to live: the server's hint, the configuration, or nothing (not cached). */
  readonly source: 'server-hint' | 'config' | 'none';
  readonly ttlMs: number;
  readonly ageMs: number;
  readonly scope: Scope;
  /** The time to live is over, and the server could not be asked: `serve_stale_on_error`. */
  readonly stale?: true;
}

/** The freshness of an answer that no cache had to do with. */
export const NOT_CACHED: Freshness = { hit: false, source: 'none', ttlMs: 0, ageMs: 0, scope: 'private' };

/** Who may share an answer (2026-07-28, `cacheScope`). Ours are kept by credentials in either case. */
export type Scope = 'public' | 'private';

/** What the configuration says of one server's answers. */
export interface CachePolicy {
  /** 0 switches the cache off: nothing is looked up and nothing is kept. */
  readonly ttlMs: number;
  /** Whether the server has a `cache.ttl` of its own, which outweighs its hint of 0. */
  readonly isOwn: boolean;
  readonly honorServerHints: boolean;
}

/** No server may bind us for longer: a hint is a number from outside. */
const LONGEST_HINT_MS = 24 * 3600 * 1000;

/**
 * How long an answer stays fresh: the server's hint where it is above 0, else the configuration. A hint of 0 counts
 * unless the configuration has a time for just this server.
 */
export function lifetimeOf(
  hintMs: number | undefined,
  policy: CachePolicy,
): { readonly ttlMs: number; readonly source: 'server-hint' | 'config' } {
  if (policy.honorServerHints && hintMs !== undefined) {
    if (hintMs > 0) return { ttlMs: Math.min(hintMs, LONGEST_HINT_MS), source: 'server-hint' };
    if (!policy.isOwn) return { ttlMs: 0, source: 'server-hint' };
  }
  return { ttlMs: policy.ttlMs, source: 'config' };
}

/**
 * How old a kept answer is, and whether its time is over.
 *
 * @param now  milliseconds since 1970
 */
export function freshnessOf(entry: Entry, policy: CachePolicy, now: number): Freshness {
  const lifetime = lifetimeOf(entry.hintMs, policy);
  const ageMs = now - entry.storedAt;
  // A clock that was set back, or a file from the future, says nothing about age.
  const isFresh = entry.isOutdated !== true && ageMs >= 0 && ageMs < lifetime.ttlMs;
  return {
    hit: true,
    ...lifetime,
    ageMs: Math.max(0, ageMs),
    scope: entry.scope,
    ...(isFresh ? {} : { stale: true }),
  };
}
