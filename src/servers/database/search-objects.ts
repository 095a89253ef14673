import { isSameWord } from '../../core/resolve/words.js';
import type { ColumnDescription, DatabaseDescription, TableDescription } from './engine.js';
import { wordsOf } from './near-names.js';

export interface FoundObject {
  readonly kind: 'table' | 'view' | 'column';
  readonly schema: string;
  readonly table: string;
  /** Null for a table itself. */
  readonly column: string | null;
  readonly type: string | null;
  readonly description: string | null;
}

export interface FoundObjects {
  /** Best first: names before descriptions, names of nothing but the words before longer ones. */
  readonly matches: readonly FoundObject[];
  readonly match_count: number;
  readonly truncated: boolean;
}

/**
 * Tables and columns whose names and descriptions hold all of the words; where none does, those that hold most of
 * them. A column may take words from its table: "customer city" finds `customers.city`.
 */
export function searchObjects(
  text: string,
  limit: number,
  { tables }: Pick<DatabaseDescription, 'tables'>,
): FoundObjects {
  const words = wordsOf(text);
  const scored = tables
    .flatMap((table) => [tableEntry(table), ...table.columns.map((column) => columnEntry(table, column))])
    .flatMap((entry, order) => {
      const own = words.filter((word) => has(entry.own, word)).length;
      const inName = words.filter((word) => has(entry.name, word)).length;
      const near = words.filter((word) => has(entry.own, word) || has(entry.around, word)).length;
      const share = inName / Math.max(1, entry.name.length);
      return own === 0 ? [] : [{ object: entry.object, near, own, inName, share, order }];
    });
  const most = Math.max(0, ...scored.map(({ near }) => near));
  const matches = scored
    .filter(({ near }) => near === most)
    .sort((a, b) => b.inName - a.inName || b.own - a.own || b.share - a.share || a.order - b.order)
    .map(({ object }) => object);
  return {
    matches: matches.slice(0, limit),
    match_count: matches.length,
    truncated: matches.length > limit,
  };
}

interface Entry {
  readonly object: FoundObject;
  readonly name: readonly string[];
  /** Its name and description. */
  readonly own: readonly string[];
  /** Its table's. */
  readonly around: readonly string[];
}

function tableEntry(table: TableDescription): Entry {
  const { kind, schema, name, description } = table;
  const words = wordsOf(name);
  return {
    object: { kind, schema, table: name, column: null, type: null, description },
    name: words,
    own: [...words, ...wordsOf(description ?? '')],
    around: [],
  };
}

function columnEntry(table: TableDescription, column: ColumnDescription): Entry {
  const words = wordsOf(column.name);
  return {
    object: {
      kind: 'column',
      schema: table.schema,
      table: table.name,
      column: column.name,
      type: column.type,
      description: column.description,
    },
    name: words,
    own: [...words, ...wordsOf(column.description ?? '')],
    around: wordsOf(table.name),
  };
}

/** A word of at least three letters is found by its beginning too. */
function has(words: readonly string[], wanted: string): boolean {
  return words.some((word) => isSameWord(word, wanted) || (wanted.length >= 3 && word.startsWith(wanted)));
}
