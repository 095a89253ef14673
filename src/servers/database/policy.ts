import type * as libpgQuery from 'libpg-query';
import { ALLOWED_FUNCTIONS } from './functions.js';
import { QueryError } from './query-error.js';

/** Long enough for any analytic query; PostgreSQL's parser takes about 40 ms for the worst text of this length. */
export const MAX_QUERY_CHARS = 65_536;

export interface PolicyOptions {
  /** Schemas whose tables may be named with their schema. */
  readonly schemas: readonly string[];
}

/**
 * Lets a query through when PostgreSQL's own parser reads it as exactly one SELECT, VALUES, TABLE or EXPLAIN
 * without ANALYZE, which at no depth writes, locks, calls a function that is not on the list, or names a catalog.
 * Everything is an allow-list: a node, function or option that it does not know is refused.
 *
 * To be called in a thread with a deep stack: where the parser runs out of it, it throws a RangeError, leaks, and
 * after some tens of those reads nonsense.
 *
 * @throws QueryError  why it is refused, and where; anything else means that the parser must not be used again
 */
export async function checkQuery(sql: string, options: PolicyOptions): Promise<void> {
  checkText(sql);
  const { parse } = await loadParser();
  let tree: ParsedStatements;
  try {
    tree = (await parse(sql)) as ParsedStatements;
  } catch (error) {
    throw parseFailure(sql, error);
  }
  const statements = tree.stmts ?? [];
  const first = statements[0]?.stmt;
  if (first === undefined) throw new QueryError('SQL503', '42601', 'The query is empty.', ONE_READ);
  if (statements.length > 1) {
    throw new QueryError('SQL502', '42601', `The query holds ${statements.length} statements.`, {
      ...ONE_READ,
      position: positionAt(sql, statements[1]?.stmt_location),
    });
  }
  checkStatement(sql, first, options);
}

const ONE_READ = { hint: 'Send one SELECT, VALUES or EXPLAIN statement.' };

/** The parser's tree: JSON whose objects with a capital key are nodes of that kind. */
type Tree = null | string | number | boolean | readonly Tree[] | { readonly [key: string]: Tree };
type TreeObject = { readonly [key: string]: Tree };

interface ParsedStatements {
  readonly stmts?: readonly { readonly stmt?: TreeObject; readonly stmt_location?: number }[];
}

function checkText(sql: string): void {
  if (sql.trim() === '') throw new QueryError('SQL503', '42601', 'The query is empty.', ONE_READ);
  if (sql.length > MAX_QUERY_CHARS) {
    throw new QueryError('SQL505', '54000', `The query is longer than ${MAX_QUERY_CHARS} characters.`);
  }
  // The parser takes a C string: it would see the part before a null byte only, and the database more.
  const odd = /\0|\p{Surrogate}/u.exec(sql);
  if (odd !== null) {
    throw new QueryError('SQL503', '22021', 'The query holds a null character or half of a surrogate pair.', {
      position: odd.index + 1,
    });
  }
}

/** Loads the parser ahead of the first query, and shows at once when it is not installed. */
export async function loadParser(): Promise<typeof libpgQuery> {
  return import('libpg-query');
}

function parseFailure(sql: string, error: unknown): unknown {
  const details = (error as { readonly sqlDetails?: { readonly cursorPosition?: number } }).sqlDetails;
  if (details === undefined) return error;
  const position = details.cursorPosition ?? -1;
  return new QueryError('SQL503', '42601', error instanceof Error ? error.message : 'syntax error', {
    position: position >= 0 && position <= sql.length ? position + 1 : null,
  });
}

function checkStatement(sql: string, statement: TreeObject, options: PolicyOptions): void {
  const [kind = ''] = Object.keys(statement);
  const body = statement[kind];
  if (kind === 'SelectStmt') return walk(sql, statement, options);
  if (kind === 'ExplainStmt' && isObject(body)) {
    checkExplainOptions(sql, body['options']);
    const query = body['query'];
    if (isObject(query) && Object.keys(query)[0] === 'SelectStmt') return walk(sql, query, options);
    throw notRead(isObject(query) ? (Object.keys(query)[0] ?? '') : '', 'EXPLAIN of ');
  }
  throw notRead(kind);
}

function notRead(kind: string, prefix = ''): QueryError {
  return new QueryError('SQL501', '25006', `${prefix}${statementName(kind)} is not a plain read.`, ONE_READ);
}

/** `CreateTableAsStmt` as people write it: `CREATE TABLE AS`. */
function statementName(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}

const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set([
  'verbose',
  'costs',
  'format',
  'summary',
  'buffers',
  'memory',
]);

function checkExplainOptions(sql: string, options: Tree | undefined): void {
  if (!Array.isArray(options)) return;
  for (const option of options as readonly Tree[]) {
    const element = isObject(option) ? option['DefElem'] : undefined;
    const name = isObject(element) ? textOf(element['defname']) : '';
    if (!EXPLAIN_OPTIONS.has(name)) {
      throw new QueryError('SQL501', '25006', `EXPLAIN with ${name.toUpperCase()} is not allowed.`, {
        hint: name === 'analyze' ? 'EXPLAIN without ANALYZE shows the plan and runs nothing.' : null,
        position: isObject(element) ? positionOf(sql, element) : null,
      });
    }
  }
}

/** Node kinds that only read and compute; the kinds with a check of their own stand in CHECKS. */
const PLAIN_NODES: ReadonlySet<string> = new Set(
  `
  SelectStmt ResTarget ColumnRef A_Star A_Const String Integer Float Boolean BitString List BoolExpr TypeCast
  SubLink CaseExpr CaseWhen CoalesceExpr MinMaxExpr NullTest BooleanTest SortBy WindowDef GroupingSet GroupingFunc
  JoinExpr RangeSubselect RangeFunction ColumnDef A_ArrayExpr A_Indices A_Indirection RowExpr NamedArgExpr
  SQLValueFunction CollateClause Alias WithClause
  JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor JsonObjectAgg JsonArrayAgg JsonAggConstructor
  JsonKeyValue JsonValueExpr JsonOutput JsonReturning JsonFormat JsonFuncExpr JsonBehavior JsonArgument
  JsonIsPredicate JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec
  `
    .trim()
    .split(/\s+/),
);

type Check = (node: TreeObject, context: { readonly sql: string; readonly options: PolicyOptions }) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  FuncCall(node, { sql }) {
    const name = pgCatalogName(node['funcname']);
    if (name === undefined || !ALLOWED_FUNCTIONS.has(name)) {
      throw notAllowed(sql, node, `The function ${dotted(node['funcname'])} is not allowed.`);
    }
  },
  A_Expr(node, { sql }) {
    if (pgCatalogName(node['name']) === undefined) {
      throw notAllowed(sql, node, `The operator ${dotted(node['name'])} is not allowed.`);
    }
  },
  RangeVar(node, { sql, options }) {
    const { relname: table, schemaname: schema, catalogname: database } = node;
    // All relations of pg_catalog begin with pg_, and are found without a schema: a CTE of that name must not
    // make one readable elsewhere in the query, so it is not asked for.
    const catalog = schema === undefined && typeof table === 'string' && table.startsWith('pg_');
    const foreign = schema !== undefined && !options.schemas.includes(textOf(schema));
    if (catalog || foreign || database !== undefined) {
      const name = [database, schema, table].map(textOf).filter(Boolean).join('.');
      throw notAllowed(
        sql,
        node,
        `The relation ${name} is not served.`,
        'Read database://metadata for the tables.',
      );
    }
  },
  CommonTableExpr(node, { sql }) {
    if (!isObject(node['ctequery']) || Object.keys(node['ctequery'])[0] !== 'SelectStmt') {
      throw new QueryError('SQL501', '25006', `The CTE ${textOf(node['ctename'])} is not a plain read.`, {
        position: positionOf(sql, node),
      });
    }
  },
  RangeTableSample(node, { sql }) {
    const method = pgCatalogName(node['method']);
    if (method !== 'bernoulli' && method !== 'system') {
      throw notAllowed(sql, node, `The sampling method ${dotted(node['method'])} is not allowed.`);
    }
  },
  ParamRef(node, { sql }) {
    throw new QueryError('SQL503', '42P02', 'The query has a parameter, and none can be given.', {
      hint: 'Write the value into the query.',
      position: positionOf(sql, node),
    });
  },
};

/** Fields that hold a node without its kind around it. */
const FIELD_CHECKS: Readonly<Record<string, Check>> = {
  intoClause(node, { sql }) {
    const target = node['rel'];
    throw new QueryError('SQL501', '25006', 'SELECT INTO would create a table.', {
      position: isObject(target) ? positionOf(sql, target) : null,
    });
  },
  typeName(node, { sql, options }) {
    const parts = strings(node['names']);
    const name = parts.at(-1) ?? '';
    const schema = parts.length > 1 ? parts[0] : undefined;
    const served = schema === undefined || schema === 'pg_catalog' || options.schemas.includes(schema);
    // The reg types look names up in the catalogs, so they tell what exists beyond the served tables.
    if (!served || parts.length > 2 || /^reg[a-z]|^pg_/.test(name)) {
      throw notAllowed(sql, node, `The type ${parts.join('.')} is not allowed.`);
    }
    // `schema.table%TYPE` names a relation.
    if (node['pct_type'] === true) throw notAllowed(sql, node, 'The type %TYPE is not allowed.');
  },
};

function walk(sql: string, root: TreeObject, options: PolicyOptions): void {
  const context = { sql, options };
  // Its own stack instead of recursion: how deep a query nests is decided outside.
  const pending: Tree[] = [root];
  while (pending.length > 0) {
    const tree = pending.pop();
    if (Array.isArray(tree)) {
      for (const item of tree as readonly Tree[]) pending.push(item);
      continue;
    }
    if (!isObject(tree)) continue;
    for (const [key, value] of Object.entries(tree)) {
      if (key === 'lockingClause') throw locking();
      if (isObject(value)) {
        if (/^[A-Z]/.test(key)) checkNode(key, value, context);
        else FIELD_CHECKS[key]?.(value, context);
      }
      if (typeof value === 'object') pending.push(value);
    }
  }
}

function checkNode(kind: string, node: TreeObject, context: Parameters<Check>[1]): void {
  const check = CHECKS[kind];
  if (check !== undefined) return check(node, context);
  if (kind === 'TypeName') return FIELD_CHECKS['typeName']?.(node, context);
  if (PLAIN_NODES.has(kind)) return;
  if (kind.endsWith('Stmt')) throw notRead(kind);
  throw new QueryError('SQL505', '0A000', `The query uses ${kind}, which is not supported here.`, {
    position: positionOf(context.sql, node),
  });
}

function locking(): QueryError {
  return new QueryError('SQL501', '25006', 'SELECT FOR UPDATE or FOR SHARE would lock rows.', {
    hint: 'Leave the FOR clause out.',
  });
}

function notAllowed(sql: string, node: TreeObject, message: string, hint?: string): QueryError {
  return new QueryError('SQL505', '42501', message, { position: positionOf(sql, node), hint: hint ?? null });
}

function isObject(tree: Tree | undefined): tree is TreeObject {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}

function textOf(tree: Tree | undefined): string {
  return typeof tree === 'string' ? tree : '';
}

/** The name in a list of String nodes, where it is unqualified or of pg_catalog. */
function pgCatalogName(names: Tree | undefined): string | undefined {
  const parts = strings(names);
  if (parts.length === 1) return parts[0];
  return parts.length === 2 && parts[0] === 'pg_catalog' ? parts[1] : undefined;
}

function dotted(names: Tree | undefined): string {
  return strings(names).join('.');
}

function strings(names: Tree | undefined): string[] {
  if (!Array.isArray(names)) return [];
  return (names as readonly Tree[]).map((name) => {
    const node = isObject(name) ? name['String'] : undefined;
    return isObject(node) ? textOf(node['sval']) : '';
  });
}

function positionOf(sql: string, node: TreeObject): number | null {
  const location = node['location'];
  return positionAt(sql, typeof location === 'number' ? location : 0);
}

/** The parser counts bytes from 0 and leaves a 0 out; PostgreSQL's clients count characters from 1. */
function positionAt(sql: string, byteOffset = 0): number {
  return Array.from(Buffer.from(sql).subarray(0, byteOffset).toString()).length + 1;
}
