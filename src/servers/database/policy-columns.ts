import { notAllowed } from './policy-error.js';
import type { PolicyNames } from './policy-names.js';
import { QueryError } from './query-error.js';
import { outputName, RowShape, type Columns } from './row-shape.js';
import {
  bodyOf,
  isObject,
  listOf,
  nodeOf,
  positionOf,
  stringsOf,
  textOf,
  type Tree,
  type TreeObject,
} from './syntax-tree.js';

/**
 * Layer 3 for columns. `value.name` is a column where the value has one of that name, and else a call of the
 * function or a cast to the type `name`: `sales.to_jsonb`, `seconds.pg_sleep`, `text.regclass`. So each such name
 * must be a column of every row that it could mean, or at least the name of a column or field somewhere, and of
 * nothing that may not be called.
 *
 * @throws QueryError 42501 a call or cast, 42703 no such column, 42P01 no such table in FROM
 */
export function checkColumns(sql: string, select: TreeObject, names: PolicyNames): void {
  new ColumnResolver(sql, names, select).select(select, undefined, undefined);
}

/** What FROM gives a name to. */
interface RangeItem {
  readonly name: string;
  readonly columns: Columns;
}

interface Scope {
  readonly items: RangeItem[];
  readonly outer: Scope | undefined;
}

interface Ctes {
  readonly columns: Map<string, Columns>;
  readonly outer: Ctes | undefined;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax']);

/** What is looked into before the expressions, each with its own scope. */
const ARMS: ReadonlySet<string> = new Set(['withClause', 'larg', 'rarg']);
const SOURCES: ReadonlySet<string> = new Set(['withClause', 'fromClause']);
const SAMPLED: ReadonlySet<string> = new Set(['relation']);
const JOINED: ReadonlySet<string> = new Set(['larg', 'rarg', 'alias', 'join_using_alias']);
const NONE: ReadonlySet<string> = new Set();

class ColumnResolver {
  private readonly shapes = new RowShape();
  private aliases: ReadonlySet<string> | undefined;

  constructor(
    private readonly sql: string,
    private readonly names: PolicyNames,
    private readonly root: TreeObject,
  ) {}

  /** Checks a SELECT and what it holds, and tells its columns. */
  select(
    body: TreeObject,
    outer: Scope | undefined,
    outerCtes: Ctes | undefined,
    onFirstArm?: (columns: Columns) => void,
  ): Columns {
    const ctes = this.with(body['withClause'], outer, outerCtes);
    const scope: Scope = { items: [], outer };
    const { larg, rarg } = body;
    if (isObject(larg) && isObject(rarg)) {
      const columns = this.select(larg, outer, ctes, onFirstArm);
      onFirstArm?.(columns);
      this.select(rarg, outer, ctes);
      this.expressions(body, ARMS, scope, ctes);
      return columns;
    }
    const row = this.shapes.join(listOf(body['fromClause']).map((item) => this.from(item, scope, ctes)));
    this.expressions(body, SOURCES, scope, ctes);
    const lists = body['valuesLists'];
    if (lists !== undefined) {
      const first = listOf(bodyOf(listOf(lists)[0], 'List')?.['items']);
      return first.map((_, index) => `column${index + 1}`);
    }
    return this.shapes.join(listOf(body['targetList']).map((target) => this.target(target, row, scope)));
  }

  private with(
    clause: Tree | undefined,
    outer: Scope | undefined,
    outerCtes: Ctes | undefined,
  ): Ctes | undefined {
    if (!isObject(clause)) return outerCtes;
    const ctes: Ctes = { columns: new Map(), outer: outerCtes };
    const bodies = listOf(clause['ctes']).flatMap((cte): readonly TreeObject[] => {
      const body = bodyOf(cte, 'CommonTableExpr');
      return body === undefined ? [] : [body];
    });
    // A recursive one may name itself and those after it, whose columns nobody knows yet.
    if (clause['recursive'] === true)
      for (const cte of bodies) ctes.columns.set(textOf(cte['ctename']), undefined);
    for (const cte of bodies) {
      const query = bodyOf(cte['ctequery'], 'SelectStmt');
      if (query === undefined) continue;
      const define = (columns: Columns): void => {
        const renamed = this.shapes.rename(columns, stringsOf(cte['aliascolnames']));
        ctes.columns.set(textOf(cte['ctename']), this.shapes.join([renamed, addedColumns(cte)]));
      };
      define(this.select(query, outer, ctes, clause['recursive'] === true ? define : undefined));
    }
    return ctes;
  }

  /** Adds what an entry of FROM gives a name to, and tells the columns that `*` would show of it. */
  private from(entry: Tree, scope: Scope, ctes: Ctes | undefined): Columns {
    const [kind, body] = nodeOf(entry) ?? ['', {}];
    if (kind === 'RangeTableSample') {
      const columns = this.from(body['relation'] ?? null, scope, ctes);
      this.expressions(body, SAMPLED, scope, ctes);
      return columns;
    }
    if (kind === 'JoinExpr') return this.join(body, scope, ctes);
    const alias = isObject(body['alias']) ? body['alias'] : {};
    const renames = stringsOf(alias['colnames']);
    let name = textOf(alias['aliasname']);
    let columns: Columns;
    if (kind === 'RangeVar') {
      const [schema, table] = [body['schemaname'], textOf(body['relname'])];
      columns =
        schema === undefined ? findCte(ctes, table, this.names) : this.names.columnsOf(textOf(schema), table);
      name = name === '' ? table : name;
    } else if (kind === 'RangeSubselect') {
      const query = bodyOf(body['subquery'], 'SelectStmt');
      columns = query === undefined ? undefined : this.select(query, scope, ctes);
    } else {
      this.expressions(body, NONE, scope, ctes);
      if (kind === 'RangeFunction') {
        columns = this.shapes.ofFunctions(body, name);
        name = name === '' ? this.shapes.nameOfFunctions(body) : name;
      } else if (kind === 'JsonTable') {
        name = name === '' ? 'json_table' : name;
        columns = undefined;
      }
    }
    const shown = this.shapes.rename(columns, renames);
    scope.items.push({ name, columns: shown });
    return shown;
  }

  private join(body: TreeObject, scope: Scope, ctes: Ctes | undefined): Columns {
    const left = this.from(body['larg'] ?? null, scope, ctes);
    const right = this.from(body['rarg'] ?? null, scope, ctes);
    this.expressions(body, JOINED, scope, ctes);
    const using =
      body['isNatural'] === true ? this.shapes.common(left, right) : stringsOf(body['usingClause']);
    const columns = this.shapes.merge(left, right, using);
    const { alias, join_using_alias: usingAlias } = body;
    if (isObject(usingAlias)) scope.items.push({ name: textOf(usingAlias['aliasname']), columns: using });
    if (!isObject(alias)) return columns;
    const renamed = this.shapes.rename(columns, stringsOf(alias['colnames']));
    scope.items.push({ name: textOf(alias['aliasname']), columns: renamed });
    return renamed;
  }

  private target(entry: Tree, row: Columns, scope: Scope): Columns {
    const target = bodyOf(entry, 'ResTarget');
    if (target === undefined) return undefined;
    if (typeof target['name'] === 'string') return [target['name']];
    const fields = listOf(bodyOf(target['val'], 'ColumnRef')?.['fields']);
    if (bodyOf(fields.at(-1), 'A_Star') !== undefined) {
      if (fields.length === 1) return row;
      const name = stringsOf(fields).at(-2) ?? '';
      const [item, ...others] = candidates(scope, name);
      return others.length === 0 ? item?.columns : undefined;
    }
    const indirection = listOf(bodyOf(target['val'], 'A_Indirection')?.['indirection']);
    if (bodyOf(indirection.at(-1), 'A_Star') !== undefined) return undefined;
    return [outputName(target['val'])];
  }

  /** Checks every name in a part of a query but in some of its fields; SELECTs in it see the scope from within. */
  private expressions(
    root: TreeObject,
    without: ReadonlySet<string>,
    scope: Scope,
    ctes: Ctes | undefined,
  ): void {
    const pending: Tree[] = [root];
    while (pending.length > 0) {
      const tree = pending.pop();
      if (Array.isArray(tree)) {
        for (const item of tree as readonly Tree[]) pending.push(item);
        continue;
      }
      if (!isObject(tree)) continue;
      for (const kind in tree) {
        const value = tree[kind];
        if (typeof value !== 'object' || (tree === root && without.has(kind))) continue;
        if (!isObject(value)) {
          pending.push(value);
          continue;
        }
        if (kind === 'SelectStmt') this.select(value, scope, ctes);
        else {
          if (kind === 'ColumnRef') this.column(value, scope);
          if (kind === 'A_Indirection') this.fields(value);
          pending.push(value);
        }
      }
    }
  }

  /** `item.name` and `schema.item.name`; a name that stands alone is a column or a whole row and calls nothing. */
  private column(node: TreeObject, scope: Scope): void {
    const fields = listOf(node['fields']);
    const parts = stringsOf(fields);
    const name = parts.at(-1) ?? '';
    if (fields.length < 2 || bodyOf(fields.at(-1), 'A_Star') !== undefined) return;
    const item = parts.at(-2) ?? '';
    const found = candidates(scope, item);
    if (found.length === 0 && fields.length === 2) {
      throw new QueryError('SQL505', '42P01', `missing FROM-clause entry for table "${item}"`, {
        position: positionOf(this.sql, node),
        hint: 'Give the table in FROM that name, or use the name that it has there.',
      });
    }
    const isColumn =
      (found.length > 0 && found.every(({ columns }) => columns?.includes(name))) ||
      (SYSTEM_COLUMNS.has(name) && !this.names.isRefusedAttribute(name));
    if (!isColumn) this.uncertain(node, item, name);
  }

  /** `(value).name`, where nothing tells the type of the value. */
  private fields(node: TreeObject): void {
    for (const step of listOf(node['indirection'])) {
      const name = bodyOf(step, 'String')?.['sval'];
      if (typeof name === 'string') this.uncertain(node, '(…)', name);
    }
  }

  private uncertain(node: TreeObject, value: string, name: string): void {
    this.aliases ??= aliasesIn(this.root);
    const isKnown = this.aliases.has(name) || this.names.isField(name);
    if (isKnown && !this.names.isRefusedAttribute(name)) return;
    if (this.names.isRefusedAttribute(name) || this.names.isFunction(name)) {
      throw notAllowed(
        this.sql,
        node,
        `${value}.${name} would call the function ${name}, since ${value} has no such column.`,
        `Write a column of ${value}, or an allowed function as ${name}(…).`,
      );
    }
    throw new QueryError('SQL505', '42703', `column ${value}.${name} does not exist`, {
      position: positionOf(this.sql, node),
    });
  }
}

/** Everything in sight by that name: which of them PostgreSQL takes, depends on where the question stands. */
function candidates(scope: Scope | undefined, name: string): RangeItem[] {
  const found: RangeItem[] = [];
  for (let current = scope; current !== undefined; current = current.outer) {
    for (const item of current.items) if (item.name === name) found.push(item);
  }
  return found;
}

function findCte(ctes: Ctes | undefined, name: string, names: PolicyNames): Columns {
  for (let current = ctes; current !== undefined; current = current.outer) {
    if (current.columns.has(name)) return current.columns.get(name);
  }
  return names.columnsOf(undefined, name);
}

/** SEARCH and CYCLE add columns to a recursive query. */
function addedColumns(cte: TreeObject): readonly string[] {
  const { search_clause: search, cycle_clause: cycle } = cte;
  return [
    ...(isObject(search) ? [textOf(search['search_seq_column'])] : []),
    ...(isObject(cycle) ? [textOf(cycle['cycle_mark_column']), textOf(cycle['cycle_path_column'])] : []),
  ];
}

/** Every name that the query itself gives to something. */
function aliasesIn(root: Tree): ReadonlySet<string> {
  const found = new Set<string>();
  const pending: Tree[] = [root];
  while (pending.length > 0) {
    const tree = pending.pop();
    if (Array.isArray(tree)) {
      for (const item of tree as readonly Tree[]) pending.push(item);
      continue;
    }
    if (!isObject(tree)) continue;
    for (const key in tree) {
      const value = tree[key];
      if (NAME_FIELDS.has(key) && typeof value === 'string') found.add(value);
      else if (NAME_LISTS.has(key)) for (const name of stringsOf(value)) found.add(name);
      if (typeof value === 'object') pending.push(value);
    }
  }
  return found;
}

const NAME_FIELDS: ReadonlySet<string> = new Set(['name', 'colname', 'aliasname']);
const NAME_LISTS: ReadonlySet<string> = new Set(['colnames', 'aliascolnames', 'funcname']);
