import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { describe, expect, it } from 'vitest';
import { startFakeUpstream, type FakeUpstream, type FakeUpstreamOptions } from './fixtures/fake-upstream.js';
import { descendantsOf, isAlive, processesWith, survivors } from './fixtures/processes.js';
import {
  everythingStdioServer,
  filesystemServer,
  memoryServer,
  startEverythingServer,
  startV1Server,
  v1StdioServer,
  type StdioCommand,
} from './fixtures/real-servers.js';
import { stdioUpstream } from './fixtures/stdio-upstream.js';
import { HOSTILE_RESOURCES, MALFORMED_RESOURCES } from './fixtures/upstream-content.js';

type Connected = Client & AsyncDisposable;

async function connect(transport: Transport, mode: VersionNegotiationMode = 'legacy'): Promise<Connected> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(transport, { timeout: 5000 });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

const sse = (upstream: { readonly url: string }) => connect(new SSEClientTransport(new URL(upstream.url)));

const streamable = (upstream: { readonly url: string }, mode?: VersionNegotiationMode) =>
  connect(new StreamableHTTPClientTransport(new URL(upstream.url)), mode);

const stdio = ({ command, args, env }: StdioCommand) =>
  connect(
    new StdioClientTransport({
      command,
      args: [...args],
      stderr: 'ignore',
      ...(env === undefined ? {} : { env: { ...env } }),
    }),
  );

async function readAll(client: Client): Promise<unknown[]> {
  const { resources } = await client.listResources({}, { cacheMode: 'bypass' });
  const read = await Promise.all(
    resources.map(({ uri }) => client.readResource({ uri }, { cacheMode: 'bypass' })),
  );
  return read.flatMap(({ contents }) => contents);
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** False when the connection broke inside of the body. */
  readonly complete: boolean;
}

function post(
  url: string,
  message: object,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      agent: false,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
    });
    request.on('error', reject).on('response', (response) => {
      let body = '';
      const { statusCode: status, headers } = response;
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('error', () => undefined);
      response.on('close', () => resolve({ status, headers, body, complete: response.complete }));
    });
    request.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
  });
}

/** The events of a legacy SSE connection, with its messages address. */
async function openEvents(upstream: FakeUpstream): Promise<{
  readonly endpoint: string;
  readonly received: () => string;
  readonly awaited: (part: string) => Promise<void>;
  readonly ended: Promise<unknown>;
  readonly close: () => void;
}> {
  const request = http.get(upstream.sseUrl, { agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let received = '';
  const ended = new Promise((resolve) => response.on('close', resolve));
  response.setEncoding('utf8').on('error', () => undefined);
  response.on('data', (chunk: string) => (received += chunk));
  const awaited = async (part: string) => {
    while (!received.includes(part)) await once(response, 'data');
  };
  await awaited('\n\n');
  const endpoint = /data: (.*)\n/.exec(received)?.[1] ?? '';
  return { endpoint, received: () => received, awaited, ended, close: () => request.destroy() };
}

const initialize = {
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

async function postInitialize(options: FakeUpstreamOptions): Promise<Answer> {
  await using upstream = await startFakeUpstream(options);
  return await post(upstream.mcpUrl, initialize);
}

describe('the fake upstream', () => {
  it('lists and reads over every transport and era, and counts it', async () => {
    await using upstream = await startFakeUpstream({ resources: 5, pageSize: 2 });
    {
      await using client = await sse(upstream);
      expect(await readAll(client)).toHaveLength(5);
    }
    expect(upstream.lists).toBe(3);
    for (const mode of ['legacy', 'auto'] as const) {
      await using client = await streamable({ url: upstream.mcpUrl }, mode);
      expect(await readAll(client)).toHaveLength(5);
      expect(client.getProtocolEra()).toBe(mode === 'auto' ? 'modern' : 'legacy');
    }
    expect(upstream.lists).toBe(9);
    expect(upstream.reads.get('item://5')).toBe(3);
    expect(upstream.requests.get('initialize')).toBe(2);
    expect(upstream.requests.get('server/discover')).toBe(1);
    expect(upstream.headers.length).toBeGreaterThan(20);
  });

  it('serves one era only when told', async () => {
    await using legacy = await startFakeUpstream({ transport: 'streamable-http', era: 'legacy' });
    await using modern = await startFakeUpstream({ transport: 'streamable-http', era: 'modern' });
    await using fallen = await streamable(legacy, 'auto');
    expect(fallen.getProtocolEra()).toBe('legacy');
    expect(await readAll(fallen)).toHaveLength(3);
    await expect(streamable(modern)).rejects.toThrow();
    await using client = await streamable(modern, 'auto');
    expect(await readAll(client)).toHaveLength(3);
    expect((await post(modern.sseUrl, initialize)).status).toBe(405);
  });

  it('serves templates, tools, cache hints and failing reads', async () => {
    await using upstream = await startFakeUpstream({
      transport: 'streamable-http',
      templates: [{ uriTemplate: 'row://{id}', name: 'Row' }],
      tools: [{ name: 'execute_query' }],
      ttlMs: 60_000,
      cacheScope: 'public',
      failReads: { 'item://2': { code: -32603, message: 'disk on fire' } },
      responseMode: 'json',
    });
    await using client = await streamable(upstream, 'auto');
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([{ name: 'Row' }]);
    expect((await client.listTools()).tools).toMatchObject([{ name: 'execute_query' }]);
    const called = await client.callTool({ name: 'execute_query', arguments: { query: 'SELECT 1' } });
    expect(called.content).toEqual([{ type: 'text', text: '{"query":"SELECT 1"}' }]);
    expect(await client.readResource({ uri: 'item://1' })).toMatchObject({
      ttlMs: 60_000,
      cacheScope: 'public',
    });
    await expect(client.readResource({ uri: 'item://2' })).rejects.toThrow('disk on fire');
    await expect(client.readResource({ uri: 'item://9' })).rejects.toThrow('not found');
  });

  it('leaves out what a server may lack', async () => {
    await using upstream = await startFakeUpstream({ templates: 'unsupported' });
    await using bare = await startFakeUpstream({ withoutResources: true });
    await using client = await sse(upstream);
    await expect(client.listResourceTemplates()).rejects.toMatchObject({ code: -32601 });
    await using none = await sse(bare);
    expect(none.getServerCapabilities()?.resources).toBeUndefined();
  });

  it('serves hostile and malformed resources verbatim', async () => {
    await using upstream = await startFakeUpstream({
      transport: 'streamable-http',
      era: 'legacy',
      resources: HOSTILE_RESOURCES,
      malformed: MALFORMED_RESOURCES,
      responseMode: 'json',
    });
    const opened = await post(upstream.mcpUrl, initialize);
    const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const listed = await post(upstream.mcpUrl, { id: 2, method: 'resources/list' }, session);
    const { result } = JSON.parse(listed.body) as { result: { resources: unknown[] } };
    expect(result.resources).toHaveLength(HOSTILE_RESOURCES.length + MALFORMED_RESOURCES.length);
    expect(result.resources.slice(-MALFORMED_RESOURCES.length)).toEqual(MALFORMED_RESOURCES);
    expect(result.resources[0]).toMatchObject({ name: HOSTILE_RESOURCES[0]?.name });
  });

  it('repeats a cursor, or never ends its pages', async () => {
    await using upstream = await startFakeUpstream({ repeatCursor: true });
    await using client = await sse(upstream);
    const page = () => client.request({ method: 'resources/list', params: { cursor: 'again' } });
    expect((await page()).nextCursor).toBe('again');
    upstream.change({ repeatCursor: false, endlessPages: true });
    const endless = await client.request({ method: 'resources/list', params: { cursor: 'page-7' } });
    expect(endless).toMatchObject({ resources: [{ uri: 'endless://7' }], nextCursor: 'page-8' });
  });

  it('knows how many reads were in flight at the same time', async () => {
    await using upstream = await startFakeUpstream({ resources: 6, readDelayMs: 1000 });
    await using client = await sse(upstream);
    await readAll(client);
    expect(upstream.peakReads).toBe(6);
  });

  it('forgets sessions, and comes back on the same port', async () => {
    await using upstream = await startFakeUpstream({ transport: 'streamable-http', era: 'legacy' });
    const { port } = upstream;
    await using client = await streamable(upstream);
    upstream.expireSessions();
    await expect(client.listResources()).rejects.toThrow('Session not found');
    await upstream.close();
    await expect(post(upstream.mcpUrl, initialize)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await upstream.restart();
    expect(upstream.port).toBe(port);
    expect((await post(upstream.mcpUrl, initialize)).status).toBe(200);
  });

  it('hangs where it is told, and sees the client go', async () => {
    for (const hangAt of ['accept', 'headers', 'initialize'] as const) {
      await using upstream = await startFakeUpstream({ hangAt, era: 'legacy' });
      const stopped = new AbortController();
      const answer = post(upstream.mcpUrl, initialize, {}, stopped.signal);
      if (hangAt === 'initialize') await upstream.requested('initialize');
      else while (upstream.connections === 0) await new Promise((resolve) => setImmediate(resolve));
      stopped.abort();
      await expect(answer).rejects.toThrow('aborted');
      await upstream.disconnected();
      expect(upstream.openSockets).toBe(0);
    }
  });

  it('opens an event stream that never names its endpoint', async () => {
    await using upstream = await startFakeUpstream({ hangAt: 'endpoint' });
    const request = http.get(upstream.sseUrl, { agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.headers['content-type']).toBe('text/event-stream');
    request.destroy();
    await upstream.disconnected();
  });

  it('hangs and dies in the middle of an answer', async () => {
    await using upstream = await startFakeUpstream({
      dieAt: 'read',
      faultMidBody: true,
      faultUri: 'item://2',
      era: 'legacy',
    });
    const opened = await post(upstream.mcpUrl, initialize);
    const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
    const read = (uri: string) =>
      post(upstream.mcpUrl, { id: 2, method: 'resources/read', params: { uri } }, session);
    expect(await read('item://1')).toMatchObject({ status: 200, complete: true });
    const broken = await read('item://2');
    expect(broken.complete).toBe(false);
    expect(broken.body).toMatch(/^{"jsonrpc":"2.0","id":2,"result":/);

    const events = await openEvents(upstream);
    const ask = { id: 3, method: 'resources/read', params: { uri: 'item://2' } };
    await post(`${upstream.origin}${events.endpoint}`, ask);
    await events.ended;
    expect(events.received()).toContain('data: {"jsonrpc":"2.0","id":3,"result":');
    expect(events.received()).not.toMatch(/id":3.*\n\n/);
  });

  it('dies as often as told, then is well', async () => {
    await using upstream = await startFakeUpstream({ dieAt: 'initialize', faultTimes: 2, era: 'legacy' });
    for (let round = 0; round < 2; round += 1) {
      await expect(post(upstream.mcpUrl, initialize)).rejects.toMatchObject({ code: 'ECONNRESET' });
    }
    expect((await post(upstream.mcpUrl, initialize)).status).toBe(200);
    upstream.change({ dieAt: 'accept', faultTimes: 1 });
    await expect(post(upstream.mcpUrl, initialize)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('answers garbage of several kinds', async () => {
    const bodies = await Promise.all(
      (['text', 'html', 'json', 'empty-result'] as const).map((garbage) =>
        postInitialize({ garbageAt: 'initialize', garbage }),
      ),
    );
    expect(() => JSON.parse(bodies[0]!.body) as unknown).toThrow(SyntaxError);
    expect(bodies[1]?.headers['content-type']).toBe('text/html');
    expect(JSON.parse(bodies[2]!.body)).not.toHaveProperty('jsonrpc');
    expect(JSON.parse(bodies[3]!.body)).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
    await expect(postInitialize({ garbageAt: 'accept' })).rejects.toThrow(/Parse Error/);

    await using upstream = await startFakeUpstream({ garbageAt: 'list' });
    const events = await openEvents(upstream);
    await post(`${upstream.origin}${events.endpoint}`, { id: 2, method: 'resources/list' });
    await events.awaited('this is not JSON');
    events.close();
  });

  it('answers with a status, a challenge, or a redirect', async () => {
    const busy = { status: 429, headers: { 'retry-after': '2' } };
    const answer = await postInitialize({ statusAt: { initialize: busy } });
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '2' } });
    expect(await postInitialize({ statusAt: { headers: 503 } })).toMatchObject({ status: 503 });
    expect(await postInitialize({ requiredBearer: 'secret' })).toMatchObject({ status: 401 });
    const redirectTo = 'http://127.0.0.1:1/elsewhere';
    expect(await postInitialize({ redirectTo })).toMatchObject({
      status: 307,
      headers: { location: redirectTo },
    });
    await using upstream = await startFakeUpstream({ requiredBearer: 'secret', era: 'legacy' });
    const allowed = await post(upstream.mcpUrl, initialize, { authorization: 'Bearer secret' });
    expect(allowed.status).toBe(200);
  });

  it('names an endpoint on another origin, or one that is no address', async () => {
    const sseEndpoint = 'http://127.0.0.1:1/messages';
    await using elsewhere = await startFakeUpstream({ sseEndpoint });
    const events = await openEvents(elsewhere);
    expect(events.endpoint).toBe(sseEndpoint);
    events.close();
    await using nowhere = await startFakeUpstream({ garbageAt: 'endpoint' });
    await expect(sse(nowhere)).rejects.toThrow();
  });

  it('sends bodies as large as told, without an end if need be', async () => {
    await using upstream = await startFakeUpstream({ bodyBytes: 300_000 });
    await using client = await sse(upstream);
    const contents = (await readAll(client)) as { text: string }[];
    expect(contents.map((content) => content.text.length)).toEqual([300_000, 300_000, 300_000]);

    await using endless = await startFakeUpstream({ bodyBytes: Infinity, era: 'legacy' });
    const opened = await post(endless.mcpUrl, initialize);
    const socket = net.connect(endless.port, '127.0.0.1');
    const ask = JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'resources/read',
      params: { uri: 'item://1' },
    });
    socket.write(
      `POST /mcp HTTP/1.1\r\nhost: x\r\nmcp-session-id: ${String(opened.headers['mcp-session-id'])}\r\n` +
        `content-type: application/json\r\ncontent-length: ${ask.length}\r\n\r\n${ask}`,
    );
    let received = 0;
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      if (received > 2_000_000) break;
    }
    await endless.disconnected();
  });

  it('delays the connection and the answers', async () => {
    await using upstream = await startFakeUpstream({ connectDelayMs: 40, listDelayMs: 40 });
    const started = performance.now();
    await using client = await sse(upstream);
    const connected = performance.now();
    await client.listResources();
    expect(connected - started).toBeGreaterThanOrEqual(75);
    expect(performance.now() - connected).toBeGreaterThanOrEqual(38);
  });
});

describe('the stdio upstream', () => {
  it('lists, reads and counts', async () => {
    using upstream = stdioUpstream({ resources: 4, pageSize: 3, stderr: 'chatty\n' });
    {
      await using client = await stdio(upstream);
      expect(await readAll(client)).toHaveLength(4);
      expect(descendantsOf(process.pid).some(({ args }) => args.join(' ').includes(upstream.marker))).toBe(
        true,
      );
    }
    expect(upstream.requests().get('resources/list')).toBe(2);
    expect(upstream.reads().get('item://4')).toBe(1);
    expect(await survivors(() => processesWith(upstream.marker))).toEqual([]);
  });

  it('exits, prints garbage, and hangs as told', async () => {
    using dying = stdioUpstream({ dieAt: 'read', exitCode: 7 });
    await using first = await stdio(dying);
    await expect(readAll(first)).rejects.toThrow();
    using mute = stdioUpstream({ hangAt: 'list' });
    await using second = await stdio(mute);
    await expect(second.listResources({}, { timeout: 100 })).rejects.toThrow('timed out');
    using garbled = stdioUpstream({ garbageAt: 'list', stdout: 'Welcome!\n' });
    const child = spawn(garbled.command, garbled.args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.end('{"jsonrpc":"2.0","id":1,"method":"resources/list"}\n');
    expect(await text(child.stdout)).toBe('Welcome!\n}{ this is not JSON\n');
    using failing = stdioUpstream({ exitAtStart: 3 });
    await expect(stdio(failing)).rejects.toThrow();
  });

  it('starts a grandchild that outlives it', async () => {
    using upstream = stdioUpstream({ grandchild: true });
    {
      await using client = await stdio(upstream);
      await client.ping();
    }
    const pid = upstream.grandchildPid();
    const left = await survivors(() => processesWith(upstream.marker), 100);
    expect(left.map((process) => process.pid)).toEqual([pid]);
    process.kill(pid, 'SIGKILL');
    expect(await survivors(() => processesWith(upstream.marker))).toEqual([]);
    // A dying process loses its arguments a moment before it is gone.
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('survives SIGTERM and the end of its input', async () => {
    using upstream = stdioUpstream({ ignoreSigterm: true, ignoreStdinEnd: true });
    const transport = new StdioClientTransport({
      command: upstream.command,
      args: [...upstream.args],
      stderr: 'ignore',
    });
    const client = await connect(transport);
    const pid = transport.pid!;
    process.kill(pid, 'SIGTERM');
    await client.ping();
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
    await client.close();
  });
});

describe('the real servers', () => {
  it('runs the v1 SDK over sse, streamable-http and stdio', async () => {
    await using overSse = await startV1Server({ transport: 'sse' });
    await using overHttp = await startV1Server({ transport: 'streamable-http' });
    await using first = await sse(overSse);
    await using second = await streamable(overHttp);
    await using third = await stdio(v1StdioServer());
    const contents = await readAll(first);
    expect(contents).toHaveLength(3);
    expect(await readAll(second)).toEqual(contents);
    expect(await readAll(third)).toEqual(contents);
  });

  it('runs server-everything over sse, streamable-http and stdio, and stops it', async () => {
    const overSse = await startEverythingServer({ transport: 'sse' });
    {
      await using overHttp = await startEverythingServer({ transport: 'streamableHttp' });
      await using first = await sse(overSse);
      await using second = await streamable(overHttp);
      await using third = await stdio(everythingStdioServer());
      const contents = await readAll(first);
      expect(contents.length).toBeGreaterThan(3);
      expect(await readAll(second)).toHaveLength(contents.length);
      expect(await readAll(third)).toHaveLength(contents.length);
    }
    await overSse[Symbol.asyncDispose]();
    expect(isAlive(overSse.pid)).toBe(false);
  });

  it('runs server-filesystem and server-memory over stdio', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-real-servers-'));
    try {
      await using filesystem = await stdio(filesystemServer(directory));
      expect((await filesystem.listTools()).tools.length).toBeGreaterThan(3);
      await using memory = await stdio(memoryServer(path.join(directory, 'memory.jsonl')));
      expect((await memory.listTools()).tools.length).toBeGreaterThan(3);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
