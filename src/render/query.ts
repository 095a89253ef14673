import { paint } from './paint.js';
import { GAP } from './table-lines.js';
import { renderTable, type Cell } from './table.js';
import { columnsOf, cut, escapeControls, plain, type View } from './terminal.js';
import { humanMs } from './units.js';
import { wordsOf, wrapWords } from './wrap.js';

/** What `execute_query` gives, from whichever server. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
  readonly elapsed_ms?: number;
}

/** The rows of a tool's structured result, where it has the shape of a query's; from outside, so nothing is believed. */
export function asQueryResult(value: unknown): QueryResult | undefined {
  const { columns, rows, truncated, elapsed_ms } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(columns) || !Array.isArray(rows)) return undefined;
  const heads = columns.map((column) => {
    const { name, type } = (column ?? {}) as { readonly name?: unknown; readonly type?: unknown };
    return { name: typeof name === 'string' ? name : '', type: typeof type === 'string' ? type : 'text' };
  });
  if (!rows.every((row) => Array.isArray(row) && row.length === heads.length)) return undefined;
  return {
    columns: heads,
    rows: rows as unknown[][],
    truncated: truncated === true,
    ...(typeof elapsed_ms === 'number' ? { elapsed_ms } : {}),
  };
}

/** For programs. */
export function queryReport(server: string, result: QueryResult): Readonly<Record<string, unknown>> {
  const { columns, rows, truncated, elapsed_ms } = result;
  return {
    api_version: 'mcpx/v1',
    kind: 'QueryResult',
    server,
    columns,
    rows,
    row_count: rows.length,
    truncated,
    ...(elapsed_ms === undefined ? {} : { elapsed_ms }),
  };
}

/** A line for each row, by column name, and a summary: a name that repeats gets a number. */
export function* queryLines(server: string, result: QueryResult): Generator {
  const names = uniqueNames(result.columns.map(({ name }) => name));
  for (const row of result.rows) {
    yield Object.fromEntries(names.map((name, index) => [name, row[index] ?? null]));
  }
  const { rows: _, ...summary } = queryReport(server, result);
  yield { ...summary, kind: 'QuerySummary' };
}

function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; taken.has(unique) || (unique !== name && names.includes(unique)); number += 1) {
      unique = `${name}_${number}`;
    }
    taken.add(unique);
    return unique;
  });
}

const NUMBERS = /^(?:smallint|integer|bigint|numeric|real|double precision|money|oid)\b/;

/** Cells are not cut to less than this, nor than the name of their column. */
const LEAST = 8;

/**
 * A table with a last line that says how many rows there are, and whether there were more. Of columns that a terminal
 * has no room for, the last ones are left out.
 */
export function queryTable(
  server: string,
  { columns, rows, truncated, elapsed_ms }: QueryResult,
  view: View,
): string {
  const ink = paint(view.color);
  const { width } = view;
  const titles = columns.map(({ name }) => cut(plain(name), width ?? Infinity));
  const cells = rows.map((row) =>
    row.map((value): Cell => (value === null ? { text: 'NULL', ink: 'dim' } : { text: cellText(value) })),
  );
  const leasts = titles.map((title) => Math.max(LEAST, columnsOf(title)));
  const room = width === undefined ? columns.length : roomFor(titles, cells, leasts, width);
  const heads = columns.map(({ type }, index) => ({
    title: titles[index] ?? '',
    least: leasts[index] ?? LEAST,
    drop: index < room ? 0 : 1,
    ...(NUMBERS.test(type) && !type.endsWith('[]') ? { align: 'right' as const } : {}),
  }));
  const table = columns.length === 0 ? '' : renderTable(heads, cells, view);
  const count = `${rows.length} row${rows.length === 1 ? '' : 's'}`;
  const time = elapsed_ms === undefined ? '' : ` in ${humanMs(elapsed_ms)}`;
  const summary = [
    ...wordsOf(`${count} from ${plain(server)}${time}${truncated ? ',' : ''}`, ink.dim),
    ...(truncated ? wordsOf('there are more', ink.yellow) : []),
  ];
  return `${table}\n${wrapWords(summary, width)}`;
}

/** How many columns fit, each as narrow as it may be; one in any case. */
function roomFor(
  titles: readonly string[],
  cells: readonly (readonly Cell[])[],
  leasts: readonly number[],
  width: number,
): number {
  let taken = -GAP;
  const tooFar = titles.findIndex((title, index) => {
    const least = leasts[index] ?? LEAST;
    const natural = cells.reduce(
      (most, row) => Math.max(most, columnsOf(plain(row[index]?.text ?? ''))),
      columnsOf(title),
    );
    taken += GAP + Math.min(least, natural);
    return taken > width;
  });
  return tooFar === -1 ? titles.length : Math.max(1, tooFar);
}

/**
 * RFC 4180 with a line of names: NULL is nothing, an empty text is `""`, arrays and objects are JSON.
 *
 * @param toTerminal  without what could move the cursor
 */
export function queryCsv({ columns, rows }: QueryResult, toTerminal: boolean): string {
  const show = toTerminal ? plain : (text: string): string => text;
  const field = (text: string): string => {
    const shown = show(text);
    return shown === '' || /[",\r\n]|^\s|\s$/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
  };
  const lines = [
    columns.map(({ name }) => field(name)),
    ...rows.map((row) =>
      row.map((value) => (value === null || value === undefined ? '' : field(cellText(value)))),
    ),
  ];
  return lines.map((line) => `${line.join(',')}\n`).join('');
}

function cellText(value: unknown): string {
  if (typeof value === 'string') return value;
  return escapeControls(JSON.stringify(value) ?? '');
}
