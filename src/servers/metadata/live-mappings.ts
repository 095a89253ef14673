import { compareProblems, type Problem } from '../../core/config/problem.js';
import type { ValidatedFile } from '../../core/config/validate.js';
import { quoteName } from '../database/catalog.js';
import { readJsonDocument } from './json-document.js';
import { checkMetadata } from './load.js';

/** A table as `database://metadata` describes it; what else stands there is not asked for. */
export interface LiveTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

export interface LiveDatabase {
  /** The id of the server that executes queries. */
  readonly server: string;
  readonly tables: readonly LiveTable[];
  /** Plans a query without running it. @returns what is wrong with it, or undefined */
  explain(query: string): Promise<Complaint | undefined>;
}

export interface Complaint {
  readonly message: string;
  readonly hint?: string;
}

/**
 * Checks each column mapping of a product-metadata file against a database: it parses, its tables and columns exist,
 * and there are columns that `{date_column}` can stand for. The database itself is asked, with EXPLAIN.
 *
 * @returns the file with what was found, CFG130
 */
export async function checkMappings(file: ValidatedFile, database: LiveDatabase): Promise<ValidatedFile> {
  const { text } = file;
  const metadata = text === undefined ? undefined : checkMetadata(file.file, text, NEVER).metadata;
  if (text === undefined || metadata === undefined) return file;
  const document = readJsonDocument(text);
  const found: Problem[] = [];
  for (const [term, sql] of metadata.mappings) {
    const path = `column_mappings.${term}`;
    // What is no expression at all has been told.
    if (file.problems.some((problem) => problem.path === path && problem.code === 'CFG125')) continue;
    const complaint = await complaintAbout(sql, database);
    if (complaint === undefined) continue;
    found.push({
      severity: 'error',
      code: 'CFG130',
      message: `the database of ${database.server} does not take ${JSON.stringify(term)}: ${complaint.message}`,
      ...(complaint.hint === undefined ? {} : { hint: complaint.hint }),
      path,
      file: file.file,
      range: document.rangeOf(['column_mappings', term]),
    });
  }
  return { ...file, problems: [...file.problems, ...found].sort(compareProblems) };
}

const NEVER = new Date(0).toISOString();

async function complaintAbout(
  sql: string,
  { tables, explain }: LiveDatabase,
): Promise<Complaint | undefined> {
  const named = namedTables(sql, tables);
  const asked = /\{date_column\}/i.test(sql);
  const dates = datesOf(named.length > 0 ? named : tables);
  if (asked && dates.length === 0) {
    const where = named.length > 0 ? `${named.map(({ name }) => name).join(' and ')} has` : 'no table has';
    return {
      message: `${where} ${named.length > 0 ? 'no' : 'a'} column that {date_column} could stand for`,
      hint: 'It stands for a column of the type date or timestamp.',
    };
  }
  const [date] = dates;
  const from = new Map(
    [...named, ...(asked && date !== undefined ? [date.table] : [])].map((table) => [idOf(table), table]),
  );
  const expression = sql
    .replace(
      /\{date_column\}/gi,
      date === undefined ? 'NULL' : `${quoteName(date.table.name)}.${quoteName(date.column)}`,
    )
    // Nobody can say what another placeholder stands for.
    .replace(/\{[A-Za-z_]\w*\}/g, 'NULL');
  const candidates = from.size > 0 ? [[...from.values()]] : tablesWithItsWords(sql, tables);
  let first: Complaint | undefined;
  for (const chosen of candidates) {
    const complaint = await explain(`SELECT ${expression}${fromClause(chosen)}`);
    if (complaint === undefined) return undefined;
    first ??= complaint;
  }
  return first;
}

/** Tables that stand before a point: `sales.total_amount`. */
function namedTables(sql: string, tables: readonly LiveTable[]): readonly LiveTable[] {
  const names = new Set(words(sql, /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*\.(?!\d)/gu));
  return tables.filter(({ name }) => names.has(name));
}

/** Without a table's name the columns tell: those that have most of the words come first, then no table at all. */
function tablesWithItsWords(sql: string, tables: readonly LiveTable[]): readonly (readonly LiveTable[])[] {
  const names = new Set(words(sql, /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))/gu));
  const hits = ({ columns }: LiveTable): number => columns.filter(({ name }) => names.has(name)).length;
  const having = tables.filter((table) => hits(table) > 0).sort((a, b) => hits(b) - hits(a));
  return [...having.slice(0, 5).map((table) => [table]), []];
}

function words(sql: string, pattern: RegExp): readonly string[] {
  const code = sql.replace(/'(?:[^']|'')*'/g, "''");
  return Array.from(code.matchAll(pattern), ([, quoted, plain = '']) =>
    quoted === undefined ? plain.toLowerCase() : quoted.replaceAll('""', '"'),
  );
}

function datesOf(
  tables: readonly LiveTable[],
): readonly { readonly table: LiveTable; readonly column: string }[] {
  return tables.flatMap((table) =>
    table.columns
      .filter(({ type }) => /^(date|timestamp)/.test(type))
      .map(({ name }) => ({ table, column: name })),
  );
}

function fromClause(tables: readonly LiveTable[]): string {
  if (tables.length === 0) return '';
  return ` FROM ${tables.map(({ schema, name }) => `${quoteName(schema)}.${quoteName(name)}`).join(', ')}`;
}

function idOf({ schema, name }: LiveTable): string {
  return `${schema}.${name}`;
}
