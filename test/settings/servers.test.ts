import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { exercises } from '../exercises.js';
import { freePort } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import {
  CIRCUMSTANCES_SERVER,
  circumstancesOf,
  fareOf,
  fateOf,
  fateWith,
  orchestratorOfFile,
} from '../fixtures/configuration-file.js';
import { failureOf } from '../fixtures/gathering.js';

afterEach(() => vi.unstubAllEnvs());

/** How one server fares by each of two values of its settings. */
async function flipped(
  faults: FakeUpstreamOptions,
  one: FileSettings,
  other: FileSettings,
  orchestration: FileSettings = {},
) {
  const fates = [];
  for (const settings of [one, other]) {
    await using upstream = await startFakeUpstream({ resources: 1, ...faults });
    const a = { url: upstream.url, retry: { max_retries: 0 }, ...settings };
    fates.push(await fateOf({ mcp_servers: { a }, orchestration: { fail_fast: false, ...orchestration } }));
  }
  return fates.map((fate) => fareOf(fate, 'a'));
}

const nobody = async () => `http://127.0.0.1:${await freePort()}/sse`;

for (const scope of ['server', 'defaults'] as const) {
  /** The same settings for the one server, or for all by default. */
  const fate = async (faults: FakeUpstreamOptions, settings: FileSettings) => {
    await using upstream = await startFakeUpstream({ resources: 1, ...faults });
    const [own, defaults] = scope === 'server' ? [settings, {}] : [{}, settings];
    const file = { defaults, mcp_servers: { a: { url: upstream.url, ...own } } };
    return fareOf(await fateOf(file), 'a');
  };
  const slowRead = async () => {
    expect(await fate({ readDelayMs: 500 }, { timeout: '100ms' })).toBe('UPS204');
    expect(await fate({ readDelayMs: 500 }, { timeout: '20s' })).toBe('ok');
  };
  const slowStart = async () => {
    expect(await fate({ connectDelayMs: 500 }, { connect_timeout: '100ms' })).toBe('UPS201');
    expect(await fate({ connectDelayMs: 500 }, { connect_timeout: '20s' })).toBe('ok');
  };
  const optional = async () => {
    await using upstream = await startFakeUpstream();
    for (const required of [true, false]) {
      const [own, defaults] = scope === 'server' ? [{ required }, {}] : [{}, { required }];
      const b = { url: await nobody(), priority: 2, retry: { max_retries: 0 }, ...own };
      const { code } = await fateOf({ defaults, mcp_servers: { a: { url: upstream.url, priority: 1 }, b } });
      expect(code).toBe(required ? 'UPS202' : undefined);
    }
  };
  if (scope === 'server') {
    exercises('mcp_servers.*.timeout', 'bounds the wait for one answer', slowRead);
    exercises('mcp_servers.*.connect_timeout', 'bounds the wait for a connection', slowStart);
    exercises('mcp_servers.*.required', 'decides whether its failure fails the whole', optional);
  } else {
    exercises('defaults.timeout', 'bounds the wait for one answer of every server', slowRead);
    exercises('defaults.connect_timeout', 'bounds the wait for a connection to any server', slowStart);
    exercises('defaults.required', 'decides whether the failure of any server fails the whole', optional);
  }
}

exercises('mcp_servers.*.name', 'is its key in the documents’ result', async () => {
  await using upstream = await startFakeUpstream();
  for (const settings of [{}, { name: 'The Shop' }]) {
    await using orchestrator = orchestratorOfFile({ mcp_servers: { a: { url: upstream.url, ...settings } } });
    expect(Object.keys(await orchestrator.gatherAllResources())).toEqual([settings.name ?? 'a']);
  }
});

exercises('mcp_servers.*.url', 'says which server is asked', async () => {
  await using first = await startFakeUpstream({ resources: 1 });
  await using second = await startFakeUpstream({ resources: 2 });
  for (const [url, count] of [
    [first.url, 1],
    [second.url, 2],
  ] as const) {
    const { byId } = await fateOf({ mcp_servers: { a: { url } } });
    expect(byId['a']?.resources).toHaveLength(count);
  }
});

exercises('mcp_servers.*.priority', 'says who answers for a domain', async () => {
  await using first = await startFakeUpstream({ resources: 1 });
  await using second = await startFakeUpstream({ resources: 2 });
  for (const [priority, count] of [
    [1, 1],
    [9, 2],
  ] as const) {
    await using orchestrator = orchestratorOfFile({
      mcp_servers: {
        a: { url: first.url, domains: ['d'], priority },
        b: { url: second.url, domains: ['d'], priority: 5 },
      },
    });
    expect(Object.keys(await orchestrator.getResourcesForDomain('d'))).toHaveLength(count);
  }
});

exercises('mcp_servers.*.domains', 'says what it is asked for', async () => {
  await using upstream = await startFakeUpstream();
  for (const domains of [['d'], ['e']]) {
    await using orchestrator = orchestratorOfFile({ mcp_servers: { a: { url: upstream.url, domains } } });
    const asked = orchestrator.resolve('d');
    if (domains.includes('d')) expect((await asked).domain).toBe('d');
    else expect(await failureOf(asked)).toMatchObject({ code: 'RES301' });
  }
});

exercises('mcp_servers.*.capabilities', 'makes a server the executor', async () => {
  await using upstream = await startFakeUpstream({ tools: [{ name: 'execute_query' }] });
  for (const capabilities of [[], ['execute_query']]) {
    await using orchestrator = orchestratorOfFile({
      mcp_servers: { a: { url: upstream.url, capabilities } },
    });
    const executor = orchestrator.getExecutor();
    if (capabilities.length > 0) expect((await executor).server).toBe('a');
    else expect(await failureOf(executor)).toMatchObject({ code: 'UPS218' });
  }
});

exercises('mcp_servers.*.transport', 'says how it is talked to', async () => {
  await using upstream = await startFakeUpstream();
  for (const [transport, url] of [
    ['sse', upstream.sseUrl],
    ['streamable-http', upstream.mcpUrl],
  ] as const) {
    const { byId } = await fateOf({ mcp_servers: { a: { url, transport } } });
    expect(byId['a']?.connection?.transport).toBe(transport);
  }
  const { byId } = await fateOf({ mcp_servers: { a: { url: upstream.mcpUrl, transport: 'sse' } } });
  expect(byId['a']?.status).toBe('failed');
});

exercises('mcp_servers.*.protocol', 'says in which era', async () => {
  await using upstream = await startFakeUpstream();
  for (const [protocol, era] of [
    ['auto', 'modern'],
    ['legacy', 'legacy'],
    ['2026-07-28', 'modern'],
  ] as const) {
    const a = { url: upstream.mcpUrl, transport: 'streamable-http', protocol };
    expect((await fateOf({ mcp_servers: { a } })).byId['a']?.connection?.era).toBe(era);
  }
});

exercises('mcp_servers.*.headers', 'go with every request', async () => {
  const bearer = { headers: { Authorization: 'Bearer t0ken' } };
  expect(await flipped({ requiredBearer: 't0ken' }, {}, bearer)).toEqual(['UPS207', 'ok']);
});

exercises('mcp_servers.*.resources.include', 'chooses what is gathered', async () => {
  await using upstream = await startFakeUpstream({ resources: 3 });
  for (const [resources, uris] of [
    [{}, ['item://1', 'item://2', 'item://3']],
    [{ include: ['item://1', 'item://2*'] }, ['item://1', 'item://2']],
  ] as const) {
    const { byId } = await fateOf({ mcp_servers: { a: { url: upstream.url, resources } } });
    expect(byId['a']?.resources.map(({ uri }) => uri)).toEqual(uris);
  }
});

exercises('mcp_servers.*.resources.exclude', 'leaves out what is gathered', async () => {
  await using upstream = await startFakeUpstream({ resources: 3 });
  const resources = { exclude: ['item://2'] };
  const { byId } = await fateOf({ mcp_servers: { a: { url: upstream.url, resources } } });
  expect(byId['a']?.resources.map(({ uri }) => uri)).toEqual(['item://1', 'item://3']);
});

const overloaded = (times: number) => ({
  statusAt: { read: 503 },
  faultTimes: times,
  transport: 'streamable-http' as const,
});

exercises('mcp_servers.*.retry.max_retries', 'says how often it is asked again', async () => {
  const often = (max_retries: number) => ({ retry: { max_retries, initial: '1ms' } });
  expect(await flipped(overloaded(2), often(1), often(2))).toEqual(['UPS205', 'ok']);
});

/** The pauses before the attempts after the first one, as the log tells them. */
async function pauses(retry: FileSettings): Promise<number[]> {
  await using upstream = await startFakeUpstream({ resources: 1, ...overloaded(6) });
  const { events } = await fateOf({
    mcp_servers: { a: { url: upstream.url, retry: { max_retries: 6, ...retry } } },
  });
  return events.filter(({ event }) => event === 'server.retry').map((line) => Number(line['pause_ms']));
}

exercises('mcp_servers.*.retry.initial', 'is how long the first pause may be', async () => {
  const [least = 99] = await pauses({ initial: '1ms' });
  expect(least).toBeLessThanOrEqual(1);
  // Pauses are drawn; one of six that may be long is.
  expect(Math.max(...(await pauses({ initial: '80ms', max: '80ms' })))).toBeGreaterThan(1);
});

exercises('mcp_servers.*.retry.max', 'is how long any pause may be', async () => {
  expect(Math.max(...(await pauses({ initial: '80ms', max: '1ms' })))).toBeLessThanOrEqual(1);
  expect(Math.max(...(await pauses({ initial: '80ms', max: '80ms' })))).toBeGreaterThan(1);
});

exercises('mcp_servers.*.circuit_breaker.failures', 'says after how many it is left alone', async () => {
  for (const [failures, expected] of [
    [1, 'UPS223'],
    [9, 'UPS202'],
  ] as const) {
    const a = { url: await nobody(), retry: { max_retries: 0 }, circuit_breaker: { failures } };
    await using orchestrator = orchestratorOfFile({ mcp_servers: { a } });
    expect(fareOf(await fateWith(orchestrator), 'a')).toBe('UPS202');
    expect(fareOf(await fateWith(orchestrator), 'a')).toBe(expected);
  }
});

exercises('mcp_servers.*.circuit_breaker.reset', 'says for how long', async () => {
  await using first = await startFakeUpstream({ resources: 1 });
  await using second = await startFakeUpstream({ resources: 1 });
  const resting = (reset: string) => ({ retry: { max_retries: 0 }, circuit_breaker: { failures: 1, reset } });
  await using orchestrator = orchestratorOfFile({
    mcp_servers: {
      a: { url: first.url, priority: 1, ...resting('1h') },
      b: { url: second.url, priority: 2, ...resting('50ms') },
    },
    orchestration: { fail_fast: false },
  });
  const fares = async () => {
    const fate = await fateWith(orchestrator);
    return [fareOf(fate, 'a'), fareOf(fate, 'b')];
  };
  for (const upstream of [first, second]) await upstream.close();
  expect(await fares()).toEqual(['UPS202', 'UPS202']);
  for (const upstream of [first, second]) await upstream.restart();
  await expect.poll(fares, { timeout: 20_000 }).toEqual(['UPS223', 'ok']);
});

exercises('mcp_servers.*.rate_limit', 'spreads the requests', async () => {
  const span = async (settings: FileSettings) => {
    await using upstream = await startFakeUpstream({ resources: 4, transport: 'sse' });
    expect(fareOf(await fateOf({ mcp_servers: { a: { url: upstream.url, ...settings } } }), 'a')).toBe('ok');
    expect(upstream.arrivals.length).toBeGreaterThanOrEqual(6);
    return upstream.arrivals.at(-1)! - upstream.arrivals[0]!;
  };
  // Six requests and more, two a second.
  expect(await span({ rate_limit: 2 })).toBeGreaterThan(1800);
  expect(await span({})).toBeLessThan(1800);
});

// How servers are run

const node = (more: FileSettings) => ({
  command: process.execPath,
  args: [CIRCUMSTANCES_SERVER, 'stdio'],
  timeout: '20s',
  ...more,
});

exercises('mcp_servers.*.command', 'is what is run', async () => {
  const fare = async (command: string) =>
    fareOf(await fateOf({ mcp_servers: { a: node({ command }) } }), 'a');
  expect(await fare(process.execPath)).toBe('ok');
  expect(await fare('/nonexistent/program')).toBe('UPS216');
});

exercises('mcp_servers.*.args', 'go to the command', async () => {
  const args = [CIRCUMSTANCES_SERVER, 'stdio', 'a b', '$HOME'];
  const fate = await fateOf({ mcp_servers: { a: node({ args }) } });
  expect(circumstancesOf(fate).args).toEqual(['stdio', 'a b', '$HOME']);
});

exercises('mcp_servers.*.env', 'is set for the command', async () => {
  const fate = await fateOf({
    mcp_servers: { a: node({ env: { MCPX_TEST_LEVEL: 'high' } }), b: node({ priority: 2 }) },
  });
  expect(circumstancesOf(fate, 'a').env['MCPX_TEST_LEVEL']).toBe('high');
  expect(circumstancesOf(fate, 'b').env['MCPX_TEST_LEVEL']).toBeUndefined();
});

exercises('mcp_servers.*.inherit_env', 'says what of our environment the command sees', async () => {
  vi.stubEnv('MCPX_TEST_INHERITED', 'ours');
  const inheriting = node({ inherit_env: ['PATH', 'MCPX_TEST_INHERITED'], priority: 2 });
  const fate = await fateOf({ mcp_servers: { a: node({}), b: inheriting } });
  expect(circumstancesOf(fate, 'a').env['MCPX_TEST_INHERITED']).toBeUndefined();
  expect(circumstancesOf(fate, 'b').env['MCPX_TEST_INHERITED']).toBe('ours');
});

exercises('mcp_servers.*.cwd', 'is the folder of the command', async () => {
  using folder = temporaryFolder();
  const fate = await fateOf({ mcp_servers: { a: node({}), b: node({ cwd: folder.path, priority: 2 }) } });
  expect(circumstancesOf(fate, 'a').cwd).toBe(process.cwd());
  expect(circumstancesOf(fate, 'b').cwd).toBe(realpathSync(folder.path));
});

/** A server that is started because nobody listens. */
async function startedBy(start: FileSettings, words: readonly string[] = []) {
  const port = await freePort();
  const args = [CIRCUMSTANCES_SERVER, 'sse', port, ...words];
  return fateOf({
    mcp_servers: {
      a: {
        url: `http://127.0.0.1:${port}/sse`,
        retry: { max_retries: 0 },
        start: { command: process.execPath, args, ready_timeout: 20, ...start },
      },
    },
  });
}

exercises('mcp_servers.*.start.command', 'is run where nobody listens', async () => {
  expect(fareOf(await startedBy({}), 'a')).toBe('ok');
  expect(fareOf(await startedBy({ command: '/nonexistent/program' }), 'a')).toBe('UPS216');
});

exercises('mcp_servers.*.start.args', 'go to the start command', async () => {
  expect(circumstancesOf(await startedBy({}, ['one', 'two words'])).args.slice(2)).toEqual([
    'one',
    'two words',
  ]);
});

exercises('mcp_servers.*.start.env', 'is added to our environment', async () => {
  vi.stubEnv('MCPX_TEST_INHERITED', 'ours');
  const { env } = circumstancesOf(await startedBy({ env: { MCPX_TEST_LEVEL: 'high' } }));
  expect(env).toMatchObject({ MCPX_TEST_INHERITED: 'ours', MCPX_TEST_LEVEL: 'high' });
  expect(circumstancesOf(await startedBy({})).env['MCPX_TEST_LEVEL']).toBeUndefined();
});

exercises('mcp_servers.*.start.cwd', 'is the folder of the start command', async () => {
  using folder = temporaryFolder();
  const cwd = path.join(folder.path, 'inner');
  mkdirSync(cwd);
  expect(circumstancesOf(await startedBy({ cwd })).cwd).toBe(realpathSync(cwd));
  expect(circumstancesOf(await startedBy({})).cwd).toBe(process.cwd());
});

exercises('mcp_servers.*.start.ready_timeout', 'bounds the wait for a started server', async () => {
  const slow = { env: { START_DELAY_MS: '800' } };
  expect(fareOf(await startedBy({ ...slow, ready_timeout: '300ms' }), 'a')).toBe('UPS213');
  expect(fareOf(await startedBy({ ...slow, ready_timeout: '25s' }), 'a')).toBe('ok');
});
