import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PgliteSession } from '../../../src/servers/database/pglite-session.js';
import { shopRows } from '../../../src/servers/database/sample/rows.js';
import { buildDatabase, metadataPath } from './build.js';

interface Metadata {
  readonly product_aliases: Readonly<
    Record<
      string,
      { readonly canonical_name: string; readonly database_references: Readonly<Record<string, unknown>> }
    >
  >;
  readonly column_mappings: Readonly<Record<string, string>>;
}

const metadata = JSON.parse(await readFile(metadataPath, 'utf8')) as Metadata;
let session: PgliteSession;

beforeAll(async () => {
  session = await PgliteSession.open((await buildDatabase()).shop);
});
afterAll(() => session.close());

async function rows(sql: string) {
  return (await session.query(sql, { maxRows: 1000, maxBytes: 1_000_000 })).rows;
}

const JOINED = `sales JOIN orders ON orders.order_id = sales.order_id
  JOIN order_items ON order_items.order_id = sales.order_id AND order_items.product_id = sales.product_id
  JOIN customers ON customers.customer_id = sales.customer_id
  JOIN products ON products.product_id = sales.product_id`;

describe('the sample shop', () => {
  it.each(Object.entries(metadata.column_mappings))(
    'has what the column mapping "%s" needs',
    async (_, mapping) => {
      for (const column of ['sales.sale_date', 'orders.order_date', 'customers.created_at']) {
        const expression = mapping.replaceAll('{date_column}', column);
        expect(await rows(`SELECT ${expression} AS value FROM ${JOINED}`)).not.toHaveLength(0);
      }
    },
  );

  it.each(['this month', 'last month', 'this year'])(
    'has sales and orders %s, whatever the day',
    async (term) => {
      for (const [table, column] of [
        ['sales', 'sale_date'],
        ['orders', 'order_date'],
      ] as const) {
        const condition = metadata.column_mappings[term]?.replaceAll('{date_column}', column);
        const [[count] = []] = await rows(`SELECT count(*)::int4 FROM ${table} WHERE ${condition}`);
        expect(count).toBeGreaterThan(0);
      }
    },
  );

  it('sells exactly the products of the metadata file, under the same ids and names', async () => {
    const products = Object.values(metadata.product_aliases).map(
      ({ canonical_name, database_references }) => [
        database_references['products.product_id'],
        canonical_name,
      ],
    );
    expect(await rows('SELECT product_id, product_name FROM products')).toEqual(products);
    expect(
      await rows('SELECT product_id, product_name FROM products WHERE product_id IN (123, 456, 789)'),
    ).toEqual([
      [123, 'Magic Wand Pro'],
      [456, 'TechGadget X1'],
      [789, 'SuperSonic Blaster'],
    ]);
    expect(await rows('SELECT product_id FROM products EXCEPT SELECT product_id FROM sales')).toEqual([]);
  });

  it('is consistent: sales are the items of orders that were not cancelled', async () => {
    expect(
      await rows(`SELECT order_id, product_id, quantity, unit_price, customer_id, order_date,
                         (quantity * unit_price)::numeric(12, 2) FROM order_items JOIN orders USING (order_id)
                  WHERE status <> 'cancelled'
                  EXCEPT SELECT order_id, product_id, quantity, unit_price, customer_id, sale_date, total_amount FROM sales`),
    ).toEqual([]);
    expect(
      await rows('SELECT 1 FROM orders JOIN customers USING (customer_id) WHERE created_at > order_date'),
    ).toEqual([]);
    expect(await rows('SELECT max(order_date) = CURRENT_DATE FROM orders')).toEqual([[true]]);
  });

  it('brings the description along that it would give of itself, also after its dates moved', async () => {
    const { describedPath, ...shop } = (await buildDatabase()).shop;
    expect(describedPath).toBeDefined();
    const asked = await PgliteSession.open(shop);
    try {
      expect(session.description).toEqual(asked.description);
    } finally {
      await asked.close();
    }
    expect(session.description.tables).not.toHaveLength(0);
    for (const { name, row_count } of session.description.tables)
      expect(await rows(`SELECT count(*)::int FROM ${name}`)).toEqual([[row_count]]);
    // Not that of a shop to which something was added.
    const more = await PgliteSession.open({
      ...shop,
      ...(describedPath === undefined ? {} : { describedPath }),
      setupSql: ['CREATE TABLE more (a int); GRANT SELECT ON more TO mcpx_reader'],
    });
    expect(more.description.tables.map(({ name }) => name)).toContain('more');
    await more.close();
  });

  it('has the same rows in every build', () => {
    const products = [
      { id: 1, name: "Tom's Kite", category: 'toys' },
      { id: 2, name: 'Lamp', category: 'home' },
    ];
    expect(shopRows(products)).toBe(shopRows(products));
    expect(shopRows(products)).toContain("'Tom''s Kite'");
  });
});
