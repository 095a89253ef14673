import { basename } from 'node:path';
import { parse, type CsvError } from 'csv-parse/sync';
import { quoteLiteral, quoteName } from './catalog.js';

/** A CSV file as a table: what creates it, and its rows for COPY in CSV format without a header. */
export interface CsvTable {
  readonly name: string;
  readonly createSql: string;
  readonly copySql: string;
  readonly rows: string;
}

/** A file that cannot become a table; the message names the place. */
export class CsvFileError extends Error {}

/** PostgreSQL's own limits. */
const MAX_COLUMNS = 1600;
const MAX_NAME_BYTES = 63;

/**
 * Reads a CSV file: the first line names the columns, an empty cell is NULL, and each column gets the narrowest type
 * that all of its cells have. Names become what can be written without quotes; the original one is kept as comment.
 *
 * @throws CsvFileError
 */
export function readCsvTable(file: string, bytes: Uint8Array): CsvTable {
  const records = parseRecords(file, decode(file, bytes));
  const [header, ...rows] = records;
  if (header === undefined || header.every((cell) => cell === '')) {
    throw new CsvFileError(`${file}:1: there is no line with the names of the columns`);
  }
  if (header.length > MAX_COLUMNS) {
    throw new CsvFileError(`${file}:1: ${header.length} columns; a table has at most ${MAX_COLUMNS}`);
  }
  const name = tableName(file);
  const columns = columnNames(header);
  const types = columns.map((_, index) => typeOf(rows, index));
  const definitions = columns.map((column, index) => `  ${quoteName(column)} ${types[index] ?? 'text'}`);
  const comments = columns.flatMap((column, index) => {
    const original = (header[index] ?? '').trim();
    return original === '' || original === column
      ? []
      : [`COMMENT ON COLUMN ${quoteName(name)}.${quoteName(column)} IS ${quoteLiteral(original)};`];
  });
  return {
    name,
    createSql: `CREATE TABLE ${quoteName(name)} (\n${definitions.join(',\n')}\n);\n${comments.join('\n')}`,
    copySql: `COPY ${quoteName(name)} FROM '/dev/blob' WITH (FORMAT csv, NULL '')`,
    rows: rows.map((row) => `${row.map(copyCell).join(',')}\n`).join(''),
  };
}

/** The table of a file: its name in lower case, with an underscore for what would need quotes. */
export function tableName(file: string): string {
  return plainName(basename(file).replace(/\.csv$/i, '')) || 'table';
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CsvFileError(`${file}: it is not UTF-8`);
  }
}

function parseRecords(file: string, text: string): string[][] {
  if (text.includes('\0')) throw new CsvFileError(`${file}: it holds a null character`);
  const [first = ''] = text.split(/\r?\n/, 1);
  // Spreadsheets of many countries write semicolons.
  const delimiter = first.includes(',') ? ',' : first.includes(';') ? ';' : first.includes('\t') ? '\t' : ',';
  try {
    return parse(text, { bom: true, delimiter, skip_empty_lines: true, relax_quotes: false });
  } catch (error) {
    const { code, lines, record, column } = error as CsvError & {
      readonly lines?: number;
      readonly record?: readonly unknown[];
      readonly column?: unknown;
    };
    const at = `${file}:${lines ?? 1}`;
    if (code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
      throw new CsvFileError(
        `${at}: ${record?.length ?? 0} cells, where the lines before have another number`,
      );
    }
    const place = typeof column === 'number' ? `, cell ${column + 1}` : '';
    throw new CsvFileError(`${at}: a quote is out of place${place} (${code})`);
  }
}

function columnNames(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((cell, index) => {
    const wanted = plainName(cell) || `column_${index + 1}`;
    let name = wanted;
    for (let number = 2; taken.has(name); number += 1) name = shortened(wanted, `_${number}`);
    taken.add(name);
    return name;
  });
}

function plainName(text: string): string {
  const name = text
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  return shortened(/^\p{N}/u.test(name) ? `_${name}` : name, '');
}

function shortened(name: string, ending: string): string {
  let short = name;
  while (Buffer.byteLength(short + ending) > MAX_NAME_BYTES) short = Array.from(short).slice(0, -1).join('');
  return short + ending;
}

type Test = (cell: string) => boolean;

/** From narrow to wide; a number with leading zeros is a code, as a post code is. */
const TYPES: readonly (readonly [type: string, test: Test])[] = [
  ['boolean', (cell) => /^(?:true|false)$/i.test(cell)],
  ['integer', (cell) => INTEGER.test(cell) && Math.abs(Number(cell)) <= 2_147_483_647],
  ['bigint', (cell) => INTEGER.test(cell) && cell.length <= 18],
  ['numeric', (cell) => /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/.test(cell)],
  ['date', (cell) => DATE.test(cell) && isDay(cell)],
  ['timestamp', (cell) => /^[^Tt ]+[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?$/.test(cell) && isTime(cell)],
  [
    'timestamptz',
    (cell) =>
      /^[^Tt ]+[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(cell) && isTime(cell),
  ],
];

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) && !text.startsWith('0000');
}

function isTime(text: string): boolean {
  const [hours = 99, minutes = 99, seconds = 0] = text
    .slice(11)
    .split(/[:.Z+-]/)
    .map(Number);
  return (
    isDay(text.slice(0, 10)) && DATE.test(text.slice(0, 10)) && hours < 24 && minutes < 60 && seconds < 60
  );
}

function typeOf(rows: readonly (readonly string[])[], index: number): string {
  const cells = rows.map((row) => row[index] ?? '').filter((cell) => cell !== '');
  if (cells.length === 0) return 'text';
  return TYPES.find(([, test]) => cells.every(test))?.[0] ?? 'text';
}

function copyCell(cell: string): string {
  return cell === '' ? '' : `"${cell.replaceAll('"', '""')}"`;
}
