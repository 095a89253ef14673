import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { createDatabaseServer, type DatabaseServerOptions } from '../../../src/servers/database/server.js';
import { serve, type Served } from '../../../src/servers/serve.js';
import { ENGINES, TRAPS, type OpenedShop } from './engines.js';

/** What of the tools' results is looked at field by field; each tool gives some of them. */
interface Structured {
  readonly matches: readonly {
    readonly table: string;
    readonly column: string | null;
    readonly value: string;
  }[];
  readonly match_count: number;
  readonly truncated: boolean;
  readonly looked_at: readonly { readonly table: string }[];
  readonly not_looked_at: readonly { readonly reason: string }[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly row_count: number;
  readonly estimated_rows: number;
  readonly hint: string | null;
  readonly sqlstate: string;
  readonly message: string;
}

interface ToolAnswer {
  readonly isError?: boolean;
  readonly structuredContent: Structured;
  readonly content: readonly { readonly text: string }[];
}

describe.each(ENGINES)('the tools on $name', ({ name: engineName, available, open }) => {
  let shop: OpenedShop;
  let served: Served;
  let client: Client;

  beforeAll(async () => {
    if (!available) return;
    shop = await open([TRAPS, MORE]);
    [served, client] = await connected({});
  });
  afterAll(async () => {
    await client?.close();
    await served?.close(0);
    await shop?.[Symbol.asyncDispose]();
  });

  async function connected(options: DatabaseServerOptions): Promise<[Served, Client]> {
    const op = createOperation();
    const own = await serve(
      () => createDatabaseServer(shop.engine, options, op),
      { host: '127.0.0.1', port: 0, transport: 'http' },
      op,
    );
    const peer = new Client({ name: 'test', version: '1' });
    await peer.connect(new StreamableHTTPClientTransport(new URL(own.urls?.mcp ?? '')));
    return [own, peer];
  }

  async function call(tool: string, args: Record<string, unknown>, on = client): Promise<ToolAnswer> {
    return (await on.callTool({ name: tool, arguments: args })) as unknown as ToolAnswer;
  }

  async function failure(query: string, tool = 'execute_query'): Promise<Structured> {
    const { isError, structuredContent } = await call(tool, { query });
    expect(isError, query).toBe(true);
    return structuredContent;
  }

  const on = it.skipIf(!available);

  on('say that they only read, and give what their schemas promise, failures too', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual([
      'execute_query',
      'explain_query',
      'search_objects',
      'search_values',
    ]);
    const ajv = new Ajv2020({ strict: false });
    const calls: Record<string, readonly Record<string, unknown>[]> = {
      execute_query: [{ query: 'TABLE products' }, { query: 'SELEC' }],
      explain_query: [{ query: 'TABLE products' }, { query: 'SELEC' }],
      search_objects: [{ words: 'price' }, { words: 'nowhere' }],
      search_values: [{ value: 'Berlin' }, { value: 'x', tables: ['nowhere'] }],
    };
    for (const { name, annotations, outputSchema, description } of tools) {
      expect(annotations).toEqual({
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
      });
      expect(description).toMatch(/\w/);
      const isValid = ajv.compile(outputSchema as object);
      for (const args of calls[name] ?? []) {
        const { structuredContent, content } = await call(name, args);
        expect(isValid(structuredContent), `${name} ${ajv.errorsText(isValid.errors)}`).toBe(true);
        expect(content[0]?.text).toMatch(/./);
      }
      expect(isValid({})).toBe(false);
    }
  });

  describe('explain_query', () => {
    on('gives the plan and estimates, and runs nothing', async () => {
      const { structuredContent } = await call('explain_query', {
        query: 'SELECT * FROM sales s JOIN products p USING (product_id) WHERE s.quantity > 2; -- joined',
      });
      expect(structuredContent).toMatchObject({
        plan: { 'Node Type': expect.stringContaining('Join'), Plans: expect.any(Array) },
        estimated_rows: expect.any(Number),
        estimated_cost: expect.any(Number),
      });
      expect(structuredContent.estimated_rows).toBeGreaterThan(1);
      const endless = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';
      expect((await call('explain_query', { query: endless })).isError ?? false).toBe(false);
    });

    on(
      'refuses what cannot be explained without running, and places errors in the query as it came',
      async () => {
        for (const query of [
          'ANALYZE SELECT 1',
          '(ANALYZE) SELECT 1',
          'EXPLAIN SELECT 1',
          'DELETE FROM sales',
        ]) {
          expect((await failure(query, 'explain_query')).sqlstate, query).toMatch(/^(42601|25006)$/);
        }
        expect(await failure('SELECT prise FROM products', 'explain_query')).toMatchObject({
          sqlstate: '42703',
          position: 8,
          hint: 'Did you mean products.price?',
        });
      },
    );
  });

  describe('search_objects', () => {
    async function found(words: string, more = {}): Promise<readonly string[]> {
      const { structuredContent } = await call('search_objects', { words, ...more });
      return structuredContent.matches.map((match) =>
        match.column === null ? match.table : `${match.table}.${match.column}`,
      );
    }

    on('finds tables and columns by words of their names, singular or plural, in any case', async () => {
      expect((await found('Product'))[0]).toBe('products');
      expect((await found('customer city'))[0]).toBe('customers.city');
      expect(await found('totalAmount')).toEqual(['sales.total_amount']);
      expect(await found('zebra unicorn')).toEqual([]);
    });

    on('finds them by their descriptions, after those with the word in the name', async () => {
      expect((await found('revenue'))[0]).toBe('sales.total_amount');
      const day = await found('order day');
      expect(day.slice(0, 1)).toEqual(['orders.order_date']);
    });

    on('counts what is beyond its limit', async () => {
      const { structuredContent } = await call('search_objects', { words: 'id', limit: 2 });
      expect(structuredContent).toMatchObject({ truncated: true });
      expect(structuredContent.matches).toHaveLength(2);
      expect(structuredContent.match_count).toBeGreaterThan(5);
    });
  });

  describe('search_values', () => {
    async function search(args: Record<string, unknown>): Promise<Structured> {
      return (await call('search_values', args)).structuredContent;
    }

    on('tells in which columns a value occurs and how often', async () => {
      const { matches, truncated } = await search({ value: 'magic' });
      expect(matches).toContainEqual({
        schema: 'public',
        table: 'products',
        column: 'product_name',
        value: 'Magic Wand Pro',
        rows: 1,
      });
      expect(matches.some(({ column }) => column === 'category')).toBe(true);
      expect(truncated).toBe(false);
      const berlin = await search({ value: 'berlin', match: 'equals' });
      expect(berlin.matches).toEqual([
        { schema: 'public', table: 'customers', column: 'city', value: 'Berlin', rows: expect.any(Number) },
      ]);
    });

    on('takes the signs of patterns and strings for themselves', async () => {
      for (const value of ['%', '_', '\\', "'", "'; DROP TABLE sales; --", '100%']) {
        const { matches } = await search({ value, tables: ['odd "table"'] });
        expect(
          matches.map((match) => match.value),
          value,
        ).toEqual(ODD_VALUES.filter((odd) => odd.includes(value)).sort());
      }
      expect((await search({ value: '5', match: 'starts_with', tables: ['odd "table"'] })).matches).toEqual([
        { schema: 'public', table: 'odd "table"', column: 'Some "thing"', value: '50% off_', rows: 1 },
      ]);
    });

    on('finds numbers and dates in columns of their types', async () => {
      const { matches } = await search({ value: '123', tables: ['products'] });
      expect(matches).toContainEqual({
        schema: 'public',
        table: 'products',
        column: 'product_id',
        value: '123',
        rows: 1,
      });
      const { rows } = (await call('execute_query', { query: 'SELECT max(sale_date) FROM sales' }))
        .structuredContent;
      const dates = await search({ value: rows[0]?.[0] });
      expect(dates.matches.map(({ column }) => column)).toContain('sale_date');
    });

    on('says what it did not look at, and why', async () => {
      const { not_looked_at, looked_at } = await search({
        value: 'magic',
        tables: ['products', 'public.orders'],
      });
      expect(looked_at.map(({ table }) => table).sort()).toEqual(['orders', 'products']);
      expect(not_looked_at).toContainEqual({
        schema: 'public',
        table: 'products',
        columns: ['product_id', 'price', 'cost', 'created_at'],
        reason: 'the value is none of their type',
      });
      const few = await search({ value: 'e', limit: 3 });
      expect(few.truncated).toBe(true);
      expect(few.matches).toHaveLength(3);
      expect(few.not_looked_at.map(({ reason }) => reason)).toContain('there were enough matches');
      const [hurried, peer] = await connected({ queryTimeoutMs: 1 });
      try {
        const none = (await call('search_values', { value: 'magic', tables: ['slow', 'sales'] }, peer))
          .structuredContent;
        expect(JSON.stringify(none.not_looked_at)).toMatch(/the time was over|busy/);
      } finally {
        await peer.close();
        await hurried.close(0);
      }
    });

    on('names a table that is not there', async () => {
      const { isError, structuredContent } = await call('search_values', { value: 'x', tables: ['salez'] });
      expect(isError).toBe(true);
      expect(structuredContent).toMatchObject({ sqlstate: '42P01', message: 'There is no table salez.' });
    });
  });

  describe('a failed query', () => {
    on(
      'gets the names that may have been meant, of tables and columns, by what stands at its place',
      async () => {
        const cases: readonly (readonly [string, string])[] = [
          ['SELECT * FROM salez', 'Did you mean sales?'],
          ['SELECT * FROM public.product', 'Did you mean products?'],
          ['SELECT * FROM "Customer"', 'Did you mean customers?'],
          ['SELECT * FROM orderitems', 'Did you mean order_items?'],
          ['SELECT prise FROM products', 'Did you mean products.price?'],
          ['SELECT s.amount FROM sales s', 'Did you mean sales.total_amount?'],
          ['SELECT customerId FROM orders', 'Did you mean orders.customer_id?'],
          ['SELECT "Total Amount" FROM sales', 'Did you mean sales.total_amount?'],
          ['SELECT 1 FROM customers c WHERE c.contry = 1', 'Did you mean customers.country?'],
          ["SELECT 'ü🙂', sale_dat FROM sales", 'Did you mean sales.sale_date?'],
        ];
        for (const [query, hint] of cases) expect((await failure(query)).hint, query).toBe(hint);
        expect((await failure('SELECT * FROM qqqqqqqq')).hint).toContain('database://metadata');
      },
    );

    on('is of the category of its SQLSTATE', async () => {
      const cases: readonly (readonly [string, string, string])[] = [
        ['SELECT 1 / 0', 'data', '22012'],
        ["SELECT 'x'::int", 'data', '22P02'],
        ['SELECT (SELECT sale_id FROM sales)', 'cardinality', '21000'],
        ['SELECT category, price FROM products GROUP BY category', 'syntax_or_access', '42803'],
        ['SELECT cbrt(true)', 'syntax_or_access', '42883'],
        ['DELETE FROM sales', 'read_only', '25006'],
        ['SELECT secret FROM secrets', 'syntax_or_access', '42501'],
        ["SELECT '2024-02-30'::date", 'data', '22008'],
      ];
      for (const [query, category, sqlstate] of cases) {
        expect(await failure(query), query).toMatchObject({ category, sqlstate });
      }
    });
  });

  describe('the limits', () => {
    async function withLimits(
      options: DatabaseServerOptions,
      use: (ask: (query: string, more?: object) => Promise<ToolAnswer>) => Promise<void>,
    ): Promise<void> {
      const [own, peer] = await connected(options);
      try {
        await use((query, more = {}) => call('execute_query', { query, ...more }, peer));
      } finally {
        await peer.close();
        await own.close(0);
      }
    }

    on('of an empty query, in our own words', async () => {
      for (const name of ['execute_query', 'explain_query']) {
        for (const query of ['', '  ']) {
          const { isError, structuredContent } = await call(name, { query });
          expect(isError).toBe(true);
          expect(structuredContent).toMatchObject({
            sqlstate: '42601',
            message: 'The query is empty.',
            hint: expect.stringContaining('SELECT'),
          });
        }
      }
    });

    on('of the length of a query', async () => {
      await withLimits({ maxQueryChars: 40 }, async (ask) => {
        expect((await ask(`SELECT '${'x'.repeat(31)}'`)).isError ?? false).toBe(false);
        const { isError, structuredContent } = await ask(`SELECT '${'x'.repeat(32)}'`);
        expect(isError).toBe(true);
        expect(structuredContent).toMatchObject({
          category: 'limit',
          sqlstate: '54000',
          message: 'The query is longer than 40 characters.',
        });
      });
    });

    on('of the rows, exactly', async () => {
      await withLimits({ maxRows: 4 }, async (ask) => {
        for (const [there, expected, truncated] of [
          [3, 3, false],
          [4, 4, false],
          [5, 4, true],
        ] as const) {
          const { structuredContent } = await ask(`SELECT * FROM generate_series(1, ${there})`);
          expect(structuredContent).toMatchObject({ row_count: expected, truncated });
        }
        const one = await ask('TABLE products', { max_rows: 1 });
        expect(one.structuredContent).toMatchObject({ row_count: 1, truncated: true });
      });
    });

    on('of the bytes of a result: rows beyond are left out, and it says so', async () => {
      await withLimits({ maxBytes: 5000 }, async (ask) => {
        const some = await ask("SELECT repeat('x', 1000) FROM generate_series(1, 100)");
        expect(some.structuredContent.truncated).toBe(true);
        expect(some.structuredContent.row_count).toBe(5);
        const all = await ask("SELECT repeat('x', 1000) FROM generate_series(1, 5)");
        expect(all.structuredContent).toMatchObject({ truncated: false, row_count: 5 });
      });
    });

    on('of the time', async () => {
      await withLimits({ queryTimeoutMs: 400 }, async (ask) => {
        const { structuredContent } = await ask('SELECT count(*) FROM sales a, sales b, sales c, sales d');
        expect(structuredContent).toMatchObject({ category: 'timeout', sqlstate: '57014' });
        expect(structuredContent.message).toContain('0.4 s');
      });
    });
  });

  on('keep column names that repeat, and types as they are', async () => {
    const query = `SELECT 1 AS a, 'x'::text AS a, NULL::numeric AS b, 12345678901234567890::numeric, 2::bigint,
      interval '1 day 2 hours' AS i, ARRAY[1, NULL] AS list, '{"k": [1.5, null]}'::jsonb AS doc, '\\xff'::bytea AS raw,
      date '2024-02-29' AS d, timestamptz '2024-02-29 12:00+00' AT TIME ZONE 'UTC' AS t, 'good'::mood AS m`;
    const { structuredContent } = await call('execute_query', { query });
    expect(
      structuredContent.columns.map(({ name, type }) => [
        name,
        // How a type of the served schema is written depends on the search path of those who ask.
        type.replace(/^public\./, ''),
      ]),
    ).toEqual([
      ['a', 'integer'],
      ['a', 'text'],
      ['b', 'numeric'],
      ['numeric', 'numeric'],
      ['int8', 'bigint'],
      ['i', 'interval'],
      ['list', 'integer[]'],
      ['doc', 'jsonb'],
      ['raw', 'bytea'],
      ['d', 'date'],
      ['t', 'timestamp without time zone'],
      ['m', 'mood'],
    ]);
    expect(structuredContent.rows).toEqual([
      [
        1,
        'x',
        null,
        '12345678901234567890',
        '2',
        '1 day 02:00:00',
        [1, null],
        { k: [1.5, null] },
        '\\xff',
        '2024-02-29',
        '2024-02-29T12:00:00',
        'good',
      ],
    ]);
  });

  on('publish no more of the catalogs than tables and columns', async () => {
    const { contents } = await client.readResource({ uri: 'database://metadata' });
    const text = (contents[0] as { text: string }).text;
    expect(Object.keys(JSON.parse(text) as object).sort()).toEqual([
      'dialect',
      'relationships',
      'schemas',
      'tables',
      'version',
    ]);
    expect(text, engineName).not.toContain('secrets');
    const own = await client.readResource({ uri: 'database://table/public.orders' });
    expect(JSON.parse((own.contents[0] as { text: string }).text)).toMatchObject({ name: 'orders' });
  });
});

const ODD_VALUES = ['50% off_', "it's", 'back\\slash', 'plain', "'; DROP TABLE sales; --", '100%'];

const MORE = `
CREATE TABLE "odd ""table""" ("Some ""thing""" text);
INSERT INTO "odd ""table""" VALUES ${ODD_VALUES.map((value) => `('${value.replaceAll("'", "''")}')`).join(', ')};
CREATE VIEW slow AS SELECT a::text AS word FROM generate_series(1, 1000000) a;
GRANT SELECT ON "odd ""table""", slow TO mcpx_reader;
`;
