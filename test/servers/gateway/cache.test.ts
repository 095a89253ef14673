import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import type { GatewayStatus } from '../../../src/core/clients/gateway-status.js';
import { addressOf } from '../../../src/servers/gateway/address.js';
import { configOf, type FileSettings } from '../../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { CLIENT_KINDS, failure, over, startTestGateway, type TestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

const resource = (uri: string, text: string) => ({ uri, name: uri, text });
const CACHED = { orchestration: { resource_cache_ttl: 300 } };
/** Older servers give no hints. */
const OLDER: FakeUpstreamOptions = { era: 'legacy' };

interface ReadResult {
  readonly contents: readonly object[];
  readonly _meta?: Readonly<Record<string, unknown>>;
  readonly ttlMs?: number;
  readonly cacheScope?: string;
}
/** Reads without the cache that the client itself has. */
const readBy = async (client: Client, uri: string): Promise<ReadResult> =>
  client.readResource({ uri }, { cacheMode: 'bypass' });
const cacheOf = ({ _meta }: ReadResult) =>
  _meta?.['mcpx/cache'] as { source: string; age_ms: number; ttl_ms: number; stale?: boolean };
const textOf = ({ contents }: ReadResult) => (contents[0] as { text?: string }).text;

/** What a client gets on the wire, which an SDK may hide. */
async function rawRead(gateway: TestGateway, uri: string, meta: object = {}): Promise<ReadResult> {
  const response = await fetch(gateway.served.urls!.mcp, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'resources/read',
      'mcp-name': uri,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'resources/read',
      params: {
        uri,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
          ...meta,
        },
      },
    }),
  });
  const { result } = (await response.json()) as { result: ReadResult };
  return result;
}

describe('a resource that was read', () => {
  for (const kind of CLIENT_KINDS) {
    it(`is read from its server once while it is fresh, and says so (${kind})`, async () => {
      await using a = await startFakeUpstream(OLDER);
      await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
      const client = await gateway.client(kind);
      const first = await readBy(client, 'item://1');
      expect(cacheOf(first)).toEqual({ source: 'live', age_ms: 0, ttl_ms: 300_000 });
      for (let count = 0; count < 3; count += 1) {
        const kept = await readBy(await gateway.client(kind), 'item://1');
        expect(kept.contents).toEqual(first.contents);
        expect(kept._meta).toMatchObject({ 'mcpx/server': 'a', 'mcpx/priority': 1 });
        expect(cacheOf(kept)).toEqual({ source: 'cache', age_ms: expect.any(Number), ttl_ms: 300_000 });
      }
      expect(a.reads.get('item://1')).toBe(1);
      await readBy(client, 'item://2');
      expect(a.reads.get('item://2')).toBe(1);
    });
  }

  it('is asked for once by all who want it at the same time', async () => {
    await using a = await startFakeUpstream({ ...OLDER, readDelayMs: 300 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const clients = await Promise.all(Array.from({ length: 8 }, () => gateway.client('modern')));
    const callers = Array.from({ length: 64 }, (_, index) => readBy(clients[index % 8]!, 'item://1'));
    const answers = await Promise.all(callers);
    expect(new Set(answers.map(textOf)).size).toBe(1);
    expect(a.reads.get('item://1')).toBe(1);
  });

  it('reaches the others when the first of them gives up', async () => {
    await using a = await startFakeUpstream({ ...OLDER, readDelayMs: 1000 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const [one, two] = [await gateway.client('legacy'), await gateway.client('modern')];
    const leaving = new AbortController();
    const first = failure(one.readResource({ uri: 'item://1' }, { signal: leaving.signal }));
    await a.requested('resources/read');
    const second = readBy(two, 'item://1');
    // It comes after that, so by its answer the second read waits, too.
    await two.listTools();
    leaving.abort();
    await first;
    expect((await second).contents).toHaveLength(1);
    expect(a.reads.get('item://1')).toBe(1);
  });

  it('is one, by whatever address', async () => {
    await using a = await startFakeUpstream(OLDER);
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client();
    const address = 'mcpx://a/item%3A%2F%2F1';
    const [plain, addressed] = [await readBy(client, 'item://1'), await readBy(client, address)];
    expect(addressed.contents).toEqual([{ ...plain.contents[0], uri: address }]);
    expect((await readBy(client, 'item://1')).contents).toEqual(plain.contents);
    expect(a.reads.get('item://1')).toBe(1);
  });

  it('by a template is kept too', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 1, { cache: { ttl: 300 } }) });
    const client = await gateway.client();
    for (const uri of ['city://Bern', 'city://Rome', 'city://Bern']) await readBy(client, uri);
    expect(a.reads).toEqual(['city://Bern', 'city://Rome']);
  });

  it('that is not there is asked for again', async () => {
    await using a = await startFakeUpstream({ ...OLDER, templates: [{ uriTemplate: 'x://{y}', name: 'x' }] });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client();
    for (let count = 0; count < 2; count += 1) {
      expect(await failure(readBy(client, 'x://1'))).toMatchObject({ code: -32602 });
    }
    expect(a.reads.get('x://1')).toBe(2);
  });
});

describe('the time to live', () => {
  it('is what the server hints, and over then', async () => {
    await using a = await startFakeUpstream({ ttlMs: 100 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client();
    expect(cacheOf(await readBy(client, 'item://1'))).toMatchObject({ source: 'live', ttl_ms: 100 });
    await expect.poll(async () => cacheOf(await readBy(client, 'item://1')).source).toBe('cache');
    const sources = async () => {
      const { source, age_ms: ageMs } = cacheOf(await readBy(client, 'item://1'));
      expect(ageMs).toBeLessThan(100);
      return source;
    };
    await expect.poll(sources).toBe('live');
  });

  it('goes on to clients as what is left of it, where their revision has a word for it', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000, cacheScope: 'public' });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    expect(await rawRead(gateway, 'item://1')).toMatchObject({ ttlMs: 60_000, cacheScope: 'public' });
    let later = await rawRead(gateway, 'item://1');
    while (cacheOf(later).age_ms === 0) later = await rawRead(gateway, 'item://1');
    expect(later.cacheScope).toBe('public');
    expect(later.ttlMs).toBe(60_000 - cacheOf(later).age_ms);
    const older = await readBy(await gateway.client('legacy'), 'item://1');
    expect(Object.keys(older).sort()).toEqual(['_meta', 'contents']);
  });

  it.each([
    ['resource_cache_ttl: 0', {}, { resource_cache_ttl: 0 }, 3],
    ['a hint of 0', { ttlMs: 0 }, {}, 3],
    ['a hint of 0 where the server has a time', { ttlMs: 0, cache: { ttl: 60 } }, {}, 1],
    ['hints that do not count', { ttlMs: 0, cache: { honor_server_hints: false } }, {}, 1],
    ["the server's cache.ttl of 0", { cache: { ttl: 0 } }, {}, 3],
  ] as const)('%s', async (_title, settings, orchestration, reads) => {
    const { ttlMs, cache } = settings as { ttlMs?: number; cache?: FileSettings };
    await using a = await startFakeUpstream(ttlMs === undefined ? OLDER : { ttlMs });
    const server = over(a, 1, cache === undefined ? {} : { cache });
    await using gateway = await startTestGateway(
      { a: server },
      { orchestration: { resource_cache_ttl: 300, ...orchestration } },
    );
    const client = await gateway.client();
    for (let count = 0; count < 3; count += 1) await readBy(client, 'item://1');
    expect(a.reads.get('item://1')).toBe(reads);
    expect((await readBy(client, 'item://1')).ttlMs === 0).toBe(reads === 3);
  });

  it('of a changed configuration counts for servers that did not change', async () => {
    await using a = await startFakeUpstream(OLDER);
    const servers = { a: over(a, 1) };
    await using gateway = await startTestGateway(servers, CACHED);
    const client = await gateway.client('legacy');
    await readBy(client, 'item://1');
    await client.listResources();
    const lists = a.lists;
    await gateway.served.reconfigure(configOf(servers, { fail_fast: false, resource_cache_ttl: 0 }));
    await readBy(client, 'item://1');
    expect(a.reads.get('item://1')).toBe(2);
    await client.listResources();
    expect(a.lists).toBe(lists + 1);
  });

  it('is none with --no-cache: every list and read reaches its server', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000, cacheScope: 'public' });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED, { cache: 'off' });
    const client = await gateway.client();
    for (let count = 1; count <= 3; count += 1) {
      const read = await rawRead(gateway, 'item://1');
      expect(read.ttlMs).toBe(0);
      expect(cacheOf(read)).toEqual({ source: 'live', age_ms: 0, ttl_ms: 0 });
      expect(a.reads.get('item://1')).toBe(count);
      const lists = a.lists;
      expect(await client.listResources()).toMatchObject({ ttlMs: 0 });
      expect(a.lists).toBe(lists + 1);
    }
  });
});

describe('what is kept crosses no credentials', () => {
  it('of two servers at one address', async () => {
    await using a = await startFakeUpstream(OLDER);
    const as = (token: string) => over(a, 1, { headers: { 'x-user': token } });
    await using gateway = await startTestGateway(
      { one: as('one'), two: { ...as('two'), priority: 2 } },
      CACHED,
    );
    const client = await gateway.client();
    for (const server of ['one', 'two', 'one', 'two']) {
      const read = await readBy(client, `mcpx://${server}/item%3A%2F%2F1`);
      expect(read._meta).toMatchObject({ 'mcpx/server': server });
    }
    expect(a.reads.get('item://1')).toBe(2);
  });

  it('of a server whose token was changed', async () => {
    await using a = await startFakeUpstream({ ...OLDER, requiredBearer: 'old' });
    const as = (token: string) => ({ a: over(a, 1, { headers: { Authorization: `Bearer ${token}` } }) });
    const orchestration = { fail_fast: false, resource_cache_ttl: 300, serve_stale_on_error: true };
    await using gateway = await startTestGateway(as('old'), { orchestration });
    const client = await gateway.client('legacy');
    await readBy(client, 'item://1');
    a.change({ requiredBearer: 'new' });
    await gateway.served.reconfigure(configOf(as('new'), orchestration));
    expect(cacheOf(await readBy(client, 'item://1')).source).toBe('live');
    await gateway.served.reconfigure(configOf(as('wrong'), orchestration));
    expect(await failure(readBy(client, 'item://1'))).toMatchObject({ code: expect.any(Number) });
  });

  it('and the parameters of one client are for its server alone', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    for (let count = 1; count <= 2; count += 1) {
      const read = await rawRead(gateway, 'item://1', { 'vendor.example/tenant': 'ada' });
      expect(read).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
      expect(a.reads.get('item://1')).toBe(count);
    }
    const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    for (let count = 0; count < 2; count += 1) await rawRead(gateway, 'item://1', trace);
    expect(a.reads.get('item://1')).toBe(3);
  });
});

describe('changes', () => {
  it('of a resource are read at once by who is told of them, and by everybody else', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({
      a: over(a, 1, { protocol: 'legacy', cache: { ttl: 300 } }),
    });
    const client = await gateway.client('legacy');
    const other = await gateway.client('modern');
    const seen: Promise<ReadResult>[] = [];
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      seen.push(readBy(client, params.uri));
    });
    await client.subscribeResource({ uri: 'note://a' });
    for (const reader of [client, other, client]) {
      await readBy(reader, 'note://a');
      await readBy(reader, 'city://Bern');
    }
    expect(a.reads).toEqual(['note://a', 'city://Bern']);
    a.served.notify.resourceUpdated('note://a');
    await expect.poll(() => seen.length).toBe(1);
    expect(cacheOf(await seen[0]!).source).toBe('live');
    await readBy(other, 'note://a');
    await readBy(other, 'city://Bern');
    expect(a.reads).toEqual(['note://a', 'city://Bern', 'note://a']);
  });

  it('of the list of resources take the contents with them', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({
      a: over(a, 1, { protocol: 'legacy', cache: { ttl: 300 } }),
    });
    const client = await gateway.client();
    await readBy(client, 'note://a');
    a.served.notify.resourcesChanged();
    await expect.poll(async () => cacheOf(await readBy(client, 'note://a')).source).toBe('live');
    expect(a.reads).toEqual(['note://a', 'note://a']);
  });

  it('behind an address that failed meanwhile are seen', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000, resources: [resource('x://1', 'before')] });
    await using gateway = await startTestGateway({ a: over(a, 1, { protocol: '2026-07-28' }) }, CACHED);
    const client = await gateway.client('legacy');
    expect(textOf(await readBy(client, 'x://1'))).toBe('before');
    await a.close();
    // It keeps no connection, so that it is gone only shows when it is asked.
    await failure(readBy(client, 'mcpx://a/x%3A%2F%2F2'));
    a.change({ resources: [resource('x://1', 'after')] });
    await a.restart();
    await expect
      .poll(() => readBy(client, 'x://1').then(textOf, () => 'not there'), { timeout: 10_000 })
      .toBe('after');
  });

  it('by a new process behind the address are seen', async () => {
    await using a = await startFakeUpstream({ transport: 'sse', resources: [resource('x://1', 'before')] });
    const server = { url: a.sseUrl, transport: 'sse', priority: 1 };
    await using gateway = await startTestGateway({ a: server }, CACHED);
    const client = await gateway.client('legacy');
    expect(textOf(await readBy(client, 'x://1'))).toBe('before');
    await a.close();
    a.change({ resources: [resource('x://1', 'after')] });
    await a.restart();
    await expect
      .poll(() => readBy(client, 'x://1').then(textOf, () => 'not there'), { timeout: 10_000 })
      .toBe('after');
  });
});

describe('what is kept', () => {
  const under = (
    gateway: TestGateway,
    servers: Record<string, FileSettings>,
    rule: FileSettings,
    more = {},
  ) => gateway.served.reconfigure(configOf(servers, { resource_cache_ttl: 300, ...rule }, { gateway: more }));

  it('is not answered once it is disputed', async () => {
    await using a = await startFakeUpstream({ ...OLDER, resources: [resource('item://1', 'a')] });
    const resources = [resource('item://1', 'b'), resource('only://b', 'b')];
    await using b = await startFakeUpstream({ ...OLDER, resources });
    const servers = { a: over(a, 1), b: over(b, 2) };
    await using gateway = await startTestGateway(servers, CACHED);
    const client = await gateway.client('legacy');
    const sourceOf = async (uri: string) => cacheOf(await readBy(client, uri)).source;
    for (const source of ['live', 'cache']) {
      expect([await sourceOf('item://1'), await sourceOf('only://b')]).toEqual([source, source]);
    }
    await under(gateway, servers, { fail_fast: false }, { on_conflict: 'error' });
    for (let count = 0; count < 2; count += 1) {
      expect((await failure(sourceOf('item://1'))).message).toContain('a and b both have "item://1"');
      expect(await sourceOf('only://b')).toBe('cache');
    }
  });

  it('is not answered for what exactly another server has, whatever its own server calls it', async () => {
    const address = addressOf('a', 'item://1');
    await using a = await startFakeUpstream({ ...OLDER, resources: [resource('item://1', 'of a')] });
    await using b = await startFakeUpstream({ ...OLDER, resources: [resource(address, 'of b')] });
    await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 2) }, CACHED);
    const client = await gateway.client('legacy');
    await client.listResources();
    expect(textOf(await readBy(client, addressOf('b', address)))).toBe('of b');
    expect(textOf(await readBy(client, address))).toBe('of a');
  });

  it('is not answered while a better server may have it and may not be missing', async () => {
    await using a = await startFakeUpstream({ ...OLDER, resources: [], malformed: [{ name: 'no uri' }] });
    await using b = await startFakeUpstream(OLDER);
    const servers = { a: over(a, 1), b: over(b, 2) };
    await using gateway = await startTestGateway(servers, CACHED);
    const client = await gateway.client('legacy');
    const sourceOf = async (uri: string) => cacheOf(await readBy(client, uri)).source;
    expect([await sourceOf('item://1'), await sourceOf('item://1')]).toEqual(['live', 'cache']);
    await under(gateway, servers, { fail_fast: true });
    for (let count = 0; count < 2; count += 1) {
      expect((await failure(sourceOf('item://1'))).message).toContain('malformed');
    }
  });
});

describe('a tool call', () => {
  const call = async () => ({ content: [] });
  const tools = [
    { name: 'look', annotations: { readOnlyHint: true }, call },
    { name: 'change', annotations: { readOnlyHint: false }, call },
    { name: 'unsaid', call },
    { name: 'fails', call: async () => ({ isError: true, content: [] }) },
    { name: 'breaks', call: () => Promise.reject(new Error('it broke')) },
  ];

  it.each([
    ['look', 1],
    ['change', 2],
    ['unsaid', 2],
    ['fails', 2],
    ['breaks', 2],
  ] as const)('of "%s" leaves as many reads as %i behind', async (name, reads) => {
    await using a = await startFakeUpstream({ ...OLDER, tools });
    await using b = await startFakeUpstream({ ...OLDER, resources: [resource('b://1', 'b')] });
    await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 2) }, CACHED);
    const client = await gateway.client();
    for (const uri of ['item://1', 'b://1']) await readBy(client, uri);
    await client.callTool({ name }).catch(() => undefined);
    for (const uri of ['item://1', 'b://1']) await readBy(client, uri);
    expect([a.reads.get('item://1'), b.reads.get('b://1')]).toEqual([reads, 1]);
  });

  it('shows what it has made in the next list, where the server does not tell of that', async () => {
    const resources = [resource('x://1', 'one')];
    const make = async () => {
      a.change({ resources: [...resources, resource('x://2', 'two')] });
      return { content: [] };
    };
    await using a = await startFakeUpstream({ ...OLDER, resources, tools: [{ name: 'make', call: make }] });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client('legacy');
    expect((await client.listResources()).resources).toHaveLength(1);
    await client.callTool({ name: 'make' });
    expect((await client.listResources()).resources).toHaveLength(2);
    expect(textOf(await readBy(client, 'x://2'))).toBe('two');
  });

  it('does not let a read that began before it be kept', async () => {
    await using a = await startFakeUpstream({ ...OLDER, tools, readDelayMs: 300 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client();
    await client.listTools();
    const before = readBy(client, 'item://1');
    await a.requested('resources/read');
    await client.callTool({ name: 'change' });
    await before;
    expect(cacheOf(await readBy(client, 'item://1')).source).toBe('live');
    expect(cacheOf(await readBy(client, 'item://1')).source).toBe('cache');
  });

  it('that is given up counts as well', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: over(a, 1, { cache: { ttl: 300 } }) });
    const client = await gateway.client();
    const stop = new AbortController();
    const waiting = failure(client.callTool({ name: 'wait' }, { signal: stop.signal }));
    await a.until(() => a.calls.includes('wait'));
    await readBy(client, 'note://a');
    stop.abort();
    await waiting;
    await expect.poll(async () => cacheOf(await readBy(client, 'note://a')).source).toBe('live');
  });
});

describe('a server that is down', () => {
  const orchestration = { resource_cache_ttl: 300, serve_stale_on_error: true };
  const start = () => startFakeUpstream({ transport: 'sse', tools: [{ name: 'echo' }] });

  it('is answered for by what was kept, where that is asked for, and that is said', async () => {
    await using a = await start();
    const server = { url: a.sseUrl, transport: 'sse', priority: 1 };
    await using gateway = await startTestGateway({ a: server }, { orchestration });
    const client = await gateway.client();
    const live = await readBy(client, 'item://1');
    await a.close();
    await expect
      .poll(async () => (await client.listResources(undefined, { cacheMode: 'bypass' }))._meta)
      .toMatchObject({
        'mcpx/complete': true,
        'mcpx/servers': {
          a: { status: 'stale', entries: 3, age_ms: expect.any(Number), error: { code: expect.any(String) } },
        },
      });
    const stale = await readBy(client, 'item://1');
    expect(stale.contents).toEqual(live.contents);
    expect(cacheOf(stale)).toEqual({
      source: 'cache',
      age_ms: expect.any(Number),
      ttl_ms: 300_000,
      stale: true,
      error: { code: expect.stringMatching(/^UPS2/), message: expect.stringContaining('a') },
    });
    expect(stale.ttlMs).toBe(0);
    // What was not read before cannot be answered, and tools cannot be called.
    expect(await failure(readBy(client, 'item://2'))).toMatchObject({ code: -32603 });
    expect((await client.listTools()).tools).toEqual([]);
    await a.restart();
    await expect
      .poll(async () => cacheOf(await readBy(client, 'item://1')), { timeout: 10_000 })
      .toMatchObject({ source: 'live' });
    expect(cacheOf(await readBy(client, 'item://1')).stale).toBeUndefined();
  });

  it('and hangs when it is tried again keeps nobody waiting for what was kept', async () => {
    await using a = await start();
    const server = { url: a.sseUrl, transport: 'sse', priority: 1, connect_timeout: 60, timeout: 60 };
    await using gateway = await startTestGateway({ a: server }, { orchestration });
    const client = await gateway.client();
    await readBy(client, 'item://1');
    await a.close();
    const status = async () => {
      const { _meta } = await client.listResources(undefined, { cacheMode: 'bypass' });
      return (_meta?.['mcpx/servers'] as Record<string, { status: string }> | undefined)?.['a']?.status;
    };
    await expect.poll(status).toBe('stale');
    a.change({ connectDelayMs: 60_000 });
    await a.restart();
    expect(cacheOf(await readBy(client, 'item://1')).stale).toBe(true);
  });

  it('is not answered for otherwise', async () => {
    await using a = await start();
    const server = { url: a.sseUrl, transport: 'sse', priority: 1 };
    await using gateway = await startTestGateway({ a: server }, CACHED);
    const client = await gateway.client();
    await readBy(client, 'item://1');
    await a.close();
    await expect
      .poll(async () => (await client.listResources(undefined, { cacheMode: 'bypass' }))._meta)
      .toMatchObject({ 'mcpx/servers': { a: { status: 'failed' } } });
    expect(await failure(readBy(client, 'item://1'))).toMatchObject({
      message: expect.stringContaining('a'),
    });
  });

  it('and refuses our credentials now is not answered for either', async () => {
    await using a = await startFakeUpstream({ ...OLDER, requiredBearer: 'yes', ttlMs: 1 });
    const server = over(a, 1, { headers: { Authorization: 'Bearer yes' } });
    await using gateway = await startTestGateway({ a: server }, { orchestration });
    const client = await gateway.client();
    await readBy(client, 'item://1');
    a.change({ requiredBearer: 'no' });
    await expect.poll(() => failure(readBy(client, 'item://1'))).toMatchObject({ code: -32603 });
    const { _meta } = await client.listResources(undefined, { cacheMode: 'bypass' });
    expect(_meta).toMatchObject({ 'mcpx/servers': { a: { status: 'failed', error: { code: 'UPS207' } } } });
  });
});

describe('what the gateway tells of its cache', () => {
  it('stands in /status, /metrics and the log', async () => {
    await using a = await startFakeUpstream({ ...OLDER, readDelayMs: 200 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, CACHED);
    const client = await gateway.client('legacy');
    for (let count = 0; count < 4; count += 1) await readBy(client, 'item://1');
    const origin = `http://127.0.0.1:${gateway.served.port}`;
    const status = (await (await fetch(`${origin}/status`)).json()) as GatewayStatus;
    expect(status).toMatchObject({
      reads: { hits: 3, misses: 1, hit_rate: 0.75 },
      servers: [{ id: 'a', requests: 4 }],
    });
    // How fast the cache is tells nothing of the server.
    expect(status.servers[0]?.p50_ms).toBeGreaterThanOrEqual(190);
    const metrics = await (await fetch(`${origin}/metrics`)).text();
    expect(metrics).toContain('\nmcpx_gateway_read_hits_total 3\n');
    expect(metrics).toContain('\nmcpx_gateway_read_misses_total 1\n');
    const sources = gateway.log
      .filter(({ event }) => event === 'gateway.request')
      .map(({ fields }) => fields['source']);
    expect(sources).toEqual(['live', 'cache', 'cache', 'cache']);
  });
});
