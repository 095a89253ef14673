import type { Entity, MappedTerm, ResolverIndex } from './build-index.js';
import { columnConflicts, entityConflicts, explainWinner, tieWarnings } from './conflicts.js';
import { seek, type Hit, type Sought } from './name-table.js';
import { LONGEST_NAME, type Description, type Mapping } from './read-catalogue.js';
import type {
  AmbiguousTerm,
  Candidate,
  ColumnMappingMatch,
  Match,
  ResolvedEntity,
  ResolvedTerm,
  ResolveOptions,
  TermResolution,
  UnknownTerm,
  Winner,
} from './types.js';

const DEFAULT_LIMIT = 10;
const NEAR_LIMIT = 3;
// A hostile catalogue may give one alias to all of its products.
const MAX_CANDIDATES = 1_000;

/**
 * Says what a term means. The levels are tried from the strictest on, and the first that finds anything answers:
 *
 * 1. exact: the name, letter by letter (1.0)
 * 2. folded: case, accents, spaces and punctuation do not count (0.98)
 * 3. tokens: the same words in any order, singular or plural (0.95)
 * 4. fuzzy: a typing error, two in long names; numbers, units and single letters must be equal (below 0.95)
 * 5. partial: a part of a name; only suggested (at most 0.5)
 *
 * One entity is `resolved`, several are `ambiguous`: none of them is ever picked, whichever server describes it.
 * Priority decides only between servers that describe the same entity. Nothing is remembered between calls.
 */
export function resolveTerm(
  index: ResolverIndex,
  term: string,
  options: ResolveOptions = {},
): TermResolution {
  const { server, fuzzy = 0, limit = DEFAULT_LIMIT, columns = false } = options;
  const text = term.trim();
  // Punctuation may surround a name, but no name is that long: the answer is known without looking.
  if (text === '' || text.length > 4 * LONGEST_NAME) return unknown(term, [], [], []);

  const sought = seek(text);
  const found = findAccepted(index, sought, options);
  const answer = answerFrom(term, found, { server, columns });
  if (answer !== undefined) return answer;
  const refused = index.entities.find(sought, { server });
  const partial = refused.length > 0 ? refused : index.entities.findPartial(sought, server).slice(0, limit);
  if (partial.length > 1 && partial.every((hit) => hit.score >= fuzzy)) {
    return ambiguous(term, partial, found.columns, server);
  }
  return unknown(
    term,
    partial.map((hit) => candidate(hit, server)),
    index.entities
      .findNear(sought, server)
      .slice(0, NEAR_LIMIT)
      .map((hit) => candidate(hit, server)),
    found.columns.map((hit) => columnMatch(hit, server)),
  );
}

/** What a text may stand for, at the least score that the caller accepts. */
export interface Found {
  readonly entities: readonly Hit<Entity>[];
  readonly columns: readonly Hit<MappedTerm>[];
}

export function findAccepted(
  index: ResolverIndex,
  sought: Sought,
  options: Pick<ResolveOptions, 'fuzzy' | 'server'> & { readonly typos?: boolean },
): Found {
  const isAccepted = (hit: Hit<unknown>): boolean => hit.score >= (options.fuzzy ?? 0);
  return {
    entities: index.entities.find(sought, options).filter(isAccepted),
    columns: index.columns.find(sought, options).filter(isAccepted),
  };
}

/** The answer that the accepted hits give: one entity, or several of which none is picked. */
export function answerFrom(
  term: string,
  { entities, columns }: Found,
  options: { readonly server: string | undefined; readonly columns: boolean },
): ResolvedTerm | AmbiguousTerm | undefined {
  const only = entities.length === 1 ? entities[0] : undefined;
  if (only !== undefined) return resolvedEntity(term, only, columns, options.server);
  if (entities.length > 1) return ambiguous(term, entities, columns, options.server);
  return options.columns && columns.length > 0 ? answeredByColumns(term, columns, options.server) : undefined;
}

/** The entity of a hit as the best server describes it, or as the one server does that was asked for. */
function entityOf(hit: Hit<Entity>, server?: string): ResolvedEntity {
  const description = winning(hit, server);
  return {
    canonical_id: description.canonicalId,
    canonical_name: description.canonicalName,
    database_references: description.databaseReferences,
    categories: description.categories,
    match: matchOf(hit),
  };
}

function winnerOf(hit: Hit<Entity>, server?: string): Winner {
  const { catalogue } = winning(hit, server);
  const all = server === undefined ? hit.entry.target.descriptions : [winning(hit, server)];
  return {
    server: catalogue.server,
    priority: catalogue.priority,
    reason: explainWinner(
      all.map((description) => description.catalogue),
      server !== undefined,
    ),
  };
}

function candidate(hit: Hit<Entity>, server?: string): Candidate {
  const description = winning(hit, server);
  return {
    canonical_id: description.canonicalId,
    canonical_name: description.canonicalName,
    score: hit.score,
    server: description.catalogue.server,
    match: matchOf(hit),
  };
}

function columnMatch(hit: Hit<MappedTerm>, server?: string): ColumnMappingMatch {
  const mapping = winningMapping(hit, server);
  return {
    user_term: mapping.userTerm,
    sql_expression: mapping.sqlExpression,
    server: mapping.catalogue.server,
    match: matchOf(hit),
  };
}

function resolvedEntity(
  term: string,
  hit: Hit<Entity>,
  columnHits: readonly Hit<MappedTerm>[],
  server: string | undefined,
): ResolvedTerm {
  const all = server === undefined ? hit.entry.target.descriptions : [winning(hit, server)];
  return {
    term,
    status: 'resolved',
    winner: winnerOf(hit, server),
    entity: entityOf(hit, server),
    candidates: [candidate(hit, server)],
    column_mappings: columnHits.map((columnHit) => columnMatch(columnHit, server)),
    near: [],
    conflicts: [
      ...entityConflicts(all),
      ...columnHits.flatMap((columnHit) => columnConflictsOf(columnHit, server)),
    ],
    warnings: tieWarnings(all.map((description) => description.catalogue)),
  };
}

function ambiguous(
  term: string,
  hits: readonly Hit<Entity>[],
  columnHits: readonly Hit<MappedTerm>[],
  server: string | undefined,
): AmbiguousTerm {
  return {
    term,
    status: 'ambiguous',
    winner: null,
    entity: null,
    candidates: hits.slice(0, MAX_CANDIDATES).map((hit) => candidate(hit, server)),
    column_mappings: columnHits.map((hit) => columnMatch(hit, server)),
    near: [],
    conflicts: [],
    warnings: [],
  };
}

function answeredByColumns(
  term: string,
  hits: readonly Hit<MappedTerm>[],
  server: string | undefined,
): ResolvedTerm | AmbiguousTerm {
  const column_mappings = hits.map((hit) => columnMatch(hit, server));
  const conflicts = hits.flatMap((hit) => columnConflictsOf(hit, server));
  const shared = { term, entity: null, candidates: [], column_mappings, near: [] as const, conflicts };
  const only = hits.length === 1 ? hits[0] : undefined;
  if (only === undefined) return { ...shared, status: 'ambiguous', winner: null, warnings: [] };
  const { catalogue } = winningMapping(only, server);
  const all =
    server === undefined ? only.entry.target.mappings.map((mapping) => mapping.catalogue) : [catalogue];
  const reason = explainWinner(all, server !== undefined);
  return {
    ...shared,
    status: 'resolved',
    winner: { server: catalogue.server, priority: catalogue.priority, reason },
    warnings: tieWarnings(all),
  };
}

function unknown(
  term: string,
  candidates: readonly Candidate[],
  near: readonly Candidate[],
  column_mappings: readonly ColumnMappingMatch[],
): UnknownTerm {
  return {
    term,
    status: 'unknown',
    winner: null,
    entity: null,
    candidates,
    column_mappings,
    near,
    conflicts: [],
    warnings: [],
  };
}

function matchOf(hit: Hit<unknown>): Match {
  return { method: hit.method, on: hit.entry.kind, name: hit.entry.text, score: hit.score };
}

function winning(hit: Hit<Entity>, server: string | undefined): Description {
  const { descriptions } = hit.entry.target;
  return descriptions.find(({ catalogue }) => catalogue.server === server) ?? descriptions[0];
}

function winningMapping(hit: Hit<MappedTerm>, server: string | undefined): Mapping {
  const { mappings } = hit.entry.target;
  return mappings.find(({ catalogue }) => catalogue.server === server) ?? mappings[0];
}

function columnConflictsOf(
  hit: Hit<MappedTerm>,
  server: string | undefined,
): ReturnType<typeof columnConflicts> {
  return server === undefined ? columnConflicts(hit.entry.target.mappings) : [];
}
