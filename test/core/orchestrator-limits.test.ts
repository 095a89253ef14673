import { expect, test } from 'vitest';
import { createOperation } from '../../src/core/operation.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { failureOf, gatherOnce, orchestratorOf, outcomeOf } from '../fixtures/gathering.js';

const sse = (upstream: { readonly sseUrl: string }, more: object = {}) => ({
  url: upstream.sseUrl,
  transport: 'sse',
  ...more,
});

test('a server whose id is the name of another loses nothing', async () => {
  await using first = await startFakeUpstream({ resources: [{ uri: 'x://1', name: 'One' }] });
  await using second = await startFakeUpstream({ resources: [{ uri: 'x://2', name: 'Two' }] });
  await using orchestrator = orchestratorOf({
    primary: sse(first, { name: 'db', priority: 1 }),
    db: sse(second, { priority: 2 }),
  });
  const gathered = await orchestrator.gatherAllResources();
  const names = Object.values(gathered).flatMap(({ resources }) => Object.keys(resources));
  expect(names.sort()).toEqual(['One', 'Two']);
});

test('a resource whose name is the URI of another takes no key away from it', async () => {
  const listed = [
    { uri: 'u:1', name: 'A' },
    { uri: 'u:2', name: 'u:3' },
    { uri: 'u:3', name: 'A' },
  ];
  await using upstream = await startFakeUpstream({ resources: listed });
  const outcome = await outcomeOf(sse(upstream));
  expect(outcome.resources.map(({ uri }) => uri).sort()).toEqual(['u:1', 'u:2', 'u:3']);
  expect(new Set(outcome.resources.map(({ key }) => key)).size).toBe(3);
});

test('a gather that is stopped does not stop another one that waits for the same server', async () => {
  await using slow = await startFakeUpstream({ connectDelayMs: 300 });
  await using orchestrator = orchestratorOf({ a: sse(slow) });
  const controller = new AbortController();
  const stopped = failureOf(orchestrator.gather({}, createOperation({ signal: controller.signal })));
  const other = orchestrator.gather({});
  controller.abort();
  // Whatever stopped it is no error of ours; the point is the other one.
  await stopped.catch(() => undefined);
  expect((await other).outcomes[0]?.status).toBe('ok');
});

test('a caller with a short deadline does not wait for the attempt of another', async () => {
  await using silent = await startFakeUpstream({ hangAt: 'initialize' });
  await using orchestrator = orchestratorOf({ a: sse(silent, { connect_timeout: '10s' }) });
  const patient = failureOf(orchestrator.gather({ deadlineMs: 3000 }));
  const started = performance.now();
  const failure = await failureOf(orchestrator.gather({ deadlineMs: 200 }));
  expect(failure.code).toBe('UPS208');
  expect(performance.now() - started).toBeLessThan(1500);
  await orchestrator.close();
  await patient;
});

test('closing ends an attempt to connect at once, and nothing connects afterwards', async () => {
  await using silent = await startFakeUpstream({ hangAt: 'initialize' });
  const orchestrator = orchestratorOf({ a: sse(silent, { connect_timeout: '10s' }) });
  const waiting = failureOf(orchestrator.initialize());
  await silent.requested('initialize');
  const started = performance.now();
  await orchestrator.close();
  await waiting;
  expect(performance.now() - started).toBeLessThan(2000);
  expect((await failureOf(orchestrator.initialize())).code).toMatch(/UPS2(19|14)/);
});

test('initialize connects to no more servers at once than max_connections', async () => {
  await using upstream = await startFakeUpstream({ connectDelayMs: 50 });
  const ids = ['a', 'b', 'c', 'd', 'e'];
  await using orchestrator = orchestratorOf(
    Object.fromEntries(ids.map((id, index) => [id, sse(upstream, { priority: index + 1 })])),
    { max_connections: 1 },
  );
  const started = performance.now();
  await orchestrator.initialize();
  // One after the other: five times the delay cannot be shorter.
  expect(performance.now() - started).toBeGreaterThan(200);
});

test('the servers of a domain share one deadline', async () => {
  await using one = await startFakeUpstream({ hangAt: 'list' });
  await using two = await startFakeUpstream({ hangAt: 'list' });
  await using orchestrator = orchestratorOf(
    { a: sse(one, { domains: ['x'], priority: 1 }), b: sse(two, { domains: ['x'], priority: 2 }) },
    { deadline: '400ms', fail_fast: false },
  );
  const started = performance.now();
  const failure = await failureOf(orchestrator.getResourcesForDomain('x'));
  expect(failure.code).toBe('UPS208');
  expect(performance.now() - started).toBeLessThan(780);
});

test('a server that asks to wait for longer than there is time is told as it answered', async () => {
  await using busy = await startFakeUpstream({
    statusAt: { headers: { status: 429, headers: { 'retry-after': '3600' } } },
  });
  const started = performance.now();
  const failure = await failureOf(
    gatherOnce(
      { a: { url: busy.mcpUrl, transport: 'streamable-http', retry: { max_retries: 3 } } },
      { deadline: '5s' },
    ),
  );
  expect(failure.context['status']).toBe(429);
  expect(performance.now() - started).toBeLessThan(3000);
});

test('refused credentials everywhere are told as that, also in degraded mode', async () => {
  await using upstream = await startFakeUpstream({ requiredBearer: 'right' });
  const failure = await failureOf(gatherOnce({ a: sse(upstream) }, { fail_fast: false }));
  expect(failure).toMatchObject({ code: 'UPS207', exitCode: 5 });
});

test('while a server is silent nobody says that a resource does not exist', async () => {
  await using upstream = await startFakeUpstream({ resources: [{ uri: 'x://1', name: 'One' }] });
  await using orchestrator = orchestratorOf(
    {
      up: sse(upstream, { priority: 1 }),
      down: { url: 'http://127.0.0.1:1/sse', transport: 'sse', priority: 2 },
    },
    { fail_fast: false },
  );
  expect((await failureOf(orchestrator.readResource('x://2'))).code).toBe('UPS202');
  expect((await orchestrator.readResource('x://1')).server.id).toBe('up');
});
