import { quoteLiteral, quoteName, type RunSql } from './catalog.js';

/** What the role of a connection may do beyond reading the served tables. */
export interface RoleReport {
  readonly role: string;
  readonly database: string;
  readonly schemas: readonly string[];
  /** Nothing that `--allow-privileged` would have to allow. */
  readonly ok: boolean;
  readonly findings: readonly RoleFinding[];
  /** Tables and views of the schemas that it may read. */
  readonly readable: number;
  /** SQL that makes a role which may read the schemas and nothing else. */
  readonly grants: readonly string[];
}

export interface RoleFinding {
  /** `refused`: a query that got past the other layers could leave the database; `warning`: it could change data. */
  readonly severity: 'refused' | 'warning';
  readonly message: string;
}

/** Roles that reach beyond the database: files, programs, other sessions, or everything. */
const DANGEROUS_ROLES: Readonly<Record<string, string>> = {
  pg_read_server_files: "may read the server's files",
  pg_write_server_files: "may write the server's files",
  pg_execute_server_program: 'may run programs on the server',
  pg_write_all_data: 'may write all tables',
  pg_signal_backend: 'may end the sessions of others',
  pg_signal_autovacuum_worker: "may end the server's own work",
  pg_create_subscription: 'may let the server connect elsewhere',
  pg_checkpoint: 'may force checkpoints',
  pg_maintain: 'may lock and rewrite all tables',
  rds_superuser: 'is a superuser of Amazon RDS',
  rds_replication: 'may read the log of all changes',
  cloudsqlsuperuser: 'is a superuser of Cloud SQL',
  alloydbsuperuser: 'is a superuser of AlloyDB',
  azure_pg_admin: 'is a superuser of Azure',
  neon_superuser: 'is a superuser of Neon',
};

/** They only read more than was granted. */
const CURIOUS_ROLES: Readonly<Record<string, string>> = {
  pg_read_all_data: 'may read all tables of all schemas',
  pg_monitor: 'may see the queries of others',
  pg_read_all_stats: 'may see the queries of others',
  pg_read_all_settings: 'may see all settings',
};

/** Asks the catalogs what the current role may do; directly or by a role that it could become. */
export async function inspectRole(run: RunSql, schemas: readonly string[]): Promise<RoleReport> {
  const [self = {}] = await run(ATTRIBUTES_SQL);
  const role = String(self['role']);
  const findings: RoleFinding[] = [];
  const found = (severity: RoleFinding['severity'], message: string): void => {
    if (!findings.some((finding) => finding.message === message)) findings.push({ severity, message });
  };
  for (const [attribute, severity, message] of ATTRIBUTES) {
    if (self[attribute] === true) found(severity, `${role} ${message}`);
  }
  // A superuser is a member of every role and owns everything; the rest would only repeat that.
  if (self['rolsuper'] !== true) {
    for (const { name, superuser } of await run(MEMBERSHIPS_SQL)) {
      const [own, other] = [String(name), superuser === true];
      if (other) found('refused', `${role} can become the superuser ${own}`);
      if (own in DANGEROUS_ROLES) found('refused', `${role} ${DANGEROUS_ROLES[own]} (${own})`);
      if (own in CURIOUS_ROLES) found('warning', `${role} ${CURIOUS_ROLES[own]} (${own})`);
    }
    for (const { what } of await run(writesSql(schemas))) found('warning', `${role} ${String(what)}`);
  }
  const [{ readable = 0 } = {}] = await run(readableSql(schemas));
  const database = String(self['database']);
  return {
    role,
    database,
    schemas,
    ok: findings.every(({ severity }) => severity === 'warning'),
    findings,
    readable: Number(readable),
    grants: grantLines(database, schemas),
  };
}

/** SQL for an administrator: a role that may read these schemas, also what is created there later. */
export function grantLines(database: string, schemas: readonly string[]): string[] {
  const [reader, of] = ['mcpx_reader', schemas.map(quoteName).join(', ')];
  return [
    `CREATE ROLE ${reader} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;`,
    `\\password ${reader}`,
    `ALTER ROLE ${reader} SET default_transaction_read_only = on;`,
    `GRANT CONNECT ON DATABASE ${quoteName(database)} TO ${reader};`,
    `GRANT USAGE ON SCHEMA ${of} TO ${reader};`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${of} TO ${reader};`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${of} GRANT SELECT ON TABLES TO ${reader};`,
  ];
}

const ATTRIBUTES: readonly (readonly [string, RoleFinding['severity'], string])[] = [
  ['rolsuper', 'refused', 'is a superuser'],
  ['rolcreaterole', 'refused', 'may create roles, and so become another one'],
  ['rolreplication', 'refused', 'may copy the whole server by replication'],
  ['rolbypassrls', 'warning', 'is not held by row level security'],
  ['rolcreatedb', 'warning', 'may create databases'],
];

const ATTRIBUTES_SQL = `
  SELECT current_user::text AS role, current_database()::text AS database, rolsuper, rolcreaterole, rolreplication,
         rolbypassrls, rolcreatedb
  FROM pg_roles WHERE rolname = current_user`;

const MEMBERSHIPS_SQL = `
  SELECT rolname::text AS name, rolsuper AS superuser FROM pg_roles
  WHERE rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER') ORDER BY 1`;

/** Each right to change something as the end of a sentence; up to five tables by name. */
function writesSql(schemas: readonly string[]): string {
  const names = schemas.map(quoteLiteral).join(', ');
  const served = `FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN (${names}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;
  const listed = (condition: string): string => `
    (SELECT string_agg(name, ', ') || CASE WHEN max(total) > 5 THEN ' and ' || (max(total) - 5) || ' more' ELSE '' END
     FROM (SELECT n.nspname || '.' || c.relname AS name, count(*) OVER () AS total ${served} AND ${condition}
           ORDER BY 1 LIMIT 5) listed)`;
  return `
    SELECT 'owns the database' AS what FROM pg_database
    WHERE datname = current_database() AND pg_has_role(current_user, datdba, 'MEMBER')
    UNION ALL
    SELECT 'may create schemas in the database' WHERE has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'may create tables in the schema ' || nspname FROM pg_namespace
    WHERE nspname IN (${names}) AND has_schema_privilege(oid, 'CREATE')
    UNION ALL
    SELECT 'owns ' || tables FROM (SELECT ${listed(`pg_has_role(current_user, c.relowner, 'MEMBER')`)} AS tables) owned
    WHERE tables IS NOT NULL
    UNION ALL
    SELECT 'may change rows of ' || tables
    FROM (SELECT ${listed(`(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))`)} AS tables) writable
    WHERE tables IS NOT NULL`;
}

function readableSql(schemas: readonly string[]): string {
  return `SELECT count(*)::int4 AS readable FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN (${schemas.map(quoteLiteral).join(', ')}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')`;
}
