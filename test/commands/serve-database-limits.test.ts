import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXECUTABLE } from '../fixtures/executable.js';
import { errorLine, run } from '../fixtures/io.js';

const RUNAWAY = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';

const FLAGS = [
  ['--query-timeout', '2s'],
  ['--max-rows', '3'],
  ['--max-bytes', '2kB'],
  ['--max-query-length', '90'],
  ['--max-waiting', '1'],
].flat();

describe('the limits of mcpx serve database', () => {
  const client = new Client({ name: 'test', version: '1' });
  const command = {
    command: process.execPath,
    args: [EXECUTABLE, '-q', 'serve', 'database', '--transport', 'stdio'],
  };

  beforeAll(async () => {
    await client.connect(new StdioClientTransport({ ...command, args: [...command.args, ...FLAGS] }));
  });
  afterAll(() => client.close());

  async function ask(query: string): Promise<unknown> {
    return (await client.callTool({ name: 'execute_query', arguments: { query } })).structuredContent;
  }

  it('are told by the tool', async () => {
    const { tools } = await client.listTools();
    const tool = tools.find(({ name }) => name === 'execute_query');
    expect(JSON.stringify(tool?.inputSchema)).toContain('at most 90 characters');
    expect(tool?.inputSchema.properties?.['max_rows']).toMatchObject({ maximum: 3, default: 3 });
    expect(JSON.stringify(tool?.outputSchema)).toContain('2000 bytes');
  });

  it('are those of the flags', async () => {
    expect(await ask('TABLE products')).toMatchObject({ row_count: 3, truncated: true });
    expect(await ask("SELECT repeat('x', 900) FROM generate_series(1, 3)")).toMatchObject({
      row_count: 2,
      truncated: true,
    });
    expect(await ask(`SELECT '${'x'.repeat(90)}'`)).toMatchObject({ category: 'limit', sqlstate: '54000' });
    // One may wait for the query that runs; the next is told at once.
    const [runaway, , third] = await Promise.all([ask(RUNAWAY), ask('SELECT 1'), ask('SELECT 2')]);
    expect(runaway).toMatchObject({ category: 'timeout', sqlstate: '57014' });
    expect(third).toMatchObject({ category: 'busy', sqlstate: '53300' });
  });

  it.each([
    ['--max-bytes', 'many'],
    ['--max-bytes', '0'],
    ['--max-query-length', '65537'],
    ['--max-waiting', '0'],
    ['--max-rows', '0'],
    ['--query-timeout', '0'],
  ])('%s takes no %s', async (flag, value) => {
    const refused = await run(['serve', 'database', flag, value, '--json']);
    expect(refused.status).toBe(2);
    expect(errorLine(refused)).toMatchObject({ code: 'CLI901' });
  });
});
