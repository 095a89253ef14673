import { describe, expect, it } from 'vitest';
import type { Phase } from '../../../src/core/clients/circumstances.js';
import type { FileSettings } from '../../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { failureOf, gatherOnce } from '../../fixtures/gathering.js';
import { freePort } from '../../fixtures/executable.js';
import { stdioUpstream, type StdioUpstreamOptions } from '../../fixtures/stdio-upstream.js';
import { gatherReport } from '../../../src/render/gather-report.js';

const SHORT = '300ms';

/** One server that fails beside one that is well, in both modes: how the report and the error tell of it. */
async function told(settings: FileSettings, orchestration: FileSettings = {}) {
  await using well = await startFakeUpstream();
  const servers = {
    bad: { priority: 1, ...settings },
    well: { url: well.sseUrl, priority: 2, required: false },
  };
  const degraded = await gatherOnce(servers, { fail_fast: false, ...orchestration });
  expect(degraded.complete).toBe(false);
  const report = gatherReport(degraded, { operationId: 'x', startedAt: '' });
  const { bad, well: other } = report['servers'] as Record<string, Told>;
  expect(Object.keys(report['servers'] as object)).toEqual(['bad', 'well']);
  expect(other).toMatchObject({ status: 'ok', attempts: 1, error: null });
  expect(bad?.attempts).toBe(1);
  expect(bad?.duration_ms).toBeGreaterThanOrEqual(0);
  const { error } = bad!;
  expect(error.message).toMatch(/\bbad\b/);
  expect(error.hint).toMatch(/\S/);

  const thrown = await failureOf(gatherOnce(servers, orchestration));
  const details = thrown.context['details'] as readonly Record<string, unknown>[];
  expect(details.map(({ server }) => server)).toEqual(['bad', 'well']);
  // Both modes tell the same of it; fail-fast is done with a server at its first failure.
  expect(details[0]).toMatchObject({ status: 'failed', phase: error.phase, code: error.code, attempts: 1 });
  expect(details[0]).toMatchObject({
    message: expect.any(String) as unknown,
    hint: expect.any(String) as unknown,
    duration_ms: expect.any(Number) as unknown,
  });
  return { status: bad?.status, ...error };
}

interface Told {
  readonly status: string;
  readonly attempts: number;
  readonly duration_ms: number;
  readonly error: {
    readonly phase: Phase;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  };
}

type Expected = readonly [phase: Phase, code: string];

async function toldOf(options: FakeUpstreamOptions, settings: FileSettings = {}) {
  await using upstream = await startFakeUpstream(options);
  const { transport = 'sse' } = options;
  return await told({ url: upstream.url, transport, connect_timeout: 10, ...settings });
}

describe('the phase that failed is', () => {
  it('resolve where the host name is unknown', async () => {
    expect(await told({ url: 'http://no-such-host.invalid/sse' })).toMatchObject({
      phase: 'resolve',
      code: 'UPS220',
    });
  });

  it('connect where nothing listens, or no TLS is spoken', async () => {
    const port = await freePort();
    for (const transport of ['sse', 'streamable-http', 'auto']) {
      const refused = await told({ url: `http://localhost:${port}/x`, transport });
      expect(refused).toMatchObject({ phase: 'connect', code: 'UPS202' });
    }
    await using upstream = await startFakeUpstream({ garbageAt: 'accept' });
    const https = upstream.sseUrl.replace('http:', 'https:');
    expect(await told({ url: https })).toMatchObject({ phase: 'connect', code: 'UPS221' });
  });

  it.each([
    [{ hangAt: 'accept' }, 'UPS201'],
    [{ hangAt: 'endpoint' }, 'UPS201'],
    [{ dieAt: 'endpoint' }, 'UPS203'],
    [{ requiredBearer: 'x' }, 'UPS207'],
    [{ statusAt: { headers: 503 } }, 'UPS205'],
    [{ redirectTo: 'http://elsewhere.example/' }, 'UPS215'],
  ] satisfies [FakeUpstreamOptions, string][])('connect for an SSE stream with %j', async (fault, code) => {
    const limits = code === 'UPS201' ? { connect_timeout: SHORT } : {};
    expect(await toldOf(fault, limits)).toMatchObject({ phase: 'connect', code, status: 'failed' });
  });

  it.each(['sse', 'streamable-http'] as const)(
    'negotiate for the MCP handshake over %s',
    async (transport) => {
      for (const [fault, code] of [
        [{ hangAt: 'initialize' }, 'UPS201'],
        [{ dieAt: 'initialize' }, 'UPS203'],
        [{ garbageAt: 'initialize' }, 'UPS206'],
        [{ statusAt: { initialize: 500 } }, 'UPS205'],
      ] satisfies [FakeUpstreamOptions, string][]) {
        const limits = code === 'UPS201' ? { connect_timeout: '1s' } : {};
        const outcome = await toldOf({ transport, ...fault }, limits);
        expect(outcome, JSON.stringify(fault)).toMatchObject({ phase: 'negotiate', code, status: 'failed' });
      }
      const hung = await toldOf({ transport, hangAt: 'initialize' }, { connect_timeout: '1s' });
      expect(hung.message).toBe('bad did not complete the MCP handshake within 1 s');
    },
  );

  it.each([
    [{ hangAt: 'list' }, ['list', 'UPS204'], 'failed'],
    [{ statusAt: { list: 500 } }, ['list', 'UPS205'], 'failed'],
    [{ repeatCursor: true }, ['list', 'UPS210'], 'failed'],
    [{ hangAt: 'templates' }, ['list', 'UPS204'], 'failed'],
    [{ hangAt: 'read' }, ['read', 'UPS204'], 'partial'],
    [{ dieAt: 'read' }, ['read', 'UPS203'], 'partial'],
    [{ garbageAt: 'list', garbage: 'empty-result' }, ['decode', 'UPS211'], 'failed'],
    [{ garbageAt: 'read', garbage: 'empty-result' }, ['decode', 'UPS211'], 'partial'],
    [{ malformed: [{ uri: 42 }] }, ['decode', 'UPS211'], 'partial'],
    [{ resources: [{ uri: 'x://1', contents: [{ uri: 'x://1' }] }] }, ['decode', 'UPS211'], 'partial'],
  ] satisfies [FakeUpstreamOptions, Expected, string][])(
    'the one of the request with %j',
    async (fault, [phase, code], status) => {
      const limits = code === 'UPS204' ? { timeout: SHORT } : {};
      const outcome = await toldOf({ transport: 'streamable-http', era: 'legacy', ...fault }, limits);
      // A list that fails as a whole has given nothing; resources that cannot be had leave the others.
      expect(outcome).toMatchObject({ phase, code, status });
    },
  );

  it.each([
    [{ exitAtStart: 3 }, ['start', 'UPS222'], {}],
    [{ dieAt: 'initialize' }, ['start', 'UPS222'], {}],
    [{ hangAt: 'initialize' }, ['negotiate', 'UPS201'], { connect_timeout: '1s' }],
    [{ dieAt: 'list' }, ['list', 'UPS222'], {}],
  ] satisfies [StdioUpstreamOptions, Expected, FileSettings][])(
    'the one of a stdio server with %j',
    async (fault, [phase, code], limits) => {
      using upstream = stdioUpstream(fault);
      const { command, args } = upstream;
      expect(await told({ command, args, ...limits })).toMatchObject({ phase, code });
    },
  );

  it('start where a command cannot be run, ends, or is never ready', async () => {
    expect(await told({ command: 'no-such-command-at-all' })).toMatchObject({
      phase: 'start',
      code: 'UPS216',
    });
    for (const [command, hint] of [
      ['no-such-command-at-all', /PATH/],
      ['node server.js', /"args"/],
      ['~/no-such-command', /in place of ~/],
    ] as const) {
      expect(await told({ command })).toMatchObject({ hint: expect.stringMatching(hint) as string });
    }
    const port = await freePort();
    for (const [code, start] of [
      ['UPS216', { command: 'no-such-command-at-all' }],
      ['UPS212', { command: process.execPath, args: ['-e', 'process.exit(1)'] }],
      [
        'UPS213',
        { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1e6)'], ready_timeout: '400ms' },
      ],
    ] as const) {
      const url = `http://127.0.0.1:${port}/sse`;
      expect(await told({ url, start })).toMatchObject({ phase: 'start', code, status: 'failed' });
    }
  });

  it('the one that the deadline came in', async () => {
    const port = await freePort();
    const waiting = {
      url: `http://127.0.0.1:${port}/sse`,
      start: { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1e6)'] },
    };
    const deadline = { deadline: '1s' };
    expect(await told(waiting, deadline)).toMatchObject({ phase: 'start', code: 'UPS208' });
    for (const [hangAt, transport, phase] of [
      ['endpoint', 'sse', 'connect'],
      ['initialize', 'sse', 'negotiate'],
      ['initialize', 'streamable-http', 'negotiate'],
      ['list', 'sse', 'list'],
      ['read', 'sse', 'read'],
    ] as const) {
      await using upstream = await startFakeUpstream({ hangAt, transport });
      const outcome = await told({ url: upstream.url, transport, connect_timeout: 20 }, deadline);
      expect(outcome, `${hangAt} over ${transport}`).toMatchObject({ phase, code: 'UPS208' });
    }
  });
});
