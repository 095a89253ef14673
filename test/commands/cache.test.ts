import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { run, withoutColor } from '../fixtures/io.js';

/** A folder with a configuration of two servers and a cache of its own. */
async function world() {
  const folder = temporaryFolder();
  const one = await startFakeUpstream({ resources: 2 });
  const two = await startFakeUpstream({ resources: 1 });
  const servers = {
    one: { url: one.url, priority: 1, domains: ['x'] },
    two: { url: two.url, priority: 2, domains: ['y'] },
  };
  folder.write('mcpx.yaml', configText(servers, { resource_cache_ttl: 300 }));
  const env = { XDG_CACHE_HOME: path.join(folder.path, 'cache') };
  return {
    one,
    two,
    mcpx: (...argv: string[]) => run(argv, { cwd: folder.path, env }),
    cache: env.XDG_CACHE_HOME,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await Promise.all([one.close(), two.close()]);
      folder[Symbol.dispose]();
    },
  };
}

describe('a run after another', () => {
  it('asks nobody, and says how old the answers are', async () => {
    await using at = await world();
    expect((await at.mcpx('gather')).stdout).toMatch(/^one +ok .* - +[\d.]+ m?s$/m);
    await at.one.close();
    const { status, stdout } = await at.mcpx('gather');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^one +ok .* old +[\d.]+ m?s$/m);
    const report = JSON.parse((await at.mcpx('gather', '--json')).stdout) as Record<string, object>;
    expect(report['cache']).toEqual({ hits: 7, misses: 0, hit_rate: 1 });
    expect((report['servers'] as Record<string, object>)['one']).toMatchObject({
      status: 'ok',
      attempts: 0,
      cache: { hit: true, source: 'config', ttl_ms: 300_000, scope: 'private' },
    });
  });

  it('says how old the answers are on a narrow terminal too', async () => {
    await using at = await world();
    await at.mcpx('gather');
    const options = { cwd: at.folder, env: { XDG_CACHE_HOME: at.cache }, columns: 48 };
    const ran = await run(['gather'], { ...options, stdoutIsTerminal: true });
    const stdout = withoutColor(ran.stdout);
    expect(stdout).toMatch(/^one .* old +[\d.]+ m?s/m);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(48);
    // The time that it took leaves before the table gets wider than the terminal.
    const narrower = await run(['gather'], { ...options, columns: 34 });
    const [table = ''] = narrower.stdout.split('\n\n');
    expect(table).toMatch(/^one .* old$/m);
    expect(table.replaceAll('\n', ' ')).toContain('TIME); -o json has all');
    expect(Math.max(...table.split('\n').map((line) => line.length)), table).toBeLessThanOrEqual(34);
  });

  it('asks with --no-cache and --refresh, which contradict each other', async () => {
    await using at = await world();
    await at.mcpx('gather');
    await at.mcpx('gather', '--no-cache');
    await at.mcpx('gather', '--refresh');
    expect(at.one.lists).toBe(3);
    expect(await at.mcpx('gather', '--refresh', '--no-cache')).toMatchObject({ status: 2, stdout: '' });
  });

  it('of resolve and read uses what gather kept, and says so', async () => {
    await using at = await world();
    await at.mcpx('gather');
    await Promise.all([at.one.close(), at.two.close()]);
    const read = await at.mcpx('read', 'item://1', '--json');
    expect(JSON.parse(read.stdout)).toMatchObject({ server: 'one', cache: { hit: true } });
    expect((await at.mcpx('resolve', 'x')).stdout).toMatch(/cached +one \d+ ms old/);
    expect(JSON.parse((await at.mcpx('resolve', 'x', '--json')).stdout)).toMatchObject({
      candidates: [{ server: 'one', cache: { hit: true } }],
    });
    expect(await at.mcpx('read', 'item://1', '--no-cache')).toMatchObject({ status: 4 });
  });

  it('tells a stale answer from a fresh one', async () => {
    await using at = await world();
    const stale = { MCPX_RESOURCE_CACHE_TTL: '1ms', MCPX_SERVE_STALE_ON_ERROR: 'true' };
    const gather = (...argv: string[]) =>
      run(['gather', ...argv], { cwd: path.dirname(at.cache), env: { XDG_CACHE_HOME: at.cache, ...stale } });
    await gather();
    await at.one.close();
    const table = await gather();
    expect(table.status).toBe(0);
    expect(table.stdout).toMatch(/^one +stale /m);
    expect(table.stdout).toMatch(/UPS224 one: answers are up to \d+ s old, since one: nothing listens/);
    const report = JSON.parse((await gather('--json')).stdout) as Record<string, Record<string, object>>;
    expect(report['servers']).toMatchObject({
      one: { status: 'stale', cache: { stale: true }, error: { code: 'UPS202' } },
      two: { status: 'ok', error: null },
    });
    const read = await run(['read', 'item://1', '--server', 'one'], {
      cwd: path.dirname(at.cache),
      env: { XDG_CACHE_HOME: at.cache, ...stale },
    });
    expect(read.stderr).toMatch(/one could not be asked; this answer is .* old/);
  });
});

describe('mcpx cache', () => {
  it('stats tells what is kept of whom', async () => {
    await using at = await world();
    expect((await at.mcpx('cache', 'stats')).stdout).toBe(
      `nothing is kept in ${path.join(at.cache, 'mcpx', 'resources')}\n`,
    );
    await at.mcpx('gather');
    const report = JSON.parse((await at.mcpx('cache', 'stats', '--json')).stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ kind: 'CacheStats', entries: 9 });
    expect(report['servers']).toHaveLength(2);
    expect(report['servers']).toContainEqual(
      expect.objectContaining({ server: 'one', address: at.one.origin, entries: 5 }),
    );
    const { stdout } = await at.mcpx('cache', 'stats');
    expect(stdout).toMatch(/^SERVER +ADDRESS +ENTRIES +BYTES +NEWEST +OLDEST\n/);
    expect(stdout).toMatch(/^one +http:\/\/127\.0\.0\.1:\d+ +5 /m);
  });

  it('clear makes the next gather ask, all servers or the named ones', async () => {
    await using at = await world();
    await at.mcpx('gather');
    expect(await at.mcpx('cache', 'clear', 'one')).toMatchObject({
      status: 0,
      stdout: 'forgot the answers of one (1 file)\n',
    });
    await at.mcpx('gather');
    expect([at.one.lists, at.two.lists]).toEqual([2, 1]);
    expect((await at.mcpx('cache', 'clear', '--json')).stdout).toContain('"removed": 2');
    expect(await at.mcpx('cache', 'clear', 'one')).toMatchObject({
      status: 0,
      stdout: 'nothing was kept of one\n',
    });
    await at.mcpx('gather');
    expect([at.one.lists, at.two.lists]).toEqual([3, 2]);
  });

  it('clear knows what is kept or configured, and forgets nothing where a name is neither', async () => {
    await using at = await world();
    await at.mcpx('gather');
    expect(await at.mcpx('cache', 'clear', 'one', 'tow')).toMatchObject({
      status: 7,
      stdout: '',
      stderr: [
        'error RES306 unknown_server: nothing is kept of "tow", and no server of that id is configured',
        '  hint:  Did you mean "two"? Known: one, two.',
        '  try:   mcpx cache stats',
        '',
      ].join('\n'),
    });
    await at.mcpx('gather');
    expect([at.one.lists, at.two.lists]).toEqual([1, 1]);
    // Of a server that was configured once, in a folder without any configuration.
    const elsewhere = { cwd: at.cache, env: { XDG_CACHE_HOME: at.cache } };
    expect(await run(['cache', 'clear', 'two'], elsewhere)).toMatchObject({ status: 0 });
    const gone = await run(['cache', 'clear', 'two'], elsewhere);
    expect(gone).toMatchObject({ status: 7, stderr: expect.stringContaining('nothing is kept of "two"\n') });
  });

  it('a folder that cannot be written costs no run', async () => {
    await using at = await world();
    mkdirSync(path.join(at.cache, 'mcpx'), { recursive: true });
    writeFileSync(path.join(at.cache, 'mcpx', 'resources'), 'in the way');
    const { status, stderr } = await at.mcpx('gather', '-v');
    expect(status).toBe(0);
    expect(stderr).toContain('cache.unwritable');
    expect((await at.mcpx('cache', 'stats')).status).toBe(0);
  });
});
