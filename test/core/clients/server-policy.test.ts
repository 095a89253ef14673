import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/core/logging/logger.js';
import { createOperation } from '../../../src/core/operation.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { failureOf, gatherOnce, orchestratorOf } from '../../fixtures/gathering.js';
import { verifies } from '../../verifies.js';

const MODERN: FakeUpstreamOptions = { transport: 'streamable-http', era: 'modern' };
const QUICK = { retry: { max_retries: 3, initial: '1ms', max: '4ms' } };

describe('a server that keeps failing', () => {
  it.each([
    ['is gone', { accept: 'closed' }],
    ['answers 503', { statusAt: { read: 503 } }],
    ['breaks every connection', { dieAt: 'read' }],
  ] as const)('and %s in the middle of 500 resources: the rest ends at once', async (_, fault) => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 500, readDelayMs: 20 });
    const gathering = gatherOnce(
      { a: { url: upstream.url, transport: 'streamable-http', ...QUICK } },
      { fail_fast: false },
    );
    await upstream.requested('resources/read', 20);
    const before = upstream.requests.get('resources/read') ?? 0;
    const connections = upstream.connections;
    if ('accept' in fault) await upstream.close();
    else upstream.change(fault);
    const [outcome] = (await gathering).outcomes;
    expect(outcome).toMatchObject({ status: 'partial' });
    const codes = outcome!.resources.map(({ error }) => error?.code);
    expect(codes.filter((code) => code === 'UPS223').length).toBeGreaterThan(300);
    // What comes first is what happened, not that nobody was asked any more.
    expect(outcome!.status === 'partial' && outcome!.error.code).not.toBe('UPS223');
    const refused = outcome!.resources.find(({ error }) => error?.code === 'UPS223')?.error;
    expect(refused).toMatchObject({ context: { server: 'a', failures: 5 }, exitCode: 4 });
    expect(refused?.message).toMatch(
      /^a is left alone, since it failed 5 times in a row \(.+\); it is tried again in \d+(\.\d)? s$/,
    );
    expect(refused?.toJSON().causes.length).toBeGreaterThan(0);
    // Five rounds of eight at once, and the repetitions that the budget holds.
    const after = upstream.requests.get('resources/read') ?? 0;
    expect(after - before).toBeLessThan(100);
    expect(upstream.connections - connections).toBeLessThan(100);
  });

  it('is not asked at all until its time is over; then one request tries', async () => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 1 });
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'json', write: (line) => lines.push(line) });
    const op = () => createOperation({ logger });
    await using orchestrator = orchestratorOf({
      a: {
        url: upstream.url,
        transport: 'streamable-http',
        circuit_breaker: { failures: 2, reset: '400ms' },
      },
    });
    upstream.change({ statusAt: { headers: 500 } });
    expect(await failureOf(orchestrator.gather({}, op()))).toMatchObject({ code: 'UPS205' });
    expect(await failureOf(orchestrator.gather({}, op()))).toMatchObject({ code: 'UPS205' });
    const asked = upstream.headers.length;
    const refusedAt = performance.now();
    for (let count = 1; count <= 5; count += 1) {
      const refused = await failureOf(orchestrator.gather({}, op()));
      expect(refused).toMatchObject({ code: 'UPS223', context: { server: 'a', failures: 2 } });
      expect(refused.toJSON().causes[0]).toContain('HTTP 500');
    }
    expect(orchestrator.getStatus().servers[0]?.error).toContain('left alone');
    expect(performance.now() - refusedAt).toBeLessThan(400);
    expect(upstream.headers.length).toBe(asked);

    // The try fails: it is left alone again. The next one succeeds.
    await expect.poll(() => codeOf(orchestrator.gather({}, op())), { timeout: 5000 }).toBe('UPS205');
    expect(await failureOf(orchestrator.gather({}, op()))).toMatchObject({ code: 'UPS223' });
    upstream.change({ statusAt: {} });
    await expect.poll(() => codeOf(orchestrator.gather({}, op())), { timeout: 5000 }).toBe('ok');
    expect(await orchestrator.gather({}, op())).toMatchObject({ complete: true });
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events.filter((event) => event.startsWith('server.circuit_'))).toEqual([
      'server.circuit_opened',
      'server.circuit_closed',
    ]);
  });

  it('is one that is silent, and not one that answers, however it does', async () => {
    const answers: FakeUpstreamOptions[] = [
      { statusAt: { read: 404 } },
      { statusAt: { read: 429 } },
      { statusAt: { read: 401 } },
      { failReads: everyItem({ code: -32602, message: 'no' }) },
      { failReads: everyItem({ code: -32002, message: 'Resource not found' }) },
      { garbageAt: 'read', garbage: 'json' },
    ];
    for (const fault of answers) {
      await using upstream = await startFakeUpstream({ ...MODERN, resources: 30, ...fault });
      const [outcome] = (
        await gatherOnce(
          {
            a: { url: upstream.url, transport: 'streamable-http', circuit_breaker: { failures: 1 } },
          },
          { fail_fast: false },
        )
      ).outcomes;
      const codes = new Set(outcome!.resources.map(({ error }) => error?.code));
      expect(codes.has('UPS223'), JSON.stringify(fault)).toBe(false);
      expect(upstream.reads.size).toBe(30);
    }
    await using silent = await startFakeUpstream({ ...MODERN, resources: 30, hangAt: 'read' });
    const [outcome] = (
      await gatherOnce(
        { a: { url: silent.url, transport: 'streamable-http', timeout: '300ms' } },
        { fail_fast: false },
      )
    ).outcomes;
    const codes = outcome!.resources.map(({ error }) => error?.code);
    // Eight at once, and what took the places of those that were given up before the fifth.
    expect(codes.filter((code) => code === 'UPS204').length).toBeLessThanOrEqual(12);
    expect(codes.filter((code) => code === 'UPS223').length).toBeGreaterThanOrEqual(18);
  });

  it('does not harm the others', async () => {
    await using sick = await startFakeUpstream({ ...MODERN, resources: 50, statusAt: { read: 500 } });
    await using well = await startFakeUpstream({ ...MODERN, resources: 50 });
    const { outcomes } = await gatherOnce(
      {
        sick: { url: sick.url, transport: 'streamable-http', priority: 1 },
        well: { url: well.url, transport: 'streamable-http', priority: 2 },
      },
      { fail_fast: false },
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['partial', 'ok']);
  });
});

describe('repetitions', () => {
  it('are a fifth of the requests and a few at the most, as the server counts them', async () => {
    const resources = 300;
    await using upstream = await startFakeUpstream({
      ...MODERN,
      resources,
      statusAt: { read: 503 },
      faultTimesEach: 1,
    });
    const [outcome] = (
      await gatherOnce(
        {
          a: {
            url: upstream.url,
            transport: 'streamable-http',
            circuit_breaker: { failures: 10_000 },
            ...QUICK,
          },
        },
        { fail_fast: false },
      )
    ).outcomes;
    const reads = upstream.requests.get('resources/read') ?? 0;
    expect(reads - resources).toBeLessThanOrEqual(resources * 0.2 + 20 + 1);
    expect(reads - resources).toBeGreaterThan(resources * 0.2);
    // What was repeated succeeded; what was not kept its own error.
    const failed = outcome!.resources.filter(({ error }) => error !== undefined);
    expect(failed).toHaveLength(2 * resources - reads);
    expect(new Set(failed.map(({ error }) => error?.code))).toEqual(new Set(['UPS205']));
  });

  it('are there for all that one broken connection takes along', async () => {
    await using upstream = await startFakeUpstream({ transport: 'sse', resources: 40, readDelayMs: 30 });
    const gathering = gatherOnce({ a: { url: upstream.url, ...QUICK } });
    await upstream.requested('resources/read', 8);
    await upstream.restart();
    expect(await gathering).toMatchObject({ complete: true });
  });

  it.each([
    ['seconds', () => '1', 900],
    ['a date', () => new Date(Date.now() + 2500).toUTCString(), 900],
    ['nonsense', () => 'soon', 0],
  ])('wait for as long as Retry-After asks, in %s', async (_, retryAfter, leastMs) => {
    for (const status of [429, 503]) {
      await using upstream = await startFakeUpstream({
        ...MODERN,
        resources: 1,
        statusAt: { read: { status, headers: { 'retry-after': retryAfter() } } },
        faultTimes: 1,
      });
      const { complete } = await gatherOnce({
        a: { url: upstream.url, transport: 'streamable-http', ...QUICK },
      });
      expect(complete).toBe(true);
      const [second, first] = upstream.arrivals.toReversed();
      expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(leastMs);
    }
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('follow HTTP %d', async (status) => {
    await using upstream = await startFakeUpstream({
      ...MODERN,
      resources: 1,
      statusAt: { read: status },
      faultTimes: 1,
    });
    await gatherOnce({ a: { url: upstream.url, transport: 'streamable-http', ...QUICK } });
    expect(upstream.reads.get('item://1')).toBe(2);
  });

  it.each([400, 401, 403, 404, 405, 410, 413, 501, 505])('do not follow HTTP %d', async (status) => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 1, statusAt: { read: status } });
    await failureOf(gatherOnce({ a: { url: upstream.url, transport: 'streamable-http', ...QUICK } }));
    expect(upstream.reads.get('item://1')).toBe(1);
  });
});

describe('rate_limit', () => {
  /** The shortest time in which eleven requests arrived, where ten a second may. */
  function shortestForEleven(arrivals: readonly number[]): number {
    return Math.min(...arrivals.slice(10).map((at, index) => at - (arrivals[index] ?? 0)));
  }
  // A busy machine delivers some late; without a limit eleven take a tenth of this.
  const LEAST_MS = 600;

  verifies(
    'orch:rate',
    'no more requests a second reach a server than its rate_limit, on any transport',
    async () => {
      for (const [transport, era] of [
        ['sse', 'legacy'],
        ['streamable-http', 'legacy'],
        ['streamable-http', 'modern'],
      ] as const) {
        await using upstream = await startFakeUpstream({ transport, era, resources: 22 });
        const started = performance.now();
        const { complete } = await gatherOnce({ a: { url: upstream.url, transport, rate_limit: 10 } });
        expect(complete).toBe(true);
        // Connecting, the lists, and 22 reads: more than two seconds' worth.
        expect(upstream.arrivals.length).toBeGreaterThanOrEqual(24);
        expect(shortestForEleven(upstream.arrivals), `${transport} ${era}`).toBeGreaterThan(LEAST_MS);
        expect(performance.now() - started).toBeGreaterThan(2290);
      }
    },
    60_000,
  );

  it('without it they come as fast as they can', async () => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 100 });
    await gatherOnce({ a: { url: upstream.url, transport: 'streamable-http' } });
    expect(shortestForEleven(upstream.arrivals)).toBeLessThan(LEAST_MS);
  });

  it('is shared by all who ask at the same time', async () => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 4 });
    await using orchestrator = orchestratorOf({
      a: { url: upstream.url, transport: 'streamable-http', rate_limit: 10 },
    });
    await Promise.all([orchestrator.gather(), orchestrator.gather(), orchestrator.gather()]);
    expect(upstream.arrivals.length).toBeGreaterThan(14);
    expect(shortestForEleven(upstream.arrivals)).toBeGreaterThan(LEAST_MS);
  });

  it('waiting for a turn is no timeout of the server, and ends at the deadline', async () => {
    await using upstream = await startFakeUpstream({ ...MODERN, resources: 4 });
    const server = {
      url: upstream.url,
      transport: 'streamable-http',
      protocol: '2026-07-28',
      timeout: '900ms',
      rate_limit: 1.5,
    };
    // Seven requests at one in 0.67 s: each waits for longer than the timeout.
    expect(await gatherOnce({ a: server })).toMatchObject({ complete: true });
    const started = performance.now();
    const error = await failureOf(gatherOnce({ a: { ...server, rate_limit: 0.1 } }, { deadline: '600ms' }));
    expect(error.code).toBe('UPS208');
    expect(performance.now() - started).toBeLessThan(2500);
  });
});

async function codeOf(gathering: Promise<unknown>): Promise<string> {
  return gathering.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );
}

function everyItem<T>(error: T): Record<string, T> {
  return Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`item://${index + 1}`, error]));
}
