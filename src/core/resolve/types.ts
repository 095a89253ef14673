import type { ErrorCode } from '../errors.js';

/** How a term found a name, strictest first; see `resolveTerm` for what each one takes and refuses. */
export type MatchMethod = 'exact' | 'folded' | 'tokens' | 'fuzzy' | 'partial';

/** Which name of an entity, or of a resource where no aliases are known, or of a column mapping was found. */
export type NameKind =
  'canonical_name' | 'canonical_id' | 'key' | 'alias' | 'title' | 'name' | 'uri' | 'user_term';

/** What one server knows. Its contents come from outside, so they are taken as `unknown` and read with care. */
export interface Catalogue {
  readonly server: string;
  /** The lower number wins; ties go by server id. */
  readonly priority: number;
  /** The content of an aliases document: `{aliases: {key: {canonical_id, canonical_name, …}}}`. */
  readonly aliases?: unknown;
  /** The content of a column mappings document: `{mappings: {user_term: sql_expression}}`. */
  readonly mappings?: unknown;
  /** Looked up by name, title and URI, for a server without an aliases document. */
  readonly resources?: readonly CatalogueResource[];
}

interface CatalogueResource {
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
}

export interface Match {
  readonly method: MatchMethod;
  readonly on: NameKind;
  /** The name that was found, as the server writes it. */
  readonly name: string;
  /** 1 exact, 0.98 folded, 0.95 tokens, below that fuzzy, at most 0.5 partial. */
  readonly score: number;
}

/** A product, or a resource: then `canonical_id` is its URI and `canonical_name` its title or name. */
export interface ResolvedEntity {
  readonly canonical_id: string;
  readonly canonical_name: string;
  readonly database_references: Readonly<Record<string, unknown>>;
  readonly categories: readonly string[];
  readonly match: Match;
}

/** A column term as a candidate has itself as id and name. */
export interface Candidate {
  readonly canonical_id: string;
  readonly canonical_name: string;
  readonly score: number;
  /** The server whose description of it counts. */
  readonly server: string;
  readonly match: Match;
  /** What to type instead of an ambiguous term: a name that finds this one alone, where it has any. */
  readonly ask?: string;
}

export interface ColumnMappingMatch {
  readonly user_term: string;
  readonly sql_expression: string;
  readonly server: string;
  readonly match: Match;
}

/** A field in which a server of lower priority describes an entity differently; its value was not taken. */
export interface FieldDifference {
  /** `canonical_name`, `aliases`, …; a database reference as `database_references.<column>`. */
  readonly field: string;
  readonly server: string;
  /** `null` where the server says nothing. */
  readonly value: unknown;
  readonly winning_value: unknown;
}

/** Several servers describe one entity, or map one user term; the best priority was taken. */
export interface DescriptionConflict {
  readonly kind: 'entity' | 'column-mapping';
  /** The canonical id, or the user term. */
  readonly key: string;
  readonly winner: string;
  readonly losers: readonly string[];
  /** Such as `priority 1 < 10`. */
  readonly rule: string;
  readonly differences: readonly FieldDifference[];
}

export interface ResolutionWarning {
  readonly code: ErrorCode;
  readonly message: string;
  readonly server?: string;
}

export interface Winner {
  readonly server: string;
  readonly priority: number;
  readonly reason: string;
}

interface TermAnswer {
  readonly term: string;
  /** Column terms that fit; they make a term `resolved` only where the caller looks among them. */
  readonly column_mappings: readonly ColumnMappingMatch[];
  readonly conflicts: readonly DescriptionConflict[];
  readonly warnings: readonly ResolutionWarning[];
}

export interface ResolvedTerm extends TermAnswer {
  readonly status: 'resolved';
  readonly winner: Winner;
  /** `null` only where the answer is a column term, in `column_mappings`. */
  readonly entity: ResolvedEntity | null;
  /** The one that answers; after it, where all were asked for, those that fit less. */
  readonly candidates: readonly Candidate[];
  readonly near: readonly [];
}

/** More than one entity fits equally well, or the term is a part of several names. None is picked. */
export interface AmbiguousTerm extends TermAnswer {
  readonly status: 'ambiguous';
  readonly winner: null;
  readonly entity: null;
  readonly candidates: readonly Candidate[];
  readonly near: readonly [];
}

export interface UnknownTerm extends TermAnswer {
  readonly status: 'unknown';
  readonly winner: null;
  readonly entity: null;
  /** What would fit, had the caller not asked for a higher score, or the one name of which the term is a part. */
  readonly candidates: readonly Candidate[];
  /** The nearest names, best first; not good enough to stand for the term. */
  readonly near: readonly Candidate[];
}

export type TermResolution = ResolvedTerm | AmbiguousTerm | UnknownTerm;

export interface ResolveOptions {
  /** The least score that is accepted, 0 to 1; 1 takes only exact names. Default 0: everything that passes the guards. */
  readonly fuzzy?: number;
  /** Looks only at what this server says. */
  readonly server?: string;
  /** Names every candidate, up to 1,000, also those that fit less than the answer. Else partial ones end after ten. */
  readonly all?: boolean;
  /**
   * What may answer. `entities`, unless told: products, or resources; column terms that fit only come along.
   * `columns`: column terms alone, for the domain that holds the mappings. `either`: a column term where no entity fits.
   */
  readonly among?: 'entities' | 'columns' | 'either';
}

/** A place in a sentence that names an entity, or several, or a column term. */
export interface Mention {
  /** UTF-16 offsets into the sentence as it was given. */
  readonly start: number;
  readonly end: number;
  /** The words of the sentence, unchanged. */
  readonly text: string;
  readonly status: 'resolved' | 'ambiguous';
  readonly winner: Winner | null;
  /** `null` for an ambiguous mention and for a column term. */
  readonly entity: ResolvedEntity | null;
  readonly candidates: readonly Candidate[];
  readonly column_mappings: readonly ColumnMappingMatch[];
  readonly conflicts: readonly DescriptionConflict[];
}
