import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { ServeError } from '../../../src/core/errors.js';
import type { Cell, QueryLimits, QueryRows } from '../../../src/servers/database/engine.js';
import type { Engine } from '../../../src/servers/database/engine.js';
import { PgliteEngine } from '../../../src/servers/database/pglite-engine.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { openDatabase } from '../../../src/servers/database/source.js';
import { buildDatabase } from './build.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 20_000, maxBytes: 1_000_000 };
const RUNAWAY = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';

let built: Awaited<ReturnType<typeof buildDatabase>>;
let engine: Engine;

beforeAll(async () => {
  built = await buildDatabase();
  engine = await openDatabase({ kind: 'embedded', session: built.shop }, createOperation(), built.workers);
});
afterAll(() => engine.close());

function query(sql: string, other: Partial<QueryLimits> = {}, on = engine): Promise<QueryRows> {
  return on.query(sql, { ...limits, ...other }, createOperation());
}

async function firstRow(sql: string): Promise<readonly Cell[] | undefined> {
  return (await query(sql)).rows[0];
}

async function failure(result: Promise<QueryRows>): Promise<QueryError> {
  const error: unknown = await result.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(QueryError);
  return error as QueryError;
}

describe('the embedded database', () => {
  it('refuses what nests as deep as a query may be long, again and again', async () => {
    const deep = [
      `SELECT 1${'+1'.repeat(32_000)}`,
      `SELECT ${'(SELECT '.repeat(6000)}1${')'.repeat(6000)}`,
      `SELECT ${'abs('.repeat(12_000)}1${')'.repeat(12_000)}`,
      `SELECT '${'['.repeat(32_000)}${']'.repeat(32_000)}'::jsonb`,
    ];
    for (let round = 0; round < 12; round += 1) {
      for (const sql of deep)
        expect((await failure(query(sql))).sqlstate, sql.slice(0, 20)).toMatch(/^54001|42601/);
    }
    expect((await failure(query('SELECT 1 FOR UPDATE'))).sqlstate).toBe('25006');
  });

  it('keeps what JSON numbers cannot hold as text, and times as ISO 8601', async () => {
    expect(
      await firstRow(`SELECT 1::int2, 9007199254740993, 2.50, 1.5::float4, 'NaN'::float8, true, NULL,
        DATE '2026-02-01', TIMESTAMP '2026-02-01 10:00', TIMESTAMPTZ '2026-02-01 10:00:00.25+00',
        INTERVAL '1 day 2 hours', '\\x00ff'::bytea, 'infinity'::timestamptz, ROW(1, 'x')`),
    ).toEqual([
      1,
      '9007199254740993',
      '2.50',
      1.5,
      'NaN',
      true,
      null,
      '2026-02-01',
      '2026-02-01T10:00:00',
      '2026-02-01T10:00:00.25Z',
      '1 day 02:00:00',
      '\\x00ff',
      'infinity',
      '(1,x)',
    ]);
  });

  it('gives arrays and JSON as JSON, and as text where a number would change', async () => {
    expect(
      await firstRow(`SELECT ARRAY['a"b', 'c,d', NULL, '', 'NULL'], '{{1,2},{3,4}}'::int8[], '[0:1]={5,6}'::int[],
        '{}'::int[], ARRAY[now()] <> '{}', '{"a": [1, null, "12345678901234567890"]}'::jsonb,
        '[12345678901234567890]'::jsonb, '{(1,2),(3,4);(5,6),(7,8)}'::box[]`),
    ).toEqual([
      ['a"b', 'c,d', null, '', 'NULL'],
      [
        ['1', '2'],
        ['3', '4'],
      ],
      [5, 6],
      [],
      true,
      { a: [1, null, '12345678901234567890'] },
      '[12345678901234567890]',
      ['(3,4),(1,2)', '(7,8),(5,6)'],
    ]);
  });

  it('names columns with their types, and keeps names that repeat', async () => {
    const { columns, rows } = await query("SELECT 1 AS a, 'x' AS a, price, ARRAY[1] FROM products LIMIT 1");
    expect(columns).toEqual([
      { name: 'a', type: 'integer' },
      { name: 'a', type: 'text' },
      { name: 'price', type: 'numeric' },
      { name: 'array', type: 'integer[]' },
    ]);
    expect(rows[0]).toHaveLength(4);
  });

  it.each([
    [3, 3, false],
    [3, 2, true],
    [1000, 1000, false],
    [1001, 1000, true],
    [0, 10, false],
  ])('of %i rows with %i allowed says truncated: %s', async (there, allowed, truncated) => {
    const result = await query(`SELECT * FROM generate_series(1, ${there})`, { maxRows: allowed });
    expect(result.rows).toHaveLength(Math.min(there, allowed));
    expect(result.truncated).toBe(truncated);
  });

  it('cuts a result that is larger than allowed, and says so', async () => {
    const result = await query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", { maxRows: 10_000 });
    expect(result.rows).toHaveLength(1000);
    expect(result.truncated).toBe(true);
  });

  it('reports SQLSTATE, category, position and hint of the database', async () => {
    expect((await failure(query('SELECT idd FROM sales'))).toFailure()).toMatchObject({
      category: 'syntax_or_access',
      sqlstate: '42703',
      position: 8,
      hint: expect.stringContaining('database://metadata'),
    });
    expect((await failure(query('SELECT 1 / 0'))).toFailure()).toMatchObject({
      category: 'data',
      sqlstate: '22012',
    });
    const nested = await failure(query(`SELECT '${'['.repeat(60_000)}'::jsonb`));
    expect(nested.sqlstate).toBe('22P02');
  });

  it('stops a sort that would fill the memory', async () => {
    const sql = `SELECT count(*) FROM (SELECT repeat('x', 300) || a FROM generate_series(1, 1000000) a ORDER BY 1 DESC) x`;
    expect((await failure(query(sql))).toFailure()).toMatchObject({
      category: 'resources',
      sqlstate: '53400',
    });
  });

  it('ends a runaway query at its timeout, and serves others meanwhile and afterwards', async () => {
    const startedAt = performance.now();
    const runaway = failure(query(RUNAWAY, { timeoutMs: 10_000 }));
    const other = query('SELECT count(*) FROM products').then(() => performance.now() - startedAt);
    const lag = await longestPause(runaway);
    const error = await runaway;
    expect(error.toFailure()).toMatchObject({ category: 'timeout', sqlstate: '57014' });
    expect(error.code).toBe('SQL504');
    expect(await other).toBeLessThan(10_000);
    expect(lag).toBeLessThan(500);
    expect(await firstRow('SELECT 1')).toEqual([1]);
  });

  it('comes back when the runaway query held its only thread', async () => {
    await using single = await disposable({ maxWorkers: 1 });
    const runaway = failure(query(RUNAWAY, { timeoutMs: 300 }, single.engine));
    const waiting = query('SELECT 7 AS n', {}, single.engine);
    expect((await runaway).sqlstate).toBe('57014');
    expect((await waiting).rows).toEqual([[7]]);
  });

  it('tells callers beyond the queue that it is busy, and those that waited too long', async () => {
    await using single = await disposable({ maxWorkers: 1, maxWaiting: 1 });
    const runaway = failure(query(RUNAWAY, { timeoutMs: 600 }, single.engine));
    const impatient = failure(query('SELECT 1', { timeoutMs: 50 }, single.engine));
    expect((await failure(query('SELECT 1', {}, single.engine))).toFailure()).toMatchObject({
      category: 'busy',
      sqlstate: '53300',
    });
    expect((await impatient).sqlstate).toBe('53300');
    await runaway;
  });

  it('gives the thread back when the caller of a long query goes away', async () => {
    await using single = await disposable({ maxWorkers: 1 });
    const caller = new AbortController();
    const abandoned = single.engine.query(RUNAWAY, limits, createOperation({ signal: caller.signal }));
    const waiting = query('SELECT 1', {}, single.engine);
    caller.abort();
    await expect(abandoned).rejects.toMatchObject({ code: 'UPS219' });
    expect((await waiting).rows).toEqual([[1]]);
    await expect(
      single.engine.query('SELECT 1', limits, createOperation({ signal: caller.signal })),
    ).rejects.toMatchObject({ code: 'UPS219' });
  });

  it('fails what runs and what waits when it is closed, and twice is fine', async () => {
    const { engine: closing } = await disposable({ maxWorkers: 1 });
    const both = [RUNAWAY, 'SELECT 1'].map((sql) => failure(query(sql, {}, closing)));
    await Promise.all([closing.close(), closing.close()]);
    for (const error of await Promise.all(both)) expect(error.sqlstate).toMatch(/^57P0/);
    expect((await failure(query('SELECT 1', {}, closing))).sqlstate).toBe('57P01');
  });

  it('says what to install when the engine is missing', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'mcpx-no-engine-'));
    try {
      // Where no node_modules is above it, the same worker finds no engine.
      const worker = join(elsewhere, 'worker.mjs');
      await copyFile(built.workers.database, worker);
      const options = { ...built.shop, workerUrl: pathToFileURL(worker) };
      const error: unknown = await PgliteEngine.start(options, createOperation()).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ServeError);
      expect(error).toMatchObject({ code: 'SRV405', fix: 'npm install @electric-sql/pglite' });
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('says that the database does not start when its snapshot is damaged', async () => {
    const options = { ...built.shop, snapshotPath: import.meta.filename, workerUrl: built.workers.database };
    await expect(PgliteEngine.start(options, createOperation())).rejects.toMatchObject({ code: 'SRV406' });
  });

  it('does not start for an operation that was stopped', async () => {
    const options = { ...built.shop, workerUrl: built.workers.database };
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(PgliteEngine.start(options, createOperation({ signal }))).rejects.toThrow('stopped');
  });
});

async function disposable(options: { readonly maxWorkers: number; readonly maxWaiting?: number }) {
  const started = await PgliteEngine.start(
    { ...built.shop, workerUrl: built.workers.database, ...options },
    createOperation(),
  );
  return { engine: started, [Symbol.asyncDispose]: () => started.close() };
}

/** The longest time that the event loop of this thread did not turn until the promise settled. */
async function longestPause(until: Promise<unknown>): Promise<number> {
  let [longest, last] = [0, performance.now()];
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  await until;
  clearInterval(timer);
  return longest;
}
