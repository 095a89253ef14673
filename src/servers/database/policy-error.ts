import { QueryError } from './query-error.js';
import { positionOf, type TreeObject } from './syntax-tree.js';

export const ONE_READ = { hint: 'Send one SELECT, VALUES or EXPLAIN statement.' };

export function notAllowed(sql: string, node: TreeObject, message: string, hint?: string): QueryError {
  return new QueryError('SQL505', '42501', message, { position: positionOf(sql, node), hint: hint ?? null });
}

export function notRead(kind: string, prefix = ''): QueryError {
  return new QueryError('SQL501', '25006', `${prefix}${statementName(kind)} is not a plain read.`, ONE_READ);
}

/** `CreateTableAsStmt` as people write it: `CREATE TABLE AS`. */
function statementName(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}
