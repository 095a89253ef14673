import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../../src/core/logging/logger.js';
import { createOperation } from '../../../src/core/operation.js';
import { MCPOrchestratorException } from '../../../src/core/errors.js';
import type { QueryLimits } from '../../../src/servers/database/engine.js';
import { parseAddress } from '../../../src/servers/database/postgres-address.js';
import { PostgresEngine, type PostgresEngineOptions } from '../../../src/servers/database/postgres-engine.js';
import { READER_ROLE } from '../../../src/servers/database/sample/schema.js';
import { freePort } from '../../fixtures/executable.js';
import { held } from '../../fixtures/held.js';
import { CERTIFIED_ROLE, hasPostgres, PASSWORD, type Postgres } from '../../fixtures/postgres.js';
import { failureOf, RUNAWAY, startShop } from './shop-engines.js';

const limits: QueryLimits = { maxRows: 100, timeoutMs: 20_000, maxBytes: 1_000_000 };
const isThere = hasPostgres();

function start(url: string, options: Partial<PostgresEngineOptions> = {}, write?: (line: string) => void) {
  const logger = write === undefined ? undefined : createLogger({ level: 'debug', format: 'json', write });
  return PostgresEngine.start(
    { address: parseAddress(url), schemas: ['public'], ...options },
    createOperation(logger === undefined ? {} : { logger }),
  );
}

async function startFailure(
  url: string,
  options?: Partial<PostgresEngineOptions>,
): Promise<MCPOrchestratorException> {
  const error: unknown = await start(url, options).then(
    async (engine) => engine.close(),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MCPOrchestratorException);
  expect(JSON.stringify(error)).not.toContain(PASSWORD);
  return error as MCPOrchestratorException;
}

const CANCEL_REQUEST = 80_877_102;

/** A way to a PostgreSQL on which messages wait. */
async function startProxy(port: number) {
  const sockets = new Set<Socket>();
  const proxy = {
    port: 0,
    /** What requests to cancel wait for, and everything else that is sent. */
    cancelling: Promise.resolve(),
    sending: Promise.resolve(),
    /** Requests to cancel, and those that the server has taken. */
    cancels: 0,
    cancelled: 0,
  };
  const listener = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    let isCancel: boolean | undefined;
    near.on('data', (chunk: Buffer) => {
      isCancel ??= chunk.readInt32BE(4) === CANCEL_REQUEST;
      if (isCancel) proxy.cancels += 1;
      void (isCancel ? proxy.cancelling : proxy.sending).then(() => far.write(chunk));
    });
    near.on('end', () => far.end());
    far.on('close', () => {
      if (isCancel === true) proxy.cancelled += 1;
    });
    far.pipe(near);
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  proxy.port = (listener.address() as AddressInfo).port;
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  });
}

describe.runIf(isThere)('a PostgreSQL at an address', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startShop({ tls: true });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('is reached again after it was restarted, by the next query', async () => {
    const engine = await start(server.url(READER_ROLE));
    try {
      const query = () => engine.query('SELECT count(*) FROM products', limits, createOperation());
      const [before] = (await query()).rows;
      await server.stop();
      expect((await failureOf(query())).toFailure()).toMatchObject({
        category: 'connection',
        message: expect.stringContaining(`127.0.0.1:${server.port}`),
      });
      await server.restart();
      expect((await query()).rows[0]).toEqual(before);
      // Connections that died while nobody used them cost one more try and no query.
      await Promise.all([query(), query(), query()]);
      await server.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${READER_ROLE}'`,
      );
      for (let round = 0; round < 5; round += 1) expect((await query()).rows[0]).toEqual(before);
    } finally {
      await engine.close();
    }
  });

  it('says in a query that the server went away in the middle of it, and cannot be reached', async () => {
    const engine = await start(server.url(READER_ROLE), { connectTimeoutMs: 2000 });
    try {
      const running = failureOf(engine.query(RUNAWAY, limits, createOperation()));
      await expect
        .poll(
          async () =>
            (
              await server.sql(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%a, generate%' AND state = 'active' AND pid <> pg_backend_pid()",
              )
            ).length,
          { timeout: 10_000 },
        )
        .toBe(1);
      await server.stop();
      expect((await running).toFailure().category).toMatch(/^(connection|intervention)$/);
    } finally {
      await server.restart();
      await engine.close();
    }
  });

  it('cancels on the server what a caller gave up', async () => {
    const engine = await start(server.url(READER_ROLE, { query: '?sslmode=require' }));
    try {
      const caller = new AbortController();
      const abandoned = engine.query(
        'SELECT pg_sleep(60)',
        limits,
        createOperation({ signal: caller.signal }),
      );
      const sleeping = async () =>
        (
          await server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'",
          )
        ).length;
      await expect.poll(sleeping, { timeout: 10_000 }).toBe(1);
      caller.abort();
      await expect(abandoned).rejects.toMatchObject({ code: 'UPS219' });
      expect(await sleeping()).toBe(0);
    } finally {
      await engine.close();
    }
  });

  it('is asked once for a query with what begins and what undoes it, and once more after an error', async () => {
    /** What the client has written lately, over its one connection. */
    let written = Buffer.alloc(0);
    const proxy = createServer((client) => {
      const database = connect(server.port, '127.0.0.1');
      client.on('data', (data: Buffer) => (written = Buffer.concat([written, data])));
      client.on('error', () => database.destroy());
      database.on('error', () => client.destroy());
      client.pipe(database).pipe(client);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const url = server.url(READER_ROLE, { query: '?sslmode=disable' });
    const engine = await start(url.replace(`:${server.port}/`, `:${port}/`), { maxConnections: 1 });
    try {
      /** The letters of the messages (protocol 3.0); after each S, a Sync, the database answers. */
      const messagesOf = async (sql: string): Promise<string> => {
        written = Buffer.alloc(0);
        await engine.query(sql, limits, createOperation()).catch(() => undefined);
        // The next one waits until the connection is clean.
        await engine.query('SELECT 1', limits, createOperation());
        let letters = '';
        for (let at = 0; at < written.length; at += 1 + written.readUInt32BE(at + 1)) {
          letters += String.fromCodePoint(written[at] ?? 0);
        }
        return letters;
      };
      const query = 'PBEPBEPBDEPBEPBES';
      // The first result has the types looked up.
      await messagesOf('SELECT 1');
      expect(await messagesOf('SELECT 2')).toBe(query + query);
      expect(await messagesOf('SELECT 1 / 0')).toBe(`${query}PBEPBES${query}`);
    } finally {
      await engine.close();
      proxy.close();
    }
  });

  describe('over a slow way', () => {
    let slow: Awaited<ReturnType<typeof startProxy>>;
    let engine: PostgresEngine;
    beforeEach(async () => {
      slow = await startProxy(server.port);
      const url = server.url(READER_ROLE, { query: '?sslmode=disable' });
      engine = await start(url.replace(`:${server.port}`, `:${slow.port}`), { maxConnections: 1 });
    });
    afterEach(async () => {
      await engine.close();
      await slow[Symbol.asyncDispose]();
    });

    async function active(query: string): Promise<number> {
      const found = `SELECT 1 FROM pg_stat_activity WHERE query = '${query}' AND state = 'active'`;
      return (await server.sql(found)).length;
    }

    it('stops no other query when its cancelling comes late', async () => {
      const { released, release } = held();
      slow.cancelling = released;
      const caller = new AbortController();
      const op = createOperation({ signal: caller.signal });
      const first = engine.query('SELECT pg_sleep(0.5)', limits, op).catch((error: unknown) => error);
      await expect.poll(() => active('SELECT pg_sleep(0.5)'), { timeout: 10_000 }).toBe(1);
      caller.abort();
      await first;
      const second = engine.query('SELECT pg_sleep(1)', limits, createOperation());
      await expect.poll(() => active('SELECT pg_sleep(1)'), { timeout: 10_000 }).toBe(1);
      expect(slow.cancels).toBeGreaterThan(0);
      release();
      expect((await second).rows).toEqual([['']]);
    });

    it('stops a query also where the server had not begun with it when it was asked to', async () => {
      const { released, release } = held();
      const caller = new AbortController();
      const op = createOperation({ signal: caller.signal });
      await engine.query('SELECT 1', limits, createOperation());
      slow.sending = released;
      const abandoned = engine.query(RUNAWAY, limits, op).catch((error: unknown) => error);
      // It is on its way.
      await new Promise(setImmediate);
      caller.abort();
      await expect.poll(() => slow.cancelled, { timeout: 10_000 }).toBe(1);
      release();
      expect(await abandoned).toMatchObject({ code: 'UPS219' });
      expect(slow.cancels).toBeGreaterThan(1);
      await expect.poll(() => active(RUNAWAY), { timeout: 10_000 }).toBe(0);
    });
  });

  it('stops a query whose rows are each in time, when all of them are not', async () => {
    const engine = await start(server.url(READER_ROLE));
    try {
      const slow = 'SELECT pg_sleep(0.004) FROM generate_series(1, 5000)';
      const error = await failureOf(
        engine.query(slow, { ...limits, maxRows: 5000, timeoutMs: 1500 }, createOperation()),
      );
      expect(error).toMatchObject({ code: 'SQL504', sqlstate: '57014' });
    } finally {
      await engine.close();
    }
  });

  it('names what is wrong with an address, never its password', async () => {
    const port = await freePort();
    const cases = [
      [
        `postgres://u:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/shop`,
        'SRV407',
        /No PostgreSQL listens/,
      ],
      [server.url('nobody_here'), 'SRV408', /does not let nobody_here in/],
      [server.url(READER_ROLE).replace(/:[^:@]*@/, ':wrong@'), 'SRV408', /does not let mcpx_reader in/],
      [server.url(READER_ROLE).replace(/:[^:@]*@/, '@'), 'SRV408', /asks for a password/],
      [server.url(READER_ROLE, { database: 'nothing' }), 'SRV407', /no database nothing/],
      [
        server.url(READER_ROLE, { host: 'no-such-host.invalid' }),
        'SRV407',
        /no-such-host\.invalid is not known/,
      ],
    ] as const;
    for (const [url, code, message] of cases) {
      const error = await startFailure(url);
      expect(error, url).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(error.hint).toMatch(/./);
    }
    expect((await startFailure(server.url(READER_ROLE), { schemas: ['nowhere'] })).message).toBe(
      'mcpx_reader may not use a schema nowhere.',
    );
  });

  it('gives up on a server that accepts and never answers', async () => {
    const silent: Server = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      const error = await startFailure(`postgres://u:p@127.0.0.1:${port}/x`, { connectTimeoutMs: 500 });
      expect(error).toMatchObject({
        code: 'SRV407',
        message: `PostgreSQL at 127.0.0.1:${port} did not answer in time.`,
      });
    } finally {
      silent.close();
    }
  });

  it.each([
    ['?sslmode=disable', false],
    ['', true],
    ['?sslmode=prefer', true],
    ['?sslmode=require', true],
  ])('with %j speaks TLS: %s', async (query, tls) => {
    const lines: string[] = [];
    const engine = await start(server.url(READER_ROLE, { query }), {}, (line) => lines.push(line));
    await engine.close();
    expect(JSON.parse(lines.find((line) => line.includes('database.ready')) ?? '{}')).toMatchObject({ tls });
    expect(lines.join('')).not.toContain(PASSWORD);
  });

  it('trusts the authority that it is told of, for the host that the certificate names', async () => {
    const ca = `sslrootcert=${server.folder}/ca.pem`;
    const localhost = (query: string) => server.url(READER_ROLE, { query, host: 'localhost' });
    await (await start(localhost(`?sslmode=verify-full&${ca}`))).close();
    await (await start(server.url(READER_ROLE, { query: `?sslmode=verify-ca&${ca}` }))).close();
    for (const url of [
      localhost('?sslmode=verify-full'),
      server.url(READER_ROLE, { query: `?sslmode=verify-full&${ca}` }),
      server.url(READER_ROLE, { query: `?${ca}` }),
    ]) {
      expect(await startFailure(url)).toMatchObject({
        code: 'SRV407',
        message: expect.stringContaining('certificate'),
      });
    }
  });

  it('shows its certificate to a server that wants one, in queries and in cancelling', async () => {
    await server.sql(`CREATE ROLE ${CERTIFIED_ROLE} LOGIN IN ROLE ${READER_ROLE}`);
    const file = (name: string) => path.join(server.folder, name);
    const certified = (name?: string) => {
      const own = name === undefined ? '' : `&sslcert=${file(`${name}.pem`)}&sslkey=${file(`${name}.key`)}`;
      const verified = `sslmode=verify-full&sslrootcert=${file('ca.pem')}`;
      return `postgres://${CERTIFIED_ROLE}@localhost:${server.port}/shop?${verified}${own}`;
    };
    const engine = await start(certified('client'));
    try {
      const { rows } = await engine.query('SELECT count(*) > 0 FROM sales', limits, createOperation());
      expect(rows).toEqual([[true]]);
      const error = await failureOf(engine.query(RUNAWAY, { ...limits, timeoutMs: 300 }, createOperation()));
      expect(error.sqlstate).toBe('57014');
      const caller = new AbortController();
      const abandoned = engine.query(RUNAWAY, limits, createOperation({ signal: caller.signal }));
      const running = async () =>
        (
          await server.sql(
            `SELECT 1 FROM pg_stat_activity WHERE usename = '${CERTIFIED_ROLE}' AND state = 'active'`,
          )
        ).length;
      await expect.poll(running).toBe(1);
      caller.abort();
      await expect(abandoned).rejects.toMatchObject({ code: 'UPS219' });
      // What cleans the connection afterwards is active for a moment too.
      await expect.poll(running).toBe(0);
    } finally {
      await engine.close();
    }
    expect(await startFailure(certified())).toMatchObject({
      code: 'SRV408',
      hint: expect.stringContaining('sslcert='),
    });
    expect(await startFailure(certified('stranger'))).toMatchObject({
      code: 'SRV407',
      message: expect.stringMatching(/does not take our certificate \(.*ALERT/),
      hint: expect.stringContaining('sslcert='),
    });
    const mixed = certified('client').replace('client.key', 'server.key');
    expect(await startFailure(mixed)).toMatchObject({
      code: 'SRV407',
      message: expect.stringContaining('cannot be used (ERR_OSSL_'),
    });
  });

  it('takes a password that is not in the address from PGPASSWORD or the file of PGPASSFILE', async () => {
    const bare = `postgres://${READER_ROLE}@127.0.0.1:${server.port}/shop?sslmode=disable`;
    const file = path.join(server.folder, 'pgpass');
    writeFileSync(file, `*:*:*:*:${PASSWORD.replaceAll(/[:\\]/g, '\\$&')}\n`, { mode: 0o600 });
    try {
      vi.stubEnv('PGPASSFILE', path.join(server.folder, 'nowhere'));
      expect(await startFailure(bare)).toMatchObject({
        code: 'SRV408',
        hint: expect.stringContaining('PGPASSWORD'),
      });
      vi.stubEnv('PGPASSFILE', file);
      await (await start(bare)).close();
      vi.stubEnv('PGPASSFILE', path.join(server.folder, 'nowhere'));
      vi.stubEnv('PGPASSWORD', PASSWORD);
      await (await start(bare)).close();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('falls back from preferred TLS only, where the server has none', async () => {
    await using plain = await startShop();
    await (await start(plain.url(READER_ROLE))).close();
    expect(await startFailure(plain.url(READER_ROLE, { query: '?sslmode=require' }))).toMatchObject({
      code: 'SRV407',
      message: `PostgreSQL at 127.0.0.1:${plain.port} has no TLS.`,
    });
    // Over its Unix socket too.
    const socket = plain
      .url(READER_ROLE, { host: '', query: `?host=${encodeURIComponent(plain.folder)}` })
      .replace(/@:\d+/, '@');
    await (await start(`${socket}&port=${plain.port}`)).close();
  });

  it('reads texts as the parser does and writes values as we read them, whatever the role has set', async () => {
    await server.sql(`ALTER ROLE ${READER_ROLE} SET standard_conforming_strings = off;
      ALTER ROLE ${READER_ROLE} SET datestyle = 'SQL, DMY'; ALTER ROLE ${READER_ROLE} SET bytea_output = 'escape';
      ALTER ROLE ${READER_ROLE} SET intervalstyle = 'iso_8601'; ALTER ROLE ${READER_ROLE} SET search_path = pg_catalog`);
    const engine = await start(server.url(READER_ROLE));
    try {
      const { rows } = await engine.query(
        "SELECT 'a\\', timestamp '2026-02-01 10:00', '\\x00ff'::bytea, interval '1 day', count(*) > 0 FROM sales",
        limits,
        createOperation(),
      );
      expect(rows).toEqual([['a\\', '2026-02-01T10:00:00', '\\x00ff', '1 day', true]]);
    } finally {
      await engine.close();
      await server.sql(`ALTER ROLE ${READER_ROLE} RESET ALL`);
    }
  });

  it('serves several schemas, what the role may read of them, and what came after the start', async () => {
    await server.sql(`CREATE SCHEMA "Odd ""name"; CREATE TABLE "Odd ""name"."T 1" (a int PRIMARY KEY, secret text, t public.products);
      CREATE TABLE "Odd ""name".hidden (a int); CREATE TYPE "Odd ""name".mood AS ENUM ('sad', 'glad');
      GRANT USAGE ON SCHEMA "Odd ""name" TO ${READER_ROLE}; GRANT SELECT (a) ON "Odd ""name"."T 1" TO ${READER_ROLE};
      INSERT INTO "Odd ""name"."T 1" VALUES (7)`);
    const engine = await start(server.url(READER_ROLE), {
      schemas: ['Odd "name', 'public'],
      describeEveryMs: 0,
    });
    try {
      const { tables } = await engine.describe();
      expect(tables[0]).toMatchObject({
        schema: 'Odd "name',
        name: 'T 1',
        columns: [{ name: 'a' }],
        row_count: 1,
      });
      expect(tables.filter(({ schema }) => schema !== 'public')).toHaveLength(1);
      expect((await engine.query('SELECT a FROM "T 1"', limits, createOperation())).rows).toEqual([[7]]);
      await server.sql(`CREATE TABLE "Odd ""name".later (m "Odd ""name".mood); GRANT SELECT ON "Odd ""name".later TO ${READER_ROLE};
        INSERT INTO "Odd ""name".later VALUES ('glad')`);
      expect((await engine.describe()).tables.map(({ name }) => name)).toContain('later');
      expect(
        await engine.query('SELECT m, ARRAY[m] AS ms FROM later', limits, createOperation()),
      ).toMatchObject({
        columns: [
          { name: 'm', type: 'mood' },
          { name: 'ms', type: 'mood[]' },
        ],
        rows: [['glad', ['glad']]],
      });
    } finally {
      await engine.close();
    }
  });

  it('estimates the rows of a large table instead of counting them', async () => {
    await server.sql(`CREATE TABLE big AS SELECT a, repeat('x', 100) AS filler FROM generate_series(1, 200000) a; ANALYZE big;
      GRANT SELECT ON big TO ${READER_ROLE}`);
    const engine = await start(server.url(READER_ROLE));
    try {
      const big = (await engine.describe()).tables.find(({ name }) => name === 'big');
      expect(big?.row_count_exact).toBe(false);
      expect(big?.row_count).toBeGreaterThan(150_000);
    } finally {
      await engine.close();
      await server.sql('DROP TABLE big');
    }
  });
});

describe('the address of a PostgreSQL', () => {
  it('is read as libpq reads it', () => {
    expect(parseAddress('postgres://me:p%40%3A%2F%23%25@[::1]:5433/my%20db?sslmode=disable')).toMatchObject({
      host: '::1',
      port: 5433,
      user: 'me',
      password: 'p@:/#%',
      database: 'my db',
      tls: false,
    });
    expect(parseAddress('postgresql://me@/?host=/run/pg&port=5555')).toMatchObject({
      host: '/run/pg',
      port: 5555,
      database: 'me',
      password: undefined,
      tls: false,
    });
    expect(parseAddress('postgres://me@db.example.com')).toMatchObject({
      port: 5432,
      database: 'me',
      tlsOptional: true,
    });
  });

  it.each([
    ['', 'cannot be read'],
    ['db.example.com', 'cannot be read'],
    ['mysql://u:sentinel@h/d', 'not one of PostgreSQL'],
    ['postgres://h/d', 'names no user'],
    ['postgres://u:senti%nel@h/d', 'stray percent'],
    ['postgres://u:sentinel@h:99999/d', 'cannot be read'],
    ['postgres://u:sentinel@h/d?sslmode=yes', 'sslmode cannot be "yes"'],
    ['postgres://u:sentinel@h/d?options=-csearch_path%3Dx', 'parameter "options"'],
    ['postgres://u:sentinel@h/d?sslcert=/a.pem', 'only one of sslcert and sslkey'],
    ['postgres://u:sentinel@h/d?sslrootcert=/no/such/file', 'sslrootcert cannot be read'],
  ])('%j is refused, and its password not repeated', (url, message) => {
    let error: unknown;
    try {
      parseAddress(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'CLI901', message: expect.stringContaining(message) });
    expect(JSON.stringify(error)).not.toContain('senti');
  });
});
