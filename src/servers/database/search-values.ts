import type { Operation } from '../../core/operation.js';
import { quoteLiteral, quoteName } from './catalog.js';
import type { Cell, ColumnDescription, DatabaseDescription, Engine, TableDescription } from './engine.js';
import { QueryError } from './query-error.js';

export interface SearchValuesRequest {
  readonly value: string;
  /** Names of tables, with their schema or without; all where left out. */
  readonly tables?: readonly string[];
  readonly match: 'contains' | 'equals' | 'starts_with';
  readonly limit: number;
}

export interface SearchValuesLimits {
  /** For all tables together. */
  readonly timeoutMs: number;
  /** Rows of one table that are looked at. */
  readonly scannedRows: number;
  readonly maxBytes: number;
}

interface FoundValue {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** As it stands in the table; long ones are cut. */
  readonly value: string;
  /** Rows that hold it, of those that were looked at. */
  readonly rows: number;
}

interface NotLookedAt {
  readonly schema: string;
  readonly table: string;
  /** All of the table where empty. */
  readonly columns: readonly string[];
  readonly reason: string;
}

export interface FoundValues {
  readonly matches: readonly FoundValue[];
  /** Columns that were looked at in each table, whole or in part. */
  readonly looked_at: readonly { schema: string; table: string; columns: readonly string[] }[];
  readonly not_looked_at: readonly NotLookedAt[];
  /** There are more matches. */
  readonly truncated: boolean;
}

/** What a caller can read on one screen of one value. */
const SHOWN_CHARS = 200;

/**
 * Looks for a value in the columns of text, and in those of numbers, dates and ids where it could be one: a query
 * for each table, small tables first, until the time is over.
 *
 * @throws QueryError where the database cannot be asked at all, or a table is not known
 */
export async function searchValues(
  engine: Engine,
  request: SearchValuesRequest,
  limits: SearchValuesLimits,
  op: Operation,
): Promise<FoundValues> {
  const endsAt = performance.now() + limits.timeoutMs;
  const tables = chosenTables(request.tables, await engine.describe(op));
  const matches: FoundValue[] = [];
  const lookedAt: { schema: string; table: string; columns: readonly string[] }[] = [];
  const notLookedAt: NotLookedAt[] = [];
  let truncated = false;
  for (const table of tables) {
    const at = { schema: table.schema, table: table.name };
    const conditions = conditionsOn(table, request);
    const columns = conditions.map(({ column }) => column);
    const others = table.columns.map(({ name }) => name).filter((name) => !columns.includes(name));
    if (others.length > 0)
      notLookedAt.push({ ...at, columns: others, reason: 'the value is none of their type' });
    if (conditions.length === 0) continue;
    const leftMs = Math.floor(endsAt - performance.now());
    if (matches.length >= request.limit || leftMs <= 0) {
      truncated ||= matches.length >= request.limit;
      const reason = leftMs <= 0 ? 'the time was over' : 'there were enough matches';
      notLookedAt.push({ ...at, columns: [], reason });
      continue;
    }
    const wanted = request.limit - matches.length;
    try {
      const sql = searchSql(table, conditions, limits.scannedRows, wanted + 1);
      const own = { maxRows: wanted + 1, timeoutMs: leftMs, maxBytes: limits.maxBytes };
      const { rows } = await engine.query(sql, own, op);
      for (const [column, value, count] of rows.slice(0, wanted)) {
        matches.push({ ...at, column: textOf(column), value: textOf(value), rows: Number(count) });
      }
      truncated ||= rows.length > wanted;
      lookedAt.push({ ...at, columns });
      if (table.row_count === null || table.row_count > limits.scannedRows) {
        const reason = `only the first ${limits.scannedRows} rows were looked at`;
        if (table.row_count !== null) notLookedAt.push({ ...at, columns: [], reason });
      }
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      const reason = error.code === 'SQL504' ? 'the time was over' : error.message;
      notLookedAt.push({ ...at, columns: [], reason });
    }
  }
  return { matches, looked_at: lookedAt, not_looked_at: notLookedAt, truncated };
}

/** Columns of the type text come as text. */
function textOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : '';
}

/** @throws QueryError 42P01 for a table that is not served */
function chosenTables(
  names: readonly string[] | undefined,
  { tables }: DatabaseDescription,
): readonly TableDescription[] {
  for (const name of names ?? []) {
    if (!tables.some((table) => isNamed(table, name))) {
      throw new QueryError('SQL505', '42P01', `There is no table ${name}.`);
    }
  }
  const chosen =
    names === undefined ? tables : tables.filter((table) => names.some((name) => isNamed(table, name)));
  // Many small ones are done before the time is over.
  return [...chosen].sort((a, b) => (a.row_count ?? Infinity) - (b.row_count ?? Infinity) || 0);
}

export function isNamed({ schema, name }: TableDescription, wanted: string): boolean {
  return wanted === name || wanted === `${schema}.${name}`;
}

interface Condition {
  readonly column: string;
  readonly sql: string;
}

function conditionsOn({ columns }: TableDescription, request: SearchValuesRequest): readonly Condition[] {
  return columns.flatMap((column) => {
    const sql = conditionOn(column, request);
    return sql === undefined ? [] : [{ column: column.name, sql }];
  });
}

const TEXT = /^(text|citext|name|character|character varying|bpchar)\b(?!.*\[\])/;
const NUMBER = /^(smallint|integer|bigint|numeric|real|double precision)\b(?!.*\[\])/;
const WRITTEN_ONE_WAY = /^(date|uuid|boolean)$/;

function conditionOn(
  { name, type }: ColumnDescription,
  { value, match }: SearchValuesRequest,
): string | undefined {
  const column = quoteName(name);
  if (TEXT.test(type)) {
    if (match === 'equals') return `${column}::text ILIKE ${quoteLiteral(escapePattern(value))}`;
    const pattern = `${match === 'contains' ? '%' : ''}${escapePattern(value)}%`;
    return `${column}::text ILIKE ${quoteLiteral(pattern)}`;
  }
  // Longer numbers may be beyond what the column's type can be compared with.
  if (NUMBER.test(type)) return /^-?\d{1,15}(\.\d{1,9})?$/.test(value) ? `${column} = ${value}` : undefined;
  if (WRITTEN_ONE_WAY.test(type) && /^[\da-f-]{8,36}$|^(true|false)$/i.test(value)) {
    return `${column}::text = ${quoteLiteral(value.toLowerCase())}`;
  }
  return undefined;
}

function escapePattern(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** One pass over the first rows: for each column that holds the value, how it stands there and how often. */
function searchSql(
  table: TableDescription,
  conditions: readonly Condition[],
  scannedRows: number,
  limit: number,
): string {
  const columns = conditions.map(({ column }) => quoteName(column)).join(', ');
  const found = conditions.map(
    ({ column, sql }) =>
      `SELECT ${quoteLiteral(column)} AS found_in, pg_catalog.left(${quoteName(column)}::text, ${SHOWN_CHARS}) AS found WHERE ${sql}`,
  );
  return `SELECT m.found_in, m.found, pg_catalog.count(*) AS n
          FROM (SELECT ${columns} FROM ${quoteName(table.schema)}.${quoteName(table.name)} LIMIT ${scannedRows}) AS looked_at,
               LATERAL (${found.join(' UNION ALL ')}) AS m
          GROUP BY m.found_in, m.found ORDER BY n DESC, m.found_in, m.found LIMIT ${limit}`;
}
