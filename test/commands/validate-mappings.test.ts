import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../src/core/operation.js';
import { startDatabaseServer } from '../../src/servers/database/start.js';
import type { Served } from '../../src/servers/serve.js';
import { run } from '../fixtures/io.js';
import { buildDatabase, metadataPath } from '../servers/database/build.js';

interface Diagnostic {
  readonly severity: string;
  readonly code: string;
  readonly summary: string;
  readonly path: string;
  readonly hint?: string;
  readonly range: { readonly start: { readonly line: number } };
}

describe('mcpx validate-config --metadata --connect', () => {
  let served: Served;
  let folder: string;

  beforeAll(async () => {
    const { workers, shop: session } = await buildDatabase();
    served = await startDatabaseServer(
      { host: '127.0.0.1', port: 0, transport: 'http', source: { kind: 'embedded', session }, workers },
      createOperation(),
    );
    folder = await mkdtemp(join(tmpdir(), 'mcpx-mappings-'));
    await writeFile(join(folder, 'mcpx.yaml'), configuration('[list_resources, execute_query]'));
  });
  afterAll(async () => {
    await served?.close(0);
    await rm(folder, { recursive: true, force: true });
  });

  function configuration(capabilities: string): string {
    const url = served.urls?.mcp ?? '';
    return `mcp_servers:\n  shop:\n    url: ${url}\n    transport: streamable-http\n    priority: 1\n    domains: [sales]\n    capabilities: ${capabilities}\n`;
  }

  async function check(mappings: Readonly<Record<string, string>>, config = 'mcpx.yaml') {
    const metadata = join(folder, 'products.json');
    await writeFile(metadata, JSON.stringify({ product_aliases: {}, column_mappings: mappings }, null, 2));
    return checkFile(metadata, config);
  }

  async function checkFile(metadata: string, config = 'mcpx.yaml') {
    const args = [
      'validate-config',
      '--connect',
      '--metadata',
      metadata,
      '-c',
      join(folder, config),
      '--json',
    ];
    const { status, stdout } = await run(args, { cwd: folder });
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
    return { status, found: diagnostics.filter(({ path }) => path.startsWith('column_mappings')) };
  }

  it('finds nothing wrong with the mappings that mcpx ships for its shop', async () => {
    expect(await checkFile(metadataPath)).toEqual({ status: 0, found: [] });
  });

  it('tells of tables and columns that do not exist, at the mapping, with the names that may be meant', async () => {
    const { status, found } = await check({
      'sales amount': 'sales.total_amount',
      price: 'products.prise',
      buyer: 'custmers.full_name',
      revenue: 'SUM(total_amonut)',
      dialect: 'IFNULL(products.price, 0)',
      units: 'SUM(quantity)',
    });
    expect(status).toBe(3);
    expect(found.map(({ code, path, severity }) => [code, path, severity])).toEqual([
      ['CFG130', 'column_mappings.price', 'error'],
      ['CFG130', 'column_mappings.buyer', 'error'],
      ['CFG130', 'column_mappings.revenue', 'error'],
      ['CFG130', 'column_mappings.dialect', 'error'],
    ]);
    expect(found[0]?.summary).toBe(
      'the database of shop does not take "price": column products.prise does not exist',
    );
    expect(found.map(({ hint }) => hint)).toEqual([
      'Did you mean products.price?',
      'Did you mean customers?',
      'Did you mean sales.total_amount?',
      'In PostgreSQL: coalesce(a, b).',
    ]);
    expect(found.map(({ range }) => range.start.line)).toEqual([5, 6, 7, 8]);
  });

  it('wants columns that {date_column} can stand for, in the tables that the mapping names', async () => {
    const { found } = await check({
      'this month': "DATE_TRUNC('month', {date_column}) = DATE_TRUNC('month', CURRENT_DATE)",
      'sold lately': 'SUM(sales.quantity) FILTER (WHERE {date_column} > CURRENT_DATE - 7)',
      'dated item': 'order_items.quantity > 1 AND {date_column} > CURRENT_DATE',
      'wrong use': "{date_column} LIKE '2024%'",
    });
    expect(found.map(({ path }) => path)).toEqual([
      'column_mappings.dated item',
      'column_mappings.wrong use',
    ]);
    expect(found[0]?.summary).toContain('order_items has no column that {date_column} could stand for');
  });

  it('leaves what is no expression to the check of the file, and runs nothing that a mapping says', async () => {
    const { found } = await check({
      broken: 'SUM(',
      hostile: '1; DROP TABLE sales',
      wait: 'pg_sleep(3600)',
    });
    expect(found.find(({ path }) => path === 'column_mappings.wait')).toMatchObject({ code: 'CFG130' });
    expect(found.some(({ path }) => path === 'column_mappings.hostile')).toBe(true);
    expect(found.filter(({ path }) => path === 'column_mappings.broken')).toHaveLength(1);
  });

  it('says that nothing was checked where no server executes queries', async () => {
    await writeFile(join(folder, 'without.yaml'), configuration('[list_resources]'));
    const { found } = await check({ price: 'products.prise' }, 'without.yaml');
    expect(found).toMatchObject([{ code: 'UPS218', severity: 'warning', path: 'column_mappings' }]);
    expect(found[0]?.summary).toContain('checked against no database');
  });
});
