import { writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/core/clients/resource-client.js';
import { Listening } from '../../../src/core/gather/listening.js';
import { createOperation } from '../../../src/core/operation.js';
import { MCPOrchestrator } from '../../../src/core/orchestrator.js';
import { startMetadataServer } from '../../../src/servers/metadata/start.js';
import { configOf, temporaryFolder } from '../../fixtures/configuration.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { contentsOf } from '../../fixtures/gathering.js';
import { held } from '../../fixtures/held.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';
import { verifies } from '../../verifies.js';

function catalogue(name: string, extra: object = {}): string {
  const product = { canonical_id: 'P_1', canonical_name: name, aliases: ['light'] };
  return JSON.stringify({
    last_updated: '2026-01-01T00:00:00',
    version: '1.0.0',
    product_aliases: { lamp: product, ...extra },
    column_mappings: { revenue: 'SUM(sales.total_amount)' },
  });
}

/** A metadata server of ours, and an orchestrator that keeps its answers for an hour. */
async function world(path: 'sse' | 'mcp', protocol: string) {
  const folder = temporaryFolder();
  const file = folder.write('products.json', catalogue('Lamp'));
  const served = await startMetadataServer(
    { host: '127.0.0.1', port: 0, transport: 'http', metadataPath: file, watch: false },
    createOperation(),
  );
  const url = path === 'sse' ? served.urls?.sse : served.urls?.mcp;
  const server = { url, protocol, priority: 1, domains: ['products'], cache: { ttl: 3600 } };
  const orchestrator = new MCPOrchestrator(configOf({ a: server }, { resource_cache_ttl: 3600 }), {
    listens: true,
  });
  return {
    file,
    served,
    orchestrator,
    async names(): Promise<string> {
      return JSON.stringify(await orchestrator.getResourcesForDomain('products'));
    },
    async [Symbol.asyncDispose]() {
      await orchestrator.close();
      await served.close();
      folder[Symbol.dispose]();
    },
  };
}

describe('an orchestrator that listens', () => {
  it.each([
    ['SSE', 'sse', 'auto'],
    ['Streamable HTTP of 2025', 'mcp', 'legacy'],
    ['Streamable HTTP of 2026', 'mcp', '2026-07-28'],
  ] as const)('over %s forgets what a server says has changed', async (_title, path, protocol) => {
    await using at = await world(path, protocol);
    expect(await at.names()).toContain('"Lamp"');
    await at.names();
    expect(at.orchestrator.getStatus().cache.hits).toBeGreaterThan(0);
    writeFileSync(at.file, catalogue('Lantern'));
    expect(await at.served.reload()).toBe(true);
    // What it told is on its way.
    while (!(await at.names()).includes('"Lantern"')) await nextTurn();
    expect(await at.names()).not.toContain('"Lamp"');
  });

  it.each([
    ['SSE', (a: ToolUpstream) => a.sseUrl, 'auto'],
    ['Streamable HTTP of 2025', (a: ToolUpstream) => a.mcpUrl, 'legacy'],
    ['Streamable HTTP of 2026', (a: ToolUpstream) => a.mcpUrl, '2026-07-28'],
  ] as const)(
    'over %s misses no change of a resource while it subscribes to it',
    async (_, urlOf, protocol) => {
      await using a = await startToolUpstream({ name: 'a' });
      const server = { url: urlOf(a), protocol, priority: 1 };
      const config = configOf({ a: server }, { resource_cache_ttl: 300 });
      await using orchestrator = new MCPOrchestrator(config, { listens: true });
      // Before the subscription is confirmed, and so nobody is told.
      void a
        .until(() => a.subscribed.has('note://a'))
        .then(() => {
          a.note = 'changed';
        });
      await orchestrator.gather();
      expect(contentsOf((await orchestrator.gather()).outcomes[0]!)).toEqual({ 'note://a': ['changed'] });
    },
  );

  it('misses no change of a list while it reads what was on it', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    const server = { url: a.mcpUrl, protocol: 'legacy', priority: 1 };
    const config = configOf({ a: server }, { resource_cache_ttl: 300 });
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    void a.until(() => a.reads.includes('note://a')).then(() => a.addResource('note://late'));
    await orchestrator.gather();
    // What it told is on its way.
    await expect
      .poll(async () => (await orchestrator.gather()).outcomes[0]!.resources.map(({ uri }) => uri))
      .toContain('note://late');
  });

  it('forgets what was read before a slow server was ready to tell of it', async () => {
    const { released, release } = held();
    await using a = await startToolUpstream({
      name: 'a',
      subscriptions: { begun: () => released, ended: () => Promise.resolve() },
    });
    const server = { url: a.mcpUrl, protocol: 'legacy', priority: 1 };
    const config = configOf({ a: server }, { resource_cache_ttl: 300 });
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    await orchestrator.gather();
    await orchestrator.gather();
    expect(a.reads).toEqual(['note://a']);
    a.note = 'changed';
    release();
    const found = async () => contentsOf((await orchestrator.gather()).outcomes[0]!);
    await expect.poll(found).toEqual({ 'note://a': ['changed'] });
    await orchestrator.gather();
    expect(a.reads).toEqual(['note://a', 'note://a']);
  });

  it('forgets once what was read before a slow server was ready, however often that was', async () => {
    const { released, release } = held();
    await using a = await startToolUpstream({
      name: 'a',
      subscriptions: { begun: () => released, ended: () => Promise.resolve() },
    });
    const [server] = configOf({ a: { url: a.mcpUrl, protocol: 'legacy', priority: 1 } }, {}).servers;
    const op = createOperation();
    const client = await connect(server!, { redact: (text) => text, maxBytes: 1_000_000 }, op);
    try {
      const forgotten: unknown[] = [];
      const listening = new Listening((_, changed) => forgotten.push(changed), new AbortController().signal);
      for (let read = 0; read < 20; read += 1) await listening.follow(client, 'note://a', op);
      release();
      await expect.poll(() => forgotten).toContainEqual({ uri: 'note://a' });
      expect(forgotten).toHaveLength(1);
    } finally {
      await client.close();
    }
  });

  it('forgets a resource when a part of it has changed', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    const server = { url: a.sseUrl, transport: 'sse', priority: 1 };
    const config = configOf({ a: server }, { resource_cache_ttl: 300 });
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    await orchestrator.gather();
    await a.until(() => a.subscribed.has('note://a'));
    a.served.notify.resourceUpdated('note://a', 'note://a/part');
    await expect
      .poll(async () => {
        await orchestrator.gather();
        return a.reads;
      })
      .toEqual(['note://a', 'note://a']);
  });

  it('asks again when it could not hear the server for a while', async () => {
    await using upstream = await startFakeUpstream({ resources: 1 });
    const config = configOf(
      { a: { url: upstream.url, priority: 1, domains: ['x'] } },
      { resource_cache_ttl: 300, serve_stale_on_error: true },
    );
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    const found = async () => (await orchestrator.gather()).outcomes[0]!;
    expect((await found()).resources).toHaveLength(1);
    upstream.change({ resources: 2 });
    await upstream.restart();
    // That the connection has ended is on its way.
    while ((await found()).resources.length !== 2) await nextTurn();
    await upstream.close();
    while ((await found()).stale === undefined) await nextTurn();
    expect(await found()).toMatchObject({ status: 'ok', stale: { error: { code: 'UPS202' } } });
  });

  it('does not wait for a server that is silent about subscriptions', async () => {
    await using upstream = await startFakeUpstream({
      resources: 30,
      subscribable: true,
      hangAt: 'subscribe',
    });
    const config = configOf({ a: { url: upstream.url, priority: 1, domains: ['x'] } }, {});
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    const started = performance.now();
    const { complete } = await orchestrator.gather({ deadlineMs: 2000 });
    expect(complete).toBe(true);
    expect(upstream.requests.get('resources/subscribe')).toBe(8);
    expect(performance.now() - started).toBeLessThan(8000);
  });

  verifies('orch:cache-hit', 'still asks nobody while nothing has changed', async () => {
    await using upstream = await startFakeUpstream({ resources: 2 });
    const config = configOf(
      { a: { url: upstream.url, priority: 1, domains: ['x'] } },
      { resource_cache_ttl: 300 },
    );
    await using orchestrator = new MCPOrchestrator(config, { listens: true });
    await orchestrator.gather();
    await orchestrator.gather();
    expect([upstream.lists, upstream.reads.get('item://1')]).toEqual([1, 1]);
  });
});
