import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import type { Cell, Engine, QueryLimits, QueryRows } from '../../../src/servers/database/engine.js';
import { ENGINES, failureOf, longestDelay, RUNAWAY, type Opened } from './shop-engines.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 20_000, maxBytes: 1_000_000 };

/** What every engine promises, behind the policy, on the same data. */
describe.each(ENGINES)('$name', ({ isThere, open }) => {
  describe.runIf(isThere)('as an engine', () => {
    let opened: Opened;
    let engine: Engine;
    let sales: Cell | undefined;

    beforeAll(async () => {
      opened = await open();
      engine = opened.engine;
      sales = (await firstRow('SELECT count(*) FROM sales'))?.[0];
    });
    afterAll(() => opened?.close());

    function query(sql: string, other: Partial<QueryLimits> = {}, on = engine): Promise<QueryRows> {
      return on.query(sql, { ...limits, ...other }, createOperation());
    }

    async function firstRow(sql: string): Promise<readonly Cell[] | undefined> {
      return (await query(sql)).rows[0];
    }

    const failure = failureOf;

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
      const result = await query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", {
        maxRows: 10_000,
      });
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
      expect(nested.sqlstate).toMatch(/^(22P02|54001)$/);
    });

    it('tells of a row that is larger than a result may be, instead of giving none in silence', async () => {
      const large = "SELECT repeat('x', 2000000)";
      expect((await failure(query(large))).toFailure()).toMatchObject({
        category: 'limit',
        sqlstate: '54000',
        message: expect.stringContaining('1 MiB'),
      });
      const second = await query(
        "SELECT repeat('x', CASE a WHEN 1 THEN 1 ELSE 2000000 END) FROM generate_series(1, 3) a",
      );
      expect(second).toMatchObject({ rows: [['x']], truncated: true });
      expect(await firstRow('SELECT 1')).toEqual([1]);
    });

    it('keeps its memory while ten million rows are asked for, and while one value is huge', async () => {
      const before = process.memoryUsage().rss;
      const many = await query("SELECT generate_series(1, 10000000), repeat('x', 200)", {
        maxRows: 10_000,
        maxBytes: 8 * 1024 * 1024,
      });
      expect(many).toMatchObject({ truncated: true });
      expect(many.rows).toHaveLength(10_000);
      const huge = await failure(
        query("SELECT repeat('x', 600000000)", { maxBytes: 8 * 1024 * 1024, timeoutMs: 100_000 }),
      );
      expect(huge.sqlstate).toMatch(/^(54000|53200)$/);
      expect(await firstRow('SELECT 1')).toEqual([1]);
      // Everything that runs in this process, with other tests' leavings; without bounds it is more than 1.5 GB.
      expect(process.memoryUsage().rss - before).toBeLessThan(900 * 1024 * 1024);
    }, 120_000);

    it('ends a runaway query at its timeout, and serves others meanwhile and afterwards', async () => {
      let over = false;
      const runaway = failure(query(RUNAWAY, { timeoutMs: 10_000 })).finally(() => (over = true));
      expect((await query('SELECT count(*) FROM products')).rows).toHaveLength(1);
      expect(over).toBe(false);
      const error = await runaway;
      expect(error.toFailure()).toMatchObject({ category: 'timeout', sqlstate: '57014' });
      expect(error.code).toBe('SQL504');
      expect(await firstRow('SELECT 1')).toEqual([1]);
    });

    it('leaves the event loop to others while a query runs away and is ended', async () => {
      // Other work on the machine can only make it later, so the best of some rounds tells of ours.
      const delays: number[] = [];
      while (delays.length < 6 && !delays.some((delay) => delay < 100)) {
        const runaway = failure(query(RUNAWAY, { timeoutMs: 1000 }));
        const others = query('SELECT * FROM generate_series(1, 1000)');
        delays.push(
          await longestDelay(Promise.all([runaway, others, runaway.then(() => query('SELECT 1'))])),
        );
        expect((await runaway).sqlstate).toBe('57014');
      }
      expect(Math.min(...delays)).toBeLessThan(100);
    });

    it('answers 200 callers at once, or says that it is busy', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 200 }, (_, index) => query(`SELECT ${index} AS n, count(*) FROM sales`)),
      );
      const answers = results.map((result, index) =>
        result.status === 'fulfilled'
          ? result.value.rows[0]?.[0] === index && result.value.rows[0][1] === sales
          : (result.reason as { sqlstate?: string }).sqlstate === '53300',
      );
      expect(answers).not.toContain(false);
      expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(50);
    });

    it('stops the query of a caller that goes away', async () => {
      const caller = new AbortController();
      const abandoned = engine.query(RUNAWAY, limits, createOperation({ signal: caller.signal }));
      setTimeout(() => caller.abort(), 200);
      await expect(abandoned).rejects.toMatchObject({ code: 'UPS219' });
      await expect(
        engine.query('SELECT 1', limits, createOperation({ signal: caller.signal })),
      ).rejects.toMatchObject({ code: 'UPS219' });
      await expect.poll(() => opened.activeQueries(), { timeout: 15_000 }).toBe(0);
    });

    it('lets no query leave anything to the next one', async () => {
      // Several times, since there are several sessions.
      for (let round = 0; round < 12; round += 1) {
        const raw = opened.unguarded.query(
          round % 2 === 0 ? 'PREPARE left AS SELECT 1' : "SET application_name = 'left'",
          limits,
          createOperation(),
        );
        await raw.catch(() => undefined);
        await opened.unguarded
          .query('SELECT pg_advisory_lock(42)', limits, createOperation())
          .catch(() => undefined);
      }
      const traces = `SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name = 'left')
      + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted)
      + (SELECT count(*) FROM pg_settings WHERE name = 'application_name' AND setting = 'left')`;
      await expect
        .poll(async () => (await opened.unguarded.query(traces, limits, createOperation())).rows, {
          timeout: 15_000,
        })
        .toEqual([['0']]);
    });

    it('reads only, without the policy too', async () => {
      for (const sql of [
        'UPDATE products SET price = 1',
        "INSERT INTO orders VALUES (1, 1, now(), 'x')",
        'DROP TABLE sales',
        'CREATE TABLE x ()',
        'TRUNCATE sales',
        "SELECT nextval('x')",
      ]) {
        const error = await failure(opened.unguarded.query(sql, limits, createOperation()));
        expect(error.sqlstate, sql).toMatch(/^(25006|42501|42P01)$/);
      }
      const several = await failure(
        opened.unguarded.query('COMMIT; DROP TABLE sales', limits, createOperation()),
      );
      expect(several.sqlstate).toBe('42601');
      expect(await firstRow('SELECT count(*) FROM sales')).toEqual([sales]);
    });

    it('describes tables with columns, keys, relationships and counts', async () => {
      const { dialect, tables, relationships } = await engine.describe();
      expect(dialect).toBe('postgresql');
      expect(tables.map(({ name }) => name)).toEqual([
        'customers',
        'order_items',
        'orders',
        'products',
        'sales',
      ]);
      expect(tables.find(({ name }) => name === 'order_items')).toMatchObject({
        primary_key: ['order_id', 'product_id'],
        row_count: expect.any(Number),
        row_count_exact: true,
      });
      expect(relationships).toContainEqual({ from: 'sales.product_id', to: 'products.product_id' });
      expect(await engine.describe()).toBe(await engine.describe());
    });

    it('fails what runs and what waits when it is closed, and twice is fine', async () => {
      const { engine: closing, close } = await open();
      const both = [RUNAWAY, RUNAWAY, 'SELECT 1'].map((sql) => failure(query(sql, {}, closing)));
      await Promise.all([closing.close(), closing.close()]);
      for (const result of await Promise.allSettled(both)) {
        if (result.status === 'fulfilled') expect(result.value.sqlstate).toMatch(/^(57P0|54001)/);
      }
      expect((await failure(query('SELECT 1', {}, closing))).sqlstate).toMatch(/^(57P01|54001)$/);
      await close();
    });
  });
});
