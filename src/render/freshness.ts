import type { Freshness } from '../core/cache/lifetime.js';
import { humanMs } from './units.js';

/** Where an answer came from, for programs. */
export function freshnessReport(freshness: Freshness): Readonly<Record<string, unknown>> {
  return {
    hit: freshness.hit,
    source: freshness.source,
    ttl_ms: freshness.ttlMs,
    age_ms: freshness.ageMs,
    scope: freshness.scope,
    ...(freshness.stale === true ? { stale: true } : {}),
  };
}

/** How old kept answers are at most, for people; `-` where all are the server's own. */
export function ageText(answers: readonly Freshness[]): string {
  const hits = answers.filter(({ hit }) => hit);
  if (hits.length === 0) return '-';
  const age = `${humanMs(Math.max(...hits.map(({ ageMs }) => ageMs)))} old`;
  return hits.length === answers.length ? age : `${hits.length}/${answers.length}, ${age}`;
}
