import type { Client } from '@modelcontextprotocol/client';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { serve, type Served } from '../../../src/servers/serve.js';
import { configOf } from '../../fixtures/configuration.js';
import { CLIENT_KINDS, startTestGateway, type ClientKind } from '../../fixtures/gateway.js';
import { freePort } from '../../fixtures/executable.js';
import { held } from '../../fixtures/held.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';

const UPSTREAMS = {
  sse: ({ sseUrl }: ToolUpstream) => ({ url: sseUrl, transport: 'sse' }),
  legacy: ({ mcpUrl }: ToolUpstream) => ({ url: mcpUrl, transport: 'streamable-http', protocol: 'legacy' }),
  modern: ({ mcpUrl }: ToolUpstream) => ({
    url: mcpUrl,
    transport: 'streamable-http',
    protocol: '2026-07-28',
  }),
} as const;
type UpstreamKind = keyof typeof UPSTREAMS;
const UPSTREAM_KINDS = Object.keys(UPSTREAMS) as UpstreamKind[];

/** Subscribes in the way of the client's era. @returns how to end it */
async function subscribe(client: Client, kind: ClientKind, uri: string): Promise<() => Promise<unknown>> {
  if (kind === 'modern') {
    const subscription = await client.listen({ resourceSubscriptions: [uri] });
    return () => subscription.close();
  }
  await client.subscribeResource({ uri });
  return () => client.unsubscribeResource({ uri });
}

function updatesOf(client: Client): string[] {
  const seen: string[] = [];
  client.setNotificationHandler(
    'notifications/resources/updated',
    ({ params }) => void seen.push(params.uri),
  );
  return seen;
}

for (const upstreamKind of UPSTREAM_KINDS) {
  const settings = UPSTREAMS[upstreamKind];

  describe(`changes at a server over ${upstreamKind}`, () => {
    for (const clientKind of CLIENT_KINDS) {
      it(`of a resource reach a ${clientKind} client while it is subscribed`, async () => {
        await using a = await startToolUpstream({ name: 'a' });
        await using gateway = await startTestGateway({ a: { ...settings(a), priority: 1 } });
        const client = await gateway.client(clientKind);
        const seen = updatesOf(client);
        const end = await subscribe(client, clientKind, 'note://a');
        await a.until(() => a.subscribed.has('note://a'));
        a.served.notify.resourceUpdated('note://a');
        await expect.poll(() => seen).toEqual(['note://a']);
        await end();
        await a.until(() => a.subscribed.size === 0);
        expect(a.subscribed.size).toBe(0);
      });

      it(`of a list reach a ${clientKind} client`, async () => {
        await using a = await startToolUpstream({ name: 'a' });
        await using gateway = await startTestGateway({ a: { ...settings(a), priority: 1 } });
        const client = await gateway.client(clientKind);
        let changes = 0;
        client.setNotificationHandler('notifications/tools/list_changed', () => void (changes += 1));
        if (clientKind === 'modern') await client.listen({ toolsListChanged: true });
        expect((await client.listTools()).tools).toHaveLength(5);
        a.addTool('later');
        await expect.poll(() => changes).toBeGreaterThan(0);
        const { tools } = await client.listTools(undefined, { cacheMode: 'bypass' });
        expect(tools.map(({ name }) => name)).toContain('later');
      });

      // The SDK's server lets a client of 2026-07-28, as we would be one there, hear of nothing but what it named.
      if (upstreamKind === 'modern') continue;
      it(`of a part of a resource reach a ${clientKind} client`, async () => {
        await using a = await startToolUpstream({ name: 'a' });
        const server = { ...settings(a), priority: 1, cache: { ttl: 300 } };
        await using gateway = await startTestGateway({ a: server });
        const client = await gateway.client(clientKind);
        const seen = updatesOf(client);
        const address = 'mcpx://a/note%3A%2F%2Fa';
        const end = await subscribe(client, clientKind, 'note://a');
        await a.until(() => a.subscribed.has('note://a'));
        const read = () => client.readResource({ uri: 'note://a' }, { cacheMode: 'bypass' });
        await read();
        await read();
        expect(a.reads).toHaveLength(1);
        a.served.notify.resourceUpdated('note://a', 'note://a/part#2');
        await expect.poll(() => seen).toEqual([clientKind === 'modern' ? 'note://a' : 'note://a/part#2']);
        // What a part of has changed is read anew.
        await read();
        expect(a.reads).toHaveLength(2);
        if (clientKind === 'modern') return;

        await client.subscribeResource({ uri: address });
        a.served.notify.resourceUpdated('note://a', 'note://a?x');
        await expect.poll(() => seen.slice(1).sort()).toEqual(['mcpx://a/note%3A%2F%2Fa%3Fx', 'note://a?x']);
        await end();
        // Somebody still wants it, under another name.
        await client.listTools();
        expect(a.subscribed).toEqual(new Set(['note://a']));
        for (const uri of ['note://abc', 'note://a']) a.served.notify.resourceUpdated('note://a', uri);
        await expect.poll(() => seen.slice(3)).toEqual([address]);
      });
    }
  });
}

describe('a server that says that its list has changed', () => {
  it('whenever it is asked, is not asked without end', async () => {
    const asked: number[] = [];
    const served: Served = await serve(
      () => {
        const mcp = new McpServer(
          { name: 'a', version: '1' },
          { capabilities: { tools: { listChanged: true } } },
        );
        mcp.server.setRequestHandler('tools/list', () => {
          asked.push(performance.now());
          setImmediate(() => served.notify.toolsChanged());
          return { tools: [] };
        });
        return mcp;
      },
      { host: '127.0.0.1', port: 0, transport: 'http' },
      createOperation(),
    );
    await using gateway = await startTestGateway({
      a: { url: served.urls!.mcp, transport: 'streamable-http', protocol: 'legacy' },
    });
    const client = await gateway.client('legacy');
    expect((await client.listTools()).tools).toEqual([]);
    // It is asked again, since it may tell the truth; by itself once in 200 ms.
    await expect.poll(() => asked.length).toBeGreaterThan(5);
    expect(asked.at(-1)! - asked[1]!).toBeGreaterThan(500);
    await served.close(0);
  });
});

describe('subscriptions', () => {
  it('are asked for once, and end with the last client, also one that just leaves', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(a) });
    const clients = await Promise.all(CLIENT_KINDS.map((kind) => gateway.client(kind)));
    const seen = clients.map(updatesOf);
    for (const [index, client] of clients.entries()) {
      await subscribe(client, CLIENT_KINDS[index]!, 'note://a');
    }
    a.served.notify.resourceUpdated('note://a');
    await expect.poll(() => seen).toEqual([['note://a'], ['note://a'], ['note://a']]);
    await clients[0]!.close();
    await clients[2]!.close();
    expect(a.subscribed).toEqual(new Set(['note://a']));
    await clients[1]!.unsubscribeResource({ uri: 'note://a' });
    await a.until(() => a.subscribed.size === 0);
  });

  it('go by the URI that the client uses', async () => {
    await using a = await startToolUpstream({ name: 'same' });
    await using b = await startToolUpstream({ name: 'same' });
    await using gateway = await startTestGateway({
      a: { ...UPSTREAMS.sse(a), priority: 1 },
      b: { ...UPSTREAMS.modern(b), priority: 2 },
    });
    const client = await gateway.client('legacy');
    const seen = updatesOf(client);
    const lost = 'mcpx://b/note%3A%2F%2Fsame';
    await client.subscribeResource({ uri: lost });
    expect(a.subscribed.size).toBe(0);
    b.served.notify.resourceUpdated('note://same');
    await expect.poll(() => seen).toEqual([lost]);
  });

  it('are made anew after a reconnect, a few at a time', async () => {
    const cities = Array.from({ length: 20 }, (_, index) => `city://c${index}`);
    const port = await freePort();
    const first = await startToolUpstream({ name: 'a', port });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(first) });
    const client = await gateway.client('legacy');
    for (const uri of cities) await client.subscribeResource({ uri });
    await first.served.close(0);
    const begun = new Set<string>();
    const { released, release } = held();
    await using again = await startToolUpstream({
      name: 'a',
      port,
      subscriptions: {
        begun: async (uri) => {
          begun.add(uri);
          await released;
        },
        ended: () => Promise.resolve(),
      },
    });
    await expect.poll(() => begun.size, { timeout: 15_000 }).toBe(8);
    // Whatever was on its way has arrived before this.
    await client.readResource({ uri: 'city://Bern' });
    expect([begun.size, again.reads]).toEqual([8, ['city://Bern']]);
    release();
    await expect.poll(() => begun.size).toBe(cities.length);
  });

  it('to what nobody has are refused', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.modern(a) });
    const client = await gateway.client('legacy');
    await expect(client.subscribeResource({ uri: 'x://unknown' })).rejects.toThrow('not found');
    expect(a.subscribed.size).toBe(0);
  });

  it('that move twice at the same time are where they belong', async () => {
    await using a = await startToolUpstream({ name: 'same' });
    await using b = await startToolUpstream({ name: 'same' });
    const servers = (first: number, second: number) => ({
      a: { ...UPSTREAMS.legacy(a), priority: first },
      b: { ...UPSTREAMS.legacy(b), priority: second },
    });
    await using gateway = await startTestGateway(servers(1, 2));
    const client = await gateway.client('legacy');
    const seen = updatesOf(client);
    await client.listResources();
    await client.subscribeResource({ uri: 'note://same' });
    await gateway.served.reconfigure(configOf(servers(3, 2), { fail_fast: false }));
    for (let count = 0; count < 3; count += 1) gateway.gateway.subscriptions.follow();
    await b.until(() => b.subscribed.has('note://same'));
    await a.until(() => a.subscribed.size === 0);
    // Whatever is still under way was asked for before this.
    for (let count = 0; count < 3; count += 1) await client.listTools();
    expect(b.subscribed).toEqual(new Set(['note://same']));
    const before = seen.length;
    b.served.notify.resourceUpdated('note://same');
    await expect.poll(() => seen.length).toBeGreaterThan(before);
  });

  it('move to the server that takes over the resource', async () => {
    await using a = await startToolUpstream({ name: 'same' });
    await using b = await startToolUpstream({ name: 'same' });
    await using gateway = await startTestGateway({
      a: { ...UPSTREAMS.sse(a), priority: 1 },
      b: { ...UPSTREAMS.sse(b), priority: 2 },
    });
    const client = await gateway.client('legacy');
    const seen = updatesOf(client);
    await client.listResources();
    await client.subscribeResource({ uri: 'note://same' });
    expect(b.subscribed.size).toBe(0);
    await a.served.close(0);
    await b.until(() => b.subscribed.has('note://same'));
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    const before = seen.length;
    b.served.notify.resourceUpdated('note://same');
    await expect.poll(() => seen.length).toBeGreaterThan(before);
  });
});
