import type { Cell } from './engine.js';

/** What the session knows of a type: its name, and for an array what it holds. */
export interface TypeInfo {
  readonly name: string;
  readonly elementOid?: number;
  /** Between the elements of an array of this element type; a comma for all but `box`. */
  readonly delimiter: string;
}

export type TypeTable = ReadonlyMap<number, TypeInfo>;

/** Asks any PostgreSQL for what `typeTable` needs. */
export const TYPES_SQL = `SELECT oid::int8::text AS oid, format_type(oid, NULL) AS name, typdelim::text AS delimiter,
                                 CASE WHEN typcategory = 'A' THEN typelem::int8::text END AS element
                          FROM pg_type`;

export function typeTable(rows: readonly Readonly<Record<string, unknown>>[]): TypeTable {
  return new Map(
    rows.map(({ oid, name, delimiter, element }): [number, TypeInfo] => [
      Number(oid),
      {
        name: String(name),
        delimiter: String(delimiter),
        ...(element === null ? {} : { elementOid: Number(element) }),
      },
    ]),
  );
}

const BOOL = 16;
const SMALL_INTEGERS: ReadonlySet<number> = new Set([21, 23, 26]);
const FLOATS: ReadonlySet<number> = new Set([700, 701]);
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);
const TIMESTAMPS: ReadonlySet<number> = new Set([1114, 1184]);

/**
 * A value as PostgreSQL writes it, as JSON. What a JSON number could not hold exactly stays text: bigint, numeric,
 * money, NaN and the infinities. Timestamps are ISO 8601.
 */
export function toCell(text: string | null, oid: number, types: TypeTable): Cell {
  if (text === null) return null;
  if (oid === BOOL) return text === 't';
  if (SMALL_INTEGERS.has(oid)) return Number(text);
  if (FLOATS.has(oid)) return Number.isFinite(Number(text)) ? Number(text) : text;
  if (JSON_TYPES.has(oid)) return jsonCell(text);
  if (TIMESTAMPS.has(oid)) return isoTimestamp(text);
  const type = types.get(oid);
  const elementOid = type?.elementOid;
  if (elementOid === undefined) return text;
  const delimiter = types.get(elementOid)?.delimiter ?? ',';
  return parseArray(text, delimiter, (element) => toCell(element, elementOid, types));
}

/** Parsed, but for a document with a number that JavaScript would change: that one stays text. */
function jsonCell(text: string): Cell {
  const hasLongNumber = /\d[\d.]{15}|\d[eE]/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
  return hasLongNumber ? text : (JSON.parse(text) as Cell);
}

/** `2026-01-31 12:00:00+00` becomes `2026-01-31T12:00:00Z`; `infinity` and years before Christ stay. */
function isoTimestamp(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)?(:\d\d)?$/.exec(text);
  if (match === null) return text;
  const [, date, time, hours, minutes = ':00'] = match;
  if (hours === undefined) return `${date}T${time}`;
  return `${date}T${time}${hours === '+00' && minutes === ':00' ? 'Z' : `${hours}${minutes}`}`;
}

/** PostgreSQL's array notation: `{1,NULL,"a \"b\"",{…}}`, perhaps with bounds before it: `[0:1]={…}`. */
function parseArray(text: string, delimiter: string, element: (text: string) => Cell): Cell {
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;

  const list = (): Cell[] => {
    const items: Cell[] = [];
    at += 1;
    while (at < text.length && text[at] !== '}') {
      if (text[at] === delimiter) at += 1;
      else items.push(text[at] === '{' ? list() : item());
    }
    at += 1;
    return items;
  };

  const item = (): Cell => {
    if (text[at] === '"') return element(quoted());
    const start = at;
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') at += 1;
    const word = text.slice(start, at);
    return word === 'NULL' ? null : element(word);
  };

  const quoted = (): string => {
    let value = '';
    at += 1;
    while (at < text.length && text[at] !== '"') {
      if (text[at] === '\\') at += 1;
      value += text[at] ?? '';
      at += 1;
    }
    at += 1;
    return value;
  };

  return list();
}
