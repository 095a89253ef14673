import type { Conflict, Outcome } from './outcome.js';

/**
 * The URIs that more than one server has. The one asked for by priority wins: outcomes come best first, so the
 * first owner is the winner.
 */
export function findConflicts(outcomes: readonly Outcome[]): readonly Conflict[] {
  const resources = owners(outcomes, (outcome) => outcome.resources.map(({ uri }) => uri));
  const templates = owners(outcomes, (outcome) => outcome.templates.map(({ uriTemplate }) => uriTemplate));
  return [...conflicts('resource-uri', resources), ...conflicts('template-uri', templates)];
}

function owners(
  outcomes: readonly Outcome[],
  keysOf: (outcome: Outcome) => readonly string[],
): ReadonlyMap<string, readonly Outcome[]> {
  const byKey = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    for (const key of new Set(keysOf(outcome))) byKey.set(key, [...(byKey.get(key) ?? []), outcome]);
  }
  return byKey;
}

function conflicts(kind: Conflict['kind'], byKey: ReadonlyMap<string, readonly Outcome[]>): Conflict[] {
  return [...byKey]
    .filter(([, owners]) => owners.length > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, [winner, ...losers]]) => {
      const [next] = losers;
      if (winner === undefined || next === undefined) return [];
      const rule =
        winner.server.priority === next.server.priority
          ? `equal priority ${winner.server.priority}, id "${winner.server.id}" before "${next.server.id}"`
          : `priority ${winner.server.priority} < ${next.server.priority}`;
      return [{ kind, key, winner: winner.server.id, losers: losers.map(({ server }) => server.id), rule }];
    });
}
