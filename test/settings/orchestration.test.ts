import { expect } from 'vitest';
import type { Outcome } from '../../src/core/gather/outcome.js';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { exercises } from '../exercises.js';
import { freePort } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { fareOf, fateOf, fateWith, orchestratorOfFile } from '../fixtures/configuration-file.js';
import { run } from '../fixtures/io.js';

const nobody = async () => `http://127.0.0.1:${await freePort()}/sse`;

/** How many requests for lists and contents two gathers of one orchestrator cost. */
async function requestsOfTwo(
  orchestration: FileSettings,
  server: FileSettings = {},
  upstreamOptions: FakeUpstreamOptions = {},
): Promise<number> {
  // Over SSE, where a server has no say of its own unless it is given one here.
  await using upstream = await startFakeUpstream({ resources: 2, ...upstreamOptions });
  const a = { url: upstream.sseUrl, ...server };
  await using orchestrator = orchestratorOfFile({ mcp_servers: { a }, orchestration });
  for (let round = 0; round < 2; round += 1) expect(fareOf(await fateWith(orchestrator), 'a')).toBe('ok');
  const { requests } = upstream;
  const of = (method: string) => requests.get(method) ?? 0;
  return of('resources/list') + of('resources/templates/list') + of('resources/read');
}
/** One list of each kind and two reads. */
const ONCE = 4;
const TWICE = 8;

exercises('orchestration.resource_cache_ttl', 'says whether the second gather asks', async () => {
  expect(await requestsOfTwo({ resource_cache_ttl: 300 })).toBe(ONCE);
  expect(await requestsOfTwo({ resource_cache_ttl: 0 })).toBe(TWICE);
});

exercises('mcp_servers.*.cache.ttl', 'stands above that for its server', async () => {
  expect(await requestsOfTwo({ resource_cache_ttl: 0 }, { cache: { ttl: '5m' } })).toBe(ONCE);
  expect(await requestsOfTwo({ resource_cache_ttl: 300 }, { cache: { ttl: 0 } })).toBe(TWICE);
});

exercises('mcp_servers.*.cache.honor_server_hints', 'says whether the server has a say', async () => {
  const hints = { ttlMs: 300_000 };
  const off = { resource_cache_ttl: 300 };
  // Its word is for minutes, ours for a moment that is over when the second gather begins.
  const moment = { ttl: '1ms' };
  expect(await requestsOfTwo(off, { cache: { ...moment, honor_server_hints: true } }, hints)).toBe(ONCE);
  expect(await requestsOfTwo(off, { cache: { ...moment, honor_server_hints: false } }, hints)).toBe(TWICE);
});

exercises('orchestration.cache_max_bytes', 'bounds what is kept', async () => {
  expect(await requestsOfTwo({ cache_max_bytes: '100MB' })).toBe(ONCE);
  expect(await requestsOfTwo({ cache_max_bytes: 10 })).toBe(TWICE);
});

exercises('orchestration.cache_store', 'says whether the next process finds it', async () => {
  for (const [cache_store, lists] of [
    ['disk', 1],
    ['memory', 2],
  ] as const) {
    await using upstream = await startFakeUpstream();
    using folder = temporaryFolder();
    const file = {
      mcp_servers: { a: { url: upstream.sseUrl } },
      orchestration: { cache_store },
    };
    for (let process = 0; process < 2; process += 1) {
      await using orchestrator = orchestratorOfFile(file, { cacheFolder: folder.path });
      await fateWith(orchestrator);
    }
    expect(upstream.lists).toBe(lists);
  }
});

exercises('orchestration.serve_stale_on_error', 'says what an expired answer is good for', async () => {
  for (const serve_stale_on_error of [false, true]) {
    await using upstream = await startFakeUpstream({ resources: 1 });
    const a = {
      url: upstream.sseUrl,
      cache: { ttl: '1ms' },
      retry: { max_retries: 0 },
    };
    await using orchestrator = orchestratorOfFile({
      mcp_servers: { a },
      orchestration: { serve_stale_on_error },
    });
    expect(fareOf(await fateWith(orchestrator), 'a')).toBe('ok');
    await upstream.close();
    const { byId } = await fateWith(orchestrator);
    expect(byId['a']?.status).toBe(serve_stale_on_error ? 'ok' : 'failed');
    expect(byId['a']?.stale !== undefined).toBe(serve_stale_on_error);
  }
});

exercises('orchestration.fail_fast', 'says whether one failure fails the whole', async () => {
  await using upstream = await startFakeUpstream();
  for (const fail_fast of [true, false]) {
    const servers = { a: { url: upstream.url, priority: 1 }, b: { url: await nobody(), priority: 2 } };
    const { code } = await fateOf({ mcp_servers: servers, orchestration: { fail_fast, max_retries: 0 } });
    expect(code).toBe(fail_fast ? 'UPS202' : undefined);
  }
});

/** What a command writes to standard error by these settings. */
async function stderrOf(orchestration: FileSettings): Promise<string> {
  await using upstream = await startFakeUpstream();
  using folder = temporaryFolder();
  const settings = { enable_logging: true, log_level: 'INFO', ...orchestration };
  const file = folder.write('c.json', configText({ a: { url: upstream.url } }, settings));
  return (await run(['gather', '-c', file])).stderr;
}

exercises('orchestration.enable_logging', 'switches the log off', async () => {
  expect(await stderrOf({ enable_logging: true })).toContain('gather.finished');
  expect(await stderrOf({ enable_logging: false })).toBe('');
});

exercises('orchestration.log_level', 'says what is logged', async () => {
  const events = async (log_level: string) => (await stderrOf({ log_level })).split('\n').length - 1;
  const [debug, info, warning] = [await events('DEBUG'), await events('INFO'), await events('WARNING')];
  expect(debug).toBeGreaterThan(info);
  expect(info).toBeGreaterThan(warning);
  expect(warning).toBe(0);
});

exercises('orchestration.max_retries', 'says how often every server is asked again', async () => {
  for (const [max_retries, attempts] of [
    [0, 1],
    [2, 3],
  ] as const) {
    const a = { url: await nobody(), retry: { initial: '1ms' } };
    const { byId } = await fateOf({ mcp_servers: { a }, orchestration: { max_retries } });
    expect(byId['a']?.attempts).toBe(attempts);
  }
});

exercises('orchestration.max_connections', 'bounds how many servers are worked on at once', async () => {
  await using upstream = await startFakeUpstream({ listDelayMs: 50 });
  for (const max_connections of [1, 3]) {
    const servers = ['a', 'b', 'c'].map((id, index) => [id, { url: upstream.url, priority: index + 1 }]);
    await using orchestrator = orchestratorOfFile({
      mcp_servers: Object.fromEntries(servers) as Record<string, FileSettings>,
      orchestration: { max_connections },
    });
    const working = new Set<string>();
    let most = 0;
    await orchestrator.gather({
      onPhase: ({ id }, phase) => {
        if (phase === 'done') working.delete(id);
        else working.add(id);
        most = Math.max(most, working.size);
      },
      onOutcome: ({ server }: Outcome) => void working.delete(server.id),
    });
    expect(most).toBe(max_connections);
  }
});

exercises('orchestration.deadline', 'bounds the whole gather', async () => {
  for (const [deadline, expected] of [
    ['200ms', 'UPS208'],
    ['25s', 'ok'],
  ] as const) {
    await using upstream = await startFakeUpstream({ resources: 1, readDelayMs: 600 });
    const fate = await fateOf({ mcp_servers: { a: { url: upstream.url } }, orchestration: { deadline } });
    expect(fareOf(fate, 'a')).toBe(expected);
  }
});
