import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as V1SseTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as V1HttpTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import { verifies } from '../verifies.js';
import { createOperation } from '../../src/core/operation.js';
import { serve, type Served, type ServeOptions } from '../../src/servers/serve.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A gate that a tool call waits at, so that a test decides when it is answered. */
function gate() {
  let open: () => void = () => undefined;
  let arrived: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (arrived = resolve));
  return { open: () => open(), reached, pass: () => (arrived(), opened) };
}

function demoServer(wait: () => Promise<void>) {
  return () => {
    const server = new McpServer(
      { name: 'demo', version: '1.0.0' },
      { capabilities: { resources: { subscribe: true, listChanged: true } } },
    );
    server.registerResource('note', 'note://1', { mimeType: 'text/plain' }, (uri) => ({
      contents: [{ uri: uri.href, text: 'hello' }],
    }));
    server.registerTool('wait', { description: 'answers when the gate opens' }, async () => {
      await wait();
      return { content: [{ type: 'text', text: 'done' }] };
    });
    return server;
  };
}

async function start(options: Partial<ServeOptions> = {}, wait: () => Promise<void> = async () => undefined) {
  const served = await serve(
    demoServer(wait),
    { host: '127.0.0.1', port: 0, transport: 'http', ...options },
    createOperation(),
  );
  closers.push(() => served.close(0));
  return { ...served, urls: served.urls!, port: served.port! };
}

type Era = 'SSE' | 'streamable HTTP, 2025-11-25' | 'streamable HTTP, 2026-07-28';
const ERAS: Era[] = ['SSE', 'streamable HTTP, 2025-11-25', 'streamable HTTP, 2026-07-28'];

async function connect(
  served: Pick<Served, 'urls'>,
  era: Era,
  headers: Record<string, string> = {},
): Promise<Client> {
  const { sse, mcp } = served.urls!;
  const mode = era === 'streamable HTTP, 2026-07-28' ? { pin: '2026-07-28' } : 'legacy';
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
  const init = { requestInit: { headers } };
  await client.connect(
    era === 'SSE'
      ? new SSEClientTransport(new URL(sse), init)
      : new StreamableHTTPClientTransport(new URL(mcp), init),
  );
  closers.push(() => client.close());
  return client;
}

async function connectV1(served: Pick<Served, 'urls'>, transport: 'sse' | 'mcp'): Promise<V1Client> {
  const client = new V1Client({ name: 'v1', version: '1.0.0' });
  const url = new URL(served.urls![transport]);
  await client.connect(transport === 'sse' ? new V1SseTransport(url) : new V1HttpTransport(url));
  closers.push(() => client.close());
  return client;
}

/** A request with any headers at all; `fetch` sets some of them itself. */
async function raw(
  port: number,
  path: string,
  options: { method?: string; headers?: OutgoingHttpHeaders; body?: string | Buffer } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    agent: false,
  });
  request.end(options.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});

describe('serving MCP on one port', () => {
  for (const era of ERAS) {
    verifies('meta:transports', `answers a client of the current SDK over ${era}`, async () => {
      const client = await connect(await start(), era);
      expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['note://1']);
      expect((await client.readResource({ uri: 'note://1' })).contents).toMatchObject([{ text: 'hello' }]);
      expect((await client.callTool({ name: 'wait' })).content).toEqual([{ type: 'text', text: 'done' }]);
      expect(client.getNegotiatedProtocolVersion()).toBe(
        era === 'streamable HTTP, 2026-07-28' ? '2026-07-28' : '2025-11-25',
      );
    });
  }

  for (const transport of ['sse', 'mcp'] as const) {
    verifies('meta:transports', `answers a client of the v1 SDK at /${transport}`, async () => {
      const client = await connectV1(await start(), transport);
      expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['note://1']);
      expect((await client.readResource({ uri: 'note://1' })).contents).toMatchObject([{ text: 'hello' }]);
    });
  }

  it('calls a missing resource -32002 in the legacy era, as its revisions do', async () => {
    const served = await start();
    for (const transport of ['sse', 'mcp'] as const) {
      const client = await connectV1(served, transport);
      await expect(client.readResource({ uri: 'note://2' })).rejects.toMatchObject({ code: -32002 });
    }
  });

  it('calls a missing resource -32602 in the modern era, with the URI', async () => {
    const client = await connect(await start(), 'streamable HTTP, 2026-07-28');
    await expect(client.readResource({ uri: 'note://2' })).rejects.toMatchObject({
      code: -32602,
      data: { uri: 'note://2' },
    });
  });

  it('tells a supervisor that it is well', async () => {
    const { port } = await start({ bearerToken: 'secret' });
    const answer = await raw(port, '/healthz');
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'ok' }]);
  });
});

describe('telling clients of changes', () => {
  const updates = (client: Client) => {
    const seen: string[] = [];
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void seen.push(params.uri),
    );
    const listChanged = new Promise<void>((resolve) =>
      client.setNotificationHandler('notifications/resources/list_changed', () => resolve()),
    );
    return { seen, listChanged };
  };

  it.each(ERAS)('sends updates of what was subscribed to, and nothing else, over %s', async (era) => {
    const served = await start();
    const client = await connect(served, era);
    const { seen, listChanged } = updates(client);
    if (era === 'streamable HTTP, 2026-07-28') {
      await client.listen({ resourceSubscriptions: ['note://1'], resourcesListChanged: true });
    } else {
      await client.subscribeResource({ uri: 'note://1' });
      // The stream for notifications is opened in the background after connecting.
      if (era !== 'SSE') await streamIsOpen(client, served.port);
    }
    served.notify.resourceUpdated('note://2');
    served.notify.resourceUpdated('note://1');
    served.notify.resourcesChanged();
    await listChanged;
    expect(seen).toEqual(['note://1']);
  });

  it('stops sending updates after unsubscribing', async () => {
    const served = await start();
    const client = await connect(served, 'SSE');
    const { seen, listChanged } = updates(client);
    await client.subscribeResource({ uri: 'note://1' });
    await client.unsubscribeResource({ uri: 'note://1' });
    served.notify.resourceUpdated('note://1');
    served.notify.resourcesChanged();
    await listChanged;
    expect(seen).toEqual([]);
  });

  it('reaches the v1 SDK', async () => {
    const served = await start();
    const client = await connectV1(served, 'sse');
    const seen = new Promise((resolve) => {
      client.fallbackNotificationHandler = async ({ method }) => resolve(method);
    });
    served.notify.resourcesChanged();
    expect(await seen).toBe('notifications/resources/list_changed');
  });
});

/** A session has one notification stream: while the client's own is open, a second one is a conflict. */
async function streamIsOpen(client: Client, port: number): Promise<void> {
  const session = (client.transport as StreamableHTTPClientTransport).sessionId!;
  await expect
    .poll(async () => {
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        path: '/mcp',
        agent: false,
        headers: { accept: 'text/event-stream', 'mcp-session-id': session },
      });
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.destroy();
      return response.statusCode;
    })
    .toBe(409);
}

describe('who may call', () => {
  it.each([
    'evil.example',
    'evil.example:80',
    'localhost.evil.example',
    'user@localhost',
    '127.0.0.1.nip.io',
    '10.0.0.1',
  ])('refuses a request for the host "%s"', async (host) => {
    const { port } = await start();
    for (const path of ['/healthz', '/sse', '/mcp']) {
      expect((await raw(port, path, { headers: { host } })).status).toBe(403);
    }
  });

  it.each(['localhost', '127.0.0.1:1234', '[::1]:8002', 'LOCALHOST:8002'])(
    'takes the host "%s"',
    async (host) => {
      const { port } = await start();
      expect((await raw(port, '/healthz', { headers: { host } })).status).toBe(200);
    },
  );

  it.each([
    'http://evil.example',
    'null',
    'https://localhost.evil.example',
    'file://',
    'chrome-extension://abc',
  ])('refuses a page of origin "%s"', async (origin) => {
    const { port } = await start();
    const answer = await raw(port, '/mcp', {
      method: 'POST',
      headers: { ...JSON_HEADERS, origin },
      body: INITIALIZE,
    });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('--allow-origin');
  });

  it('takes hosts and origins that were named, and lets only named pages read answers', async () => {
    const { port } = await start({ allowHosts: ['mcp.example'], allowOrigins: ['https://app.example'] });
    const host = 'mcp.example:443';
    expect((await raw(port, '/healthz', { headers: { host } })).status).toBe(200);

    const origin = 'https://app.example';
    const preflight = await raw(port, '/mcp', { method: 'OPTIONS', headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-headers']).toContain('mcp-session-id');
    // Arguments of tools as headers have any name.
    const wanted = 'Mcp-Param-City, mcp-param-city, x-other, mcp-param-,mcp-param-a b';
    const asking = { origin, 'access-control-request-headers': wanted };
    const allowed = (await raw(port, '/mcp', { method: 'OPTIONS', headers: asking })).headers;
    expect(allowed['access-control-allow-headers']).toMatch(/, tracestate, mcp-param-city$/);
    expect(allowed['vary']).toBe('origin, access-control-request-headers');
    const named = await raw(port, '/healthz', { headers: { origin } });
    expect(named.headers['access-control-allow-origin']).toBe(origin);
    const local = await raw(port, '/healthz', { headers: { origin: 'http://localhost:3000' } });
    expect([local.status, local.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });

  it('asks for the bearer token on every MCP endpoint', async () => {
    const served = await start({ bearerToken: 'a-long-secret' });
    for (const authorization of [
      undefined,
      'Bearer wrong',
      'Bearer a-long-secret-and-more',
      'Basic a-long-secret',
    ]) {
      for (const [path, method] of [
        ['/sse', 'GET'],
        ['/messages?sessionId=x', 'POST'],
        ['/mcp', 'POST'],
      ] as const) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await raw(served.port, path, { method, headers });
        expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
        expect(answer.body).not.toContain('a-long-secret');
      }
    }
    for (const era of ERAS) {
      const client = await connect(served, era, { authorization: 'Bearer a-long-secret' });
      expect((await client.listResources()).resources).toHaveLength(1);
    }
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.com', ''])(
    'does not listen on "%s" without a token',
    async (host) => {
      await expect(start({ host })).rejects.toMatchObject({
        code: 'SRV403',
        hint: expect.stringContaining('--bearer-token-env'),
      });
    },
  );

  it('listens on all addresses when that is allowed, reachable by address and not by a foreign name', async () => {
    const { port } = await start({ host: '0.0.0.0', allowUnauthenticated: true });
    expect((await raw(port, '/healthz', { headers: { host: `192.0.2.7:${port}` } })).status).toBe(200);
    expect((await raw(port, '/healthz', { headers: { host: 'evil.example' } })).status).toBe(403);
  });

  it('does not take an empty token', async () => {
    await expect(start({ bearerToken: '' })).rejects.toMatchObject({ code: 'SRV403' });
  });
});

describe('binding', () => {
  it('names the port that is in use', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    closers.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: 'SRV401',
      exitCode: 9,
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining('--port'),
    });
  });

  it.each([
    { host: '192.0.2.1', port: 0 },
    { host: '127.0.0.1', port: 70_000 },
  ])('says that $host, port $port cannot be listened on', async (address) => {
    await expect(start({ ...address, allowUnauthenticated: true })).rejects.toMatchObject({ code: 'SRV402' });
  });
});

describe('requests that are not as they should be', () => {
  it('answers unknown paths and methods as JSON', async () => {
    const { port } = await start();
    const missing = await raw(port, '/nothing');
    expect([missing.status, missing.headers['content-type']]).toEqual([404, 'application/json']);
    expect(JSON.parse(missing.body)).toHaveProperty('error.message');
    for (const [path, method, allow] of [
      ['/mcp', 'PUT', 'POST, GET, DELETE'],
      ['/sse', 'POST', 'GET'],
      ['/messages', 'GET', 'POST'],
    ] as const) {
      const answer = await raw(port, path, { method });
      expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
      expect(JSON.parse(answer.body)).toHaveProperty('error.message');
    }
  });

  it.each(['announced', 'streamed'])('refuses a body of more than 4 MiB, %s', async (kind) => {
    const { port, urls } = await start();
    const body = Buffer.alloc(5 * 1024 * 1024, 'x');
    const headers = { ...JSON_HEADERS, ...(kind === 'streamed' ? { 'transfer-encoding': 'chunked' } : {}) };
    expect((await raw(port, '/mcp', { method: 'POST', headers, body })).status).toBe(413);
    const session = await sseSession(urls.sse);
    expect((await raw(port, session, { method: 'POST', headers, body })).status).toBe(413);
  });

  it('refuses bodies that are no JSON, no JSON-RPC, or of another type', async () => {
    const { port, urls } = await start();
    for (const path of ['/mcp', await sseSession(urls.sse)]) {
      const post = (body: string, type = 'application/json') =>
        raw(port, path, { method: 'POST', headers: { ...JSON_HEADERS, 'content-type': type }, body });
      expect((await post('{"jsonrpc":')).status).toBe(400);
      expect((await post('')).status).toBe(400);
      expect((await post('{"hello":"world"}')).status).toBe(400);
      expect((await post('null')).status).toBe(400);
      expect((await post(INITIALIZE, 'text/plain')).status).toBe(415);
    }
  });

  it('tells a failure of its own from a message that is none', async () => {
    const served = await serve(
      () =>
        Object.assign(new McpServer({ name: 'demo', version: '1.0.0' }), {
          answerDirectly: async () => ({}),
          answerAtOnce: () => {
            throw new TypeError('a bug');
          },
        }),
      { host: '127.0.0.1', port: 0, transport: 'http' },
      createOperation(),
    );
    closers.push(() => served.close(0));
    const post = async (message: object) => {
      const path = await sseSession(served.urls!.sse);
      return raw(served.port!, path, {
        method: 'POST',
        headers: JSON_HEADERS,
        body: JSON.stringify(message),
      });
    };
    const failed = await post({ jsonrpc: '2.0', id: 1, method: 'resources/list' });
    expect(failed.status).toBe(500);
    expect(failed.body).not.toContain('a bug');
    expect((await post({ id: 1, method: 'resources/list' })).status).toBe(400);
  });

  it('does not know sessions that it did not open', async () => {
    const { port, urls } = await start();
    const post = (path: string, headers = {}) =>
      raw(port, path, {
        method: 'POST',
        headers: { ...JSON_HEADERS, ...headers },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      });
    expect((await post('/messages')).status).toBe(400);
    expect((await post('/messages?sessionId=nope')).status).toBe(404);
    expect((await post('/mcp')).status).toBe(400);
    expect((await post('/mcp', { 'mcp-session-id': 'nope' })).status).toBe(404);
    // The session of one transport is none of the other's.
    const sse = new URL(await sseSession(urls.sse), urls.sse).searchParams.get('sessionId')!;
    expect((await post('/mcp', { 'mcp-session-id': sse })).status).toBe(404);
  });

  it('forgets a session that its client ended', async () => {
    const served = await start();
    const client = await connect(served, 'streamable HTTP, 2025-11-25');
    const transport = client.transport as StreamableHTTPClientTransport;
    const session = transport.sessionId!;
    await transport.terminateSession();
    const headers = { ...JSON_HEADERS, 'mcp-session-id': session };
    const answer = await raw(served.port, '/mcp', {
      method: 'POST',
      headers,
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    expect(answer.status).toBe(404);
  });

  it('stays up when clients vanish in the middle of everything', async () => {
    const held = gate();
    const served = await start({}, held.pass);
    for (const era of ERAS) {
      const client = await connect(served, era);
      const call = client.callTool({ name: 'wait' }).catch(() => undefined);
      await held.reached;
      await client.close();
      await call;
    }
    held.open();
    const client = await connect(served, 'SSE');
    expect((await client.listResources()).resources).toHaveLength(1);
  });

  /** Opens a raw event stream and gives the path for its messages. */
  async function sseSession(url: string): Promise<string> {
    const abort = new AbortController();
    closers.push(() => abort.abort());
    const response = await fetch(url, { signal: abort.signal });
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    return /data: (\S+)/.exec(new TextDecoder().decode(value))![1]!;
  }
});

describe('closing', () => {
  it.each(ERAS)('lets a call over %s finish, and then closes every stream', async (era) => {
    const held = gate();
    const served = await start({}, held.pass);
    const client = await connect(served, era);
    if (era === 'streamable HTTP, 2026-07-28') await client.listen({ resourcesListChanged: true });
    const call = client.callTool({ name: 'wait' });
    await held.reached;
    const closed = served.close();
    await expect(raw(served.port, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    held.open();
    expect((await call).content).toEqual([{ type: 'text', text: 'done' }]);
    await closed;
    await served.ended;
    await served.close();
  });

  it('waits no longer than the grace it was given', async () => {
    const held = gate();
    const served = await start({}, held.pass);
    const client = await connect(served, 'SSE');
    const call = client.callTool({ name: 'wait' }).catch(() => 'failed');
    await held.reached;
    const begun = performance.now();
    await served.close(50);
    expect(performance.now() - begun).toBeLessThan(2000);
    await client.close();
    await call;
    held.open();
  });

  it('closes when its operation is aborted', async () => {
    const abort = new AbortController();
    const served = await serve(
      demoServer(async () => undefined),
      { host: '127.0.0.1', port: 0, transport: 'http' },
      createOperation({ signal: abort.signal }),
    );
    abort.abort();
    await served.ended;
  });
});
