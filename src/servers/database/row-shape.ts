import { bodyOf, listOf, nodeOf, stringsOf, textOf, type Tree, type TreeObject } from './syntax-tree.js';

/** The columns of a row in their order; undefined where the query does not tell. */
export type Columns = readonly string[] | undefined;

/** PostgreSQL shows at most 1664 columns; rows that multiply by stars of stars are not followed further. */
const MAX_COLUMNS = 2000;

/** The names of functions' result columns, where their only result has a name of its own. */
const RESULT_COLUMNS: Readonly<Record<string, Columns>> = {
  json_array_elements: ['value'],
  json_array_elements_text: ['value'],
  jsonb_array_elements: ['value'],
  jsonb_array_elements_text: ['value'],
  json_each: ['key', 'value'],
  json_each_text: ['key', 'value'],
  jsonb_each: ['key', 'value'],
  jsonb_each_text: ['key', 'value'],
};

/** They give rows of the type that they are given. */
const OF_UNKNOWN_SHAPE = /^(unnest|jsonb?_populate_record(set)?|jsonb?_to_record(set)?|lower|upper)$/;

/** How columns of rows come together in FROM and in a select list. */
export class RowShape {
  join(parts: readonly Columns[]): Columns {
    const columns: string[] = [];
    for (const part of parts) {
      if (part === undefined) return undefined;
      for (const name of part) columns.push(name);
      if (columns.length > MAX_COLUMNS) return undefined;
    }
    return columns;
  }

  /** `alias(a, b)` renames the first ones. */
  rename(columns: Columns, names: readonly string[]): Columns {
    if (names.length === 0) return columns;
    return columns === undefined ? undefined : [...names, ...columns.slice(names.length)];
  }

  common(left: Columns, right: Columns): readonly string[] {
    return left?.filter((name) => right?.includes(name)) ?? [];
  }

  /** USING shows its columns once, before the others. */
  merge(left: Columns, right: Columns, using: readonly string[]): Columns {
    const rest = (columns: Columns): Columns => columns?.filter((name) => !using.includes(name));
    return this.join([using, rest(left), rest(right)]);
  }

  /** The columns of `function(…) AS alias` and of ROWS FROM. */
  ofFunctions(range: TreeObject, alias: string): Columns {
    const functions = listOf(range['functions']).map((entry) => listOf(bodyOf(entry, 'List')?.['items']));
    const only = functions.length === 1;
    const parts = functions.map(([call, definitions]): Columns => {
      const inside = bodyOf(definitions, 'List')?.['items'];
      const defined = listOf(inside ?? (only ? range['coldeflist'] : undefined));
      if (defined.length > 0)
        return defined.map((column) => textOf(bodyOf(column, 'ColumnDef')?.['colname']));
      const name = functionName(call);
      if (name === undefined || OF_UNKNOWN_SHAPE.test(name)) return undefined;
      return Object.hasOwn(RESULT_COLUMNS, name)
        ? RESULT_COLUMNS[name]
        : [only && alias !== '' ? alias : name];
    });
    return this.join([...parts, range['ordinality'] === true ? ['ordinality'] : []]);
  }

  /** The name that FROM gives a function without an alias. */
  nameOfFunctions(range: TreeObject): string {
    const [first] = listOf(range['functions']);
    return functionName(listOf(bodyOf(first, 'List')?.['items'])[0]) ?? '';
  }
}

function functionName(call: Tree | undefined): string | undefined {
  return stringsOf(bodyOf(call, 'FuncCall')?.['funcname']).at(-1);
}

/** What PostgreSQL calls a column of a select list that has no alias; an empty text where that is hard to tell. */
export function outputName(expression: Tree | undefined): string {
  const [kind, body] = nodeOf(expression) ?? ['', {}];
  if (kind === 'ColumnRef') return stringsOf(body['fields']).at(-1) ?? '';
  if (kind === 'FuncCall') return stringsOf(body['funcname']).at(-1) ?? '';
  return '';
}
