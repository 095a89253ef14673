import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'csv-parse/sync';
import { createOperation } from '../../src/core/operation.js';
import { startDatabaseServer } from '../../src/servers/database/start.js';
import type { Served } from '../../src/servers/serve.js';
import { configText, temporaryFolder, type TemporaryFolder } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine, run, type RunOptions } from '../fixtures/io.js';
import { buildDatabase } from '../servers/database/build.js';

let served: Served;
let folder: TemporaryFolder;
let file: string;

beforeAll(async () => {
  const { workers, shop } = await buildDatabase();
  served = await startDatabaseServer(
    { host: '127.0.0.1', port: 0, transport: 'http', workers, source: { kind: 'embedded', session: shop } },
    createOperation(),
  );
  folder = temporaryFolder();
  file = folder.write(
    'c.json',
    configText({
      shop: { url: served.urls?.mcp, transport: 'streamable-http', capabilities: ['execute_query'] },
    }),
  );
});
afterAll(async () => {
  await served?.close(0);
  folder?.[Symbol.dispose]();
});

const mcpx = (argv: readonly string[], options?: RunOptions) => run([...argv, '-c', file], options);
const QUERY = 'SELECT product_id, name, price FROM products WHERE product_id IN (123, 456) ORDER BY 1';

describe('mcpx sql', () => {
  it('prints a table with the numbers to the right and what the rows are', async () => {
    const { status, stdout, stderr } = await mcpx(['sql', QUERY]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^product_id {2}name {13}price\n {7}123 {2}Magic Wand Pro {4}5\.99\n {7}456 {2}TechGadget X1 {3}121\.99\n\n2 rows from shop in .+\n$/,
    );
  });

  it('prints JSON, YAML, a line of NDJSON for each row, and CSV', async () => {
    const rows = [
      [123, 'Magic Wand Pro', '5.99'],
      [456, 'TechGadget X1', '121.99'],
    ];
    expect(JSON.parse((await mcpx(['sql', QUERY, '--json'])).stdout)).toMatchObject({
      api_version: 'mcpx/v1',
      kind: 'QueryResult',
      server: 'shop',
      columns: [{ name: 'product_id', type: 'integer' }, { name: 'name' }, { name: 'price' }],
      rows,
      row_count: 2,
      truncated: false,
    });
    expect((await mcpx(['sql', QUERY, '-o', 'yaml'])).stdout).toContain('kind: QueryResult');
    const lines = (await mcpx(['sql', QUERY, '-o', 'ndjson'])).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { product_id: 123, name: 'Magic Wand Pro', price: '5.99' },
      { product_id: 456 },
      { kind: 'QuerySummary', row_count: 2, truncated: false },
    ]);
    expect((await mcpx(['sql', QUERY, '--csv'])).stdout).toBe(
      'product_id,name,price\n123,Magic Wand Pro,5.99\n456,TechGadget X1,121.99\n',
    );
    const both = await mcpx(['sql', QUERY, '--csv', '--json']);
    expect(both).toMatchObject({ status: 2, stdout: '' });
  });

  it('writes CSV that a reader of CSV gives back, with NULL apart from the empty text', async () => {
    const query = `SELECT E'a,b "c"\\nd' AS t, NULL AS n, '' AS e, ARRAY['x,y'] AS list, true AS yes, '{"k": 1}'::jsonb AS j, ' s' AS s`;
    const { stdout } = await mcpx(['sql', query, '--csv']);
    expect(parse(stdout)).toEqual([
      ['t', 'n', 'e', 'list', 'yes', 'j', 's'],
      ['a,b "c"\nd', '', '', '["x,y"]', 'true', '{"k":1}', ' s'],
    ]);
    expect(stdout).toContain(',,"",');
  });

  it('gives repeated names a number where rows are objects', async () => {
    const { stdout } = await mcpx(['sql', 'SELECT 1 AS a, 2 AS a, 3 AS a_2', '-o', 'ndjson']);
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual({ a: 1, a_3: 2, a_2: 3 });
  });

  it('says that rows are missing, and ends with 6 unless so few were asked for', async () => {
    const many = 'SELECT * FROM generate_series(1, 1500)';
    const cut = await mcpx(['sql', many, '--csv']);
    expect(cut).toMatchObject({ status: 6, stderr: expect.stringContaining('more than these 1000 rows') });
    expect((await mcpx(['sql', many])).stdout).toMatch(/\n1000 rows from shop.*, there are more\n$/);
    const asked = await mcpx(['sql', many, '--max-rows', '3', '--json']);
    expect(asked).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(asked.stdout)).toMatchObject({ row_count: 3, truncated: true });
    expect(await mcpx(['sql', many, '--max-rows', '1500', '--csv'])).toMatchObject({ status: 0, stderr: '' });
  });

  it('says how many rows the server gives at most, and by which flag', async () => {
    const { status, stdout, stderr } = await mcpx(['sql', QUERY, '--max-rows', '50000']);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toContain('shop gives at most 10000 rows of a query, and 50000 were asked for\n');
    expect(stderr).toContain('--max-rows 10000 or less');
    // What is wrong with the query itself comes from the database, however many rows were asked for.
    const wrong = await mcpx(['sql', 'SELECT prise', '--max-rows', '10', '--json']);
    expect(errorLine(wrong)).toMatchObject({ code: 'SQL505', context: { sqlstate: '42703' } });
  });

  it('tells what a query failed with, also where the limits of its tool cannot be looked up', async () => {
    await using upstream = await startFakeUpstream({
      tools: [
        {
          name: 'execute_query',
          call: () => {
            upstream.change({ statusAt: { tools: 400 } });
            return Promise.resolve({ isError: true, content: [{ type: 'text', text: 'the disk is full' }] });
          },
        },
      ],
    });
    const servers = { a: { url: upstream.url, priority: 1, capabilities: ['execute_query'] } };
    const other = folder.write('other.json', configText(servers));
    const failed = await run(['sql', QUERY, '--max-rows', '10', '-c', other]);
    expect(failed.stderr).toContain('the disk is full');
  });

  it('shows the place of a mistake, and what the database makes of it', async () => {
    const query = "SELECT 'ünï🙂' AS a,\n       prise\nFROM products";
    const { status, stdout, stderr } = await mcpx(['sql', query]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toContain('error SQL505 query_failed: column "prise" does not exist\n');
    expect(stderr).toContain('  2 |        prise\n    |        ^^^^^\n');
    expect(stderr).toMatch(/hint: .+/);
    const json = await mcpx(['sql', query, '--json']);
    expect(errorLine(json)).toMatchObject({
      code: 'SQL505',
      server: 'shop',
      context: { sqlstate: '42703', position: 28 },
    });
    for (const [sql, code] of [
      ['DELETE FROM sales', 'SQL501'],
      ['SELECT 1; SELECT 2', 'SQL502'],
      ['SELEC 1', 'SQL503'],
    ] as const) {
      expect(errorLine(await mcpx(['sql', sql, '--json'])), sql).toMatchObject({ code, exit_code: 4 });
    }
  });

  it('reads the query from standard input', async () => {
    const { stdout } = await mcpx(['sql', '-', '--csv'], {
      readInput: () => Promise.resolve('SELECT 7 AS n -- from a file\n'),
    });
    expect(stdout).toBe('n\n7\n');
  });

  it.each(['', ' \n '])('asks nobody for an empty query: %j', async (query) => {
    const piped = await mcpx(['sql', '-'], { readInput: () => Promise.resolve(query) });
    for (const { status, stdout, stderr } of [piped, await mcpx(['sql', query])]) {
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toContain('error CLI901 usage: the query is empty\n');
      expect(stderr).toContain('mcpx sql "SELECT 1"');
    }
  });

  it('says what is missing where no server runs queries', async () => {
    await using upstream = await startFakeUpstream();
    const other = folder.write('other.json', configText({ a: { url: upstream.sseUrl } }));
    const { status, stderr } = await run(['sql', 'SELECT 1', '-c', other]);
    expect(status).toBe(4);
    expect(stderr).toContain('UPS218');
  });
});

describe('mcpx call', () => {
  it('calls a tool with its arguments behind the name, by flag, or from standard input', async () => {
    const args = '{"query":"SELECT name FROM products WHERE product_id = 123"}';
    const expected = 'name\nMagic Wand Pro\n';
    expect((await mcpx(['call', 'execute_query', args, '--csv'])).stdout).toBe(expected);
    expect((await mcpx(['call', 'execute_query', '--args', args, '--csv'])).stdout).toBe(expected);
    const input = { readInput: () => Promise.resolve(args) };
    expect((await mcpx(['call', 'execute_query', '-', '--csv'], input)).stdout).toBe(expected);
    expect((await mcpx(['call', 'execute_query', args])).stdout).toContain(
      'Magic Wand Pro\n\n1 row from shop',
    );
    expect(JSON.parse((await mcpx(['call', 'execute_query', args, '--json'])).stdout)).toMatchObject({
      kind: 'ToolResult',
      server: 'shop',
      tool: 'execute_query',
      structured_content: { rows: [['Magic Wand Pro']] },
      content: [{ type: 'text' }],
    });
  });

  it.each([
    [['call', 'execute_query', '{query:1}'], 2, 'are no JSON'],
    [['call', 'execute_query', '[1]'], 2, 'are no JSON object'],
    [['call', 'execute_query', '{}', '--args', '{}'], 2, 'given twice'],
    [['call', 'execute_qeury', '{}'], 7, 'RES309'],
    [['call', 'execute_query', '{"query":"SELECT 1"}', '--server', 'none'], 7, 'RES306'],
    [['call', 'execute_query', '{}'], 4, 'error'],
    [['call', 'execute_query', '{"query":"SELECT prise FROM products"}'], 4, '        ^^^^^'],
  ])('%j ends with %i', async (argv, expected, text) => {
    const { status, stdout, stderr } = await mcpx(argv);
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    expect(stderr).toContain(text);
  });

  it('prefers the server that claims the tool, else the best priority, or takes the named one', async () => {
    await using first = await startFakeUpstream();
    const two = folder.write(
      'two.json',
      configText({
        fake: { url: first.sseUrl, priority: 1 },
        shop: {
          url: served.urls?.mcp,
          transport: 'streamable-http',
          priority: 2,
          capabilities: ['execute_query'],
        },
      }),
    );
    const { stdout } = await run(['call', 'execute_query', '{"query":"SELECT 1 AS n"}', '--json', '-c', two]);
    expect(JSON.parse(stdout)).toMatchObject({ server: 'shop' });
    // The one that claims it was asked, and no other.
    expect(first.requests.size).toBe(0);
  });
});
