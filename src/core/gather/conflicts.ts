import type { ServerConfig } from '../config/config.js';
import type { Conflict, Outcome } from './outcome.js';

/**
 * The URIs that more than one server has. The one asked for by priority wins: outcomes come best first, so the
 * first owner is the winner.
 */
export function findConflicts(outcomes: readonly Outcome[]): readonly Conflict[] {
  return [
    ...conflictsAmong('resource-uri', outcomes, (outcome) => outcome.resources.map(({ uri }) => uri)),
    ...conflictsAmong('template-uri', outcomes, (outcome) =>
      outcome.templates.map(({ uriTemplate }) => uriTemplate),
    ),
  ];
}

/**
 * The keys that more than one owner has, sorted.
 *
 * @param owners  best priority first
 */
export function conflictsAmong<Owner extends { readonly server: ServerConfig }, Kind extends string>(
  kind: Kind,
  owners: readonly Owner[],
  keysOf: (owner: Owner) => readonly string[],
): readonly (Omit<Conflict, 'kind'> & { readonly kind: Kind })[] {
  const byKey = new Map<string, ServerConfig[]>();
  for (const owner of owners) {
    for (const key of new Set(keysOf(owner))) {
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [owner.server]);
      else known.push(owner.server);
    }
  }
  return [...byKey]
    .filter(([, servers]) => servers.length > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, [winner, ...losers]]) => {
      const [next] = losers;
      if (winner === undefined || next === undefined) return [];
      const rule =
        winner.priority === next.priority
          ? `equal priority ${winner.priority}, id "${winner.id}" before "${next.id}"`
          : `priority ${winner.priority} < ${next.priority}`;
      return [{ kind, key, winner: winner.id, losers: losers.map(({ id }) => id), rule }];
    });
}
