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

const PARTIAL_LIMIT = 10;
const NEAR_LIMIT = 3;
// A hostile catalogue may give one alias to all of its products.
const MAX_CANDIDATES = 1_000;
// Nobody reads further to find out what to type.
const MAX_ASKED = 20;

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
  const { server, fuzzy = 0, all = false } = options;
  const text = term.trim();
  // Punctuation may surround a name, but no name is that long: the answer is known without looking.
  if (text === '' || text.length > 4 * LONGEST_NAME) return unknown(term, [], [], []);

  const sought = seek(text);
  const found = findAccepted(index, sought, options);
  const answer = answerFrom(index, term, found, options);
  if (answer !== undefined) return all ? withWeaker(answer, suggest(index, sought, options)) : answer;
  const { refused, partial, near } = suggest(index, sought, options);
  const suggested = refused.length > 0 ? refused : partial;
  const column_mappings = found.columns.map((hit) => columnMatch(hit, server));
  if (suggested.length > 1 && suggested.every(({ score }) => score >= fuzzy)) {
    return ambiguous(term, withWhatToAsk(index, suggested, server), column_mappings);
  }
  return unknown(term, suggested, near, column_mappings);
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

/** The answer that the accepted hits give: one of them, or several of which none is picked. */
export function answerFrom(
  index: ResolverIndex,
  term: string,
  { entities, columns }: Found,
  { server, among = 'entities' }: Pick<ResolveOptions, 'server' | 'among'>,
): ResolvedTerm | AmbiguousTerm | undefined {
  if (among !== 'columns' && entities.length > 0) {
    const only = entities.length === 1 ? entities[0] : undefined;
    if (only !== undefined) return resolvedEntity(term, only, columns, server);
    const candidates = entities.slice(0, MAX_CANDIDATES).map((hit) => candidate(hit, server));
    const column_mappings = columns.map((hit) => columnMatch(hit, server));
    return ambiguous(term, withWhatToAsk(index, candidates, server), column_mappings);
  }
  return among !== 'entities' && columns.length > 0 ? answeredByColumns(term, columns, server) : undefined;
}

interface Suggestions {
  /** What would answer, had the caller not asked for a higher score. */
  readonly refused: readonly Candidate[];
  readonly partial: readonly Candidate[];
  readonly near: readonly Candidate[];
}

function suggest(
  { entities, columns }: ResolverIndex,
  sought: Sought,
  { server, all = false, among = 'entities' }: ResolveOptions,
): Suggestions {
  const both = (
    ofEntities: () => readonly Hit<Entity>[],
    ofColumns: () => readonly Hit<MappedTerm>[],
    limit: number,
  ): readonly Candidate[] =>
    [
      ...(among === 'columns' ? [] : ofEntities().slice(0, limit)).map((hit) => candidate(hit, server)),
      ...(among === 'entities' ? [] : ofColumns().slice(0, limit)).map((hit) =>
        columnCandidate(columnMatch(hit, server)),
      ),
    ]
      .sort((a, b) => b.score - a.score)
      .slice(0, limit);
  return {
    refused: both(
      () => entities.find(sought, { server }),
      () => columns.find(sought, { server }),
      MAX_CANDIDATES,
    ),
    partial: both(
      () => entities.findPartial(sought, server),
      () => columns.findPartial(sought, server),
      all ? MAX_CANDIDATES : PARTIAL_LIMIT,
    ),
    near: both(
      () => entities.findNear(sought, server),
      () => columns.findNear(sought, server),
      all ? MAX_CANDIDATES : NEAR_LIMIT,
    ),
  };
}

/** The answer with the candidates that fit less behind its own. */
function withWeaker<Answer extends ResolvedTerm | AmbiguousTerm>(
  answer: Answer,
  { refused, partial, near }: Suggestions,
): Answer {
  const candidates = new Map<string, Candidate>();
  for (const one of [...answer.candidates, ...refused, ...partial, ...near]) {
    if (!candidates.has(one.canonical_id)) candidates.set(one.canonical_id, one);
  }
  return { ...answer, candidates: [...candidates.values()].slice(0, MAX_CANDIDATES) };
}

/** Names with each candidate what finds it alone: its name, else its id, unless others go by both. */
function withWhatToAsk(
  index: ResolverIndex,
  candidates: readonly Candidate[],
  server: string | undefined,
): readonly Candidate[] {
  const isAlone = (text: string, { canonical_id, match }: Candidate): boolean => {
    if (match.on === 'user_term') return true;
    const [first, ...others] = index.entities.find(seek(text.trim()), { server, typos: false });
    return first !== undefined && others.length === 0 && winning(first, server).canonicalId === canonical_id;
  };
  return candidates.map((one, number) => {
    if (number >= MAX_ASKED) return one;
    const ask = [one.canonical_name, one.canonical_id].find((text) => isAlone(text, one));
    return ask === undefined ? one : { ...one, ask };
  });
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

/** A column term among the candidates. */
function columnCandidate({ user_term, server, match }: ColumnMappingMatch): Candidate {
  return { canonical_id: user_term, canonical_name: user_term, score: match.score, server, match };
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
  candidates: readonly Candidate[],
  column_mappings: readonly ColumnMappingMatch[],
): AmbiguousTerm {
  return {
    term,
    status: 'ambiguous',
    winner: null,
    entity: null,
    candidates,
    column_mappings,
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
  const only = hits.length === 1 ? hits[0] : undefined;
  if (only === undefined) {
    const candidates = column_mappings.map((match) => ({ ...columnCandidate(match), ask: match.user_term }));
    return ambiguous(term, candidates, column_mappings);
  }
  const { catalogue } = winningMapping(only, server);
  const all =
    server === undefined ? only.entry.target.mappings.map((mapping) => mapping.catalogue) : [catalogue];
  const reason = explainWinner(all, server !== undefined);
  return {
    term,
    status: 'resolved',
    winner: { server: catalogue.server, priority: catalogue.priority, reason },
    entity: null,
    candidates: column_mappings.map(columnCandidate),
    column_mappings,
    near: [],
    conflicts: columnConflictsOf(only, server),
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
