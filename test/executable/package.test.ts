import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { READER_ROLE } from '../../src/servers/database/sample/schema.js';
import { configText } from '../fixtures/configuration.js';
import { environment } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { hasPostgres } from '../fixtures/postgres.js';
import { startShop } from '../servers/database/shop-engines.js';

const MODULES = path.resolve('node_modules');
const NEEDED = ['libpg-query', '@pgsql/types'];
const OPTIONAL = '@electric-sql/pglite';

/** What npm would publish, installed into folders that hold nothing else. */
describe('the packed package in an empty folder', { timeout: 120_000 }, () => {
  let root: string;
  let whole: string;
  let lean: string;

  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), 'mcpx-package-'));
    const [{ filename }] = JSON.parse(
      npm(process.cwd(), 'pack', '--ignore-scripts', '--json', '--pack-destination', root),
    ) as [{ readonly filename: string }];
    const tarball = path.join(root, filename);
    whole = install('whole', tarball, [...NEEDED, OPTIONAL]);
    lean = install('lean', tarball, NEEDED, '--omit=optional');
  }, 240_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** The packages that it needs come from here, packed anew, so that no registry is asked. */
  function install(name: string, tarball: string, packages: readonly string[], ...flags: string[]): string {
    const folder = path.join(root, name);
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--install-links'];
    npm(folder, 'install', ...quiet, ...flags, tarball, ...packages.map((own) => path.join(MODULES, own)));
    return folder;
  }

  function npm(cwd: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8', env: environment() });
    if (status !== 0) throw new Error(`npm ${args[0]} failed:\n${stderr}`);
    return stdout;
  }

  function mcpx(folder: string, ...args: string[]) {
    const command = path.join(folder, 'node_modules/.bin/mcpx');
    return spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: environment() });
  }

  async function ask(folder: string, query: string, ...flags: string[]): Promise<unknown> {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(
      new StdioClientTransport({
        command: path.join(folder, 'node_modules/.bin/mcpx'),
        args: ['-q', 'serve', 'database', '--transport', 'stdio', ...flags],
        cwd: folder,
        env: environment(),
      }),
    );
    try {
      const { structuredContent } = await client.callTool({ name: 'execute_query', arguments: { query } });
      return structuredContent;
    } finally {
      await client.close();
    }
  }

  it('serves the sample shop and answers a query, a short one and one for the thread', async () => {
    for (const query of ['SELECT count(*) > 0 AS ok FROM sales', 'SELECT true AS ok'.padEnd(3000)]) {
      expect(await ask(whole, query)).toMatchObject({ columns: [{ name: 'ok' }], rows: [[true]] });
    }
    expect(await ask(whole, 'DROP TABLE sales')).toMatchObject({ category: 'read_only', sqlstate: '25006' });
  });

  it.each(['legacy', 'modern'] as const)('gathers as a library (%s)', async (era) => {
    await using upstream = await startFakeUpstream({ resources: 2, era, transport: 'streamable-http' });
    writeFileSync(path.join(lean, 'mcpx.json'), configText({ one: { url: upstream.url } }));
    const program = `
      import { loadConfig, MCPOrchestrator } from 'mcpx';
      const orchestrator = new MCPOrchestrator(await loadConfig('mcpx.json'));
      console.log(JSON.stringify(await orchestrator.gatherAllResources()));
      await orchestrator.close();`;

    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: lean, env: environment() },
    );

    const { one } = JSON.parse(stdout) as { readonly one: { readonly resources: object } };
    expect(Object.keys(one.resources)).toHaveLength(2);
  });

  it('serves the files of a user', async () => {
    writeFileSync(path.join(whole, 'people.csv'), 'name,age\nAnn,37\nBob,41\n');
    expect(await ask(whole, 'SELECT sum(age) AS ages FROM people', '--csv', '.')).toMatchObject({
      rows: [['78']],
    });
  });

  it('says what to install where the optional engine was left out', () => {
    const { status, stdout, stderr } = mcpx(lean, 'serve', 'database', '--port', '0', '-o', 'json');
    expect(status).toBe(4);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'SRV405', fix: 'npm install @electric-sql/pglite' },
    });
    expect(mcpx(lean, '--version').status).toBe(0);
  });

  it.runIf(hasPostgres())('serves a PostgreSQL without the optional engine', async () => {
    await using shop = await startShop();
    expect(
      await ask(lean, 'SELECT count(*) > 0 AS ok FROM sales', '--url', shop.url(READER_ROLE)),
    ).toMatchObject({ rows: [[true]] });
  });

  it('says what to install where the parser is gone', () => {
    rmSync(path.join(whole, 'node_modules/libpg-query'), { recursive: true });
    const { status, stderr } = mcpx(whole, 'serve', 'database', '--port', '0', '-o', 'json');
    expect(status).toBe(4);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'SRV405', fix: 'npm install libpg-query' },
    });
  });
});
