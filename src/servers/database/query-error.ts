import { MCPOrchestratorException, type ErrorCode } from '../../core/errors.js';

/** What went wrong with a query, as its caller sees it in `structuredContent`. */
export interface QueryFailure {
  readonly category: string;
  readonly sqlstate: string;
  readonly message: string;
  /** 1-based character of the query, or null where the database names none. */
  readonly position: number | null;
  readonly hint: string | null;
}

export interface QueryErrorOptions {
  readonly position?: number | null;
  readonly hint?: string | null;
  readonly cause?: unknown;
}

/** A query was refused, failed or ran too long; the server goes on. */
export class QueryError extends MCPOrchestratorException {
  readonly sqlstate: string;
  readonly position: number | null;

  constructor(code: ErrorCode, sqlstate: string, message: string, options: QueryErrorOptions = {}) {
    const hint = options.hint ?? hintFor(sqlstate);
    super(code, message, {
      context: { sqlstate, category: categoryOf(sqlstate) },
      ...(hint === null ? {} : { hint }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.sqlstate = sqlstate;
    this.position = options.position ?? null;
  }

  toFailure(): QueryFailure {
    return {
      category: categoryOf(this.sqlstate),
      sqlstate: this.sqlstate,
      message: this.message,
      position: this.position,
      hint: this.hint ?? null,
    };
  }
}

/** An error as a database reported it. */
export function databaseError(report: {
  readonly sqlstate: string;
  readonly message: string;
  readonly position: number | null;
  readonly hint: string | null;
}): QueryError {
  const { sqlstate, message, position, hint } = report;
  return new QueryError(codeOf(sqlstate), sqlstate, message, { position, hint });
}

const CATEGORY_BY_STATE: Readonly<Record<string, string>> = {
  '25006': 'read_only',
  '53300': 'busy',
  '57014': 'timeout',
};

/** PostgreSQL's classes, Appendix A of its manual; the text of a message is never asked. */
const CATEGORY_BY_CLASS: Readonly<Record<string, string>> = {
  '08': 'connection',
  '0A': 'unsupported',
  '21': 'cardinality',
  '22': 'data',
  '23': 'constraint',
  '25': 'transaction_state',
  '28': 'authorization',
  '3D': 'unknown_name',
  '3F': 'unknown_name',
  '40': 'serialization',
  '42': 'syntax_or_access',
  '53': 'resources',
  '54': 'limit',
  '55': 'object_state',
  '57': 'intervention',
  '58': 'system',
  XX: 'internal',
};

function categoryOf(sqlstate: string): string {
  return CATEGORY_BY_STATE[sqlstate] ?? CATEGORY_BY_CLASS[sqlstate.slice(0, 2)] ?? 'other';
}

function codeOf(sqlstate: string): ErrorCode {
  if (sqlstate === '42601') return 'SQL503';
  if (sqlstate === '25006') return 'SQL501';
  return sqlstate === '57014' ? 'SQL504' : 'SQL505';
}

const HINT_BY_STATE: Readonly<Record<string, string>> = {
  '25006': 'Only reading is allowed: send one SELECT, VALUES or EXPLAIN.',
  '42P01': 'Read database://metadata for the tables.',
  '42703': 'Read database://metadata for the columns of each table.',
  '42803': 'Put the column into GROUP BY, or into an aggregate.',
  '53300': 'Try again in a moment.',
  '53400': 'Sort, group or join fewer rows.',
  '57014': 'Filter or aggregate more, or ask for less at once.',
};

function hintFor(sqlstate: string): string | null {
  return HINT_BY_STATE[sqlstate] ?? null;
}
