import { ALLOWED_FUNCTIONS, ALLOWED_TYPES } from './functions.js';

/** What a query may name, and what a name could call: the part of the catalogs that the policy goes by. */
export interface ServedNames {
  /** Tables, views and partitions of the served schemas with all of their columns. */
  readonly relations: readonly ServedRelation[];
  /** Types of the served schemas whose values come to life without a function of the database's owner. */
  readonly types: readonly { readonly schema: string; readonly name: string }[];
  /** Fields of composite types. */
  readonly fields: readonly string[];
  /** Functions of the served schemas that no extension brought; one may take the place of a built-in function. */
  readonly ownFunctions: readonly string[];
  /** Operators of the served schemas that no extension brought. */
  readonly ownOperators: readonly string[];
  /** Functions and types, built-in ones too, that `value.name` would call or cast to, and that are not allowed. */
  readonly refusedAttributes: readonly string[];
  /** Names of all functions that an unqualified call could find. */
  readonly functions: readonly string[];
}

export interface ServedRelation {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;
type Run = (sql: string) => Promise<readonly Row[]>;

/** @param schemas as a list of SQL literals */
export async function readServedNames(run: Run, schemas: string): Promise<ServedNames> {
  const [relations, functions, operators, types] = [
    await run(relationsSql(schemas)),
    await run(functionsSql(schemas)),
    await run(operatorsSql(schemas)),
    await run(typesSql(schemas)),
  ];
  const own = functions.filter(({ own: isOwn }) => isOwn === true).map(nameOf);
  const plain = plainTypes(types);
  const ownNames = new Set(own);
  const names = [...new Set(functions.map(nameOf))];
  return {
    relations: relations.map((row) => ({
      schema: String(row['schema']),
      name: nameOf(row),
      columns: listOf(row['columns']),
    })),
    types: plain
      .filter(({ builtIn }) => builtIn !== true)
      .map((row) => ({ schema: String(row['schema']), name: nameOf(row) })),
    fields: [...new Set(plain.flatMap((row) => listOf(row['fields'])))],
    ownFunctions: [...ownNames],
    ownOperators: [...new Set(operators.map(nameOf))],
    functions: names,
    refusedAttributes: [
      ...new Set([
        ...names.filter((name) => ownNames.has(name) || !ALLOWED_FUNCTIONS.has(name)),
        ...types.filter((type) => !plain.includes(type)).map(nameOf),
      ]),
    ],
  };
}

/**
 * A type is plain when neither it nor a type that it is made of runs a function that somebody wrote for this
 * database: the check of a domain, the input function of a base type.
 */
function plainTypes(types: readonly Row[]): readonly Row[] {
  const byOid = new Map(types.map((row) => [String(row['oid']), row]));
  const known = new Map<string, boolean>();
  const isPlain = (oid: string): boolean => {
    const before = known.get(oid);
    if (before !== undefined) return before;
    const row = byOid.get(oid);
    if (row === undefined) return true;
    // A table with an array of itself goes around in a circle.
    known.set(oid, true);
    const allowed = row['builtIn'] === true ? ALLOWED_TYPES.has(nameOf(row)) : row['calls'] !== true;
    const result = allowed && listOf(row['parts']).every(isPlain);
    known.set(oid, result);
    return result;
  };
  return types.filter((row) => isPlain(String(row['oid'])));
}

function relationsSql(schemas: string): string {
  return `SELECT n.nspname AS schema, c.relname AS name,
                 (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname IN (${schemas}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;
}

/** Whether an extension brought an object, which speaks for its author's care and against an accident. */
const notOfExtension = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;

function functionsSql(schemas: string): string {
  return `SELECT p.proname AS name,
                 bool_or(n.nspname <> 'pg_catalog' AND ${notOfExtension('pg_proc', 'p.oid')}) AS own
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
          WHERE n.nspname IN (${schemas}, 'pg_catalog') GROUP BY p.proname`;
}

function operatorsSql(schemas: string): string {
  return `SELECT DISTINCT o.oprname AS name FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
          WHERE n.nspname IN (${schemas}) AND n.nspname <> 'pg_catalog' AND ${notOfExtension('pg_operator', 'o.oid')}`;
}

/** Array types are left out: they are written as their element with brackets. */
function typesSql(schemas: string): string {
  return `SELECT t.oid::int8::text AS oid, n.nspname AS schema, t.typname AS name, n.nspname = 'pg_catalog' AS "builtIn",
                 (t.typtype = 'b' AND ${notOfExtension('pg_type', 't.oid')}) OR EXISTS (
                   SELECT 1 FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
                   WHERE k.contypid = t.oid AND d.refclassid = 'pg_proc'::regclass) AS calls,
                 (SELECT json_agg(p.part) FROM (
                   SELECT t.typbasetype::int8::text AS part WHERE t.typtype = 'd'
                   UNION ALL SELECT coalesce(nullif(e.typelem, 0), a.atttypid)::int8::text
                     FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid
                     WHERE a.attrelid = t.typrelid AND n.nspname <> 'pg_catalog' AND a.attnum > 0 AND NOT a.attisdropped
                 ) p) AS parts,
                 (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = t.typrelid
                  AND n.nspname <> 'pg_catalog' AND a.attnum > 0 AND NOT a.attisdropped) AS fields
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
          WHERE n.nspname IN (${schemas}, 'pg_catalog') AND t.typcategory <> 'A'`;
}

function nameOf(row: Row): string {
  return String(row['name']);
}

/** JSON comes parsed from one driver and as text from another. */
function listOf(value: unknown): string[] {
  const list: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  return Array.isArray(list) ? list.map(String) : [];
}
