import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MCPOrchestrator, type GatherRequest } from '../../../src/core/orchestrator.js';
import { configOf, temporaryFolder, type FileSettings } from '../../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstream } from '../../fixtures/fake-upstream.js';
import { failureOf, orchestratorOf } from '../../fixtures/gathering.js';
import { stdioUpstream } from '../../fixtures/stdio-upstream.js';
import { verifies } from '../../verifies.js';

const TTL = { resource_cache_ttl: 300 };

function serverOf({ url }: FakeUpstream, more: FileSettings = {}): FileSettings {
  return { url, priority: 1, domains: ['x'], ...more };
}

/** What a server was asked in all, handshakes too. */
function asked({ requests }: FakeUpstream): number {
  return [...requests.values()].reduce((sum, count) => sum + count, 0);
}

/** A command line's orchestrator: it lives for one gather and leaves its answers in a folder. */
async function run(
  folder: string,
  servers: Readonly<Record<string, FileSettings>>,
  orchestration: FileSettings = TTL,
  request: GatherRequest = {},
) {
  const config = configOf(servers, { deadline: '20s', ...orchestration });
  await using orchestrator = new MCPOrchestrator(config, { cacheFolder: folder });
  return await orchestrator.gather(request);
}

describe('within the time to live', () => {
  verifies('orch:cache-hit', 'a second gather sends no request, in one process', async () => {
    await using upstream = await startFakeUpstream({ resources: 3 });
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, TTL);
    const first = await orchestrator.gather();
    const before = asked(upstream);
    await upstream.close();
    const second = await orchestrator.gather();
    expect(asked(upstream)).toBe(before);
    expect(second.outcomes[0]).toMatchObject({ status: 'ok', attempts: 0, cache: { hits: 5, misses: 0 } });
    expect(second.outcomes[0]!.connection).toEqual(first.outcomes[0]!.connection);
    const data = ({ outcomes }: typeof first) =>
      outcomes[0]!.resources.map(({ uri, contents, bytes }) => ({ uri, contents, bytes }));
    expect(data(second)).toEqual(data(first));
    expect(second.outcomes[0]!.resources[0]!.freshness).toMatchObject({
      hit: true,
      source: 'config',
      ttlMs: 300_000,
    });
    expect(orchestrator.getStatus().cache).toEqual({ hits: 5, misses: 5, hit_rate: 0.5 });
  });

  verifies('orch:cache-hit', 'a second process sends none either', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 3 });
    const servers = { a: serverOf(upstream) };
    const first = await run(folder.path, servers);
    const before = asked(upstream);
    const second = await run(folder.path, servers);
    expect(asked(upstream)).toBe(before);
    expect(second.outcomes[0]).toMatchObject({ attempts: 0, connection: first.outcomes[0]!.connection });
  });

  it('a stdio server is not even started', async () => {
    using folder = temporaryFolder();
    using upstream = stdioUpstream();
    const { command, args } = upstream;
    const servers = { a: { command, args, priority: 1, domains: ['x'] } };
    await run(folder.path, servers);
    const { outcomes } = await run(folder.path, servers);
    expect(upstream.requests().get('initialize')).toBe(1);
    expect(outcomes[0]).toMatchObject({ status: 'ok', connection: { transport: 'stdio' } });
  });

  verifies('orch:cache-hit', 'a mixed workload of 100 gathers saves at least 95 % of the calls', async () => {
    using folder = temporaryFolder();
    await using one = await startFakeUpstream({ resources: 4 });
    await using two = await startFakeUpstream({ resources: 6, transport: 'streamable-http', ttlMs: 60_000 });
    const servers = { one: serverOf(one), two: serverOf(two, { priority: 2, domains: ['y'] }) };
    let calls = 0;
    for (let round = 0; round < 100; round += 1) {
      const before = one.lists + two.lists + sum(one.reads) + sum(two.reads);
      const request: GatherRequest = [{}, { servers: ['one'] }, { listOnly: true }, { servers: ['two'] }][
        round % 4
      ]!;
      await run(folder.path, servers, TTL, request);
      calls += one.lists + two.lists + sum(one.reads) + sum(two.reads) - before;
    }
    // Without a cache: lists of both or one server, and their reads, 25 rounds of each kind.
    const uncached = 25 * (2 + 10) + 25 * (1 + 4) + 25 * 2 + 25 * (1 + 6);
    expect(calls).toBeLessThanOrEqual(uncached * 0.05);
    expect(calls).toBe(12);
  });

  it('what a user does to a result does not change what is kept', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, TTL);
    const first = (await orchestrator.gatherAllResources())['a'] as {
      resources: Record<string, { id: number }>;
    };
    first.resources['Item 1']!.id = 666;
    expect((await orchestrator.gatherAllResources())['a']!.resources['Item 1']).toMatchObject({ id: 1 });
  });
});

describe('without it', () => {
  verifies(
    'orch:no-cache',
    'TTL 0 asks every server every time, and so does a run without cache',
    async () => {
      using folder = temporaryFolder();
      await using upstream = await startFakeUpstream({ resources: 2, ttlMs: 60_000 });
      const servers = { a: serverOf(upstream) };
      await run(folder.path, servers, { resource_cache_ttl: 0 });
      await run(folder.path, servers, { resource_cache_ttl: 0 });
      expect([upstream.lists, sum(upstream.reads)]).toEqual([2, 4]);
      expect(readdirSync(folder.path)).toEqual([]);
      await run(folder.path, servers);
      await run(folder.path, servers, TTL, { cache: 'off' });
      expect([upstream.lists, sum(upstream.reads)]).toEqual([4, 8]);
    },
  );

  verifies('orch:cache-expiry', 'an expired answer is asked for again, and so is a dropped one', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, { resource_cache_ttl: '50ms' });
    await orchestrator.gather();
    await sleep(60);
    await orchestrator.gather();
    expect(upstream.lists).toBe(2);
    await using lasting = orchestratorOf({ a: serverOf(upstream) }, TTL);
    await lasting.gather();
    lasting.invalidate('a');
    await lasting.gather();
    lasting.invalidate();
    await lasting.gather();
    expect(upstream.lists).toBe(5);
    expect(await failureOf(Promise.resolve().then(() => lasting.invalidate('nobody')))).toMatchObject({
      code: 'RES306',
    });
  });

  it('refresh asks, and the next run has what it learned', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const servers = { a: serverOf(upstream) };
    await run(folder.path, servers);
    upstream.change({ resources: 2 });
    expect((await run(folder.path, servers)).outcomes[0]!.resources).toHaveLength(1);
    expect((await run(folder.path, servers, TTL, { cache: 'refresh' })).outcomes[0]!.resources).toHaveLength(
      2,
    );
    expect((await run(folder.path, servers)).outcomes[0]!.resources).toHaveLength(2);
  });
});

describe('the settings of one server', () => {
  it('cache.ttl outweighs the configuration and a hint of 0', async () => {
    using folder = temporaryFolder();
    await using off = await startFakeUpstream({ resources: 1 });
    await using on = await startFakeUpstream({ resources: 1, ttlMs: 0 });
    const servers = {
      off: serverOf(off, { cache: { ttl: 0 } }),
      on: serverOf(on, { priority: 2, domains: ['y'], cache: { ttl: 60 } }),
    };
    await run(folder.path, servers);
    await run(folder.path, servers);
    expect([off.lists, on.lists]).toEqual([2, 1]);
  });

  it.each([
    [
      'a hint above 0 sets the time',
      { ttlMs: 60_000, cacheScope: 'public' },
      {},
      1,
      { source: 'server-hint', ttlMs: 60_000, scope: 'public' },
    ],
    ['a hint of 0 is honoured', { ttlMs: 0 }, {}, 2, { hit: false }],
    [
      'no hint counts where they are not honoured',
      { ttlMs: 0 },
      { cache: { honor_server_hints: false } },
      1,
      { source: 'config', ttlMs: 300_000 },
    ],
  ] as const)('%s', async (_title, hints, settings, lists, freshness) => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({
      resources: 1,
      transport: 'streamable-http',
      era: 'modern',
      ...hints,
    });
    const servers = { a: serverOf(upstream, settings) };
    await run(folder.path, servers);
    const { outcomes } = await run(folder.path, servers);
    expect(upstream.lists).toBe(lists);
    expect(outcomes[0]!.freshness).toMatchObject(freshness);
  });

  it('the shortest hint of several pages counts for the whole list', async () => {
    await using upstream = await startFakeUpstream({
      resources: 4,
      pageSize: 1,
      transport: 'streamable-http',
      ttlMs: 7000,
    });
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, TTL);
    const { outcomes } = await orchestrator.gather();
    expect(outcomes[0]!.freshness).toMatchObject({ source: 'server-hint', ttlMs: 7000 });
  });
});

describe('what is kept', () => {
  it('is never given to other credentials, and no file holds one', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const withToken = (token: string) => ({
      a: serverOf(upstream, { headers: { Authorization: `Bearer ${token}` } }),
    });
    await run(folder.path, withToken('sentinel-one-7f3'));
    await run(folder.path, withToken('sentinel-two-7f3'));
    await run(folder.path, withToken('sentinel-one-7f3'));
    const url = upstream.url.replace('http://', 'http://me:sentinel-url-7f3@');
    await run(folder.path, { a: serverOf(upstream, { url: `${url}?key=sentinel-query-7f3` }) });
    expect(upstream.lists).toBe(3);
    const files = readdirSync(folder.path);
    expect(files).toHaveLength(3);
    for (const file of files) {
      expect(readFileSync(path.join(folder.path, file), 'utf8')).not.toContain('sentinel');
      expect(statSync(path.join(folder.path, file)).mode & 0o777).toBe(0o600);
    }
  });

  it('is not what the server was before it is started in another way', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const startedWith = (file: string) => ({
      a: serverOf(upstream, { start: { command: 'mcpx', args: ['serve', 'metadata', '--metadata', file] } }),
    });
    await run(folder.path, startedWith('one.json'));
    await run(folder.path, startedWith('two.json'));
    expect(upstream.lists).toBe(2);
  });

  it('tells of the connection that its answers came over', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1, tools: [{ name: 'first' }] });
    const servers = { a: serverOf(upstream) };
    expect((await run(folder.path, servers)).outcomes[0]!.connection!.capabilities).toContain('tools');
    upstream.change({ tools: [] });
    await run(folder.path, servers, TTL, { cache: 'refresh' });
    const { connection, attempts } = (await run(folder.path, servers)).outcomes[0]!;
    expect(attempts).toBe(0);
    expect(connection!.capabilities).not.toContain('tools');
  });

  it('is only what is well-formed', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1, malformed: [{ name: 'no uri' }] });
    const servers = { a: serverOf(upstream) };
    const degraded = { ...TTL, fail_fast: false };
    expect((await run(folder.path, servers, degraded)).complete).toBe(false);
    upstream.change({ malformed: [] });
    expect((await run(folder.path, servers, degraded)).complete).toBe(true);
    expect(upstream.lists).toBe(2);
  });

  it.each([
    ['content', { resources: [{ uri: 'item://1', contents: [42] }] }, { resources: 1 }],
    ['template', { resources: 1, templates: [{ name: 'no uri' } as never] }, { templates: [] }],
  ] as const)('is no malformed %s', async (_title, broken, mended) => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream(broken);
    const servers = { a: serverOf(upstream) };
    const degraded = { ...TTL, fail_fast: false };
    expect((await run(folder.path, servers, degraded)).complete).toBe(false);
    upstream.change(mended);
    expect((await run(folder.path, servers, degraded)).complete).toBe(true);
  });

  it('of a damaged folder costs a request and nothing else', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const servers = { a: serverOf(upstream) };
    await run(folder.path, servers);
    const [file = ''] = readdirSync(folder.path);
    const text = readFileSync(path.join(folder.path, file), 'utf8');
    writeFileSync(path.join(folder.path, file), text.replace('made', 'fake'));
    const { outcomes } = await run(folder.path, servers);
    expect(outcomes[0]!.resources[0]!.contents).toMatchObject([{ data: { tags: ['made', 'up'] } }]);
    expect(upstream.lists).toBe(2);
  });
});

describe('serve_stale_on_error', () => {
  const stale = { resource_cache_ttl: '1ms', serve_stale_on_error: true };

  it('answers from an expired entry when the server fails, and says so', async () => {
    using folder = temporaryFolder();
    await using upstream = await startFakeUpstream({ resources: 2 });
    const servers = { a: serverOf(upstream) };
    await run(folder.path, servers, stale);
    await upstream.close();
    const gathered = await run(folder.path, servers, stale);
    expect(gathered.complete).toBe(true);
    const [outcome] = gathered.outcomes;
    expect(outcome).toMatchObject({ status: 'ok', stale: { error: { code: 'UPS202' } } });
    expect(outcome!.resources[0]).toMatchObject({ freshness: { hit: true, stale: true } });
    expect(outcome!.warnings).toMatchObject([{ code: 'UPS224' }]);
    await upstream.restart();
    const fresh = await run(folder.path, servers, stale);
    expect(fresh.outcomes[0]!.stale).toBeUndefined();
    expect(fresh.outcomes[0]!.resources[0]!.freshness.hit).toBe(false);
  });

  it('answers when the deadline cuts a silent server off', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, stale);
    await orchestrator.gather();
    upstream.change({ readDelayMs: 60_000, listDelayMs: 60_000 });
    const { outcomes } = await orchestrator.gather({ deadlineMs: 300 });
    expect(outcomes[0]).toMatchObject({ status: 'ok', stale: { error: { code: 'UPS208' } } });
  });

  it('is off by default, and never hides refused credentials', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    const servers = { a: serverOf(upstream) };
    using folder = temporaryFolder();
    await run(folder.path, servers, stale);
    upstream.change({ requiredBearer: 'another' });
    expect(await failureOf(run(folder.path, servers, stale))).toMatchObject({ code: 'UPS207' });
    await upstream.close();
    const byDefault = run(folder.path, servers, { resource_cache_ttl: '1ms' });
    expect(await failureOf(byDefault)).toMatchObject({ code: 'UPS202' });
  });
});

describe('a resource that is gone', () => {
  it('is never answered from then', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    const settings = { resource_cache_ttl: '1ms', serve_stale_on_error: true };
    await using orchestrator = orchestratorOf({ a: serverOf(upstream) }, settings);
    await orchestrator.gather();
    upstream.change({ failReads: { 'item://1': { code: -32002, message: 'Resource not found' } } });
    await sleep(5);
    expect(await failureOf(orchestrator.gather())).toMatchObject({ code: 'UPS217' });
  });
});

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
