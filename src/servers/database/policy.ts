import type * as libpgQuery from 'libpg-query';
import { checkColumns } from './policy-columns.js';
import { notRead, ONE_READ } from './policy-error.js';
import { PolicyNames, type PolicyOptions } from './policy-names.js';
import { checkNodes } from './policy-nodes.js';
import { QueryError } from './query-error.js';
import {
  bodyOf,
  listOf,
  nodeOf,
  positionAt,
  positionOf,
  textOf,
  type Tree,
  type TreeObject,
} from './syntax-tree.js';

export type { PolicyOptions } from './policy-names.js';

/** Long enough for any analytic query; PostgreSQL's parser takes about 40 ms for the worst text of this length. */
export const MAX_QUERY_CHARS = 65_536;

/**
 * Lets a query through when PostgreSQL's own parser reads it as exactly one SELECT, VALUES, TABLE or EXPLAIN
 * without ANALYZE, which at no depth writes, locks, names a catalog, or calls a function that is not on the list,
 * however it is written. Everything is an allow-list: a node, function, type or option that it does not know is
 * refused. These are the first three layers of five; the others are the transaction and the role.
 *
 * What is long belongs into a thread with a deep stack: where the parser runs out of it, it throws a RangeError, leaks,
 * and after some tens of those reads nonsense.
 *
 * @throws QueryError  why it is refused, and where; anything else means that the parser must not be used again
 */
export async function checkQuery(sql: string, options: PolicyOptions): Promise<void> {
  checkText(sql);
  const { parse } = await loadParser();
  let tree: ParsedStatements;
  try {
    tree = (await parse(sql)) as ParsedStatements;
  } catch (error) {
    throw parseFailure(sql, error);
  }
  const statements = tree.stmts ?? [];
  const first = statements[0]?.stmt;
  if (first === undefined) throw new QueryError('SQL503', '42601', 'The query is empty.', ONE_READ);
  if (statements.length > 1) {
    throw new QueryError('SQL502', '42601', `The query holds ${statements.length} statements.`, {
      ...ONE_READ,
      position: positionAt(sql, statements[1]?.stmt_location),
    });
  }
  checkRead(sql, readOf(sql, first), PolicyNames.of(options));
}

interface ParsedStatements {
  readonly stmts?: readonly { readonly stmt?: TreeObject; readonly stmt_location?: number }[];
}

function checkText(sql: string): void {
  if (sql.trim() === '') throw new QueryError('SQL503', '42601', 'The query is empty.', ONE_READ);
  if (sql.length > MAX_QUERY_CHARS) {
    throw new QueryError('SQL505', '54000', `The query is longer than ${MAX_QUERY_CHARS} characters.`);
  }
  // The parser takes a C string: it would see the part before a null byte only, and the database more.
  const odd = /\0|\p{Surrogate}/u.exec(sql);
  if (odd !== null) {
    throw new QueryError('SQL503', '22021', 'The query holds a null character or half of a surrogate pair.', {
      position: odd.index + 1,
    });
  }
}

/** Loads the parser ahead of the first query, and shows at once when it is not installed. */
export function loadParser(): Promise<typeof libpgQuery> {
  // The bundle copies all names of a CommonJS module at each import().
  loading ??= import('libpg-query').catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

let loading: Promise<typeof libpgQuery> | undefined;

function parseFailure(sql: string, error: unknown): unknown {
  const details = (error as { readonly sqlDetails?: { readonly cursorPosition?: number } }).sqlDetails;
  if (details === undefined) return error;
  const position = details.cursorPosition ?? -1;
  return new QueryError('SQL503', '42601', error instanceof Error ? error.message : 'syntax error', {
    position: position >= 0 && position <= sql.length ? position + 1 : null,
  });
}

/** The SELECT that is run or explained. */
function readOf(sql: string, statement: TreeObject): TreeObject {
  const [kind, body] = nodeOf(statement) ?? ['', {}];
  if (kind === 'SelectStmt') return body;
  if (kind !== 'ExplainStmt') throw notRead(kind);
  checkExplainOptions(sql, body['options']);
  const query = bodyOf(body['query'], 'SelectStmt');
  if (query === undefined) throw notRead(nodeOf(body['query'])?.[0] ?? '', 'EXPLAIN of ');
  return query;
}

function checkRead(sql: string, select: TreeObject, names: PolicyNames): void {
  checkNodes(sql, { SelectStmt: select }, names);
  checkColumns(sql, select, names);
}

const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set([
  'verbose',
  'costs',
  'format',
  'summary',
  'buffers',
  'memory',
]);

function checkExplainOptions(sql: string, options: Tree | undefined): void {
  for (const option of listOf(options)) {
    const element = bodyOf(option, 'DefElem');
    const name = textOf(element?.['defname']);
    if (!EXPLAIN_OPTIONS.has(name)) {
      throw new QueryError('SQL501', '25006', `EXPLAIN with ${name.toUpperCase()} is not allowed.`, {
        hint: name === 'analyze' ? 'EXPLAIN without ANALYZE shows the plan and runs nothing.' : null,
        position: element === undefined ? null : positionOf(sql, element),
      });
    }
  }
}
