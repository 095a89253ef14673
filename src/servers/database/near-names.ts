import { editDistance } from '../../core/resolve/distance.js';
import { foldWords } from '../../core/resolve/fold.js';
import { isSameWord } from '../../core/resolve/words.js';
import type { DatabaseDescription, TableDescription } from './engine.js';
import { QueryError } from './query-error.js';

/** As many as a reader takes in at once. */
const MOST = 3;

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';

/**
 * Gives an unknown table or column the names that may have been meant. What is unknown is read from the query at
 * the position of the error, so this holds for the database's own errors in any language.
 */
export function withNearNames(error: QueryError, sql: string, description: DatabaseDescription): QueryError {
  const { sqlstate, position } = error;
  if (position === null || (sqlstate !== UNDEFINED_TABLE && sqlstate !== UNDEFINED_COLUMN)) return error;
  const parts = nameAt(sql, position);
  const found =
    sqlstate === UNDEFINED_TABLE ? nearTables(parts, description) : nearColumns(parts, sql, description);
  if (found.length === 0) return error;
  const hint = `Did you mean ${found.slice(0, -1).join(', ')}${found.length > 1 ? ' or ' : ''}${found.at(-1)}?`;
  return new QueryError(error.code, sqlstate, error.message, { position, hint, cause: error.cause });
}

const NAME_PART = /^(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*(\.\s*)?/u;

/** The parts of the name that stands at a character of the query: `public.sales` gives both. */
function nameAt(sql: string, position: number): readonly string[] {
  let rest = Array.from(sql)
    .slice(position - 1)
    .join('');
  const parts: string[] = [];
  for (;;) {
    const match = NAME_PART.exec(rest);
    if (match === null) return parts;
    const [whole, quoted, plain = '', dot] = match;
    parts.push(quoted === undefined ? plain.toLowerCase() : quoted.replaceAll('""', '"'));
    if (dot === undefined) return parts;
    rest = rest.slice(whole.length);
  }
}

function nearTables(parts: readonly string[], { tables, schemas }: DatabaseDescription): readonly string[] {
  const qualified = parts.length > 1 && schemas.includes(parts[0] ?? '');
  const name = (qualified ? parts[1] : parts[0]) ?? '';
  return nearest(
    name,
    tables.map((table) => ({ name: table.name, shown: shownTable(table, schemas) })),
  );
}

/** Columns of the tables that the query names come first, then those of all others. */
function nearColumns(
  parts: readonly string[],
  sql: string,
  { tables, schemas }: DatabaseDescription,
): readonly string[] {
  const name = parts.at(-1) ?? '';
  const words = new Set(sql.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_$]*/gu));
  const used = tables.filter((table) => words.has(table.name.toLowerCase()));
  const columnsOf = (from: readonly TableDescription[]) =>
    from.flatMap((table) =>
      table.columns.map((column) => ({
        name: column.name,
        shown: `${shownTable(table, schemas)}.${quoted(column.name)}`,
      })),
    );
  const near = nearest(name, columnsOf(used));
  return near.length > 0 ? near : nearest(name, columnsOf(tables));
}

function nearest(
  wanted: string,
  candidates: readonly { readonly name: string; readonly shown: string }[],
): readonly string[] {
  return candidates
    .flatMap(({ name, shown }) => {
      const cost = unlikeness(wanted, name);
      return cost === undefined ? [] : [{ shown, cost }];
    })
    .sort((a, b) => a.cost - b.cost || (a.shown < b.shown ? -1 : 1))
    .slice(0, MOST)
    .map(({ shown }) => shown);
}

/** 0 for the same words, 1 for a part of them, more for typing errors; undefined for another name. */
function unlikeness(wanted: string, name: string): number | undefined {
  const [left, right] = [wordsOf(wanted), wordsOf(name)];
  const shared = left.filter((word) => right.some((other) => isSameWord(word, other))).length;
  if (shared > 0 && shared === Math.max(left.length, right.length)) return 0;
  if (shared > 0 && shared === Math.min(left.length, right.length)) return 1;
  const bound = Math.max(1, Math.floor(wanted.length / 3));
  const edits = editDistance(right.join(' '), left.join(' '), bound);
  return edits <= bound ? 1 + edits : undefined;
}

/** `customerId`, `customer_ids` and `Customer ID` have the same words. */
export function wordsOf(name: string): readonly string[] {
  return foldWords(name.replace(/(?<=[\p{Ll}\d])(?=\p{Lu})/gu, ' ').replaceAll('_', ' '));
}

/** Tables of the first schema go without it. */
export function shownTable({ schema, name }: TableDescription, schemas: readonly string[]): string {
  return schema === schemas[0] ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
}

/** As it must be written in SQL. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
