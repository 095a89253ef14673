import { describe, expect, it } from 'vitest';
import { MCPConnectionError } from '../../src/core/errors.js';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { freePort } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { run, type RunOptions } from '../fixtures/io.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { verifies } from '../verifies.js';

type Line = Readonly<Record<string, unknown>>;

/** What somebody who has nothing but the log can tell of a run. */
interface Story {
  readonly operations: ReadonlySet<unknown>;
  /** By server, its last word: how it ended, in which step, why, after how many attempts and how long. */
  readonly servers: Readonly<Record<string, Line>>;
  readonly resources: readonly Line[];
  readonly retries: readonly Line[];
  /** How the gather ended and who decided that. */
  readonly gather: Line | undefined;
  readonly command: Line | undefined;
}

const LAST_WORDS = new Set(
  ['gathered', 'partial', 'failed', 'stopped', 'stale'].map((word) => `server.${word}`),
);

function tell(stderr: string): Story {
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('{"time"'))
    .map((line) => JSON.parse(line) as Line);
  const of = (event: string) => lines.filter((line) => line['event'] === event);
  const last = lines.filter(({ event }) => LAST_WORDS.has(String(event)));
  return {
    operations: new Set(lines.map((line) => line['operation_id'])),
    servers: Object.fromEntries(last.map((line) => [line['server'], line])),
    resources: of('resource.failed'),
    retries: of('server.retry'),
    gather: of('gather.finished')[0],
    command: of('command.finished')[0],
  };
}

async function gather(
  servers: Readonly<Record<string, FileSettings>>,
  flags: readonly string[] = [],
  options: RunOptions & { readonly orchestration?: FileSettings } = {},
) {
  using folder = temporaryFolder();
  const { orchestration, ...world } = options;
  const settings = { enable_logging: true, log_level: 'INFO', deadline: '20s', ...orchestration };
  const file = folder.write('c.json', configText(servers, settings));
  const ran = await run(['gather', ...flags, '-c', file, '--log-format', 'json'], world);
  return { ...ran, story: tell(ran.stderr) };
}

const NUMBER = expect.any(Number) as number;

describe('the log of a failed gather alone tells', () => {
  it.each<[string, FakeUpstreamOptions, FileSettings, Line]>([
    ['a server that is silent', { hangAt: 'read' }, { timeout: '200ms' }, { code: 'UPS204', phase: 'read' }],
    ['a list that is none', { garbageAt: 'list' }, {}, { code: 'UPS206', phase: 'list' }],
    [
      'a server that is overloaded, and how often it was asked',
      { statusAt: { read: 503 }, transport: 'streamable-http' },
      { retry: { max_retries: 2, initial: '1ms' } },
      { code: 'UPS205', phase: 'read', attempts: 3 },
    ],
    ['refused credentials', { requiredBearer: 'x' }, {}, { code: 'UPS207', attempts: 1 }],
    [
      'a read that was refused, with what the server said',
      { failReads: { 'item://1': { code: -32042, message: 'on holiday' } } },
      {},
      { code: 'UPS217', message: expect.stringContaining('on holiday') as string },
    ],
  ])('%s', async (_, faults, settings, expected) => {
    await using upstream = await startFakeUpstream({ resources: 1, ...faults });
    const { status, story } = await gather({ a: { url: upstream.url, ...settings } });
    expect(story.servers['a']).toMatchObject({
      event: 'server.failed',
      level: 'warn',
      message: expect.stringContaining('a') as string,
      attempts: NUMBER,
      duration_ms: NUMBER,
      ...expected,
    });
    expect(story.gather).toMatchObject({ ended: 'fail-fast', decided_by: 'a', failed: 1, complete: false });
    expect(story.command).toMatchObject({ command: 'gather', exit_code: status, code: expected['code'] });
    expect(story.retries.length).toBe(Number(expected['attempts'] ?? 1) - 1);
    for (const retry of story.retries) {
      expect(retry).toMatchObject({
        server: 'a',
        phase: 'read',
        uri: 'item://1',
        code: 'UPS205',
        pause_ms: NUMBER,
      });
    }
    expect(story.operations.size).toBe(1);
  });

  it('an address where nobody listens, with the cause of the network', async () => {
    const url = `http://127.0.0.1:${await freePort()}/sse`;
    const { story } = await gather({ a: { url } });
    expect(story.servers['a']).toMatchObject({
      phase: 'connect',
      code: 'UPS202',
      cause: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it('a process that ended, with its last words', async () => {
    using upstream = stdioUpstream({ exitAtStart: 7, stderr: 'no licence' });
    const { command, args } = upstream;
    const { story } = await gather({ a: { command, args } });
    expect(story.servers['a']).toMatchObject({
      code: 'UPS222',
      message: expect.stringContaining('7') as string,
      cause: expect.stringContaining('no licence') as string,
    });
  });

  it('who stopped whom, in fail-fast mode', async () => {
    await using slow = await startFakeUpstream({ hangAt: 'read' });
    await using broken = await startFakeUpstream({ garbageAt: 'read' });
    const { status, stdout, story } = await gather({
      slow: { url: slow.url, priority: 1 },
      broken: { url: broken.url, priority: 2 },
    });
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(story.servers['slow']).toMatchObject({
      event: 'server.stopped',
      level: 'info',
      code: 'UPS219',
      stopped_by: 'broken',
      phase: 'read',
      duration_ms: NUMBER,
    });
    expect(story.servers['broken']).toMatchObject({ event: 'server.failed', code: 'UPS206' });
    expect(story.gather).toMatchObject({
      ended: 'fail-fast',
      decided_by: 'broken',
      mode: 'fail-fast',
      failed: 2,
    });
    expect(story.command).toMatchObject({ exit_code: 4, server: 'broken', code: 'UPS206' });
  });

  it('what is missing, in degraded mode', async () => {
    await using upstream = await startFakeUpstream({
      resources: 3,
      failReads: { 'item://2': { code: -32603, message: 'disk full' } },
    });
    const url = `http://127.0.0.1:${await freePort()}/sse`;
    const { status, story } = await gather(
      { a: { url: upstream.url, priority: 1 }, b: { url, priority: 2 } },
      ['--degraded'],
    );
    expect(status).toBe(6);
    expect(story.servers['a']).toMatchObject({ event: 'server.partial', failures: 1, resources: 2 });
    expect(story.resources).toMatchObject([
      {
        server: 'a',
        uri: 'item://2',
        code: 'UPS217',
        message: expect.stringContaining('disk full') as string,
      },
    ]);
    expect(story.servers['b']).toMatchObject({ event: 'server.failed', code: 'UPS202' });
    expect(story.gather).toMatchObject({ ended: 'degraded', mode: 'degraded', failed: 1, complete: false });
    expect(story.gather).toMatchObject({ resources: 2, resources_failed: 1 });
    expect(story.command).toMatchObject({ level: 'warn', exit_code: 6 });
  });

  it('that nobody is left', async () => {
    const url = `http://127.0.0.1:${await freePort()}/sse`;
    const { status, story } = await gather({ a: { url } }, ['--degraded']);
    expect(story.gather).toMatchObject({ ended: 'nobody-usable' });
    expect(story.command).toMatchObject({ exit_code: status, code: 'UPS214' });
  });

  it('that the deadline passed, and who was still awaited in which step', async () => {
    await using upstream = await startFakeUpstream({ hangAt: 'list' });
    const { story } = await gather({ a: { url: upstream.url } }, ['--deadline', '300ms']);
    expect(story.servers['a']).toMatchObject({ code: 'UPS208', phase: 'list' });
    expect(story.command).toMatchObject({ code: 'UPS208', exit_code: 4 });
  });

  it('that somebody stopped it', async () => {
    await using upstream = await startFakeUpstream({ hangAt: 'list' });
    const controller = new AbortController();
    const running = gather({ a: { url: upstream.url } }, [], { signal: controller.signal });
    await upstream.requested('resources/list');
    controller.abort(new MCPConnectionError('UPS219', 'stopped by Ctrl-C'));
    const { status, story } = await running;
    expect(story.servers['a']).toMatchObject({ event: 'server.stopped', message: 'stopped by Ctrl-C' });
    expect(story.gather).toMatchObject({ ended: 'stopped' });
    expect(story.command).toMatchObject({ code: 'UPS219', exit_code: status });
  });
});

verifies('orch:logging', 'a gather that succeeds logs each step with durations and counts', async () => {
  await using upstream = await startFakeUpstream({ resources: 2 });
  const { status, stdout, stderr, story } = await gather({ a: { url: upstream.url } }, ['--json']);
  expect(status).toBe(0);
  const { operation_id: id } = JSON.parse(stdout) as { operation_id: string };
  expect([...story.operations]).toEqual([id]);
  const events = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  expect(events.map(({ event }) => event)).toEqual([
    'gather.started',
    'server.connected',
    'server.gathered',
    'gather.finished',
    'command.finished',
  ]);
  expect(events[1]).toMatchObject({ server: 'a', transport: 'sse', duration_ms: NUMBER });
  expect(events[2]).toMatchObject({
    server: 'a',
    resources: 2,
    bytes: NUMBER,
    attempts: 1,
    duration_ms: NUMBER,
  });
  expect(events[3]).toMatchObject({ ended: 'complete', servers: 1, resources: 2, duration_ms: NUMBER });
  expect(events[4]).toMatchObject({ command: 'gather', exit_code: 0, duration_ms: NUMBER });
  for (const { level } of events) expect(level).toBe('info');
});

describe('what is logged by itself', () => {
  const failing = async (
    orchestration: FileSettings | undefined,
    world: RunOptions,
    flags: readonly string[] = [],
  ) => {
    using folder = temporaryFolder();
    const servers = { a: { url: `http://127.0.0.1:${await freePort()}/sse` } };
    const file = folder.write('c.json', JSON.stringify({ mcp_servers: servers, orchestration }));
    return await run(['gather', '-c', file, ...flags], world);
  };
  const isLogged = ({ stderr }: { stderr: string }) => stderr.includes('server.failed');

  it('on a terminal nothing but why it failed, elsewhere every step', async () => {
    const watched = await failing({ max_retries: 0 }, { stderrIsTerminal: true, env: { NO_COLOR: '1' } });
    expect(watched.stderr.replace(/^\r.*\r\S*/, '')).toMatch(/^error UPS202 connection_refused: /);
    expect(isLogged(watched)).toBe(false);
    const kept = await failing({ max_retries: 0 }, {});
    expect(isLogged(kept)).toBe(true);
    expect(kept.stderr.split('\n')[0]).toMatch(/^\{"time".*"level":"info","event":"gather\.started"/);
  });

  it('on a terminal too where somebody names the level', async () => {
    const world = { stderrIsTerminal: true };
    for (const [settings, flags, env] of [
      [{ log_level: 'INFO' }, [], {}],
      [{}, ['--log-level', 'info'], {}],
      [{}, ['-v'], {}],
      [{}, [], { MCPX_LOG_LEVEL: 'info' }],
    ] as const) {
      const ran = await failing({ max_retries: 0, ...settings }, { ...world, env }, flags);
      expect(ran.stderr, JSON.stringify([settings, flags, env])).toMatch(/^[\d:.]+ \w+ +\w+\.\w+/m);
      expect(isLogged(ran)).toBe(true);
    }
  });

  it('nothing where logging is off, unless a flag asks', async () => {
    const off = { max_retries: 0, enable_logging: false };
    expect(isLogged(await failing(off, {}))).toBe(false);
    expect(isLogged(await failing(off, {}, ['--log-level', 'warn']))).toBe(true);
    expect(isLogged(await failing({ max_retries: 0 }, { env: { MCPX_ENABLE_LOGGING: 'false' } }))).toBe(
      false,
    );
  });
});
