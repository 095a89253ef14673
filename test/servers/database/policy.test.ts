import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PgliteSession } from '../../../src/servers/database/pglite-session.js';
import { checkQuery, type PolicyOptions } from '../../../src/servers/database/policy.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { buildDatabase } from './build.js';
import { HONEST, HOSTILE } from './statements.js';

let session: PgliteSession;
let options: PolicyOptions;

beforeAll(async () => {
  const { shop } = await buildDatabase();
  session = await PgliteSession.open(shop);
  options = session.description;
});
afterAll(() => session.close());

async function refusal(sql: string): Promise<QueryError> {
  const error: unknown = await checkQuery(sql, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, `not refused: ${sql.slice(0, 80)}`).toBeInstanceOf(QueryError);
  return error as QueryError;
}

describe('the query policy', () => {
  /** How deep a query may nest is tested where it runs, in a thread with its own stack. */
  const SHALLOW = HOSTILE.filter(({ sqlstate, bomb }) => sqlstate !== '54001' && bomb !== true);

  it.each(SHALLOW)('refuses what $reason: $title', async ({ sql, sqlstate, category }) => {
    const error = await refusal(sql);
    expect(error.sqlstate, error.message).toBe(sqlstate);
    expect(error.toFailure().category).toBe(category);
    expect(error.message).not.toBe('');
  });

  it.each(HONEST)('lets $title through', async ({ sql }) => {
    await checkQuery(sql, options);
  });

  it('says where in the query the refused part stands, in characters', async () => {
    const sql = "SELECT 'ünï🙂', pg_sleep(1)";
    expect((await refusal(sql)).position).toBe(Array.from(sql.slice(0, sql.indexOf('pg_sleep'))).length + 1);
    expect((await refusal('SELECT a FROM b,, c')).position).toBe(17);
    expect((await refusal('SELECT 1; SELECT 2')).position).not.toBeNull();
    expect((await refusal('SELECT g.pg_sleep FROM generate_series(1, 2) g')).position).toBe(8);
  });

  it('gives a code and a hint for what to send instead', async () => {
    const error = await refusal('DROP TABLE sales');
    expect(error.toJSON()).toMatchObject({ code: 'SQL501', name: 'not_read_only' });
    expect(error.message).toBe('DROP is not a plain read.');
    expect(error.hint).toContain('SELECT');
    expect((await refusal('SELECT 1; SELECT 2')).code).toBe('SQL502');
    expect((await refusal('SELEC 1')).code).toBe('SQL503');
  });

  it('tells a function that does not exist from one that is not allowed, and how PostgreSQL does it', async () => {
    expect((await refusal('SELECT pg_sleep(1)')).sqlstate).toBe('42501');
    expect((await refusal("SELECT frobnicate('x')")).sqlstate).toBe('42883');
    const error = await refusal('SELECT ifnull(price, 0) FROM products');
    expect(error.sqlstate).toBe('42883');
    expect(error.hint).toContain('coalesce');
  });

  it('says the database its own word for a column or table that is not there', async () => {
    expect(await refusal('SELECT p.prise FROM products p')).toMatchObject({
      sqlstate: '42703',
      message: 'column p.prise does not exist',
      position: 8,
    });
    expect(await refusal('SELECT x.price FROM products p')).toMatchObject({ sqlstate: '42P01', position: 8 });
  });

  it('serves tables of the schemas it was told of, by their full name too', async () => {
    await checkQuery('SELECT * FROM shop.sales', { schemas: ['shop'] });
    await expect(checkQuery('SELECT * FROM shop.sales', { schemas: ['public'] })).rejects.toThrow(
      'The relation shop.sales is not served.',
    );
  });

  it('is quick with the longest and most crooked texts', async () => {
    const doubling = Array.from({ length: 400 }, (_, n) => `c${n + 1} AS (SELECT * FROM c${n}, c${n} x)`);
    const nested = `${'SELECT * FROM ('.repeat(300)}SELECT 1 AS a${') t'.repeat(300)}`;
    for (const sql of [
      `WITH c0 AS (SELECT * FROM sales), ${doubling.join(', ')} SELECT c400.sale_id FROM c400`,
      nested,
      `SELECT ${Array.from({ length: 5000 }, () => 's.sale_id').join(', ')} FROM sales s`,
      `SELECT 1 FROM ${Array.from({ length: 2000 }, (_, n) => `sales s${n}`).join(', ')} WHERE s1.sale_id = s2.sale_id`,
    ]) {
      const startedAt = performance.now();
      await checkQuery(sql, options).catch((error: unknown) => expect(error).toBeInstanceOf(QueryError));
      expect(performance.now() - startedAt, sql.slice(0, 60)).toBeLessThan(2500);
    }
  });
});
