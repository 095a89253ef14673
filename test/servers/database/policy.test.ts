import { describe, expect, it } from 'vitest';
import { checkQuery } from '../../../src/servers/database/policy.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { HONEST, HOSTILE } from './statements.js';

/** How deep a query may nest is tested where it runs, in a thread with its own stack. */
const SHALLOW = HOSTILE.filter(([, sqlstate]) => sqlstate !== '54001');
const options = { schemas: ['public'] };

async function refusal(sql: string): Promise<QueryError> {
  const error: unknown = await checkQuery(sql, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, `not refused: ${sql.slice(0, 80)}`).toBeInstanceOf(QueryError);
  return error as QueryError;
}

describe('the query policy', () => {
  it.each(SHALLOW.map(([sql, sqlstate]) => ({ title: JSON.stringify(sql.slice(0, 90)), sql, sqlstate })))(
    'refuses $title',
    async ({ sql, sqlstate }) => {
      const error = await refusal(sql);
      expect(error.sqlstate).toBe(sqlstate);
      expect(error.message).not.toBe('');
    },
  );

  it.each(HONEST.map((sql) => ({ title: JSON.stringify(sql.slice(0, 90)), sql })))(
    'lets $title through',
    async ({ sql }) => {
      await checkQuery(sql, options);
    },
  );

  it('says where in the query the refused part stands, in characters', async () => {
    const sql = "SELECT 'ünï🙂', pg_sleep(1)";
    expect((await refusal(sql)).position).toBe(Array.from(sql.slice(0, sql.indexOf('pg_sleep'))).length + 1);
    expect((await refusal('SELECT a FROM b,, c')).position).toBe(17);
    expect((await refusal('SELECT 1; SELECT 2')).position).not.toBeNull();
  });

  it('gives a code and a hint for what to send instead', async () => {
    const error = await refusal('DROP TABLE sales');
    expect(error.toJSON()).toMatchObject({ code: 'SQL501', name: 'not_read_only' });
    expect(error.message).toBe('DROP is not a plain read.');
    expect(error.hint).toContain('SELECT');
    expect((await refusal('SELECT 1; SELECT 2')).code).toBe('SQL502');
    expect((await refusal('SELEC 1')).code).toBe('SQL503');
  });

  it('serves tables of the schemas it was told of, by their full name too', async () => {
    await checkQuery('SELECT * FROM shop.sales', { schemas: ['shop'] });
    expect((await refusal('SELECT * FROM shop.sales')).message).toBe(
      'The relation shop.sales is not served.',
    );
  });
});
