import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  configText,
  temporaryFolder,
  type FileSettings,
  type TemporaryFolder,
} from '../fixtures/configuration.js';
import { freePort, Mcpx, runMcpx, type Finished, type StartOptions } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { startCollector, type Collector, type ReceivedSpan } from '../fixtures/otlp-collector.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';

const JSON_TO = (collector: Collector) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
});

/** Runs a command on a configuration of these servers. */
async function runWith(
  args: readonly string[],
  servers: Readonly<Record<string, FileSettings>>,
  env: Readonly<Record<string, string>>,
  options: StartOptions & { readonly orchestration?: FileSettings } = {},
): Promise<Finished> {
  using folder = temporaryFolder();
  const file = folder.write('c.json', configText(servers, options.orchestration));
  return await runMcpx([...args, '-c', file], { ...options, env: { ...env, ...options.env } });
}

/** The gateway as a process over one server, with a client. */
async function startGateway(url: string, folder: TemporaryFolder, options: StartOptions) {
  const servers = { a: { url, transport: 'streamable-http', priority: 1 } };
  const file = folder.write('c.json', configText(servers, { log_level: 'INFO' }));
  const mcpx = new Mcpx(['serve', 'gateway', '--port', '0', '-c', file], options);
  await mcpx.said('/mcp\n');
  const [, mcp = ''] = / and (http:\S+\/mcp)\n/.exec(mcpx.stderr) ?? [];
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(mcp)));
  return {
    read: (uri: string) => client.readResource({ uri }),
    stop: async () => {
      await client.close();
      mcpx.process.kill('SIGTERM');
      return mcpx.finished;
    },
    [Symbol.asyncDispose]: () => mcpx[Symbol.asyncDispose](),
  };
}

const childrenOf = (spans: readonly ReceivedSpan[], parent: ReceivedSpan) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);

describe('a traced gather', () => {
  it('is one trace from the command down to every request', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ resources: 2 });
    const { status, stdout, stderr } = await runWith(
      ['gather', '--json'],
      { a: { url: upstream.sseUrl, priority: 7 } },
      JSON_TO(collector),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { operation_id: id } = JSON.parse(stdout) as { operation_id: string };

    const root = collector.span('mcpx gather');
    const { spans } = collector;
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([root.traceId]));
    expect(root).toMatchObject({
      kind: 'internal',
      parentSpanId: undefined,
      error: undefined,
      attributes: { 'process.exit.code': 0, 'mcpx.operation.id': id },
    });
    const gather = collector.span('gather');
    expect(childrenOf(spans, root)).toEqual([gather]);
    expect(gather.attributes).toMatchObject({
      'mcpx.mode': 'fail-fast',
      'mcpx.complete': true,
      'mcpx.servers': 1,
      'mcpx.resources': 2,
      'mcpx.operation.id': id,
    });
    const server = collector.span('gather server');
    expect(childrenOf(spans, gather)).toEqual([server]);
    expect(server.attributes).toMatchObject({
      'mcpx.server.id': 'a',
      'mcpx.server.priority': 7,
      'mcpx.server.status': 'ok',
      'mcpx.server.resources': 2,
      'mcpx.server.retries': 0,
      'mcpx.transport': 'sse',
      'mcp.protocol.version': '2025-11-25',
    });
    const names = childrenOf(spans, server).map(({ name }) => name);
    expect(names.sort()).toEqual([
      'connect',
      'resources/list',
      'resources/read',
      'resources/read',
      'resources/templates/list',
    ]);
    expect(childrenOf(spans, collector.span('connect'))).toEqual([collector.span('initialize')]);
    const reads = spans.filter(({ name }) => name === 'resources/read');
    expect(reads.map(({ attributes }) => String(attributes['mcp.resource.uri'])).sort()).toEqual([
      'item://1',
      'item://2',
    ]);
    for (const read of [...reads, collector.span('initialize')]) {
      expect(read.kind).toBe('client');
      expect(read.attributes).toMatchObject({
        'mcp.method.name': read.name,
        'jsonrpc.request.id': expect.stringMatching(/^\d+$/) as string,
        'network.transport': 'tcp',
        'network.protocol.name': 'http',
        'server.address': '127.0.0.1',
        'server.port': upstream.port,
        'mcpx.server.id': 'a',
      });
    }
    expect(collector.resource).toMatchObject({ 'service.name': 'mcpx', 'telemetry.sdk.language': 'nodejs' });
  });

  it.each([
    ['sse', 'legacy'],
    ['streamable-http', 'legacy'],
    ['streamable-http', 'modern'],
  ] as const)('tells its place to the server in every message over %s, %s', async (transport, era) => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ transport, era });
    const { status } = await runWith(['gather'], { a: { url: upstream.url, transport } }, JSON_TO(collector));
    expect(status).toBe(0);
    const [{ traceId } = { traceId: '' }] = collector.spans;
    expect(upstream.metas.length).toBeGreaterThan(4);
    const spans = new Map(collector.spans.map(({ spanId, name }) => [spanId, name]));
    for (const { method, meta } of upstream.metas) {
      const [version, trace, span, flags] = String(meta['traceparent']).split('-');
      expect({ method, version, trace, flags }).toEqual({
        method,
        version: '00',
        trace: traceId,
        flags: '01',
      });
      // A request carries the span of its own; the handshake that of its first message.
      const expected = method.startsWith('notifications/') ? 'initialize' : method;
      expect(spans.get(span ?? '')).toBe(expected);
    }
  });

  it('tells its place to a server over stdio', async () => {
    await using collector = await startCollector();
    using upstream = stdioUpstream();
    const { command, args } = upstream;
    const { status } = await runWith(['gather'], { a: { command, args } }, JSON_TO(collector));
    expect(status).toBe(0);
    expect(upstream.traceparents().length).toBeGreaterThan(4);
    for (const traceparent of upstream.traceparents()) {
      expect(traceparent).toContain(collector.span('mcpx gather').traceId);
    }
    expect(collector.span('initialize').attributes).toMatchObject({ 'network.transport': 'pipe' });
  });

  it('hangs below the trace that the environment names', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const env = {
      ...JSON_TO(collector),
      TRACEPARENT: `00-${trace}-00f067aa0ba902b7-01`,
      TRACESTATE: 'vendor=value',
    };
    await runWith(['gather'], { a: { url: upstream.sseUrl } }, env);
    expect(collector.span('mcpx gather')).toMatchObject({ traceId: trace, parentSpanId: '00f067aa0ba902b7' });
    expect(upstream.metas[0]?.meta).toMatchObject({ tracestate: 'vendor=value' });
  });

  it('tells how it failed, by our codes and without secrets', async () => {
    await using collector = await startCollector();
    const secret = 'sentinel-0001';
    await using upstream = await startFakeUpstream({
      resources: [{ uri: `db://u:${secret}@h/x?key=${secret}`, name: 'X' }],
      failReads: { [`db://u:${secret}@h/x?key=${secret}`]: { code: -32042, message: `no, ${secret}` } },
    });
    const down = `http://127.0.0.1:${await freePort()}/sse`;
    const { status } = await runWith(
      ['gather', '--degraded', '--json'],
      {
        a: { url: `${upstream.sseUrl}?token=${secret}`, headers: { Authorization: `Bearer ${secret}` } },
        b: { url: down, retry: { max_retries: 1, initial: '1ms' }, priority: 2 },
      },
      JSON_TO(collector),
    );
    expect(status).toBe(6);
    expect(collector.span('mcpx gather').attributes).toMatchObject({
      'process.exit.code': 6,
      'error.type': 'exit_6',
    });
    expect(collector.span('resources/read')).toMatchObject({
      attributes: {
        'error.type': '-32042',
        'rpc.response.status_code': '-32042',
        'mcpx.error.code': 'UPS217',
        'mcp.resource.uri': 'db://h/x',
      },
      error: expect.stringContaining('***') as string,
    });
    const servers = collector.spans.filter(({ name }) => name === 'gather server');
    expect(servers.find(({ attributes }) => attributes['mcpx.server.id'] === 'b')).toMatchObject({
      attributes: {
        'mcpx.server.status': 'failed',
        'mcpx.server.retries': 1,
        'mcpx.phase': 'connect',
        'error.type': 'UPS202',
      },
      events: [{ name: 'retry', attributes: { attempt: 1, code: 'UPS202', phase: 'connect' } }],
      error: expect.stringContaining('nothing listens') as string,
    });
    for (const { body } of collector.exports) expect(body.toString('latin1')).not.toContain(secret);
  });

  it('counts what could not be read by itself, as the log does', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({
      resources: 3,
      failReads: { 'item://2': { code: -32603, message: 'disk full' } },
    });
    const { status } = await runWith(
      ['gather', '--degraded', '--json'],
      { a: { url: upstream.sseUrl, priority: 1 } },
      JSON_TO(collector),
    );
    expect(status).toBe(6);
    expect(collector.span('gather').attributes).toMatchObject({
      'mcpx.resources': 2,
      'mcpx.resources_failed': 1,
    });
    expect(collector.span('gather server').attributes).toMatchObject({
      'mcpx.server.resources': 2,
      'mcpx.server.resources_failed': 1,
    });
  });

  it('fails as a whole with the code that the command ends with', async () => {
    await using collector = await startCollector();
    const down = `http://127.0.0.1:${await freePort()}/sse`;
    const { status } = await runWith(['gather'], { a: { url: down } }, JSON_TO(collector));
    expect(status).toBe(4);
    for (const name of ['mcpx gather', 'gather', 'gather server', 'connect', 'initialize']) {
      expect(collector.span(name)).toMatchObject({
        attributes: { 'error.type': 'UPS202' },
        error: expect.stringContaining('nothing listens') as string,
      });
    }
    expect(collector.span('mcpx gather').attributes).toMatchObject({ 'process.exit.code': 4 });
  });

  it('shows a start of a server as one span, not its attempts', async () => {
    await using collector = await startCollector();
    const port = await freePort();
    const { status } = await runWith(
      ['gather'],
      {
        a: {
          url: `http://127.0.0.1:${port}/sse`,
          start: { command: 'mcpx', args: ['serve', 'metadata', '--port', port], ready_timeout: 20 },
        },
      },
      JSON_TO(collector),
    );
    expect(status).toBe(0);
    expect(collector.span('start server').error).toBeUndefined();
    // The first one found nobody, and that is why the server was started.
    expect(collector.span('initialize').attributes).toMatchObject({ 'error.type': 'UPS202' });
  });
});

describe('resolve and read', () => {
  it('are traced too', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const servers = { a: { url: upstream.sseUrl, domains: ['things'] } };
    await runWith(['resolve', 'things'], servers, JSON_TO(collector));
    await runWith(['read', 'item://1'], servers, JSON_TO(collector));
    const resolve = collector.span('resolve');
    expect(resolve.attributes).toMatchObject({ 'mcpx.domain': 'things', 'mcpx.terms': 0 });
    expect(resolve.parentSpanId).toBe(collector.span('mcpx resolve').spanId);
    expect(collector.span('resources/read').traceId).toBe(collector.span('mcpx read').traceId);
  });
});

describe('metrics', () => {
  it('count and time gathers, servers and requests', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ resources: 3 });
    const down = `http://127.0.0.1:${await freePort()}/sse`;
    await runWith(
      ['gather', '--degraded'],
      { a: { url: upstream.sseUrl }, b: { url: down, priority: 2 } },
      JSON_TO(collector),
    );
    const { points } = collector;
    const of = (metric: string) => points.filter((point) => point.metric === metric);
    expect(of('mcpx.gather.duration')).toMatchObject([
      { unit: 's', value: 1, attributes: { 'mcpx.mode': 'degraded', 'mcpx.complete': false } },
    ]);
    expect(of('mcpx.server.duration').map(({ attributes }) => attributes)).toEqual(
      expect.arrayContaining([
        { 'mcpx.server.id': 'a', 'mcpx.server.status': 'ok' },
        { 'mcpx.server.id': 'b', 'mcpx.server.status': 'failed', 'error.type': 'UPS202' },
      ]),
    );
    expect(of('mcpx.server.resources')).toMatchObject([{ value: 3, attributes: { 'mcpx.server.id': 'a' } }]);
    expect(of('mcpx.server.bytes')[0]?.value).toBeGreaterThan(10);
    const reads = of('mcp.client.operation.duration').filter(
      ({ attributes }) => attributes['mcp.method.name'] === 'resources/read',
    );
    // All reads are one series: no URI tells them apart.
    expect(reads).toMatchObject([{ unit: 's', value: 3 }]);
  });
});

describe('the standard variables', () => {
  const traced = async (env: Readonly<Record<string, string>>) => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    return await runWith(['gather'], { a: { url: upstream.sseUrl } }, env);
  };
  const paths = (collector: Collector) => collector.exports.map(({ path: to }) => to).sort();

  it('http/protobuf is the default protocol', async () => {
    await using collector = await startCollector();
    await traced({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    expect(paths(collector)).toEqual(['/v1/metrics', '/v1/traces']);
    expect(collector.exports[0]?.headers['content-type']).toBe('application/x-protobuf');
    expect(collector.protobufSpanNames).toEqual(
      expect.arrayContaining(['mcpx gather', 'gather', 'gather server', 'resources/read']),
    );
  });

  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ['OTEL_TRACES_EXPORTER=none', { OTEL_TRACES_EXPORTER: 'none' }, ['/v1/metrics']],
    ['OTEL_METRICS_EXPORTER=none', { OTEL_METRICS_EXPORTER: 'none' }, ['/v1/traces']],
    ['OTEL_SDK_DISABLED=true', { OTEL_SDK_DISABLED: 'true' }, []],
    ['OTEL_TRACES_SAMPLER=always_off', { OTEL_TRACES_SAMPLER: 'always_off' }, ['/v1/metrics']],
    [
      'OTEL_TRACES_SAMPLER=traceidratio with 0',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      ['/v1/metrics'],
    ],
  ])('%s', async (_, env, expected) => {
    await using collector = await startCollector();
    const { status, stderr } = await traced({ ...JSON_TO(collector), ...env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(paths(collector)).toEqual(expected);
  });

  it('an address of one signal sends that alone', async () => {
    await using collector = await startCollector();
    await traced({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/somewhere` });
    expect(paths(collector)).toEqual(['/somewhere']);
  });

  it('name, attributes, headers and compression', async () => {
    await using collector = await startCollector();
    await traced({
      ...JSON_TO(collector),
      OTEL_SERVICE_NAME: 'nightly',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test,team=a%20b',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=k1',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });
    expect(collector.resource).toMatchObject({
      'service.name': 'nightly',
      'deployment.environment': 'test',
      team: 'a b',
    });
    for (const { headers } of collector.exports) {
      expect(headers).toMatchObject({ 'x-api-key': 'k1', 'content-encoding': 'gzip' });
    }
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'not grpc'],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'not zipkin'],
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, 'sometimes'],
  ])('%o is told', async (env, said) => {
    await using collector = await startCollector();
    const { status, stderr } = await traced({ ...JSON_TO(collector), ...env });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^note: OpenTelemetry: /);
    expect(stderr).toContain(said);
  });
});

describe('a collector that is not well', () => {
  const BOUND_MS = 1500;

  it.each<[string, () => Promise<{ url: string } & AsyncDisposable>, string]>([
    [
      'nobody',
      async () => ({ url: `http://127.0.0.1:${await freePort()}`, [Symbol.asyncDispose]: async () => {} }),
      'ECONNREFUSED',
    ],
    ['one that refuses', () => startCollector({ status: 401 }), 'HTTP 401'],
    ['one that is overloaded', () => startCollector({ status: 503 }), 'no answer in time'],
    ['one that is silent', () => startCollector({ silent: true }), 'no answer in time'],
  ])('%s changes neither result nor exit status, and is told once', async (_, start, reason) => {
    await using collector = await start();
    await using upstream = await startFakeUpstream({ resources: 1 });
    const down = `http://127.0.0.1:${await freePort()}/sse`;
    for (const [url, status] of [
      [upstream.sseUrl, 0],
      [down, 4],
    ] as const) {
      const servers = { a: { url } };
      const plain = await runWith(['gather', '--list-only', '-o', 'json'], servers, {});
      const started = performance.now();
      const traced = await runWith(['gather', '--list-only', '-o', 'json'], servers, {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.replace('//', '//user:password@'),
      });
      // Generous: what is bounded is the wait, and the machine may be busy.
      expect(performance.now() - started).toBeLessThan(BOUND_MS + 8000);
      expect([plain.status, traced.status]).toEqual([status, status]);
      expect(Object.keys(JSON.parse(traced.stdout || '{}') as object)).toEqual(
        Object.keys(JSON.parse(plain.stdout || '{}') as object),
      );
      const [note, ...rest] = traced.stderr.split('\n');
      expect(note).toContain(`note: OpenTelemetry: traces and metrics did not arrive at ${collector.url} `);
      expect(note).toContain(reason);
      expect(note).not.toContain('password');
      // The failure, where there is one, is still the last line.
      expect(rest.filter((line) => line !== '').length).toBe(status === 0 ? 0 : 1);
      if (status !== 0) expect(JSON.parse(rest[0] ?? '')).toMatchObject({ error: { code: 'UPS202' } });
    }
    const quiet = await runWith(
      ['gather', '-q'],
      { a: { url: upstream.sseUrl } },
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      },
    );
    expect(quiet.stderr).toBe('');
  });
});

describe('a traced gateway', () => {
  it('sends what it recorded while it runs, and the rest at its end', async () => {
    await using collector = await startCollector();
    await using upstream = await startFakeUpstream({ resources: 2 });
    using folder = temporaryFolder();
    const env = { ...JSON_TO(collector), OTEL_BSP_SCHEDULE_DELAY: '100' };
    await using gateway = await startGateway(upstream.mcpUrl, folder, { env });
    await gateway.read('item://1');
    const read = () => collector.spans.filter(({ kind }) => kind === 'server');
    await expect.poll(() => read().length).toBe(1);
    await gateway.read('item://2');
    expect(await gateway.stop()).toMatchObject({ status: 0, stderr: expect.not.stringContaining('note:') });
    expect(read().map(({ name }) => name)).toEqual(['resources/read', 'resources/read']);
    expect(collector.points.map(({ metric }) => metric)).toContain('mcp.server.operation.duration');
  });

  it('serves without its collector, and says so at the end', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    using folder = temporaryFolder();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
    await using gateway = await startGateway(upstream.mcpUrl, folder, { env });
    await gateway.read('item://1');
    const { status, stderr } = await gateway.stop();
    expect(status).toBe(0);
    expect(stderr).toMatch(/note: OpenTelemetry: .*(did not arrive|did not take everything)/);
  });
});

describe('without the variables', () => {
  const loadedBy = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    using folder = temporaryFolder();
    const file = path.join(folder.path, 'loaded.json');
    const { status } = await runWith(args, { a: { url: upstream.sseUrl } }, env, {
      nodeArgs: ['--require', path.resolve('test/fixtures/loaded-modules.cjs')],
      env: { LOADED_MODULES_FILE: file },
    });
    expect(status).toBe(0);
    return (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((name) => path.basename(name));
  };

  it('nothing of OpenTelemetry is loaded', async () => {
    expect(await loadedBy(['gather'], {})).not.toContain('telemetry.cjs');
    const elsewhere = { OTEL_SERVICE_NAME: 'x', TRACEPARENT: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01` };
    expect(await loadedBy(['gather'], elsewhere)).not.toContain('telemetry.cjs');
    const nobody = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
    expect(await loadedBy(['servers', 'list'], nobody)).not.toContain('telemetry.cjs');
    // What the check looks for is there where it must be.
    expect(await loadedBy(['gather', '-q'], nobody)).toContain('telemetry.cjs');
  });

  it.each([
    ['nor is it by the gateway', {}, false],
    ['unless somebody asks', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }, true],
  ])('%s', async (_title, env, isLoaded) => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    using folder = temporaryFolder();
    const file = path.join(folder.path, 'loaded.json');
    await using gateway = await startGateway(upstream.mcpUrl, folder, {
      nodeArgs: ['--require', path.resolve('test/fixtures/loaded-modules.cjs')],
      env: { ...env, LOADED_MODULES_FILE: file },
    });
    await gateway.read('item://1');
    expect((await gateway.stop()).status).toBe(0);
    expect(readFileSync(file, 'utf8').includes('telemetry.cjs')).toBe(isLoaded);
  });

  it('servers are told of no trace', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    await runWith(['gather'], { a: { url: upstream.sseUrl } }, {});
    expect(upstream.metas.map(({ meta }) => meta['traceparent'])).toEqual(
      upstream.metas.map(() => undefined),
    );
  });

  it('the bundle of the program holds nothing of it', () => {
    const isIn = (file: string) => readFileSync(file, 'latin1').includes('OTEL_BSP_');
    expect([isIn('dist/mcpx.cjs'), isIn('dist/telemetry.cjs')]).toEqual([false, true]);
  });
});
