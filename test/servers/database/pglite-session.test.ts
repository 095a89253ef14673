import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cell } from '../../../src/servers/database/engine.js';
import { PgliteSession } from '../../../src/servers/database/pglite-session.js';
import { shopFromMetadata } from '../../../src/servers/database/sample/shop.js';
import { metadataPath } from './build.js';
import { STATE } from './state.js';
import { HOSTILE } from './statements.js';

let session: PgliteSession;

beforeAll(async () => {
  session = await PgliteSession.open(await shopFromMetadata(metadataPath));
});
afterAll(() => session.close());

async function state(): Promise<readonly Cell[] | undefined> {
  return (await session.query(STATE, { maxRows: 1, maxBytes: 100_000 })).rows[0];
}

describe('a session without the policy before it', () => {
  it('still lets no hostile statement change anything that lasts', { timeout: 180_000 }, async () => {
    const before = await state();
    expect(before?.slice(-3)).toEqual(['mcpx_reader', 'mcpx_reader', 'on']);
    // Those that only wait or nest deeply are stopped by the policy alone.
    const statements = HOSTILE.filter(
      ({ sql, bomb }) => bomb !== true && sql.length < 1000 && !/3600|pg_sleep/.test(sql),
    );
    for (const { sql } of statements) {
      await session
        .query(sql, { maxRows: 10, maxBytes: 100_000 })
        .catch((error: unknown) => expect(error, sql).toBeInstanceOf(Error));
      expect(await state(), sql).toEqual(before);
    }
    expect(statements.length).toBeGreaterThan(250);
  });

  it('ends a statement that has no result at all', async () => {
    for (const sql of ['', ' ', '-- nothing', ';']) {
      expect(await session.query(sql, { maxRows: 10, maxBytes: 1000 })).toEqual({
        columns: [],
        rows: [],
        truncated: false,
      });
    }
  });

  it('runs queries as a role that may read the shop and no file, role or setting', async () => {
    for (const [sql, sqlstate] of [
      ["SELECT pg_read_file('/etc/passwd')", '42501'],
      ['SELECT * FROM pg_authid', '42501'],
      ['SET ROLE postgres', '42501'],
      ['CREATE TABLE x (a int)', '25006'],
    ] as const) {
      const result = session.query(sql, { maxRows: 10, maxBytes: 1000 });
      await expect(result, sql).rejects.toMatchObject({ sqlstate });
    }
  });
});

describe('the description of the database', () => {
  it('names tables, columns, keys and relationships with their comments and row counts', () => {
    const { dialect, tables, relationships } = session.description;
    expect(dialect).toBe('postgresql');
    expect(tables.map(({ name }) => name)).toEqual([
      'customers',
      'order_items',
      'orders',
      'products',
      'sales',
    ]);
    for (const table of tables) {
      expect(table.description).toMatch(/./);
      expect(table.row_count).toBeGreaterThan(0);
      for (const column of table.columns) expect(column.description, column.name).toMatch(/./);
    }
    const items = tables.find(({ name }) => name === 'order_items');
    expect(items).toMatchObject({ schema: 'public', kind: 'table', primary_key: ['order_id', 'product_id'] });
    expect(items?.columns[3]).toMatchObject({
      name: 'unit_price',
      type: 'numeric(10,2)',
      nullable: false,
      default: null,
    });
    expect(items?.foreign_keys).toContainEqual({
      columns: ['order_id'],
      references: { table: 'orders', columns: ['order_id'] },
    });
    expect(relationships).toContainEqual({ from: 'sales.product_id', to: 'products.product_id' });
  });
});
