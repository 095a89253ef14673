import type { ErrorCode } from '../errors.js';

/** A place in a file. Lines and columns count from 1, columns in UTF-16 units; `offset` counts from 0. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** Something that is wrong with a configuration or metadata file, at its place. */
export interface Problem {
  /** A note is worth knowing and never wrong. */
  readonly severity: 'error' | 'warning' | 'note';
  readonly code: ErrorCode;
  /** What is wrong, one line without place or code. */
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
  /** Keys from the top of the file, as in `mcp_servers.database_mcp.priority`. */
  readonly path: string;
  /** As the user named it. */
  readonly file: string;
  readonly range: Range;
  /** What to write at `range`, where doing so is safe. */
  readonly replacement?: Replacement;
}

/** `word` keeps the quotes that stand there, `bare` writes the text as it is, `list` puts brackets around. */
export type Replacement =
  | { readonly kind: 'word' | 'bare'; readonly text: string }
  | { readonly kind: 'list' }
  /** Every line that begins with tabs gets spaces. */
  | { readonly kind: 'indentation' }
  /** Every no-break space in the structure becomes a plain one. */
  | { readonly kind: 'spaces' }
  | { readonly kind: 'no-byte-order-mark' };

/** `config/mcp_config.yaml:12:5 error CFG104 unknown key "prioritty"; did you mean "priority"?` */
export function describeProblem(problem: Problem): string {
  const { file, range, severity, code, message, hint } = problem;
  const where = `${file}:${range.start.line}:${range.start.column}`;
  return `${where} ${severity} ${code} ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

/** A log line is for whoever looks for the first mistakes. */
const MOST_IN_LOG = 10;

/** What a log line tells of the problems in `context.problems` of a failure. */
export function problemsIn(context: Readonly<Record<string, unknown>>): {
  readonly problems?: readonly string[];
} {
  const problems = (context['problems'] ?? []) as readonly Problem[];
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.length === 0 ? {} : { problems: errors.slice(0, MOST_IN_LOG).map(describeProblem) };
}

/** By file, then by place, then by code, so that the same file always reads the same. */
export function compareProblems(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.range.start.offset - b.range.start.offset || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0);
}
