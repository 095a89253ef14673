import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import type { DatabaseDescription, QueryLimits } from '../../../src/servers/database/engine.js';
import { checkQuery } from '../../../src/servers/database/policy.js';
import type { QueryError } from '../../../src/servers/database/query-error.js';
import { ENGINES, TRAPS, type OpenedShop } from './engines.js';

const limits: QueryLimits = { maxRows: 10, maxBytes: 10_000, timeoutMs: 10_000 };

describe.each(ENGINES)('on $name', ({ available, open }) => {
  /** A database whose owner wrote functions, operators, types and views of their own. */
  let shop: OpenedShop;
  let description: DatabaseDescription;

  beforeAll(async () => {
    if (!available) return;
    shop = await open([TRAPS]);
    description = await shop.unguarded.describe();
  });
  afterAll(() => shop?.[Symbol.asyncDispose]());

  /** What the database does with a statement that no policy has seen. */
  async function unguarded(sql: string): Promise<unknown> {
    return shop.unguarded.query(sql, limits, createOperation()).then(
      ({ rows }) => rows,
      (error: QueryError) => error.sqlstate,
    );
  }

  async function policy(sql: string): Promise<string> {
    return checkQuery(sql, description).then(
      () => 'passed',
      (error: QueryError) => error.sqlstate,
    );
  }

  describe.skipIf(!available)('layer 1, one plain read, alone stops', () => {
    it.each([
      ['SHOW max_connections', 'what is no query and tells settings'],
      ['SET LOCAL statement_timeout = 0', 'a setting for the statement after it'],
      ['COMMIT', 'the end of the transaction that protects'],
      ['PREPARE p AS SELECT 1', 'a statement kept for later'],
      ['LISTEN news', 'ears'],
      ['LOCK TABLE sales IN ACCESS SHARE MODE', 'a lock'],
      ['EXPLAIN ANALYZE SELECT count(*) FROM sales', 'a query that runs to be explained'],
    ])('%s: %s', async (sql) => {
      expect(await unguarded(sql)).toBeInstanceOf(Array);
      expect(await policy(sql)).toBe('25006');
    });
  });

  describe.skipIf(!available)('layer 2, functions by a list, alone stops', () => {
    it.each([
      ['SELECT pg_advisory_lock(1)', 'a lock'],
      ["SELECT set_config('statement_timeout', '0', true)", 'a setting'],
      ['SELECT pg_sleep(0.01)', 'waiting'],
      ["SELECT pg_notify('news', 'x')", 'a message to others'],
      ["SELECT query_to_xml('SELECT * FROM pg_roles', true, true, '')", 'a query in a text'],
      ["SELECT current_setting('max_connections')", 'a look at settings'],
    ])('%s: %s', async (sql) => {
      expect(await unguarded(sql)).toBeInstanceOf(Array);
      expect(await policy(sql)).toBe('42501');
    });

    it.each([
      ['SELECT evil(s) FROM sales s', "somebody's own function"],
      ['SELECT lower(7)', 'an own function that fits better than the built-in one'],
      ["SELECT abs('x'::text)", 'another one'],
      ['SELECT 1 === 2', 'the function of an own operator'],
      ["SELECT '1'::trapped", 'the check of a domain'],
      ["SELECT '1'::trapped_again", 'the check of a domain below a domain'],
      [`SELECT jsonb_populate_record(NULL::holder, '{"d": "1"}')`, 'a check within a composite type'],
      [`SELECT jsonb_populate_record(NULL::holders, '{"hs": [{"d": "1"}]}')`, 'a check within an array'],
      [`SELECT t.d FROM json_to_record('{"d": "1"}') AS t(d trapped)`, 'a check of a column'],
    ])('%s: %s', async (sql) => {
      expect(await unguarded(sql)).toBe('TRAP1');
      expect(await policy(sql)).toBe('42501');
    });
  });

  describe.skipIf(!available)('layer 3, tables and columns that are resolved, alone stops', () => {
    it.each([
      ['SELECT rolname FROM pg_roles', 'a catalog'],
      ["SELECT 'pg_authid'::regclass", 'a look at the catalogs by a cast'],
      ["SELECT t.regclass FROM unnest(ARRAY['pg_authid']) t", 'the same by attribute notation'],
      ['SELECT table_name FROM information_schema.tables', 'the other catalog'],
      ['SELECT g.pg_sleep FROM generate_series(0.01, 0.01) g', 'a call by attribute notation'],
      ['SELECT s.to_jsonb FROM sales s LIMIT 1', 'a call that looks like a column'],
      ['SELECT ((SELECT 0.01::float8)).pg_sleep', 'a call on an expression'],
    ])('%s: %s', async (sql) => {
      expect(await unguarded(sql)).toBeInstanceOf(Array);
      expect(await policy(sql)).toBe('42501');
    });

    it.each([
      'SELECT s.evil FROM sales s',
      'SELECT (s).evil FROM sales s',
      'SELECT sales.evil FROM public.sales',
      'SELECT (q.s).evil FROM (SELECT s FROM sales s) q',
      'SELECT u.evil FROM unnest(ARRAY(SELECT s FROM sales s)) u',
      'SELECT evil.evil FROM unnest(ARRAY(SELECT s FROM sales s)) AS evil',
      'SELECT 1 AS evil FROM sales s ORDER BY s.evil',
      'SELECT s.evil, n.evil FROM sales s, notes n',
      'SELECT (SELECT x.n FROM (SELECT s.evil AS n) x, (SELECT 1 AS evil) s) FROM sales s',
      'SELECT (SELECT s.evil FROM (SELECT 1 AS evil) n) FROM sales s',
      'WITH notes AS (SELECT * FROM sales) SELECT notes.evil FROM notes',
      'SELECT s.evil FROM (notes n CROSS JOIN sales s)',
      'SELECT g.evil_number FROM generate_series(1, 2) g',
      'WITH evil AS (SELECT 1 AS evil) SELECT (SELECT s.evil FROM evil) FROM sales s',
    ])("somebody's own function in %s", async (sql) => {
      expect(await unguarded(sql)).toBe('TRAP1');
      expect(await policy(sql)).toBe('42501');
    });

    it.each([
      'SELECT n.evil, n.abs, notes.evil FROM notes n, notes',
      'WITH w AS (SELECT * FROM notes) SELECT w.evil FROM w',
      'SELECT q.evil FROM (SELECT note_id, evil FROM notes) q',
      'SELECT q.evil FROM (SELECT n.* FROM notes n JOIN sales s ON s.sale_id = n.note_id) q',
      'SELECT j.evil FROM (notes JOIN sales ON sale_id = note_id) AS j',
      'SELECT (n.both_parts).a, (n.both_parts).b, n.current_mood FROM notes n',
      "SELECT 'good'::mood, ROW(1, 'x')::pair, 'x'::short_text, public.notes.evil FROM notes",
      'SELECT l.line FROM logs l UNION ALL SELECT m.line FROM logs_2024 m',
      'SELECT pg_catalog.lower(full_name), pg_catalog.abs(-1) FROM customers',
      'SELECT s.evil FROM (VALUES (1)) AS s(evil)',
    ])('and lets columns be columns: %s', async (sql) => {
      expect(await policy(sql)).toBe('passed');
      expect(await unguarded(sql)).toBeInstanceOf(Array);
    });

    it('and an own function in what newer grammar reads as syntax', async () => {
      const { names } = description;
      const sql = `SELECT JSON_VALUE('{"a": 1}'::jsonb, '$.a')`;
      const options = { schemas: ['public'], names: { ...names, ownFunctions: ['json_value'] } };
      await expect(checkQuery(sql, options)).rejects.toMatchObject({ sqlstate: '42501' });
      expect(await policy(sql)).toBe('passed');
    });
  });

  describe.skipIf(!available)('layer 4, the transaction, alone stops', () => {
    it('a view that writes', async () => {
      const sql = 'SELECT n FROM counted';
      expect(await policy(sql)).toBe('passed');
      expect(await unguarded(sql)).toBe('25006');
      expect(await unguarded('SELECT count(*) FROM visits')).toEqual([['0']]);
    });
  });

  describe.skipIf(!available)('layer 5, the role, alone stops', () => {
    it('a table that it was not granted', async () => {
      const sql = 'SELECT secret FROM secrets';
      expect(await policy(sql)).toBe('passed');
      expect(await unguarded(sql)).toBe('42501');
    });
  });
});
