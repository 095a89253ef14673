import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { escapeControls, plain, type View } from './terminal.js';
import { humanMs } from './units.js';

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

/** A table with a last line that says how many rows there are, and whether there were more. */
export function queryTable(server: string, result: QueryResult, view: View): string {
  const { columns, rows, truncated, elapsed_ms } = result;
  const ink = paint(view.color);
  const table =
    columns.length === 0
      ? ''
      : renderTable(
          columns.map(({ name, type }) => ({
            title: plain(name),
            least: 8,
            ...(NUMBERS.test(type) && !type.endsWith('[]') ? { align: 'right' as const } : {}),
          })),
          rows.map((row) =>
            row.map((value): Cell =>
              value === null ? { text: 'NULL', ink: 'dim' } : { text: cellText(value) },
            ),
          ),
          view,
        );
  const count = `${rows.length} row${rows.length === 1 ? '' : 's'}`;
  const time = elapsed_ms === undefined ? '' : ` in ${humanMs(elapsed_ms)}`;
  return `${table}\n${ink.dim(`${count} from ${plain(server)}${time}`)}${truncated ? ink.yellow(', there are more') : ''}\n`;
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
