import type { Description, Mapping } from './read-catalogue.js';
import type { DescriptionConflict, FieldDifference, ResolutionWarning } from './types.js';

/** A server as far as the decision between two of them goes. */
export interface Ranked {
  readonly server: string;
  readonly priority: number;
}

/** Why the first of two servers comes first, in words: `priority 1 < 10`. */
export function ruleBetween(winner: Ranked, loser: Ranked): string {
  return winner.priority === loser.priority
    ? `equal priority ${winner.priority}: id ${winner.server} before ${loser.server}`
    : `priority ${winner.priority} < ${loser.priority}`;
}

/** Why the first of the servers that describe something is the one that counts. */
export function explainWinner(ranked: readonly Ranked[], askedFor = false): string {
  const [winner, ...others] = distinct(ranked);
  if (askedFor) return 'the server that was asked for';
  if (winner === undefined || others.length === 0) return 'the only server that knows it';
  return others.map((loser) => `${ruleBetween(winner, loser)} (${loser.server})`).join(', ');
}

/** RES302 for every server that lost against an equal priority. */
export function tieWarnings(ranked: readonly Ranked[]): readonly ResolutionWarning[] {
  const [winner, ...others] = distinct(ranked);
  if (winner === undefined) return [];
  return others
    .filter((loser) => loser.priority === winner.priority)
    .map((loser) => ({
      code: 'RES302',
      server: loser.server,
      message: `${winner.server} and ${loser.server} have the same priority ${winner.priority}; the id decided for ${winner.server}`,
    }));
}

/** What the servers after the first say about an entity, and where it is something else. */
export function entityConflicts(descriptions: readonly Description[]): readonly DescriptionConflict[] {
  const [winner, ...losers] = descriptions;
  if (winner === undefined) return [];
  return losers.map((loser) => ({
    kind: 'entity',
    key: winner.canonicalId,
    winner: winner.catalogue.server,
    losers: [loser.catalogue.server],
    rule:
      winner.catalogue.server === loser.catalogue.server
        ? `described twice by ${winner.catalogue.server}: the first counts`
        : ruleBetween(winner.catalogue, loser.catalogue),
    differences: differencesBetween(winner, loser),
  }));
}

/** The servers that map a user term to another expression than the one that counts. */
export function columnConflicts(mappings: readonly Mapping[]): readonly DescriptionConflict[] {
  const [winner, ...losers] = mappings;
  if (winner === undefined) return [];
  return losers
    .filter((loser) => loser.sqlExpression !== winner.sqlExpression)
    .map((loser) => ({
      kind: 'column-mapping',
      key: winner.userTerm,
      winner: winner.catalogue.server,
      losers: [loser.catalogue.server],
      rule: ruleBetween(winner.catalogue, loser.catalogue),
      differences: [
        {
          field: 'sql_expression',
          server: loser.catalogue.server,
          value: loser.sqlExpression,
          winning_value: winner.sqlExpression,
        },
      ],
    }));
}

function differencesBetween(winner: Description, loser: Description): readonly FieldDifference[] {
  const columns = new Set([
    ...Object.keys(winner.databaseReferences),
    ...Object.keys(loser.databaseReferences),
  ]);
  const fields: readonly (readonly [string, unknown, unknown])[] = [
    ['key', loser.key, winner.key],
    ['canonical_id', loser.canonicalId, winner.canonicalId],
    ['canonical_name', loser.canonicalName, winner.canonicalName],
    ['aliases', [...loser.aliases].sort(), [...winner.aliases].sort()],
    ...[...columns]
      .sort()
      .map(
        (column) =>
          [
            `database_references.${column}`,
            own(loser.databaseReferences, column),
            own(winner.databaseReferences, column),
          ] as const,
      ),
    ['categories', [...loser.categories].sort(), [...winner.categories].sort()],
  ];
  return fields
    .filter(([, value, winning]) => JSON.stringify(value) !== JSON.stringify(winning))
    .map(([field, value, winning]) => ({
      field,
      server: loser.catalogue.server,
      value: value ?? null,
      winning_value: winning ?? null,
    }));
}

function own(values: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function distinct(ranked: readonly Ranked[]): readonly Ranked[] {
  return ranked.filter((one, index) => ranked.findIndex((other) => other.server === one.server) === index);
}
