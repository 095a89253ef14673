import type { DatabaseDescription, ForeignKey, TableDescription } from './engine.js';

/** Runs one of our own statements and gives its rows, objects by column name. */
export type RunSql = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Reads the tables and views of the schemas from PostgreSQL's catalogs. Rows are counted exactly, which a database
 * of a laptop's size can afford once at the start.
 */
export async function describeDatabase(
  run: RunSql,
  schemas: readonly string[],
): Promise<DatabaseDescription> {
  const names = schemas.map(quoteLiteral).join(', ');
  const [{ version = '' } = {}] = await run(`SELECT current_setting('server_version') AS version`);
  const relations = await run(relationsSql(names));
  const columns = await run(columnsSql(names));
  const keys = await run(keysSql(names));

  const tables: TableDescription[] = [];
  for (const relation of relations) {
    const of = (row: Readonly<Record<string, unknown>>): boolean => row['oid'] === relation['oid'];
    const [schema, name] = [String(relation['schema']), String(relation['name'])];
    const [{ count = 0 } = {}] = await run(
      `SELECT count(*) AS count FROM ${quoteName(schema)}.${quoteName(name)}`,
    );
    tables.push({
      name,
      schema,
      kind: relation['kind'] === 'v' || relation['kind'] === 'm' ? 'view' : 'table',
      description: textOrNull(relation['description']),
      row_count: Number(count),
      row_count_exact: true,
      columns: columns.filter(of).map((column) => ({
        name: String(column['name']),
        type: String(column['type']),
        nullable: column['nullable'] === true,
        default: textOrNull(column['default']),
        description: textOrNull(column['description']),
      })),
      primary_key: keys
        .filter((key) => of(key) && key['kind'] === 'p')
        .flatMap((key) => list(key['columns'])),
      foreign_keys: keys.filter((key) => of(key) && key['kind'] === 'f').map(foreignKey),
    });
  }
  return {
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

function relationsSql(schemas: string): string {
  return `SELECT c.oid::int8::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
                 obj_description(c.oid, 'pg_class') AS description
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname IN (${schemas}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
          ORDER BY array_position(ARRAY[${schemas}], n.nspname::text), c.relname`;
}

function columnsSql(schemas: string): string {
  return `SELECT c.oid::int8::text AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
                 NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
                 col_description(c.oid, a.attnum) AS description
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
          WHERE n.nspname IN (${schemas}) AND a.attnum > 0 AND NOT a.attisdropped
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

function foreignKey(key: Readonly<Record<string, unknown>>): ForeignKey {
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

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
