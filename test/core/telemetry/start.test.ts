import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { startTelemetry } from '../../../src/core/telemetry/start.js';
import { environment, freePort } from '../../fixtures/executable.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { failureOf, orchestratorOf } from '../../fixtures/gathering.js';
import { startCollector } from '../../fixtures/otlp-collector.js';

afterEach(() => vi.unstubAllEnvs());

it('a program of its own hands its spans to the orchestrator', async () => {
  await using collector = await startCollector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
  const telemetry = await startTelemetry();
  await using upstream = await startFakeUpstream({
    resources: 1,
    tools: [{ name: 'execute_query', call: async () => ({ isError: true, content: [] }) }],
  });
  await using orchestrator = orchestratorOf({
    a: { url: upstream.mcpUrl, transport: 'auto', capabilities: ['execute_query'] },
  });
  const span = telemetry!.startSpan('nightly job', { team: 'a', tags: ['b', 'c'], nothing: undefined });
  const op = createOperation({ span });
  await orchestrator.gather({}, op);
  const executor = await orchestrator.getExecutor(op);
  expect(await failureOf(executor.executeQuery('SELECT 1', op))).toMatchObject({ code: 'SQL505' });
  span.fail(new TypeError('for example'));
  span.end();
  expect(await telemetry!.shutdown()).toEqual([]);

  expect(collector.span('nightly job')).toMatchObject({
    attributes: {
      team: 'a',
      tags: { values: [{ stringValue: 'b' }, { stringValue: 'c' }] },
      'error.type': 'TypeError',
    },
    error: 'for example',
  });
  expect(collector.span('gather').parentSpanId).toBe(collector.span('nightly job').spanId);
  // The tool answered that it failed; the request itself did not.
  expect(collector.span('tools/call execute_query').attributes).toMatchObject({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'execute_query',
    'error.type': 'tool_error',
  });
  expect(collector.points.map(({ metric }) => metric)).toContain('mcp.client.operation.duration');
});

it('a server of the older era is no failure', async () => {
  await using collector = await startCollector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', `${collector.url}/v1/traces`);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json');
  const telemetry = await startTelemetry();
  await using upstream = await startFakeUpstream({ era: 'legacy', resources: 1 });
  await using orchestrator = orchestratorOf({ a: { url: upstream.mcpUrl, transport: 'streamable-http' } });
  const span = telemetry!.startSpan('job');
  await orchestrator.gather({}, createOperation({ span }));
  span.end();
  await telemetry!.shutdown();
  for (const name of ['server/discover', 'initialize']) expect(collector.span(name).error).toBeUndefined();
});

it('without the variables there is none', async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) vi.stubEnv(name, undefined);
  expect(await startTelemetry()).toBeUndefined();
});

it('tells what did not arrive, and waits for it no longer than the bound', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${await freePort()}`);
  for (const oneShot of [true, false]) {
    const telemetry = await startTelemetry({ oneShot });
    telemetry!.startSpan('job').end();
    const [complaint, ...rest] = await telemetry!.shutdown();
    // Who stays may try again for a while; who leaves gives up at once.
    expect(complaint).toMatch(oneShot ? /^traces did not arrive at .*ECONNREFUSED/ : /within 1\.5 s$/);
    expect(rest).toEqual([]);
  }
});

it('the built library finds it too', async () => {
  await using collector = await startCollector();
  const script = `
    const { startTelemetry } = await import('./dist/index.js');
    const telemetry = await startTelemetry();
    telemetry.startSpan('from the library').end();
    console.log(JSON.stringify(await telemetry.shutdown()));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: environment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
  });
  expect(stdout.trim()).toBe('[]');
  expect(collector.protobufSpanNames).toEqual(['from the library']);
});
