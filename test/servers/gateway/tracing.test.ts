import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTelemetry } from '../../../src/core/telemetry/start.js';
import { freePort } from '../../fixtures/executable.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { CLIENT_KINDS, over, startTestGateway } from '../../fixtures/gateway.js';
import { startCollector, type Collector } from '../../fixtures/otlp-collector.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

const CACHED = { orchestration: { resource_cache_ttl: 300 } };

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLIENT_SPAN = '00f067aa0ba902b7';
const CLIENT = { traceparent: `00-${TRACE}-${CLIENT_SPAN}-01`, tracestate: 'vendor=1' };
const reading = (uri: string, meta: object = CLIENT) => ({
  method: 'resources/read' as const,
  params: { uri, _meta: meta },
});

afterEach(() => vi.unstubAllEnvs());

/** Traces to a collector; `end` sends what is left. */
async function tracingTo(collector: Collector) {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
  const telemetry = (await startTelemetry())!;
  const redact = (text: string) => text.replaceAll('hunter2', '***');
  return { tracing: { telemetry, redact }, end: () => telemetry.shutdown() };
}

describe('a traced request', () => {
  for (const clientKind of CLIENT_KINDS) {
    for (const [upstreamKind, era, url] of [
      ['sse', 'legacy', 'sseUrl'],
      ['streamable-http', 'legacy', 'mcpUrl'],
      ['streamable-http', 'modern', 'mcpUrl'],
    ] as const) {
      it(`is one trace from a ${clientKind} client to a server over ${upstreamKind}, ${era}`, async () => {
        await using collector = await startCollector();
        const { tracing, end } = await tracingTo(collector);
        await using a = await startFakeUpstream({ era });
        const server = { url: a[url], transport: upstreamKind, priority: 1 };
        await using gateway = await startTestGateway({ a: server }, CACHED, { tracing });
        const client = await gateway.client(clientKind);
        await client.listResources();
        await client.request(reading('item://1'));
        expect(await end()).toEqual([]);

        const reads = collector.spans.filter(({ name }) => name === 'resources/read');
        const [answered, asked] = [
          reads.find(({ kind }) => kind === 'server')!,
          reads.find(({ kind }) => kind === 'client')!,
        ];
        expect(answered).toMatchObject({ traceId: TRACE, parentSpanId: CLIENT_SPAN, error: undefined });
        expect(answered.attributes).toMatchObject({
          'mcp.method.name': 'resources/read',
          'mcp.resource.uri': 'item://1',
          'jsonrpc.request.id': expect.any(String),
          'mcp.protocol.version': clientKind === 'modern' ? '2026-07-28' : '2025-11-25',
          'mcpx.server.id': 'a',
          'mcpx.cache.hit': false,
          'mcpx.operation.id': expect.any(String),
        });
        expect(asked).toMatchObject({ traceId: TRACE, parentSpanId: answered.spanId });
        // What the server is told is the span of the request that it gets, in the message and in the headers.
        const told = a.metas.find(({ method }) => method === 'resources/read')!.meta;
        expect(told).toMatchObject({ traceparent: `00-${TRACE}-${asked.spanId}-01`, tracestate: 'vendor=1' });
        expect(a.headers.map(({ traceparent }) => traceparent)).toContain(told['traceparent']);
      });
    }

    it(`goes by the headers where the message of a ${clientKind} client says nothing`, async () => {
      await using collector = await startCollector();
      const { tracing, end } = await tracingTo(collector);
      await using a = await startToolUpstream({ name: 'a' });
      await using gateway = await startTestGateway({ a: over(a, 1) }, {}, { tracing });
      const client = await gateway.client(clientKind, {}, { ...CLIENT });
      await client.callTool({ name: 'echo', arguments: { text: 'x' } });
      await end();
      const [answered] = collector.spans.filter(({ kind }) => kind === 'server');
      expect(answered).toMatchObject({
        name: 'tools/call echo',
        traceId: TRACE,
        parentSpanId: CLIENT_SPAN,
        attributes: { 'gen_ai.tool.name': 'echo', 'gen_ai.operation.name': 'execute_tool' },
      });
    });
  }

  it('begins a trace of its own where nobody says whose it is, and so does what the gateway does by itself', async () => {
    await using collector = await startCollector();
    const { tracing, end } = await tracingTo(collector);
    await using a = await startFakeUpstream();
    await using gateway = await startTestGateway({ a: over(a, 1) }, {}, { tracing });
    const client = await gateway.client();
    await client.listResources();
    await client.request(reading('item://1', { traceparent: 'nonsense' }));
    await client.request(reading('item://2', {}));
    await end();
    const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    expect(roots.map(({ name, kind }) => `${kind} ${name}`)).toEqual(
      expect.arrayContaining(['internal connect', 'client resources/list', 'server resources/read']),
    );
    expect(new Set(roots.map(({ traceId }) => traceId)).size).toBe(roots.length);
  });

  it('that is answered from the cache asks no server, and says so', async () => {
    await using collector = await startCollector();
    const { tracing, end } = await tracingTo(collector);
    await using a = await startFakeUpstream({ era: 'legacy' });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED, { tracing });
    const client = await gateway.client('legacy');
    await client.request(reading('item://1', {}));
    await client.request(reading('item://1'));
    await end();
    const inTrace = collector.spans.filter(({ traceId }) => traceId === TRACE);
    expect(inTrace.map(({ name, attributes }) => [name, attributes['mcpx.cache.hit']])).toEqual([
      ['resources/read', true],
    ]);
  });

  it('for a list hangs above what servers are asked for it', async () => {
    await using collector = await startCollector();
    const { tracing, end } = await tracingTo(collector);
    await using a = await startFakeUpstream({ era: 'legacy' });
    const gone = over({ mcpUrl: `http://127.0.0.1:${await freePort()}/mcp` }, 2);
    await using gateway = await startTestGateway({ a: over(a, 1), gone }, {}, { tracing });
    const client = await gateway.client('legacy');
    await client.listTools();
    await client.request({ method: 'resources/list', params: { _meta: CLIENT } });
    await end();
    const inTrace = collector.spans.filter(({ traceId }) => traceId === TRACE);
    expect(inTrace.find(({ kind }) => kind === 'server')?.attributes).toMatchObject({
      'mcpx.complete': false,
      'mcpx.servers.failed': 1,
    });
    expect(inTrace.find(({ kind }) => kind === 'client')).toMatchObject({
      name: 'resources/list',
      parentSpanId: inTrace.find(({ kind }) => kind === 'server')?.spanId,
      attributes: { 'mcpx.server.id': 'a' },
    });
  });

  it('tells how it failed, without secrets; and metrics know no names that somebody made up', async () => {
    await using collector = await startCollector();
    const { tracing, end } = await tracingTo(collector);
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: over(a, 1) }, {}, { tracing });
    const client = await gateway.client('legacy');
    await client.callTool({ name: 'fail' });
    for (const name of ['made-up-1', 'hunter2']) {
      await client.callTool({ name }).catch(() => undefined);
    }
    await client.getPrompt({ name: 'greet' }).catch(() => undefined);
    await end();
    const served = collector.spans.filter(({ kind }) => kind === 'server');
    expect(served.map(({ name, attributes, error }) => [name, attributes['error.type'], error])).toEqual([
      ['tools/call fail', 'tool_error', undefined],
      ['tools/call made-up-1', '-32602', expect.stringContaining('Unknown tool: made-up-1')],
      ['tools/call ***', '-32602', 'Unknown tool: ***'],
      ['prompts/get greet', '-32602', expect.any(String)],
    ]);
    expect(served[1]?.attributes).toMatchObject({ 'rpc.response.status_code': '-32602' });
    const points = collector.points.filter(({ metric }) => metric === 'mcp.server.operation.duration');
    expect(
      points.map(({ attributes, value }) => [
        attributes['gen_ai.tool.name'],
        attributes['error.type'],
        value,
      ]),
    ).toEqual([
      ['fail', 'tool_error', 1],
      [undefined, '-32602', 2],
      [undefined, '-32602', 1],
    ]);
    expect(points[0]).toMatchObject({
      unit: 's',
      attributes: { 'mcpx.server.id': 'a', 'mcp.method.name': 'tools/call' },
    });
    const asked = collector.points.filter(({ metric }) => metric === 'mcp.client.operation.duration');
    expect(asked.map(({ attributes }) => attributes['mcp.method.name'])).toContain('tools/call');
  });
});

describe('without a collector', () => {
  it.each(['legacy', 'modern'] as const)(
    'the trace of a %s client goes on to the server as it came',
    async (kind) => {
      await using a = await startFakeUpstream();
      await using gateway = await startTestGateway({ a: over(a, 1) });
      const client = await gateway.client(kind);
      await client.request(reading('item://1'));
      const byHeader = await gateway.client(kind, {}, { ...CLIENT });
      await byHeader.readResource({ uri: 'item://2' });
      const hostile = { traceparent: `00-${TRACE}-${CLIENT_SPAN}-01\r\nx-evil: 1`, tracestate: 'a\r\nb' };
      await client.request(reading('item://3', hostile));
      const reads = a.metas.filter(({ method }) => method === 'resources/read');
      expect(reads.slice(0, 2).map(({ meta }) => meta)).toEqual([
        expect.objectContaining(CLIENT),
        expect.objectContaining(CLIENT),
      ]);
      const headers = a.headers.filter(({ traceparent }) => traceparent !== undefined);
      expect(headers).toHaveLength(2);
      for (const header of headers) expect(header).toMatchObject(CLIENT);
    },
  );
});
