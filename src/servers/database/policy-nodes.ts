import { ALLOWED_FUNCTIONS, DIALECT_HINTS } from './functions.js';
import { notAllowed, notRead } from './policy-error.js';
import type { PolicyNames } from './policy-names.js';
import { QueryError } from './query-error.js';
import {
  dotted,
  isKind,
  isObject,
  listOf,
  positionOf,
  stringsOf,
  textOf,
  type Tree,
  type TreeObject,
} from './syntax-tree.js';

interface Context {
  readonly sql: string;
  readonly names: PolicyNames;
}

type Check = (node: TreeObject, context: Context) => void;

/**
 * Layers 1 and 2, node by node: at no depth a write or a lock, no function, operator, type or relation that is not
 * allowed. Everything is an allow-list: a kind of node that it does not know is refused.
 *
 * @throws QueryError
 */
export function checkNodes(sql: string, root: TreeObject, names: PolicyNames): void {
  const context = { sql, names };
  // Its own stack instead of recursion: how deep a query nests is decided outside.
  const pending: Tree[] = [root];
  while (pending.length > 0) {
    const tree = pending.pop();
    if (Array.isArray(tree)) {
      for (const item of tree as readonly Tree[]) pending.push(item);
      continue;
    }
    if (!isObject(tree)) continue;
    // In the tree of a parser every key is its own.
    for (const key in tree) {
      const value = tree[key];
      if (key === 'lockingClause') throw locking();
      if (typeof value !== 'object') continue;
      if (isObject(value)) {
        if (isKind(key)) checkNode(key, value, context);
        else FIELD_CHECKS[key]?.(value, context);
      } else if (OPERATOR_FIELDS.has(key)) checkOperator(value, tree, context);
      pending.push(value);
    }
  }
}

/** Node kinds that only read and compute; the kinds with a check of their own stand in CHECKS. */
const PLAIN_NODES: ReadonlySet<string> = new Set(
  `
  SelectStmt ResTarget ColumnRef A_Star A_Const String Integer Float Boolean BitString List BoolExpr TypeCast
  SubLink CaseExpr CaseWhen CoalesceExpr MinMaxExpr NullTest BooleanTest SortBy WindowDef GroupingSet GroupingFunc
  JoinExpr RangeSubselect RangeFunction ColumnDef A_ArrayExpr A_Indices A_Indirection RowExpr NamedArgExpr
  SQLValueFunction Alias WithClause A_Expr
  JsonAggConstructor JsonKeyValue JsonValueExpr JsonOutput JsonReturning JsonFormat JsonBehavior JsonArgument
  JsonIsPredicate JsonTableColumn JsonTablePathSpec
  `
    .trim()
    .split(/\s+/),
);

/**
 * Where the parser knows the syntax of newer PostgreSQL, an older one calls the functions of these names: only
 * somebody's own, since it has none.
 */
const CALLS_OF_NEWER_SYNTAX: Readonly<Record<string, readonly string[]>> = {
  JsonObjectConstructor: ['json_object'],
  JsonArrayConstructor: ['json_array'],
  JsonArrayQueryConstructor: ['json_array'],
  JsonObjectAgg: ['json_objectagg'],
  JsonArrayAgg: ['json_arrayagg'],
  JsonFuncExpr: ['json_exists', 'json_query', 'json_value'],
  JsonParseExpr: ['json'],
  JsonScalarExpr: ['json_scalar'],
  JsonSerializeExpr: ['json_serialize'],
  JsonTable: ['json_table'],
};

const CHECKS: Readonly<Record<string, Check>> = {
  FuncCall(node, context) {
    checkFunction(node, context);
  },
  RangeVar(node, { sql, names }) {
    const { relname: table, schemaname: schema, catalogname: database } = node;
    // All relations of pg_catalog begin with pg_, and are found without a schema: a CTE of that name must not
    // make one readable elsewhere in the query, so it is not asked for.
    const catalog = schema === undefined && typeof table === 'string' && table.startsWith('pg_');
    const foreign = schema !== undefined && !names.schemas.includes(textOf(schema));
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
    const method = builtInName(node['method']);
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
  TypeName(node, context) {
    checkType(node, context);
  },
  CollateClause(node, context) {
    checkCollation(node, context);
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
  typeName(node, context) {
    checkType(node, context);
  },
  collClause(node, context) {
    checkCollation(node, context);
  },
};

function checkNode(kind: string, node: TreeObject, context: Context): void {
  const check = CHECKS[kind];
  if (check !== undefined) return check(node, context);
  if (PLAIN_NODES.has(kind)) return;
  const calls = CALLS_OF_NEWER_SYNTAX[kind];
  const own = calls?.find((name) => context.names.ownFunctions.has(name));
  if (own !== undefined) throw notAllowed(context.sql, node, `The function ${own} is not allowed.`);
  if (calls !== undefined) return;
  if (kind.endsWith('Stmt')) throw notRead(kind);
  throw new QueryError('SQL505', '0A000', `The query uses ${kind}, which is not supported here.`, {
    position: positionOf(context.sql, node),
  });
}

function checkFunction(node: TreeObject, { sql, names }: Context): void {
  const parts = stringsOf(node['funcname']);
  const name = builtInName(node['funcname']);
  if (name === undefined || !ALLOWED_FUNCTIONS.has(name)) {
    const shown = parts.join('.');
    // Whether this PostgreSQL has one of its own names is none of the caller's business.
    const exists = parts.length > 1 || shown.startsWith('pg_') || names.functions.has(shown);
    const hint = Object.hasOwn(DIALECT_HINTS, shown) ? DIALECT_HINTS[shown] : undefined;
    if (exists) throw notAllowed(sql, node, `The function ${shown} is not allowed.`, hint);
    throw new QueryError('SQL505', '42883', `The function ${shown} does not exist.`, {
      position: positionOf(sql, node),
      hint: hint ?? null,
    });
  }
  // PostgreSQL takes the one whose parameters fit best, and that may be somebody's own.
  if (parts.length === 1 && names.ownFunctions.has(name)) {
    throw notAllowed(
      sql,
      node,
      `The function ${name} is not allowed, since the database has one of its own by that name.`,
      `Write pg_catalog.${name} for the built-in one.`,
    );
  }
}

/** Fields with the name of an operator: of expressions, `ORDER BY … USING`, `= ANY (SELECT …)`. */
const OPERATOR_FIELDS: ReadonlySet<string> = new Set(['name', 'useOp', 'operName']);

/** An operator calls its function. */
function checkOperator(value: Tree, node: TreeObject, { sql, names }: Context): void {
  if (listOf(value).length === 0) return;
  const parts = stringsOf(value);
  const name = builtInName(value);
  if (name === undefined) throw notAllowed(sql, node, `The operator ${parts.join('.')} is not allowed.`);
  const called = name.includes('BETWEEN') ? ['<=', '>='] : [name];
  if (parts.length === 1 && called.some((operator) => names.ownOperators.has(operator))) {
    throw notAllowed(
      sql,
      node,
      `The operator ${name} is not allowed, since the database has one of its own by that name.`,
      `Write OPERATOR(pg_catalog.${name}) for the built-in one.`,
    );
  }
}

function checkType(node: TreeObject, { sql, names }: Context): void {
  const parts = stringsOf(node['names']);
  const name = parts.at(-1) ?? '';
  const schema = parts.length > 1 ? parts[0] : undefined;
  // `schema.table%TYPE` names a relation.
  if (node['pct_type'] === true) throw notAllowed(sql, node, 'The type %TYPE is not allowed.');
  if (parts.length > 2 || !names.isServedType(schema, name)) {
    throw notAllowed(sql, node, `The type ${parts.join('.')} is not allowed.`);
  }
}

/** What is wrong with another one would tell which schemas there are. */
function checkCollation(node: TreeObject, { sql, names }: Context): void {
  const parts = stringsOf(node['collname']);
  const [schema = ''] = parts;
  if (parts.length < 2 || (parts.length === 2 && ['pg_catalog', ...names.schemas].includes(schema))) return;
  throw notAllowed(sql, node, `The collation ${parts.join('.')} is not allowed.`);
}

function locking(): QueryError {
  return new QueryError('SQL501', '25006', 'SELECT FOR UPDATE or FOR SHARE would lock rows.', {
    hint: 'Leave the FOR clause out.',
  });
}

/** The name in a list of String nodes, where it is unqualified or of pg_catalog. */
function builtInName(names: Tree | undefined): string | undefined {
  const parts = stringsOf(names);
  if (parts.length === 1) return parts[0];
  return parts.length === 2 && parts[0] === 'pg_catalog' ? parts[1] : undefined;
}
