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
  const [builtIn = {}] = await run(BUILT_IN_SQL);
  const relations = await run(relationsSql(schemas));
  const functions = await run(functionsSql(schemas));
  const operators = await run(operatorsSql(schemas));
  const types = await run(typesSql(schemas));
  const plain = plainTypes(types);
  const ownFunctions = functions.filter(({ own }) => own === true).map(nameOf);
  const all = [...new Set([...listOf(builtIn['functions']), ...functions.map(nameOf)])];
  const refused = new Set([
    ...all.filter((name) => !ALLOWED_FUNCTIONS.has(name)),
    ...listOf(builtIn['types']).filter((name) => !ALLOWED_TYPES.has(name)),
    ...ownFunctions,
    ...types.filter((type) => !plain.includes(type)).map(nameOf),
  ]);
  return {
    relations: relations.map((row) => ({
      schema: String(row['schema']),
      name: nameOf(row),
      columns: listOf(row['columns']),
    })),
    types: plain.map((row) => ({ schema: String(row['schema']), name: nameOf(row) })),
    fields: [...new Set(plain.flatMap((row) => listOf(row['fields'])))],
    ownFunctions,
    ownOperators: operators.map(nameOf),
    functions: all,
    refusedAttributes: [...refused],
  };
}

/**
 * A type is plain when neither it nor a type that it is made of runs a function that somebody wrote for this
 * database: the check of a domain, the input function of a base type. What it is made of beyond the served schemas
 * must be a built-in type that is allowed.
 */
function plainTypes(types: readonly Row[]): readonly Row[] {
  const byOid = new Map(types.map((row) => [String(row['oid']), row]));
  const known = new Map<string, boolean>();
  const isPlain = (row: Row): boolean => {
    const oid = String(row['oid']);
    const before = known.get(oid);
    if (before !== undefined) return before;
    // A table with an array of itself goes around in a circle.
    known.set(oid, true);
    const result =
      row['calls'] !== true &&
      partsOf(row).every((part) => {
        const inner = byOid.get(part.oid);
        return inner === undefined ? part.builtIn && ALLOWED_TYPES.has(part.name) : isPlain(inner);
      });
    known.set(oid, result);
    return result;
  };
  return types.filter(isPlain);
}

interface Part {
  readonly oid: string;
  readonly name: string;
  readonly builtIn: boolean;
}

function partsOf(row: Row): readonly Part[] {
  const parts: unknown = typeof row['parts'] === 'string' ? JSON.parse(row['parts']) : row['parts'];
  return (parts ?? []) as readonly Part[];
}

/** One row, since there are thousands of them. Array types are written as their element with brackets. */
const BUILT_IN_SQL = `SELECT
  (SELECT json_agg(DISTINCT proname ORDER BY proname) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace) AS functions,
  (SELECT json_agg(typname ORDER BY typname) FROM pg_type
   WHERE typnamespace = 'pg_catalog'::regnamespace AND typcategory <> 'A') AS types`;

function relationsSql(schemas: string): string {
  return `SELECT n.nspname AS schema, c.relname AS name,
                 (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname IN (${schemas}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.oid`;
}

/** Whether an extension brought an object, which speaks for its author's care and against an accident. */
const notOfExtension = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;

function functionsSql(schemas: string): string {
  return `SELECT p.proname AS name, bool_or(${notOfExtension('pg_proc', 'p.oid')}) AS own
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
          WHERE n.nspname IN (${schemas}) AND n.nspname <> 'pg_catalog' GROUP BY p.proname ORDER BY p.proname`;
}

function operatorsSql(schemas: string): string {
  return `SELECT DISTINCT o.oprname AS name FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
          WHERE n.nspname IN (${schemas}) AND n.nspname <> 'pg_catalog' AND ${notOfExtension('pg_operator', 'o.oid')}
          ORDER BY o.oprname`;
}

/** A domain is made of its base type, a row of its columns; of an array its element counts. */
function typesSql(schemas: string): string {
  const part = `json_build_object('oid', e.oid::int8::text, 'name', e.typname,
                                  'builtIn', e.typnamespace = 'pg_catalog'::regnamespace)`;
  const elementOf = (oid: string): string =>
    `pg_type b JOIN pg_type e ON e.oid = CASE WHEN b.typcategory = 'A' THEN b.typelem ELSE b.oid END WHERE b.oid = ${oid}`;
  return `SELECT t.oid::int8::text AS oid, n.nspname AS schema, t.typname AS name,
                 (t.typtype = 'b' AND ${notOfExtension('pg_type', 't.oid')}) OR EXISTS (
                   SELECT 1 FROM pg_constraint k
                   JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
                   WHERE k.contypid = t.oid AND d.refclassid = 'pg_proc'::regclass) AS calls,
                 CASE t.typtype
                   WHEN 'd' THEN (SELECT json_agg(${part}) FROM ${elementOf('t.typbasetype')})
                   WHEN 'c' THEN (
                     SELECT json_agg(${part}) FROM pg_attribute a, LATERAL (SELECT e.* FROM ${elementOf('a.atttypid')}) e
                     WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
                 END AS parts,
                 (SELECT json_agg(a.attname) FROM pg_attribute a
                  WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS fields
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
          WHERE n.nspname IN (${schemas}) AND n.nspname <> 'pg_catalog' AND t.typcategory <> 'A' ORDER BY t.oid`;
}

function nameOf(row: Row): string {
  return String(row['name']);
}

/** JSON comes parsed from one driver and as text from another. */
function listOf(value: unknown): string[] {
  const list: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  return Array.isArray(list) ? list.map(String) : [];
}
