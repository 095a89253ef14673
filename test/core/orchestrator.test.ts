import { describe, expect, it } from 'vitest';
import { MCPConnectionError, NoMCPAvailableError } from '../../src/core/errors.js';
import { createLogger } from '../../src/core/logging/logger.js';
import { createOperation } from '../../src/core/operation.js';
import { MCPOrchestrator } from '../../src/index.js';
import { startMetadataServer } from '../../src/servers/metadata/start.js';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { failureOf, gatherOnce, orchestratorOf } from '../fixtures/gathering.js';
import { verifies } from '../verifies.js';

const ALIASES = {
  uri: 'product-aliases://list',
  name: 'Product Aliases',
  mimeType: 'application/json',
  text: '{"aliases":{"abra":{"canonical_id":"P1"}}}',
};

/** Where nothing listens: the port of a server that has just gone. */
async function deadUrl(): Promise<string> {
  const upstream = await startFakeUpstream();
  await upstream.close();
  return upstream.sseUrl;
}

describe('initialize', () => {
  verifies(
    'orch:initialize',
    'connects to all servers side by side, or fails at once naming the one',
    async () => {
      await using a = await startFakeUpstream({ connectDelayMs: 150 });
      await using b = await startFakeUpstream({ connectDelayMs: 150 });
      await using orchestrator = orchestratorOf({
        a: { url: a.sseUrl, priority: 1 },
        b: { url: b.sseUrl, priority: 2 },
      });
      const connecting = orchestrator.initialize();
      // Both are on their way before the first one is there.
      await Promise.all([a.requested('initialize'), b.requested('initialize')]);
      expect(orchestrator.getStatus().servers.map(({ connected }) => connected)).toEqual([false, false]);
      await connecting;
      expect(orchestrator.getStatus()).toMatchObject({
        initialized: true,
        servers: [{ connected: true }, { connected: true }],
      });
      await orchestrator.initialize();
      expect(a.requests.get('initialize')).toBe(1);

      await using hanging = await startFakeUpstream({ hangAt: 'initialize' });
      await using failing = orchestratorOf({
        hanging: { url: hanging.sseUrl, priority: 1, connect_timeout: 20 },
        gone: { url: await deadUrl(), priority: 2 },
      });
      const started = performance.now();
      const error = await failureOf(failing.initialize());
      expect(performance.now() - started).toBeLessThan(3000);
      expect(error).toBeInstanceOf(MCPConnectionError);
      expect(error).toMatchObject({ code: 'UPS202', context: { server: 'gone' } });
      expect(error.message).toContain('gone');
      expect(failing.getStatus().initialized).toBe(false);
    },
  );

  verifies(
    'orch:degraded',
    'uses who is reachable and reports the others; with nobody left it fails',
    async () => {
      await using well = await startFakeUpstream({ resources: [ALIASES] });
      const gone = await deadUrl();
      await using orchestrator = orchestratorOf(
        { gone: { url: gone, priority: 1 }, well: { url: well.sseUrl, priority: 2 } },
        { fail_fast: false },
      );
      await orchestrator.initialize();
      const { initialized, servers } = orchestrator.getStatus();
      expect(initialized).toBe(true);
      expect(servers).toMatchObject([
        { id: 'gone', connected: false, error: expect.stringContaining('nothing listens') as string },
        { id: 'well', connected: true, error: null },
      ]);
      const gathered = await orchestrator.gather();
      expect(gathered).toMatchObject({ complete: false, outcomes: [{ status: 'failed' }, { status: 'ok' }] });
      expect(await orchestrator.gatherAllResources()).toEqual({ well: expect.anything() as unknown });

      await using alone = orchestratorOf({ gone: { url: gone } }, { fail_fast: false });
      const error = await failureOf(alone.initialize());
      expect(error).toBeInstanceOf(NoMCPAvailableError);
      expect(error.code).toBe('UPS214');
      expect(error.toJSON().causes[0]).toContain('nothing listens');
      expect(await failureOf(alone.gatherAllResources())).toBeInstanceOf(NoMCPAvailableError);
    },
  );
});

describe('gathering as a library', () => {
  it('has the shape of the documents: by server name, then by resource name', async () => {
    await using upstream = await startFakeUpstream({
      resources: [
        ALIASES,
        { uri: 'x://text', name: 'Text', text: 'words' },
        { uri: 'x://picture', name: 'Picture', blob: 'AA==' },
        {
          uri: 'x://two',
          name: 'Two',
          contents: [
            { uri: 'x://two', text: '1' },
            { uri: 'x://two', text: '[2]' },
          ],
        },
      ],
    });
    using folder = temporaryFolder();
    const servers = {
      metadata: {
        name: 'Product Metadata MCP',
        url: upstream.sseUrl,
        priority: 1,
        domains: ['products'],
        capabilities: ['list_resources'],
      },
      same: { name: 'Product Metadata MCP', url: upstream.mcpUrl, priority: 2 },
    };
    const file = folder.write('c.json', configText(servers));
    await using orchestrator = await MCPOrchestrator.fromFile(file);
    const gathered = await orchestrator.gatherAllResources();
    // Of two servers of one name the later one has its id as its key: nothing is lost.
    expect(Object.keys(gathered)).toEqual(['Product Metadata MCP', 'same']);
    expect(gathered['Product Metadata MCP']).toEqual({
      priority: 1,
      domains: ['products'],
      capabilities: ['list_resources'],
      resources: {
        'Product Aliases': { aliases: { abra: { canonical_id: 'P1' } } },
        Text: 'words',
        Picture: 'AA==',
        Two: ['1', [2]],
      },
    });
  });

  it('tells who wins where two servers have one URI, and by which rule', async () => {
    await using upstream = await startFakeUpstream({
      resources: [{ uri: 'x://y' }],
      templates: [{ uriTemplate: 'x://{y}', name: 'Y' }],
    });
    const at = (priority: number) => ({ url: upstream.sseUrl, priority });
    const { conflicts } = await gatherOnce({ b: at(5), a: at(10), c: at(5) });
    expect(conflicts).toEqual([
      {
        kind: 'resource-uri',
        key: 'x://y',
        winner: 'b',
        losers: ['c', 'a'],
        rule: 'equal priority 5, id "b" before "c"',
      },
      {
        kind: 'template-uri',
        key: 'x://{y}',
        winner: 'b',
        losers: ['c', 'a'],
        rule: 'equal priority 5, id "b" before "c"',
      },
    ]);
    const { conflicts: clear } = await gatherOnce({ a: at(1), b: at(10) }, {}, { listOnly: true });
    expect(clear[0]).toMatchObject({ winner: 'a', losers: ['b'], rule: 'priority 1 < 10' });
  });

  it('asks only the named servers, and none that is not configured', async () => {
    await using a = await startFakeUpstream();
    await using b = await startFakeUpstream();
    await using orchestrator = orchestratorOf({
      a: { url: a.sseUrl, priority: 1 },
      b: { url: b.sseUrl, priority: 2 },
    });
    const { outcomes } = await orchestrator.gather({ servers: ['b'] });
    expect(outcomes.map(({ server }) => server.id)).toEqual(['b']);
    expect(a.connections).toBe(0);
    expect(await failureOf(orchestrator.gather({ servers: ['c'] }))).toMatchObject({
      code: 'RES306',
      exitCode: 7,
      hint: 'Configured: a, b.',
    });
  });

  it('a stop from outside ends it with the reason that was given', async () => {
    await using upstream = await startFakeUpstream({ hangAt: 'read' });
    for (const fail_fast of [true, false]) {
      await using orchestrator = orchestratorOf({ a: { url: upstream.sseUrl } }, { fail_fast });
      const stop = new AbortController();
      const before = upstream.requests.get('resources/read') ?? 0;
      const gathering = orchestrator.gather({}, createOperation({ signal: stop.signal }));
      gathering.catch(() => undefined);
      await upstream.requested('resources/read', before + 1);
      const reason = new MCPConnectionError('UPS219', 'stopped by the test');
      stop.abort(reason);
      const error = await failureOf(gathering);
      expect(error.code).toBe('UPS219');
      expect(error.message).toContain('stopped by the test');
    }
  });
});

describe('domains', () => {
  verifies('orch:domain', 'the server of lowest number answers; the next one where it is down', async () => {
    await using first = await startFakeUpstream({ resources: [{ uri: 'x://1', name: 'R', text: 'first' }] });
    await using second = await startFakeUpstream({
      resources: [{ uri: 'x://1', name: 'R', text: 'second' }],
    });
    const servers = {
      second: { url: second.sseUrl, priority: 10, domains: ['products'] },
      first: { url: first.sseUrl, priority: 1, domains: ['products', 'more'] },
    };
    await using orchestrator = orchestratorOf(servers, { fail_fast: false });
    expect(await orchestrator.getResourcesForDomain('products')).toEqual({ R: 'first' });
    expect(second.connections).toBe(0);
    expect(await orchestrator.getResourcesForDomain('nobody’s')).toEqual({});

    await first.close();
    expect(await orchestrator.getResourcesForDomain('products')).toEqual({ R: 'second' });
    await using failFast = orchestratorOf(servers);
    const error = await failureOf(failFast.getResourcesForDomain('products'));
    expect(error).toMatchObject({ code: 'UPS202', context: { server: 'first' } });

    await second.close();
    await using nobody = orchestratorOf(servers, { fail_fast: false });
    expect(await failureOf(nobody.getResourcesForDomain('products'))).toBeInstanceOf(NoMCPAvailableError);
  });
});

describe('the executor', () => {
  const tool = {
    name: 'execute_query',
    call: async ({ query }: Readonly<Record<string, unknown>>) =>
      query === 'bad'
        ? { isError: true, content: [{ type: 'text', text: 'no such table' }] }
        : { content: [{ type: 'text', text: 'rows' }], structuredContent: { rows: [[query]] } },
  };

  verifies('orch:executor', 'is the best server that claims execute_query and has the tool', async () => {
    await using liar = await startFakeUpstream({ tools: [{ name: 'other' }] });
    await using database = await startFakeUpstream({ tools: [{ name: 'other' }, tool], pageSize: 1 });
    await using silent = await startFakeUpstream({ tools: [tool] });
    const claims = { capabilities: ['execute_query'] };
    await using orchestrator = orchestratorOf({
      silent: { url: silent.sseUrl, priority: 1 },
      liar: { url: liar.sseUrl, priority: 2, ...claims },
      database: { url: database.sseUrl, priority: 3, ...claims },
    });
    const executor = await orchestrator.getExecutor();
    expect(executor.server).toBe('database');
    expect(silent.connections).toBe(0);
    expect(await executor.executeQuery('SELECT 1')).toEqual({ rows: [['SELECT 1']] });
    expect(await failureOf(executor.executeQuery('bad'))).toMatchObject({
      code: 'SQL505',
      message: 'no such table',
    });
  });

  it('where there is none, that is told; where it is down, the next one or the failure', async () => {
    await using upstream = await startFakeUpstream({ tools: [tool] });
    const claims = { capabilities: ['execute_query'] };
    await using none = orchestratorOf({ a: { url: upstream.sseUrl } });
    expect(await failureOf(none.getExecutor())).toMatchObject({
      code: 'UPS218',
      name: 'NoMCPAvailableError',
    });
    const servers = {
      gone: { url: await deadUrl(), priority: 1, ...claims },
      well: { url: upstream.sseUrl, priority: 2, ...claims },
    };
    await using degraded = orchestratorOf(servers, { fail_fast: false });
    expect((await degraded.getExecutor()).server).toBe('well');
    await using failFast = orchestratorOf(servers);
    expect(await failureOf(failFast.getExecutor())).toMatchObject({ code: 'UPS202' });
  });
});

describe('reading one resource', () => {
  it('takes it from the best server that lists it, else from one that knows it by a template', async () => {
    const templates = [{ uriTemplate: 'x://{id}', name: 'X' }];
    await using templated = await startFakeUpstream({
      templates,
      failReads: { 'x://listed': { code: -32002, message: 'not here' } },
      resources: [],
    });
    await using listing = await startFakeUpstream({
      resources: [{ uri: 'x://listed', name: 'L', text: 'listed' }],
    });
    await using orchestrator = orchestratorOf({
      templated: { url: templated.sseUrl, priority: 1 },
      listing: { url: listing.sseUrl, priority: 2 },
    });
    const { server, contents } = await orchestrator.readResource('x://listed', undefined);
    expect(server.id).toBe('listing');
    expect(contents).toMatchObject([{ text: 'listed' }]);
    const error = await failureOf(orchestrator.readResource('x://unknown', undefined));
    expect(error).toMatchObject({
      code: 'RES305',
      exitCode: 7,
      hint: 'No server lists it; templated has the template x://{id} for it, and refused it.',
      cause: expect.objectContaining({ code: 'UPS217' }) as unknown,
    });
    const unlike = await failureOf(orchestrator.readResource('y://unknown', undefined));
    expect(unlike.hint).toBe('No server lists it, and none has a template for it.');
    expect(unlike.cause).toBeUndefined();
    // It was asked for by the template.
    expect(templated.reads.get('x://unknown')).toBe(1);
    expect(listing.reads.get('x://unknown')).toBeUndefined();
  });
});

describe('a resource that nobody has', () => {
  it.each([
    ['product-aliases://cadabara', 'product-aliases://cadabra'],
    ['product-aliases://magic%20wand%20por', 'product-aliases://magic%20wand%20pro'],
    ['product-aliases://lst', 'product-aliases://list'],
    ['product-aliases://ma%ic', undefined],
    ['product-aliases://zzzz', undefined],
  ])('is told with what may have been meant: %s', async (uri, meant) => {
    const metadata = await startMetadataServer(
      {
        host: '127.0.0.1',
        port: 0,
        transport: 'http',
        metadataPath: 'resources/product_metadata.json',
        watch: false,
      },
      createOperation(),
    );
    const orchestrator = orchestratorOf({ metadata: { url: metadata.urls?.sse, priority: 1 } });
    const { code, hint } = await failureOf(orchestrator.readResource(uri));
    await orchestrator.close();
    await metadata.close(0);
    expect({ code, hint }).toEqual({
      code: 'RES305',
      hint:
        meant === undefined
          ? 'No server lists it; metadata has the template product-aliases://{alias} for it, and refused it.'
          : `Did you mean ${meant}?`,
    });
  });

  it('is told without secrets that a server has put into its list, and not at any length', async () => {
    const secret = 'sentinel-0002';
    const uriTemplate = `x://${secret}/{id}${'{?a}'.repeat(12)}{?${'b'.repeat(5000)}}`;
    await using upstream = await startFakeUpstream({
      templates: [{ uriTemplate, name: 'X' }],
      resources: [{ uri: `y://list?${secret}`, name: 'Y' }],
    });
    const headers = { Authorization: `Bearer ${secret}` };
    await using orchestrator = orchestratorOf({ a: { url: upstream.sseUrl, priority: 1, headers } });
    const fits = await failureOf(orchestrator.readResource(`x://${secret}/1`));
    expect(fits.hint).toMatch(
      /^No server lists it; a has the template x:\/\/\*\*\*\/\{id\}.{0,500} for it, and refused it\.$/,
    );
    const near = await failureOf(orchestrator.readResource(`y://lst?${secret}`));
    expect(near.hint).toBe('Did you mean y://list?***?');
  });

  it('is told without what a server makes of the question', async () => {
    for (const completion of [null, {}, { values: 'x' }, { values: [7, null, 'y'.repeat(100_000)] }]) {
      await using upstream = await startFakeUpstream({
        templates: [{ uriTemplate: 'x://{id}', name: 'X' }],
        resources: [],
        completion,
      });
      await using orchestrator = orchestratorOf({ a: { url: upstream.sseUrl, priority: 1 } });
      const { hint } = await failureOf(orchestrator.readResource('x://unknown'));
      expect(hint).toBe('No server lists it; a has the template x://{id} for it, and refused it.');
      expect(upstream.requests.get('completion/complete')).toBe(1);
    }
  });
});

describe('status', () => {
  verifies(
    'orch:status',
    'says what is initialized, connected, failed, and how the cache fares',
    async () => {
      await using well = await startFakeUpstream();
      await using orchestrator = orchestratorOf(
        {
          gone: { url: await deadUrl(), priority: 2, domains: ['sales'], name: 'Gone Server' },
          well: { url: well.sseUrl, priority: 1, domains: ['products'] },
        },
        { fail_fast: false },
      );
      const before = orchestrator.getStatus();
      expect(before).toEqual({
        initialized: false,
        servers: [
          { id: 'well', name: 'well', connected: false, priority: 1, domains: ['products'], error: null },
          { id: 'gone', name: 'Gone Server', connected: false, priority: 2, domains: ['sales'], error: null },
        ],
        cache: { hits: 0, misses: 0, hit_rate: 0 },
      });
      await orchestrator.gather();
      const { initialized, servers } = orchestrator.getStatus();
      expect(initialized).toBe(true);
      expect(servers.map(({ connected }) => connected)).toEqual([true, false]);
      expect(servers[1]?.error).toContain('gone: nothing listens at http://127.0.0.1:');
      await well.close();
      await expect.poll(() => orchestrator.getStatus().servers[0]?.connected).toBe(false);
      expect(() => JSON.stringify(orchestrator.getStatus())).not.toThrow();
    },
  );
});

describe('how many at once', () => {
  verifies('orch:concurrency', 'at most max_connections servers are worked on at once', async () => {
    let inFlight = 0;
    let peak = 0;
    const upstreams = await Promise.all(
      Array.from({ length: 9 }, () => startFakeUpstream({ resources: 1, readDelayMs: 30 })),
    );
    try {
      const servers = Object.fromEntries(
        upstreams.map(({ sseUrl }, index) => [`s${index}`, { url: sseUrl, priority: index + 1 }]),
      );
      const onPhase = (_server: unknown, phase: string) => {
        if (phase === 'connect') inFlight += 1;
        if (phase === 'done') inFlight -= 1;
        peak = Math.max(peak, inFlight);
      };
      await gatherOnce(servers, { max_connections: 3 }, { onPhase });
      expect(peak).toBe(3);
      peak = 0;
      await gatherOnce(servers, { max_connections: 3 }, { onPhase, concurrency: 5 });
      expect(peak).toBe(5);
      peak = 0;
      await gatherOnce(servers, {}, { onPhase });
      expect(peak).toBe(9);
      expect(inFlight).toBe(0);
    } finally {
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    }
  });

  it('resources of one server are read side by side, eight at a time', async () => {
    await using upstream = await startFakeUpstream({ resources: 20, readDelayMs: 20 });
    await gatherOnce({ a: { url: upstream.sseUrl } });
    expect(upstream.peakReads).toBe(8);
  });
});

describe('the cache', () => {
  verifies('orch:no-cache', 'with TTL 0 every gather reaches every server', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000, cacheScope: 'public' });
    await using b = await startFakeUpstream({ transport: 'streamable-http', ttlMs: 60_000 });
    await using orchestrator = orchestratorOf(
      { a: { url: a.sseUrl, priority: 1 }, b: { url: b.mcpUrl, priority: 2, cache: { ttl: 0 } } },
      { resource_cache_ttl: 0 },
    );
    for (let round = 1; round <= 3; round += 1) {
      const { outcomes } = await orchestrator.gather();
      for (const upstream of [a, b]) {
        expect(upstream.lists).toBe(round);
        expect([...upstream.reads.values()]).toEqual([round, round, round]);
      }
      for (const { resources } of outcomes) {
        expect(resources.map(({ freshness }) => freshness.hit)).toEqual([false, false, false]);
      }
    }
  });
});

describe('logs', () => {
  function logged(level: 'debug' | 'info' | 'warn' | 'error') {
    const lines: string[] = [];
    const logger = createLogger({ level, format: 'json', write: (line) => lines.push(line) });
    const events = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return { op: createOperation({ id: 'op-7', logger }), events };
  }

  verifies(
    'orch:logging',
    'every event of an operation has its id, and servers theirs, with counts',
    async () => {
      await using well = await startFakeUpstream();
      const servers = {
        well: { url: well.sseUrl, priority: 1 },
        gone: { url: await deadUrl(), priority: 2, retry: { max_retries: 1, initial: '1ms' } },
      };
      const { op, events } = logged('debug');
      await gatherOnce(servers, { fail_fast: false }, {}, op);
      expect(events().every((event) => event['operation_id'] === 'op-7')).toBe(true);
      expect(events().every((event) => !Number.isNaN(Date.parse(String(event['time']))))).toBe(true);
      const named = (name: string) => events().filter(({ event }) => event === name);
      expect(named('gather.started')).toMatchObject([{ servers: 2, mode: 'degraded' }]);
      expect(named('server.connected')).toMatchObject([{ server: 'well', transport: 'sse', era: 'legacy' }]);
      expect(named('server.gathered')).toMatchObject([
        { server: 'well', resources: 3, duration_ms: expect.any(Number) as number },
      ]);
      expect(named('server.retry')).toMatchObject([{ server: 'gone', code: 'UPS202', attempt: 1 }]);
      expect(named('server.failed')).toMatchObject([
        { server: 'gone', code: 'UPS202', phase: 'connect', level: 'warn', attempts: 2 },
      ]);
      expect(named('gather.finished')).toMatchObject([
        { servers: 2, failed: 1, resources: 3, complete: false, duration_ms: expect.any(Number) as number },
      ]);
      const quiet = logged('error');
      await gatherOnce(servers, { fail_fast: false }, {}, quiet.op);
      expect(quiet.events()).toEqual([]);
    },
  );
});
