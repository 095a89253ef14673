import type { DatabaseDescription, ForeignKey, TableDescription } from './engine.js';
import { readServedNames } from './served-names.js';

/** Runs one of our own statements and gives its rows, objects by column name. */
export type RunSql = (sql: string) => Promise<readonly Row[]>;

/** Larger tables are not counted: PostgreSQL's own estimate is near enough, and costs nothing. */
const COUNTED_BYTES = 16 * 1024 * 1024;

/** Tables that are counted by one statement. */
const COUNTED_AT_ONCE = 40;

/**
 * Reads from PostgreSQL's catalogs the tables and views of the schemas, as far as the role that runs this may read
 * them.
 */
export async function describeDatabase(
  run: RunSql,
  schemas: readonly string[],
): Promise<DatabaseDescription> {
  const names = schemas.map(quoteLiteral).join(', ');
  const [{ version = '' } = {}] = await run(`SELECT current_setting('server_version') AS version`);
  const relations = await run(relationsSql(names));
  const columns = byRelation(await run(columnsSql(names)));
  const keys = byRelation(await run(keysSql(names)));
  const counts = await countRows(run, relations);

  const tables = relations.map((relation): TableDescription => {
    const oid = String(relation['oid']);
    const ownKeys = keys.get(oid) ?? [];
    const estimate = Number(relation['estimate'] ?? -1);
    const count = counts.get(oid);
    return {
      name: String(relation['name']),
      schema: String(relation['schema']),
      kind: relation['kind'] === 'v' || relation['kind'] === 'm' ? 'view' : 'table',
      description: textOrNull(relation['description']),
      row_count: count ?? (estimate < 0 ? null : Math.round(estimate)),
      row_count_exact: count !== undefined,
      columns: (columns.get(oid) ?? []).map((column) => ({
        name: String(column['name']),
        type: String(column['type']),
        nullable: column['nullable'] === true,
        default: textOrNull(column['default']),
        description: textOrNull(column['description']),
      })),
      primary_key: ownKeys.filter((key) => key['kind'] === 'p').flatMap((key) => list(key['columns'])),
      foreign_keys: ownKeys.filter((key) => key['kind'] === 'f').map(foreignKey),
    };
  });
  return {
    names: await readServedNames(run, names),
    dialect: 'postgresql',
    version: String(version),
    schemas,
    tables,
    relationships: tables.flatMap(({ name, foreign_keys }) =>
      foreign_keys.flatMap(({ columns: own, references }) =>
        own.map((column, index) => ({
          from: `${name}.${column}`,
          to: `${references.table}.${references.columns[index] ?? ''}`,
        })),
      ),
    ),
  };
}

type Row = Readonly<Record<string, unknown>>;

function byRelation(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(String(row['oid'])) ?? [];
    group.push(row);
    groups.set(String(row['oid']), group);
  }
  return groups;
}

async function countRows(run: RunSql, relations: readonly Row[]): Promise<Map<string, number>> {
  const counted = relations.filter(
    ({ kind, bytes }) => (kind === 'r' || kind === 'p') && Number(bytes) <= COUNTED_BYTES,
  );
  const counts = new Map<string, number>();
  for (let at = 0; at < counted.length; at += COUNTED_AT_ONCE) {
    const parts = counted.slice(at, at + COUNTED_AT_ONCE).map(({ oid, schema, name }) => {
      const table = `${quoteName(String(schema))}.${quoteName(String(name))}`;
      return `SELECT ${quoteLiteral(String(oid))} AS oid, count(*)::text AS count FROM ${table}`;
    });
    // A table that cannot be counted, as one behind a row security policy that fails, keeps its estimate.
    const rows = await run(parts.join(' UNION ALL ')).catch(() => []);
    for (const { oid, count } of rows) counts.set(String(oid), Number(count));
  }
  return counts;
}

/** Sizes and estimates are those of all partitions; a table that was never analysed has no estimate. */
function relationsSql(schemas: string): string {
  const either = (value: string): string => `CASE c.relkind
    WHEN 'r' THEN (SELECT ${value} FROM pg_class l WHERE l.oid = c.oid)
    WHEN 'p' THEN (SELECT ${value} FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf) END`;
  return `SELECT c.oid::int8::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
                 obj_description(c.oid, 'pg_class') AS description,
                 ${either('coalesce(sum(pg_relation_size(l.oid)), 0)::text')} AS bytes,
                 ${either('CASE WHEN min(l.reltuples) >= 0 THEN sum(l.reltuples)::text END')} AS estimate
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname IN (${schemas}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
            AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
          ORDER BY array_position(ARRAY[${schemas}], n.nspname::text), c.relname`;
}

function columnsSql(schemas: string): string {
  return `SELECT c.oid::int8::text AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
                 NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
                 col_description(c.oid, a.attnum) AS description
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
          WHERE n.nspname IN (${schemas}) AND a.attnum > 0 AND NOT a.attisdropped
            AND has_column_privilege(c.oid, a.attnum, 'SELECT')
          ORDER BY c.oid, a.attnum`;
}

function keysSql(schemas: string): string {
  const columnNames = (numbers: string, relation: string): string =>
    `(SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(${numbers}) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = k.number)`;
  return `SELECT o.conrelid::int8::text AS oid, o.contype::text AS kind, f.relname AS "references",
                 ${columnNames('o.conkey', 'o.conrelid')} AS columns,
                 ${columnNames('o.confkey', 'o.confrelid')} AS referenced
          FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
          LEFT JOIN pg_class f ON f.oid = o.confrelid
          WHERE n.nspname IN (${schemas}) AND o.contype IN ('p', 'f') AND o.conparentid = 0
          ORDER BY o.conname`;
}

function foreignKey(key: Row): ForeignKey {
  return {
    columns: list(key['columns']),
    references: { table: String(key['references']), columns: list(key['referenced']) },
  };
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
