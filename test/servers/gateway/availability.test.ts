import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { CLIENT_KINDS, failure, over, startTestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';
import { freePort } from '../../fixtures/executable.js';

const resource = (uri: string, text: string) => ({ uri, name: uri, text });
const FAIL_FAST = { orchestration: { fail_fast: true } };

async function dead(priority: number, more: object = {}) {
  return over({ mcpUrl: `http://127.0.0.1:${await freePort()}/mcp` }, priority, more);
}

/** An MCP server over stdio that lists one resource and is gone. */
const CRASHES_AFTER_LISTING = `
  import { createInterface } from 'node:readline';
  const results = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { resources: {} },
      serverInfo: { name: 'crashes', version: '1' },
    },
    'resources/list': { resources: [{ uri: 'x://1', name: 'one' }] },
    'resources/templates/list': { resourceTemplates: [] },
  };
  let lists = 0;
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    if (id === undefined) return;
    process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }) + '\\n');
    if (method.endsWith('/list')) lists += 1;
    if (lists === 2) setTimeout(() => process.exit(1), 100);
  });
`;

describe('a server that is down', () => {
  for (const kind of CLIENT_KINDS) {
    it(`degraded: costs the others nothing, and is named (${kind})`, async () => {
      await using a = await startFakeUpstream();
      await using gateway = await startTestGateway({ a: over(a, 10), gone: await dead(1) });
      const client = await gateway.client(kind);
      const { resources, _meta, ttlMs } = await client.listResources();
      expect(resources).toHaveLength(3);
      expect(_meta).toMatchObject({
        'mcpx/complete': false,
        'mcpx/servers': {
          a: { status: 'ok' },
          gone: { status: 'failed', priority: 1, error: { code: 'UPS202' } },
        },
      });
      if (kind === 'modern') expect(ttlMs).toBe(0);
      expect((await client.readResource({ uri: 'item://1' })).contents).toHaveLength(1);
      expect(await failure(client.callTool({ name: 'unknown' }))).toMatchObject({
        message: expect.stringContaining('not available: gone'),
        data: { missing: ['gone'] },
      });
    });

    it(`fail-fast: fails the list, and what it might have won (${kind})`, async () => {
      await using a = await startFakeUpstream({ tools: [{ name: 'echo' }] });
      await using best = await startFakeUpstream({ resources: [resource('best://1', 'best')] });
      await using gateway = await startTestGateway(
        { best: over(best, 1), gone: await dead(5), a: over(a, 10) },
        FAIL_FAST,
      );
      const client = await gateway.client(kind);
      const named = {
        message: expect.stringContaining('gone'),
        data: { code: expect.stringMatching(/UPS202|UPS223/), server: 'gone' },
      };
      expect(await failure(client.listResources())).toMatchObject(named);
      expect(await failure(client.readResource({ uri: 'item://1' }))).toMatchObject(named);
      expect(await failure(client.callTool({ name: 'echo' }))).toMatchObject(named);
      expect(await client.readResource({ uri: 'best://1' })).toMatchObject({ contents: [{ text: 'best' }] });
    });
  }

  it('is named with what it failed with, also while it is left alone', async () => {
    const gone = await dead(5, { circuit_breaker: { failures: 1, reset: 60 } });
    await using gateway = await startTestGateway({ gone }, FAIL_FAST);
    const client = await gateway.client();
    const isLeftAlone = () => gateway.log.some(({ fields }) => fields['code'] === 'UPS223');
    await expect.poll(isLeftAlone, { timeout: 10_000 }).toBe(true);
    expect(await failure(client.listResources())).toMatchObject({
      message: expect.stringContaining('nothing listens'),
      data: { code: 'UPS202', server: 'gone' },
    });
  });

  it('fail-fast: one that is not required never fails the whole', async () => {
    await using a = await startFakeUpstream();
    const servers = { a: over(a, 10), gone: await dead(1, { required: false }) };
    await using gateway = await startTestGateway(servers, FAIL_FAST);
    const { resources, _meta } = await (await gateway.client()).listResources();
    expect(resources).toHaveLength(3);
    expect(_meta).toMatchObject({ 'mcpx/complete': true, 'mcpx/servers': { gone: { status: 'failed' } } });
  });

  it('is given pauses where it ends again and again soon after it came up', async () => {
    using folder = temporaryFolder();
    const script = folder.write('crashes.mjs', CRASHES_AFTER_LISTING);
    const crashes = { command: process.execPath, args: [script], priority: 1 };
    await using gateway = await startTestGateway({ crashes });
    const named = (event: string) => gateway.log.filter((line) => line.event === event);
    await expect.poll(() => named('gateway.server_down'), { timeout: 20_000 }).not.toEqual([]);
    expect(named('gateway.server_down')[0]?.fields).toMatchObject({ server: 'crashes', code: 'UPS203' });
    expect(named('gateway.connection_lost')).toHaveLength(4);
    const { _meta } = await (await gateway.client()).listResources();
    expect(_meta).toMatchObject({ 'mcpx/servers': { crashes: { status: 'failed' } } });
  });

  it('is back after a restart, and clients are told', async () => {
    await using a = await startFakeUpstream();
    await using b = await startFakeUpstream({ resources: [resource('b://1', 'b')], transport: 'sse' });
    await using gateway = await startTestGateway({
      a: over(a, 1),
      b: { url: b.sseUrl, transport: 'sse', priority: 2 },
    });
    const client = await gateway.client('legacy');
    let changes = 0;
    client.setNotificationHandler('notifications/resources/list_changed', () => void (changes += 1));
    const uris = async () => (await client.listResources()).resources.map(({ uri }) => uri);
    expect(await uris()).toContain('b://1');
    await b.close();
    await expect.poll(() => changes).toBe(1);
    expect(await uris()).toEqual(['item://1', 'item://2', 'item://3']);
    await b.restart();
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(2);
    expect(await uris()).toContain('b://1');
    expect(await client.readResource({ uri: 'b://1' })).toMatchObject({ contents: [{ text: 'b' }] });
  });

  it('that has forgotten its sessions is asked again in a new one, and does nothing twice', async () => {
    const calls: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const pay = async () => {
      calls.push('pay');
      if (calls.length === 1) await released;
      return { content: [{ type: 'text', text: 'paid' }] };
    };
    await using a = await startFakeUpstream({ tools: [{ name: 'pay', call: pay }] });
    await using gateway = await startTestGateway({ a: over(a, 1, { protocol: 'legacy' }) });
    const client = await gateway.client();
    await client.listTools();
    const first = client.callTool({ name: 'pay' }).catch((error: unknown) => error);
    await expect.poll(() => calls.length).toBe(1);
    a.expireSessions();
    // This one was refused before it began; the first one may be under way still.
    expect(await client.callTool({ name: 'pay' })).toMatchObject({ content: [{ text: 'paid' }] });
    expect(await first).toMatchObject({ message: expect.stringContaining('session') });
    release();
    expect(calls).toEqual(['pay', 'pay']);
    a.expireSessions();
    expect((await client.readResource({ uri: 'item://1' })).contents).toHaveLength(1);
  });

  it('that comes up later takes its place by priority', async () => {
    await using late = await startFakeUpstream({ resources: [resource('x://1', 'late')] });
    await late.close();
    await using a = await startFakeUpstream({ resources: [resource('x://1', 'a')] });
    await using gateway = await startTestGateway({ a: over(a, 10), late: over(late, 1) });
    const client = await gateway.client('legacy');
    const read = async () => (await client.readResource({ uri: 'x://1' })).contents;
    expect(await read()).toMatchObject([{ text: 'a' }]);
    await late.restart();
    await expect.poll(read, { timeout: 10_000 }).toMatchObject([{ text: 'late' }]);
  });

  it('never takes a name from one of equal priority that was there before', async () => {
    const port = await freePort();
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway(
      { a: over({ mcpUrl: `http://127.0.0.1:${port}/mcp` }, 5), b: over(b, 5) },
      { gateway: { on_conflict: 'priority' } },
    );
    const client = await gateway.client();
    const echo = async () => (await client.callTool({ name: 'echo', arguments: { text: 'x' } })).content;
    expect(await echo()).toMatchObject([{ text: 'b: x' }]);
    await using a = await startToolUpstream({ name: 'a', port });
    await expect
      .poll(async () => (await client.listResources(undefined, { cacheMode: 'bypass' })).resources.length, {
        timeout: 10_000,
      })
      .toBe(2);
    expect(await echo()).toMatchObject([{ text: 'b: x' }]);
    expect(a.calls).toEqual([]);
    expect(await client.callTool({ name: 'a__echo', arguments: { text: 'x' } })).toMatchObject({
      content: [{ text: 'a: x' }],
    });
  });
});

describe('a server that hangs', () => {
  it('is waited for once, by nobody for longer than list_timeout, and by others not at all', async () => {
    await using a = await startFakeUpstream();
    await using hung = await startFakeUpstream({ hangAt: 'list' });
    await using gateway = await startTestGateway(
      { a: over(a, 1), hung: over(hung, 2) },
      { gateway: { list_timeout: '1s' } },
    );
    const client = await gateway.client('legacy');
    const started = performance.now();
    for (let count = 0; count < 20; count += 1) {
      const { resources, _meta } = await client.listResources();
      expect(resources).toHaveLength(3);
      expect(_meta).toMatchObject({
        'mcpx/servers': { hung: { status: 'pending', error: { code: 'UPS204' } } },
      });
    }
    // Twenty waits of one second each would be 20.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('while it is called costs only that call', async () => {
    await using a = await startFakeUpstream();
    await using hung = await startToolUpstream({ name: 'hung' });
    await using gateway = await startTestGateway({ a: over(a, 1), hung: over(hung, 2) });
    const client = await gateway.client();
    const call = client.callTool({ name: 'wait' });
    await hung.until(() => hung.calls.length === 1);
    expect((await client.listResources()).resources).toHaveLength(4);
    expect((await client.readResource({ uri: 'item://1' })).contents).toHaveLength(1);
    hung.release();
    expect(await call).toMatchObject({ content: [{ text: 'waited' }] });
  });
});

describe('what is held', () => {
  it('is asked for once while it is fresh, and again afterwards', async () => {
    await using a = await startFakeUpstream();
    await using b = await startFakeUpstream();
    await using gateway = await startTestGateway({
      a: over(a, 1, { cache: { ttl: 300 } }),
      b: over(b, 2, { cache: { ttl: 0, honor_server_hints: false } }),
    });
    const client = await gateway.client('legacy');
    for (let count = 0; count < 3; count += 1) await client.listResources();
    expect(a.lists).toBe(1);
    // Once when it was connected, and once for every list.
    expect(b.lists).toBe(4);
  });

  it('is combined honestly: the least time that is left, private where one is', async () => {
    const hints = { ttlMs: 60_000, cacheScope: 'public' } as const;
    await using a = await startFakeUpstream({ ...hints });
    await using b = await startFakeUpstream({ ...hints, ttlMs: 20_000, cacheScope: 'private' });
    const cached = { orchestration: { resource_cache_ttl: 300 } };
    await using one = await startTestGateway({ a: over(a, 1) }, cached);
    await using two = await startTestGateway({ a: over(a, 1), b: over(b, 2) }, cached);
    const single = await (await one.client()).listResources();
    expect(single).toMatchObject({ cacheScope: 'public' });
    expect(single.ttlMs).toBeGreaterThan(20_000);
    expect(single.ttlMs).toBeLessThanOrEqual(60_000);
    const both = await (await two.client()).listResources();
    expect(both).toMatchObject({ cacheScope: 'private' });
    expect(both.ttlMs).toBeGreaterThan(0);
    expect(both.ttlMs).toBeLessThanOrEqual(20_000);
    const read = await (await one.client()).readResource({ uri: 'item://1' });
    expect(read).toMatchObject({ ttlMs: 60_000, cacheScope: 'public' });
  });

  it('is shared with nobody where callers need a token', async () => {
    await using a = await startFakeUpstream({ ttlMs: 60_000, cacheScope: 'public' });
    await using gateway = await startTestGateway({ a: over(a, 1) }, {}, { bearerToken: 'let-me-in' });
    const client = await gateway.client('modern', {}, { authorization: 'Bearer let-me-in' });
    expect(await client.listResources()).toMatchObject({ cacheScope: 'private' });
    expect(await client.readResource({ uri: 'item://1' })).toMatchObject({ cacheScope: 'private' });
    // What callers show us is for us alone.
    expect(JSON.stringify(a.headers)).not.toContain('let-me-in');
    await expect(gateway.client('modern')).rejects.toThrow();
  });
});
