import { lifetimeOf } from '../../core/cache/lifetime.js';
import type { CacheHints } from '../../core/clients/resource-client.js';
import type { ServerCache } from '../../core/gather/answers.js';
import type { Entry } from './kinds.js';

/** A list of one server, and how long it may be used. */
export interface Held {
  readonly entries: readonly Entry[];
  /** When it was asked for, on the clock of `performance.now()`. */
  readonly at: number;
  readonly ttlMs: number;
  readonly scope: 'public' | 'private';
}

/** How long a list stays fresh, by the rules of the cache: 0 where that is off. */
export function ttlOf({ mode, policy }: ServerCache, { ttlMs }: CacheHints): number {
  return mode === 'off' || policy.ttlMs <= 0 ? 0 : lifetimeOf(ttlMs, policy).ttlMs;
}

/** The hints of an answer that is made of several: the least time that is left, private if any of them is. */
export function combinedHints(
  parts: readonly Pick<Held, 'at' | 'ttlMs' | 'scope'>[],
  isComplete: boolean,
  now = performance.now(),
): Required<CacheHints> {
  const left = parts.map(({ at, ttlMs }) => Math.max(0, at + ttlMs - now));
  return {
    // What lacks a server is no list to keep; and who has no server knows nothing to keep.
    ttlMs: isComplete && left.length > 0 ? Math.floor(Math.min(...left)) : 0,
    cacheScope: parts.length > 0 && parts.every(({ scope }) => scope === 'public') ? 'public' : 'private',
  };
}
