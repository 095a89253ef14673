import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandInput } from '../../src/commands/command.js';
import { databaseSource } from '../../src/commands/serve-database.js';
import { READER_ROLE } from '../../src/servers/database/sample/schema.js';
import { errorLine, run } from '../fixtures/io.js';
import { hasPostgres, PASSWORD, type Postgres } from '../fixtures/postgres.js';
import { startShop } from '../servers/database/shop-engines.js';

const isThere = hasPostgres();

interface Check {
  readonly ok: boolean;
  readonly role: string;
  readonly readable: number;
  readonly findings: readonly { readonly severity: string; readonly message: string }[];
  readonly grants: readonly string[];
}

it('takes the length of the queue for every kind of database', () => {
  const input = (options: object) =>
    ({ options: { maxWaiting: 3, ...options }, io: { cwd: '/', env: {} } }) as unknown as CommandInput;
  for (const options of [{}, { csv: 'a' }, { init: 'a', data: 'b' }, { url: 'postgres://u@h/d' }])
    expect(databaseSource(input(options))).toMatchObject({ maxWaiting: 3 });
});

describe.runIf(isThere)('mcpx serve database --check', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startShop();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  async function check(role: string, flags: readonly string[] = []) {
    const ran = await run(['serve', 'database', '--check', '--url', server.url(role), '--json', ...flags]);
    expect(`${ran.stdout}${ran.stderr}`).not.toContain(PASSWORD);
    return { ...ran, report: JSON.parse(ran.stdout) as Check };
  }

  async function createRole(name: string, attributes: string, more = ''): Promise<string> {
    await server.sql(`CREATE ROLE ${name} LOGIN PASSWORD '${PASSWORD}' ${attributes};
      GRANT USAGE ON SCHEMA public TO ${name}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${name}; ${more}`);
    return name;
  }

  it('lets a role pass that only reads, and says what it reads', async () => {
    const { status, report } = await check(READER_ROLE);
    expect(status).toBe(0);
    expect(report).toMatchObject({
      kind: 'DatabaseCheck',
      ok: true,
      role: READER_ROLE,
      readable: 5,
      findings: [],
    });
    const table = await run(['serve', 'database', '--check'], {
      env: { DATABASE_URL: server.url(READER_ROLE) },
    });
    expect(table.status).toBe(0);
    expect(table.stdout).toContain(
      'mcpx_reader on shop: only reads\n  reads       5 tables and views of public\n',
    );
    expect(table.stdout).toContain('GRANT SELECT ON ALL TABLES IN SCHEMA "public" TO mcpx_reader;');
  });

  it.each([
    ['a superuser', 'SUPERUSER', '', /is a superuser/],
    ['who creates roles', 'CREATEROLE', '', /may create roles/],
    ['who replicates', 'REPLICATION', '', /by replication/],
    ['who reads files', '', 'GRANT pg_read_server_files TO $', /files \(pg_read_server_files\)/],
    ['who writes files', 'NOINHERIT', 'GRANT pg_write_server_files TO $', /files \(pg_write_server_files\)/],
    ['who runs programs', '', 'GRANT pg_execute_server_program TO $', /programs/],
    ['who writes everything', '', 'GRANT pg_write_all_data TO $', /write all tables/],
    ['who ends sessions', '', 'GRANT pg_signal_backend TO $', /end the sessions/],
    [
      'who can become a superuser',
      'NOINHERIT',
      'CREATE ROLE boss SUPERUSER; CREATE ROLE clerk; GRANT boss TO clerk; GRANT clerk TO $',
      /become the superuser boss/,
    ],
  ])(
    'refuses %s, in --check and in serving, but for --allow-privileged',
    async (title, attributes, grant, message) => {
      const role = await createRole(
        `r_${title.replaceAll(' ', '_')}`,
        attributes,
        grant.replaceAll('$', `r_${title.replaceAll(' ', '_')}`),
      );
      const { status, report } = await check(role);
      expect(status).toBe(4);
      expect(report.ok).toBe(false);
      expect(report.findings).toContainEqual({
        severity: 'refused',
        message: expect.stringMatching(message),
      });
      expect((await check(role, ['--allow-privileged'])).status).toBe(0);
      const serving = [
        'serve',
        'database',
        '--url',
        server.url(role),
        '--port',
        '0',
        '--json',
        '--log-level',
        'error',
      ];
      const refused = await run(serving);
      expect(refused).toMatchObject({ status: 4, stdout: '' });
      expect(errorLine(refused)).toMatchObject({ code: 'SRV409', message: expect.stringMatching(message) });
      // A signal that is there already ends it as soon as it serves.
      const allowed = await run([...serving, '--allow-privileged'], { signal: AbortSignal.abort() });
      expect(allowed).toMatchObject({ status: 0, stdout: expect.stringContaining('"event":"ready"') });
    },
  );

  it('warns of what could change data, and serves nevertheless', async () => {
    const role = await createRole(
      'writer',
      'BYPASSRLS CREATEDB',
      `GRANT INSERT ON sales TO writer; GRANT UPDATE (price) ON products TO writer;
      GRANT CREATE ON SCHEMA public TO writer; GRANT CREATE ON DATABASE shop TO writer; ALTER TABLE order_items OWNER TO writer; GRANT pg_read_all_data TO writer`,
    );
    const { status, report } = await check(role);
    expect(status).toBe(0);
    expect(report.findings.map(({ message }) => message)).toEqual([
      'writer is not held by row level security',
      'writer may create databases',
      'writer may read all tables of all schemas (pg_read_all_data)',
      'writer may create schemas in the database',
      'writer may create tables in the schema public',
      'writer owns public.order_items',
      'writer may change rows of public.order_items, public.products, public.sales',
    ]);
    expect(report.findings.every(({ severity }) => severity === 'warning')).toBe(true);
  });

  it('prints lines that make a role which passes, and reads what comes later', async () => {
    await server.sql('CREATE DATABASE fresh', 'postgres');
    await server.sql('CREATE TABLE one (a int)', 'fresh');
    const admin = await run([
      'serve',
      'database',
      '--check',
      '--json',
      '--url',
      server.url('postgres', { database: 'fresh' }),
    ]);
    expect(admin.status).toBe(4);
    const { grants } = JSON.parse(admin.stdout) as Check;
    await server.sql(`ALTER ROLE ${READER_ROLE} RENAME TO earlier`);
    for (const line of grants) if (!line.startsWith('\\')) await server.sql(line, 'fresh');
    await server.sql(`ALTER ROLE ${READER_ROLE} PASSWORD '${PASSWORD}'; CREATE TABLE two (a int)`, 'fresh');
    const reader = await run([
      'serve',
      'database',
      '--check',
      '--json',
      '--url',
      server.url(READER_ROLE, { database: 'fresh' }),
    ]);
    expect(reader.status).toBe(0);
    expect(JSON.parse(reader.stdout)).toMatchObject({ ok: true, readable: 2, findings: [] });
  });

  it('ends with the status of what is wrong, and takes the flag before the environment', async () => {
    const wrong = server.url('nobody_here');
    const refused = await run(['serve', 'database', '--check', '--url', wrong, '--json'], {
      env: { DATABASE_URL: 'mysql://x' },
    });
    expect(refused).toMatchObject({ status: 5, stdout: '' });
    expect(errorLine(refused)).toMatchObject({ code: 'SRV408' });
    const unreadable = await run(['serve', 'database', '--url', `${wrong}?sslmode=${PASSWORD}`, '--json']);
    expect(unreadable.status).toBe(2);
  });
});

describe('mcpx serve database --check without a PostgreSQL', () => {
  it('tells of the embedded one', async () => {
    const { status, stdout } = await run(['serve', 'database', '--check']);
    expect(status).toBe(0);
    expect(stdout).toBe('mcpx_reader on embedded: only reads\n  reads       5 tables and views of public\n');
  });
});
