import { describe, expect, it } from 'vitest';
import { MCPConnectionError, NoMCPAvailableError, ResourceFetchError } from '../../../src/core/errors.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { contentsOf, failureOf, gatherOnce, orchestratorOf, outcomeOf } from '../../fixtures/gathering.js';
import { HOSTILE_RESOURCES, MALFORMED_RESOURCES } from '../../fixtures/upstream-content.js';
import type { Step } from '../../fixtures/upstream-faults.js';
import { verifies } from '../../verifies.js';

/** Short limits for upstreams that never answer, and a generous bound for slow machines. */
const SHORT = { timeout: '200ms', connect_timeout: '200ms' };
const SOON_MS = 2500;

const LEGACY: FakeUpstreamOptions = { transport: 'streamable-http', era: 'legacy' };
const MODERN: FakeUpstreamOptions = { transport: 'streamable-http', era: 'modern' };
const SSE: FakeUpstreamOptions = { transport: 'sse' };
const TRANSPORTS = [
  ['SSE', SSE, 'sse'],
  ['Streamable HTTP, legacy', LEGACY, 'streamable-http'],
  ['Streamable HTTP, modern', MODERN, 'streamable-http'],
] as const;

type Connected = readonly [step: Step, code: string];
const HANGS: readonly Connected[] = [
  ['accept', 'UPS201'],
  ['headers', 'UPS201'],
  ['initialize', 'UPS201'],
  ['list', 'UPS204'],
  ['templates', 'UPS204'],
  ['read', 'UPS204'],
];
const DEATHS: readonly Connected[] = HANGS.map(([step]) => [step, 'UPS203']);
const GARBAGE: readonly Connected[] = [
  ['headers', 'UPS206'],
  ['initialize', 'UPS206'],
  ['list', 'UPS206'],
  ['read', 'UPS206'],
];

describe.each(TRANSPORTS)('%s', (_, base, transport) => {
  async function failing(options: FakeUpstreamOptions, settings: object = {}) {
    await using upstream = await startFakeUpstream({ ...base, ...options });
    const started = performance.now();
    const error = await failureOf(
      outcomeOf({ url: upstream.url, transport, timeout: '200ms', connect_timeout: 20, ...settings }),
    );
    const elapsedMs = performance.now() - started;
    await upstream.disconnected();
    expect(error.context['server']).toBe('a');
    expect(error.message).toContain('a');
    expect(error.hint).toBeDefined();
    expect(error).toBeInstanceOf(
      ['resolve', 'connect', 'negotiate'].includes(String(error.context['phase']))
        ? MCPConnectionError
        : ResourceFetchError,
    );
    return { error, elapsedMs, upstream };
  }

  it.each(HANGS)('hanging at %s ends with the timeout: %s', async (hangAt, code) => {
    // A slow machine may need longer to connect to one that hangs afterwards.
    const { error, elapsedMs } = await failing({ hangAt }, code === 'UPS204' ? {} : SHORT);
    expect(error.code).toBe(code);
    expect(error.message).toContain('0.2 s');
    expect(elapsedMs).toBeLessThan(SOON_MS);
  });

  it.each(DEATHS)('dying at %s is a lost connection, told at once: %s', async (dieAt, code) => {
    const { error, elapsedMs } = await failing({ dieAt }, { timeout: 30, connect_timeout: 30 });
    expect(error.code).toBe(code);
    expect(elapsedMs).toBeLessThan(SOON_MS);
  });

  it.each(GARBAGE)('garbage at %s is told at once, not at the timeout: %s', async (garbageAt, code) => {
    for (const garbage of ['text', 'html', 'json'] as const) {
      const { error, elapsedMs } = await failing(
        { garbageAt, garbage },
        { timeout: 30, connect_timeout: 30 },
      );
      expect(error.code, garbage).toBe(code);
      // eslint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(JSON.stringify(error), garbage).not.toMatch(/\\u001b|[\u0000-\u001f]/);
      expect(elapsedMs).toBeLessThan(SOON_MS);
    }
  });

  it('an answer that lacks what was asked for is a fault of the server', async () => {
    for (const garbageAt of ['list', 'read'] as const) {
      const { error } = await failing({ garbageAt, garbage: 'empty-result' });
      // The SDK itself checks the frame of results in the 2026 revision.
      const expected =
        base === MODERN ? { code: 'UPS206' } : { code: 'UPS211', context: { phase: 'decode' } };
      expect(error).toMatchObject(expected);
    }
  });

  it('hanging or dying in the middle of an answer is no answer', async () => {
    for (const at of ['list', 'read'] as const) {
      // One stream carries all answers of SSE: what comes next stands in the middle of the half one.
      const hung = transport === 'sse' ? ['UPS204', 'UPS206'] : ['UPS204'];
      expect(hung).toContain((await failing({ hangAt: at, faultMidBody: true })).error.code);
      // The request beside it may learn first that its session is gone (404).
      const dead = transport === 'sse' ? ['UPS203', 'UPS205'] : ['UPS203'];
      const died = await failing({ dieAt: at, faultMidBody: true }, { timeout: 30 });
      expect(dead).toContain(died.error.code);
    }
  });

  it.each([
    [401, 'UPS207', 5],
    [403, 'UPS207', 5],
    [404, 'UPS205', 4],
    [429, 'UPS205', 4],
    [500, 'UPS205', 4],
    [503, 'UPS205', 4],
  ])('HTTP %d at any step is %s', async (status, code, exitCode) => {
    for (const step of ['headers', 'initialize', 'list', 'read'] as const) {
      // A forgotten session is another story, below.
      if (status === 404 && base === LEGACY && (step === 'list' || step === 'read')) continue;
      const body = 'secret stack trace \u001b[31m of the server';
      const { error } = await failing({ statusAt: { [step]: { status, body } } });
      expect(error, step).toMatchObject({ code, exitCode, context: { status } });
      expect(JSON.stringify(error)).not.toContain('secret stack trace');
    }
  });

  it('a giant answer is cut off while it comes', async () => {
    for (const bodyBytesAt of ['list', 'read'] as const) {
      const { error } = await failing({ bodyBytes: Infinity, bodyBytesAt }, { timeout: 30 });
      expect(error).toMatchObject({ code: 'UPS209', context: { max_bytes: 64 * 1024 ** 2 } });
    }
  });

  it('an error that the server sends is told, shortened and without control characters', async () => {
    const message = `broken \u001b[31m${'x'.repeat(5000)}`;
    await using upstream = await startFakeUpstream({
      ...base,
      failReads: { 'item://2': { code: -32603, message } },
    });
    const error = await failureOf(outcomeOf({ url: upstream.url, transport }));
    expect(error).toMatchObject({ code: 'UPS217', context: { uri: 'item://2', rpc_code: -32603 } });
    expect(error.message).toContain('answered the read of item://2 with error -32603: ');
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain('\u001b');
  });

  it('a list that repeats a cursor is endless, and told after two pages', async () => {
    const { error, upstream } = await failing({ repeatCursor: true });
    expect(error).toMatchObject({ code: 'UPS210', context: { method: 'resources/list' } });
    expect(upstream.lists).toBeLessThanOrEqual(2);
  });

  it('an endless list is left at the deadline', async () => {
    await using upstream = await startFakeUpstream({ ...base, endlessPages: true, listDelayMs: 5 });
    const started = performance.now();
    const error = await failureOf(outcomeOf({ url: upstream.url, transport }, { deadline: '300ms' }));
    expect(error.code).toBe('UPS208');
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    expect(upstream.lists).toBeLessThan(300);
  });

  it('malformed entries fail the gather in fail-fast mode, and only themselves in degraded mode', async () => {
    await using upstream = await startFakeUpstream({ ...base, malformed: MALFORMED_RESOURCES });
    const server = { url: upstream.url, transport };
    expect(await failureOf(outcomeOf(server))).toMatchObject({ code: 'UPS211' });
    const { outcomes, complete } = await gatherOnce({ a: server }, { fail_fast: false });
    expect(complete).toBe(false);
    expect(outcomes[0]).toMatchObject({ status: 'partial', error: { code: 'UPS211' } });
    expect(outcomes[0]?.resources.map(({ uri }) => uri)).toEqual(['item://1', 'item://2', 'item://3']);
  });

  it('hostile names are data: nothing is lost, nothing is polluted', async () => {
    const named = HOSTILE_RESOURCES.filter(({ name }) => name !== '');
    await using upstream = await startFakeUpstream({ ...base, resources: named });
    const outcome = await outcomeOf({ url: upstream.url, transport });
    expect(outcome.resources.map(({ name }) => name)).toEqual(named.map(({ name }) => name));
    expect(contentsOf(outcome)['evil://terminal']).toEqual(['plain \u001b[31mred\u001b[0m']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('credentials never leave the origin: a redirect elsewhere is refused', async () => {
    await using other = await startFakeUpstream();
    await using upstream = await startFakeUpstream({ ...base, redirectTo: other.mcpUrl });
    const headers = { Authorization: 'Bearer sentinel-credential' };
    const error = await failureOf(outcomeOf({ url: upstream.url, transport, headers }));
    expect(error).toMatchObject({ code: 'UPS215', context: { to: other.origin } });
    expect(other.connections).toBe(0);
    expect(upstream.headers[0]?.authorization).toBe('Bearer sentinel-credential');
  });

  verifies('orch:retry', 'what may pass is tried again, and what will not is not', async () => {
    const retrying = (times: number) => ({
      transport,
      retry: { max_retries: times, initial: '1ms', max: '2ms' },
    });
    for (const fault of [
      { statusAt: { read: 503 } },
      { statusAt: { list: { status: 429, headers: { 'retry-after': '0' } } } },
      { dieAt: 'read' },
      { dieAt: 'initialize' },
    ] satisfies FakeUpstreamOptions[]) {
      // One resource, so that one broken connection is one failure.
      await using upstream = await startFakeUpstream({ ...base, ...fault, faultTimes: 2, resources: 1 });
      const outcome = await outcomeOf({ url: upstream.url, ...retrying(3) });
      expect(outcome, JSON.stringify(fault)).toMatchObject({ status: 'ok', attempts: 3 });
    }
    await using dead = await startFakeUpstream({ ...base, statusAt: { read: 503 }, resources: 1 });
    expect(await failureOf(outcomeOf({ url: dead.url, ...retrying(2) }))).toMatchObject({ code: 'UPS205' });
    expect(dead.reads.get('item://1')).toBe(3);
    for (const statusAt of [{ read: 400 }, { read: 403 }]) {
      await using upstream = await startFakeUpstream({ ...base, statusAt, resources: 1 });
      await failureOf(outcomeOf({ url: upstream.url, ...retrying(3) }));
      expect(upstream.reads.get('item://1')).toBe(1);
    }
    await using unknown = await startFakeUpstream({
      ...base,
      resources: 1,
      failReads: { 'item://1': { code: -32602, message: 'no' } },
    });
    await failureOf(outcomeOf({ url: unknown.url, ...retrying(3) }));
    expect(unknown.reads.get('item://1')).toBe(1);
  });

  it('a server that restarts between list and read is connected to again', async () => {
    await using upstream = await startFakeUpstream({ ...base, resources: 2, readDelayMs: 5000 });
    const gathering = outcomeOf({
      url: upstream.url,
      transport,
      retry: { max_retries: 5, initial: '1ms', max: '5ms' },
    });
    await upstream.requested('resources/read', 2);
    upstream.change({ readDelayMs: 0 });
    await upstream.restart();
    expect(await gathering).toMatchObject({ status: 'ok', resources: [{ bytes: 29 }, { bytes: 29 }] });
  });
});

describe('SSE', () => {
  it.each([
    ['hangAt', 'UPS201'],
    ['dieAt', 'UPS203'],
    ['garbageAt', 'UPS215'],
  ] as const)('%s the endpoint event', async (fault, code) => {
    await using upstream = await startFakeUpstream({ ...SSE, [fault]: 'endpoint' });
    expect(await failureOf(outcomeOf({ url: upstream.url, ...SHORT }))).toMatchObject({ code });
  });

  it('an endpoint on another origin is refused, and nothing is sent there', async () => {
    await using other = await startFakeUpstream();
    await using upstream = await startFakeUpstream({ ...SSE, sseEndpoint: `${other.origin}/messages` });
    const headers = { Authorization: 'Bearer sentinel-credential' };
    const error = await failureOf(outcomeOf({ url: upstream.url, headers }));
    expect(error).toMatchObject({ code: 'UPS215', context: { to: other.origin } });
    expect(other.connections).toBe(0);
  });
});

describe('connecting', () => {
  it('a refused connection names the server, the address and what to look at', async () => {
    const upstream = await startFakeUpstream();
    await upstream.close();
    const error = await failureOf(outcomeOf({ url: upstream.sseUrl }));
    expect(error).toBeInstanceOf(MCPConnectionError);
    expect(error).toMatchObject({
      code: 'UPS202',
      message: `a: nothing listens at ${upstream.origin}`,
      hint: 'Is the server running, and is this its port?',
      context: { server: 'a', phase: 'connect' },
    });
  });

  it('what answers is no HTTP at all', async () => {
    await using upstream = await startFakeUpstream({ ...LEGACY, garbageAt: 'accept' });
    const error = await failureOf(outcomeOf({ url: upstream.mcpUrl, transport: 'streamable-http' }));
    expect(error.code).toMatch(/^UPS20[36]$/);
  });

  it('a host name that does not resolve is told as that', async () => {
    const error = await failureOf(outcomeOf({ url: 'http://no-such-host.invalid/sse' }));
    expect(['UPS220', 'UPS201']).toContain(error.code);
    expect(error.context['server']).toBe('a');
  });

  it('HTTPS where only HTTP is spoken is a TLS failure', async () => {
    await using upstream = await startFakeUpstream({ garbageAt: 'accept' });
    const error = await failureOf(outcomeOf({ url: upstream.sseUrl.replace('http:', 'https:') }));
    expect(error).toMatchObject({ code: 'UPS221' });
  });

  it('auto falls back to SSE for a server that knows no POST, and not for one that is down', async () => {
    await using upstream = await startFakeUpstream({ statusAt: { headers: 503 } });
    const error = await failureOf(outcomeOf({ url: upstream.mcpUrl, transport: 'auto' }));
    expect(error).toMatchObject({ code: 'UPS205', context: { status: 503 } });
    expect(upstream.connections).toBe(1);
  });
});

describe('sessions', () => {
  it('a session that the server has forgotten is opened again, once', async () => {
    await using upstream = await startFakeUpstream(LEGACY);
    await using orchestrator = orchestratorOf(
      { a: { url: upstream.url, transport: 'streamable-http', retry: { initial: '1ms', max: '2ms' } } },
      { max_retries: 2 },
    );
    await orchestrator.gather();
    upstream.expireSessions();
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
    expect(upstream.requests.get('initialize')).toBe(2);
  });

  it('a server that forgets every session is left in the end', async () => {
    await using upstream = await startFakeUpstream({ ...LEGACY, statusAt: { list: 404 } });
    const error = await failureOf(
      outcomeOf({
        url: upstream.url,
        transport: 'streamable-http',
        retry: { max_retries: 2, initial: '1ms' },
      }),
    );
    expect(error.code).toBe('UPS203');
    expect(upstream.requests.get('initialize')).toBeLessThanOrEqual(6);
  });
});

describe('what a server lists', () => {
  it('a name that stands twice gets its URI as its key, with a warning', async () => {
    const resources = [
      { uri: 'x://1', name: 'Same', text: '1' },
      { uri: 'x://2', name: 'Same', text: '2' },
      { uri: 'x://1', name: 'Again', text: '1' },
    ];
    await using upstream = await startFakeUpstream({ resources });
    const outcome = await outcomeOf({ url: upstream.sseUrl });
    expect(outcome.resources.map(({ key, uri }) => [key, uri])).toEqual([
      ['Same', 'x://1'],
      ['x://2', 'x://2'],
    ]);
    expect(outcome.warnings.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'UPS211 has several resources named "Same"; x://2 is listed by its URI',
      'UPS211 lists x://1 more than once',
    ]);
    expect(upstream.reads.get('x://1')).toBe(1);
  });

  it('text that claims to be JSON is given as text, with a warning', async () => {
    const resources = [{ uri: 'x://1', name: 'One', mimeType: 'application/json', text: '{"open":' }];
    await using upstream = await startFakeUpstream({ resources });
    const outcome = await outcomeOf({ url: upstream.sseUrl });
    expect(outcome.resources[0]?.contents).toMatchObject([{ kind: 'text', text: '{"open":' }]);
    expect(outcome.warnings).toMatchObject([{ code: 'UPS211', server: 'a' }]);
  });

  it('include and exclude choose what is read', async () => {
    await using upstream = await startFakeUpstream({ resources: 12 });
    const filter = { include: ['item://1*'], exclude: ['item://12'] };
    const outcome = await outcomeOf({ url: upstream.sseUrl, resources: filter });
    expect(outcome.resources.map(({ uri }) => uri)).toEqual(['item://1', 'item://10', 'item://11']);
    expect(upstream.reads.size).toBe(3);
  });

  it('list-only reads nothing', async () => {
    await using upstream = await startFakeUpstream();
    const outcome = await outcomeOf({ url: upstream.sseUrl }, {}, { listOnly: true });
    expect(outcome.resources).toHaveLength(3);
    expect(upstream.reads.size).toBe(0);
  });
});

describe('limits', () => {
  verifies(
    'orch:timeouts',
    'no server holds a gather past its timeout, and none past the deadline',
    async () => {
      await using hanging = await startFakeUpstream({ hangAt: 'read' });
      await using well = await startFakeUpstream();
      const servers = {
        hanging: { url: hanging.sseUrl, priority: 1, timeout: '200ms' },
        well: { url: well.sseUrl, priority: 2 },
      };
      let started = performance.now();
      const { outcomes } = await gatherOnce(servers, { fail_fast: false, max_retries: 3 });
      expect(performance.now() - started).toBeLessThan(SOON_MS);
      expect(outcomes[0]).toMatchObject({ status: 'partial', error: { code: 'UPS204' } });
      expect(outcomes[1]).toMatchObject({ status: 'ok' });

      started = performance.now();
      const late = await gatherOnce(
        { ...servers, hanging: { ...servers.hanging, timeout: 30 } },
        { fail_fast: false, deadline: '300ms' },
      );
      expect(performance.now() - started).toBeLessThan(SOON_MS);
      expect(late.outcomes[0]).toMatchObject({ status: 'failed', error: { code: 'UPS208' } });
      expect(late.outcomes[1]).toMatchObject({ status: 'ok' });
      expect(late.complete).toBe(false);
    },
  );

  it('in fail-fast mode the first failure stops the others at once', async () => {
    await using hanging = await startFakeUpstream({ hangAt: 'read' });
    await using broken = await startFakeUpstream({ statusAt: { list: 500 } });
    const started = performance.now();
    const error = await failureOf(
      gatherOnce({
        hanging: { url: hanging.sseUrl, priority: 1, timeout: 30 },
        broken: { url: broken.sseUrl, priority: 2 },
      }),
    );
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    expect(error).toMatchObject({ code: 'UPS205', context: { server: 'broken' } });
    expect(error.context['details']).toMatchObject([
      { server: 'hanging', status: 'failed', code: 'UPS219' },
      { server: 'broken', status: 'failed', code: 'UPS205' },
    ]);
    await hanging.disconnected();
  });

  it('a server that is not required fails alone, also in fail-fast mode', async () => {
    await using broken = await startFakeUpstream({ statusAt: { list: 500 } });
    await using well = await startFakeUpstream();
    const gathered = await gatherOnce({
      broken: { url: broken.sseUrl, priority: 1, required: false },
      well: { url: well.sseUrl, priority: 2 },
    });
    expect(gathered).toMatchObject({ complete: true, outcomes: [{ status: 'failed' }, { status: 'ok' }] });
  });

  it('when nobody is left, there is no result', async () => {
    await using broken = await startFakeUpstream({ statusAt: { list: 500 } });
    const error = await failureOf(
      gatherOnce({ broken: { url: broken.sseUrl, required: false } }, { fail_fast: false }),
    );
    expect(error).toBeInstanceOf(NoMCPAvailableError);
    expect(error.toJSON()).toMatchObject({ code: 'UPS214', exit_code: 4 });
    expect(error.toJSON().causes[0]).toContain('HTTP 500');
  });
});
