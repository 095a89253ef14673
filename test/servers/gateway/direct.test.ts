import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { McpServer } from '@modelcontextprotocol/server';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { DirectServer } from '../../../src/servers/direct/caller.js';
import type { DirectRequest } from '../../../src/servers/direct/request.js';
import { createGatewayServer } from '../../../src/servers/gateway/server.js';
import { createOperation } from '../../../src/core/operation.js';
import { serve } from '../../../src/servers/serve.js';
import { CLIENT_KINDS, startTestGateway, type TestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';

type Fields = Record<string, unknown>;

interface Answered {
  readonly status: number;
  readonly type: string;
  /** What came beside the answer, in order, and the answer last. */
  readonly messages: readonly Fields[];
  readonly isBySdk: boolean;
}

/** A client of the older revisions that shows what really comes over the line. */
class RawClient {
  readonly #url: string;
  #headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };

  private constructor(url: string) {
    this.#url = url;
  }

  static async connect({ served }: TestGateway): Promise<RawClient> {
    const client = new RawClient(served.urls!.mcp);
    const response = await client.post({
      id: 0,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'raw', version: '1.0.0' },
      },
    });
    await response.text();
    client.#headers = { ...client.#headers, 'mcp-session-id': response.headers.get('mcp-session-id')! };
    return client;
  }

  post(
    message: Fields,
    headers: Record<string, string> = {},
    signal: AbortSignal | null = null,
  ): Promise<Response> {
    return fetch(this.#url, {
      method: 'POST',
      signal,
      headers: { ...this.#headers, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  }

  /** The same in the words of 2026-07-28, where each request stands alone. */
  async askAlone(
    { params, ...message }: Fields,
    more: Record<string, string> = {},
    signal: AbortSignal | null = null,
  ): Promise<Answered> {
    const { _meta, ...rest } = (params ?? {}) as Fields;
    const name = { 'resources/read': rest['uri'], 'tools/call': rest['name'], 'prompts/get': rest['name'] }[
      String(message['method'])
    ];
    const response = await fetch(this.#url, {
      method: 'POST',
      signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': String(message['method']),
        ...(typeof name === 'string' ? { 'mcp-name': headerOf(name) } : {}),
        ...more,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        ...message,
        params: {
          ...(Array.isArray(params) ? { list: params } : rest),
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1.0.0' },
            'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, roots: { listChanged: true } },
            ...(typeof _meta === 'object' ? _meta : {}),
          },
        },
      }),
    });
    return answeredBy(response);
  }

  /** Several messages in one body (2025-03-26, "Batching"). */
  postBatch(messages: readonly Fields[]): Promise<Response> {
    return fetch(this.#url, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify(messages.map((message) => ({ jsonrpc: '2.0', ...message }))),
    });
  }

  async ask(message: Fields, headers?: Record<string, string>): Promise<Answered> {
    return answeredBy(await this.post(message, headers));
  }
}

async function answeredBy(response: Response): Promise<Answered> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const bodies = type.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data!)
    : [text];
  return {
    status: response.status,
    type: type.split(';')[0]!,
    messages: bodies.map((body) => JSON.parse(body) as Fields),
    // Its answers begin otherwise than ours.
    isBySdk: bodies.every((body) => body.startsWith('{"result":')),
  };
}

/** What a header may not hold as it is (2026-07-28, "Value Encoding"). */
const headerOf = (text: string) =>
  /^[!-~]([ -~]*[!-~])?$/.test(text) ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;

/** A header that means nothing before 2026-07-28, and that sends a request through the SDK. */
const BY_SDK = { 'mcp-name': 'whatever' };
/** One that means nothing since 2026-07-28, and does the same. */
const ALONE_BY_SDK = { 'mcp-session-id': 'none' };
/** Anything but how long ago something happened. */
const timeless = (messages: readonly Fields[]) =>
  JSON.parse(JSON.stringify(messages).replaceAll(/"(age_ms|ttl_ms|ttlMs)":[\d.]+/g, '"$1":0')) as unknown;

/** Waits until it does nothing for any client. */
async function idle({ served }: TestGateway): Promise<void> {
  await vi.waitFor(async () => {
    const status = await fetch(new URL('/status', served.urls!.mcp));
    expect(await status.json()).toMatchObject({ in_flight: 0 });
  });
}

function over({ mcpUrl }: ToolUpstream, protocol: string) {
  return { url: mcpUrl, transport: 'streamable-http', protocol };
}

const keptFor = (seconds: number) => ({ orchestration: { resource_cache_ttl: seconds } });

const REQUESTS: Readonly<Record<string, Fields>> = {
  'a list of resources': { method: 'resources/list' },
  'a list of templates': { method: 'resources/templates/list', params: {} },
  'a list of tools': { method: 'tools/list', params: { _meta: { progressToken: 'p' } } },
  'a list of prompts': { method: 'prompts/list' },
  'a cursor that is none': { method: 'tools/list', params: { cursor: 'x' } },
  'a read': { method: 'resources/read', params: { uri: 'note://tools' } },
  'a read by template': { method: 'resources/read', params: { uri: 'city://Bern' } },
  'a read by address': { method: 'resources/read', params: { uri: 'mcpx://a/note%3A%2F%2Ftools' } },
  'a read of nothing': { method: 'resources/read', params: { uri: 'none://x' } },
  'a read of a number': { method: 'resources/read', params: { uri: 5 } },
  'a call': { method: 'tools/call', params: { name: 'echo', arguments: { text: 'hello' } } },
  'a call with progress': {
    method: 'tools/call',
    params: { name: 'count', arguments: {}, _meta: { progressToken: 7 } },
  },
  'a call that fails': { method: 'tools/call', params: { name: 'fail' } },
  'a call with wrong arguments': { method: 'tools/call', params: { name: 'echo', arguments: { text: 5 } } },
  'a call with a list of arguments': { method: 'tools/call', params: { name: 'echo', arguments: [] } },
  'a call with something more': { method: 'tools/call', params: { name: 'fail', task: 'later' } },
  'a call of nothing': { method: 'tools/call', params: { name: 'none' } },
  'a call without a name': { method: 'tools/call', params: {} },
  'a prompt': { method: 'prompts/get', params: { name: 'greet', arguments: { who: 'Ada' } } },
  'a prompt of nothing': { method: 'prompts/get', params: { name: 'none' } },
  'a completion': {
    method: 'completion/complete',
    params: { ref: { type: 'ref/resource', uri: 'city://{city}' }, argument: { name: 'city', value: 'B' } },
  },
  'a completion of nothing': { method: 'completion/complete', params: {} },
  'a method that is none': { method: 'none/such', params: {} },
  'a ping': { method: 'ping' },
  'a second handshake': {
    method: 'initialize',
    params: {
      protocolVersion: '2024-11-05',
      capabilities: { sampling: {} },
      clientInfo: { name: 'another', version: '1.0.0' },
    },
  },
  'parameters that are a list': { method: 'tools/list', params: [] },
  // The SDK looks at fields of 2026-07-28 in every era, and before anybody is asked.
  'a read of nothing with a state that is none': {
    method: 'resources/read',
    params: { uri: 'none://x', requestState: 7 },
  },
  'a token that is no token': { method: 'tools/list', params: { _meta: { progressToken: {} } } },
  'something beside the frame': { method: 'tools/list', more: 1 },
};

/** What a server behind the gateway speaks, and for how many seconds its answers are kept. */
const BEHIND = [
  ['legacy', 0],
  ['legacy', 300],
  ['2026-07-28', 0],
  ['2026-07-28', 300],
] as const;

describe('whichever way it takes through the gateway', () => {
  for (const [protocol, ttl] of BEHIND) {
    it(`a request is answered the same, behind it ${protocol}, kept for ${ttl} s`, async () => {
      await using a = await startToolUpstream();
      await using gateway = await startTestGateway({ a: over(a, protocol) }, keptFor(ttl));
      const client = await RawClient.connect(gateway);
      for (const [name, request] of Object.entries(REQUESTS)) {
        // The first one may find something to be kept.
        await client.ask({ id: 1, ...request });
        const { status, messages } = await client.ask({ id: 'x', ...request });
        const bySdk = await client.ask({ id: 'x', ...request }, BY_SDK);
        expect([name, status, timeless(messages)]).toEqual([name, bySdk.status, timeless(bySdk.messages)]);
      }
    });
  }

  it.each([0, 300])(
    'whatever stands in a request is answered the same, kept for %i s',
    async (ttl) => {
      await using a = await startToolUpstream();
      await using gateway = await startTestGateway({ a: over(a, 'legacy') }, keptFor(ttl));
      const client = await RawClient.connect(gateway);
      const methods = Object.values(REQUESTS).map(({ method }) => method);
      const params = fc.oneof(
        fc.jsonValue({ maxDepth: 2 }),
        fc.record(
          {
            uri: fc.constantFrom('note://tools', 'mcpx://a/', '', 'x'),
            name: fc.constantFrom('echo', 'a__echo', 'greet', ''),
            cursor: fc.constantFrom('', 'e30', null),
            arguments: fc.oneof(fc.constant({ text: 't' }), fc.jsonValue({ maxDepth: 1 })),
            _meta: fc.oneof(fc.constant({ progressToken: 1 }), fc.jsonValue({ maxDepth: 1 })),
          },
          { requiredKeys: [] },
        ),
      );
      const requests = fc.record({
        id: fc.oneof(fc.nat(), fc.string()),
        method: fc.constantFrom(...methods),
        params,
      });
      await fc.assert(
        fc.asyncProperty(requests, async (request) => {
          const { status, messages } = await client.ask(request);
          const bySdk = await client.ask(request, BY_SDK);
          expect([status, timeless(messages)]).toEqual([bySdk.status, timeless(bySdk.messages)]);
        }),
        { numRuns: 150 },
      );
    },
    60_000,
  );

  for (const [protocol, ttl] of BEHIND) {
    it(`a request that stands alone is answered the same, behind it ${protocol}, kept for ${ttl} s`, async () => {
      await using a = await startToolUpstream();
      await using gateway = await startTestGateway({ a: over(a, protocol) }, keptFor(ttl));
      const client = await RawClient.connect(gateway);
      const beside: string[] = [];
      for (const [name, request] of Object.entries(REQUESTS)) {
        await client.askAlone({ id: 1, ...request });
        const { status, type, messages, isBySdk } = await client.askAlone({ id: 'x', ...request });
        const bySdk = await client.askAlone({ id: 'x', ...request }, ALONE_BY_SDK);
        expect([name, status, type, timeless(messages)]).toEqual([
          name,
          bySdk.status,
          bySdk.type,
          timeless(bySdk.messages),
        ]);
        if (messages.every((message) => 'result' in message) && !isBySdk) beside.push(name);
        expect([name, bySdk.isBySdk]).toEqual([name, messages.every((message) => 'result' in message)]);
      }
      expect(beside).toEqual([
        'a list of resources',
        'a list of templates',
        'a list of prompts',
        'a read',
        'a read by template',
        'a read by address',
        'a call',
        'a call that fails',
        'a call with wrong arguments',
        'a prompt',
        'a completion',
        'parameters that are a list',
      ]);
    });
  }

  it.each([
    ['a capability that is none', { 'io.modelcontextprotocol/clientCapabilities': { roots: 5 } }],
    [
      'a capability with more inside',
      { 'io.modelcontextprotocol/clientCapabilities': { sampling: { x: {} } } },
    ],
    ['no capabilities', { 'io.modelcontextprotocol/clientCapabilities': undefined }],
    ['no name of a client', { 'io.modelcontextprotocol/clientInfo': undefined }],
    ['a client without a version', { 'io.modelcontextprotocol/clientInfo': { name: 'x' } }],
    [
      'a client with an icon',
      { 'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1', icons: [] } },
    ],
    ['another version', { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' }],
    ['a level that is none', { 'io.modelcontextprotocol/logLevel': 'loud' }],
    ['something of a later revision', { 'io.modelcontextprotocol/later': 1 }],
    ['a trace', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
    ['a key of its own', { 'example.org/x': [1] }],
  ])('a request that stands alone with %s is answered the same', async (_, _meta) => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const request = {
      id: 1,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text: 'x' }, _meta },
    };
    const wrong: readonly Record<string, string>[] = [
      {},
      { 'mcp-name': 'other' },
      { 'mcp-method': 'tools/list' },
      { accept: 'text/html' },
    ];
    for (const headers of wrong) {
      const { status, type, messages } = await client.askAlone(request, headers);
      const bySdk = await client.askAlone(request, { ...ALONE_BY_SDK, ...headers });
      expect([status, type, messages]).toEqual([bySdk.status, bySdk.type, bySdk.messages]);
    }
  });

  it('a call that stands alone and takes longer is asked for once, and ends when its client leaves', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const leaving = new AbortController();
    const left = client
      .askAlone({ id: 1, method: 'tools/call', params: { name: 'wait' } }, {}, leaving.signal)
      .catch(() => 'left');
    await a.until(() => a.calls.length === 1);
    leaving.abort();
    expect(await left).toBe('left');
    await a.until(() => a.cancelled === 1);
    await idle(gateway);

    const slow = client.askAlone({ id: 2, method: 'tools/call', params: { name: 'wait' } });
    await a.until(() => a.calls.length === 2);
    // The SDK waits for it from then on.
    await new Promise((resolve) => setTimeout(resolve, 5200));
    a.release();
    const { messages, isBySdk } = await slow;
    expect(messages).toMatchObject([{ id: 2, result: { content: [{ type: 'text' }] } }]);
    expect(isBySdk).toBe(true);
    expect(a.calls).toHaveLength(2);
  }, 20_000);

  it('what is known is answered at once, as long as it is', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') }, keptFor(300));
    const server = createGatewayServer(gateway.gateway, 'legacy') as DirectServer;
    const resultAtOnce = (name: keyof typeof REQUESTS) => {
      const text = server.answerAtOnce?.({ id: 1, params: {}, ...REQUESTS[name] } as DirectRequest);
      return text === undefined ? undefined : timeless([JSON.parse(text) as Fields]);
    };
    const known = ['a list of resources', 'a list of tools', 'a read'];
    const unknown = ['a read by template', 'a read by address', 'a read of nothing', 'a call', 'a prompt'];
    for (const name of known) expect([name, resultAtOnce(name)]).toEqual([name, undefined]);
    const client = await RawClient.connect(gateway);
    for (const name of [...known, ...unknown.slice(0, 3)]) {
      const { messages } = await client.ask({ id: 1, ...REQUESTS[name] });
      if (known.includes(name) && name !== 'a read') {
        expect([name, resultAtOnce(name)]).toEqual([name, timeless([messages[0]!['result'] as Fields])]);
      }
    }
    const { messages } = await client.ask({ id: 1, ...REQUESTS['a read'] }, BY_SDK);
    expect(resultAtOnce('a read')).toEqual(timeless([messages[0]!['result'] as Fields]));
    for (const name of unknown) expect([name, resultAtOnce(name)]).toEqual([name, undefined]);
    // It may change anything.
    await client.ask({ id: 1, ...REQUESTS['a call'] });
    expect(resultAtOnce('a read')).toBeUndefined();
  });

  it('an answer comes after its progress, and usual requests do without the SDK', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const alone = await client.post({ id: 1, ...REQUESTS['a call'] });
    // What the SDK answers says so.
    expect(alone.headers.get('content-type')).toBe('text/event-stream');
    expect(alone.headers.get('x-accel-buffering')).toBe('no');
    expect((await alone.text()).match(/^data:/gm)).toHaveLength(1);
    const streamed = await client.ask({ id: 2, ...REQUESTS['a call with progress'] });
    expect(streamed.messages.map(({ method, id }) => method ?? id)).toEqual([
      'notifications/progress',
      'notifications/progress',
      'notifications/progress',
      2,
    ]);
  });

  it('a call ends when the client cancels it, and goes on when the client only leaves', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const wait = { method: 'tools/call', params: { name: 'wait' } };
    const cancelled = client.ask({ id: 1, ...wait });
    await a.until(() => a.calls.length === 1);
    await client.post({ method: 'notifications/cancelled', params: { requestId: 1 } });
    expect((await cancelled).messages).toEqual([]);
    await a.until(() => a.cancelled === 1);

    const leaving = new AbortController();
    const left = client.post({ id: 2, ...wait }, {}, leaving.signal).catch(() => 'left');
    await a.until(() => a.calls.length === 2);
    leaving.abort();
    expect(await left).toBe('left');
    a.release();
    const ended = () => gateway.log.filter(({ event }) => event === 'gateway.request');
    await vi.waitFor(() =>
      expect(ended().map(({ fields }) => fields['outcome'])).toEqual(['cancelled', 'ok']),
    );
  });

  it('a call ends when the client cancels it in a batch', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const cancelled = client.ask({ id: 1, method: 'tools/call', params: { name: 'wait' } });
    await a.until(() => a.calls.length === 1);
    await client.postBatch([{ method: 'notifications/cancelled', params: { requestId: 1 } }]);
    expect((await cancelled).messages).toEqual([]);
    await a.until(() => a.cancelled === 1);
  });

  it('the end of a call that a client left does not touch another one of its id', async () => {
    await using a = await startToolUpstream();
    await using b = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy'), b: over(b, 'legacy') });
    const client = await RawClient.connect(gateway);
    const wait = (name: string) => ({ id: 1, method: 'tools/call', params: { name } });
    const leaving = new AbortController();
    const left = client.post(wait('a__wait'), {}, leaving.signal).catch(() => 'left');
    await a.until(() => a.calls.length === 1);
    leaving.abort();
    expect(await left).toBe('left');
    await idle(gateway);
    const second = client.ask(wait('b__wait'));
    await b.until(() => b.calls.length === 1);
    a.release();
    await vi.waitFor(() => expect(gateway.log.map(({ event }) => event)).toContain('gateway.request'));
    await client.post({ method: 'notifications/cancelled', params: { requestId: 1 } });
    expect((await second).messages).toEqual([]);
    await b.until(() => b.cancelled === 1);
  });

  for (const way of ['beside the SDK', 'by way of the SDK', 'by the SDK alone']) {
    it(`the answer to a call that a client left is not for another one of its id: ${way}`, async () => {
      await using a = await startToolUpstream();
      await using b = await startToolUpstream();
      await using gateway = await startTestGateway({ a: over(a, 'legacy'), b: over(b, 'legacy') });
      const client = await RawClient.connect(gateway);
      // What only the SDK knows is handed to it.
      const more = way === 'beside the SDK' ? {} : { more: 1 };
      const wait = (name: string, params: Fields = {}) => ({
        id: 1,
        method: 'tools/call',
        params: { name, ...params },
      });
      const leaving = new AbortController();
      const headers = way === 'by the SDK alone' ? BY_SDK : {};
      const left = client.post(wait('a__wait', more), headers, leaving.signal).catch(() => 'left');
      await a.until(() => a.calls.length === 1);
      leaving.abort();
      await left;
      await idle(gateway);
      for (const params of [{}, { more: 1 }]) {
        const calls = b.calls.length;
        const second = client.ask(wait('b__wait', params));
        await b.until(() => b.calls.length > calls);
        if (calls === 0) {
          a.release();
          await vi.waitFor(() => expect(gateway.log.map(({ event }) => event)).toContain('gateway.request'));
        }
        b.release();
        const { messages } = await second;
        expect(messages).toMatchObject([{ id: 1, result: { _meta: { 'mcpx/server': 'b' } } }]);
      }
    });
  }

  it('a request by the id of one that is left, and handed to the SDK, is cancelled by that id', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    const client = await RawClient.connect(gateway);
    const wait = { id: 1, method: 'tools/call', params: { name: 'wait', more: 1 } };
    const leaving = new AbortController();
    const left = client.post(wait, {}, leaving.signal).catch(() => 'left');
    await a.until(() => a.calls.length === 1);
    leaving.abort();
    await left;
    await idle(gateway);
    const second = client.ask(wait);
    await a.until(() => a.calls.length === 2);
    await client.post({ method: 'notifications/cancelled', params: { requestId: 1 } });
    expect((await second).messages).toEqual([]);
    await a.until(() => a.cancelled === 2);
  });

  it('a list that was given before is another one once it has changed', async () => {
    await using a = await startToolUpstream();
    await using b = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy'), b: over(b, 'legacy') });
    for (const kind of ['sse', 'legacy'] as const) {
      const client = await gateway.client(kind);
      const before = await client.listTools();
      expect(await client.listTools()).toEqual(before);
      expect(before._meta).toMatchObject({ 'mcpx/servers': { a: { status: 'ok' }, b: { status: 'ok' } } });
      const name = `new-${kind}`;
      a.addTool(name);
      await vi.waitFor(async () => {
        const { tools } = await client.listTools();
        expect(tools.map((tool) => tool.name)).toContain(name);
      });
    }
  });

  it('a list that was given before is told to be old once a server has gone', async () => {
    await using a = await startToolUpstream();
    await using b = await startToolUpstream();
    await using gateway = await startTestGateway(
      { a: over(a, 'legacy'), b: over(b, 'legacy') },
      { orchestration: { resource_cache_ttl: 300, serve_stale_on_error: true } },
    );
    const client = await RawClient.connect(gateway);
    const list = async () => (await client.ask({ id: 1, method: 'resources/list' })).messages[0]!['result'];
    const servers = (status: string) => ({
      _meta: { 'mcpx/servers': { a: { status: 'ok' }, b: { status } } },
    });
    expect(await list()).toMatchObject(servers('ok'));
    await b.served.close(0);
    await client.ask({ id: 2, method: 'tools/call', params: { name: 'b__echo', arguments: { text: 't' } } });
    await vi.waitFor(async () => expect(await list()).toMatchObject(servers('stale')));
  });

  it('a list that was cancelled leaves nothing for the next request of its id', async () => {
    let answer = () => {};
    const isLetGo = new Promise<void>((resolve) => (answer = resolve));
    const a = await serve(
      () => {
        const mcp = new McpServer({ name: 'a', version: '1.0.0' }, { capabilities: { tools: {} } });
        mcp.server.setRequestHandler('tools/list', async () => {
          await isLetGo;
          // The SDK wraps what is no object for clients of the older revisions.
          const outputSchema = { type: 'array' };
          return { tools: [{ name: 'many', inputSchema: { type: 'object' }, outputSchema }] } as never;
        });
        return mcp;
      },
      { host: '127.0.0.1', port: 0, transport: 'http' },
      createOperation(),
    );
    try {
      await using gateway = await startTestGateway({
        a: { url: a.urls!.mcp, transport: 'streamable-http', protocol: '2026-07-28' },
      });
      const client = await RawClient.connect(gateway);
      const list = client.ask({ id: 7, method: 'tools/list' });
      await vi.waitFor(() => expect(gateway.gateway.measures.listMisses).toBe(1));
      await client.post({ method: 'notifications/cancelled', params: { requestId: 7 } });
      expect((await list).messages).toEqual([]);
      answer();
      await vi.waitFor(() => expect(gateway.gateway.measures.of('').requests).toBe(1));
      const { messages } = await client.ask({ id: 7, method: 'resources/list' }, BY_SDK);
      expect(messages).toMatchObject([{ id: 7, result: { resources: [] } }]);
      const whole = await client.ask({ id: 8, method: 'tools/list' });
      expect(whole.messages).toMatchObject([{ id: 8, result: { tools: [{ name: 'many' }] } }]);
    } finally {
      await a.close(0);
    }
  });

  it('a result that nests too deeply to be written is an error', async () => {
    const results: Readonly<Record<string, string>> = {
      initialize: JSON.stringify({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'deep', version: '1.0.0' },
      }),
      'tools/list': JSON.stringify({ tools: [{ name: 'deep', inputSchema: { type: 'object' } }] }),
      'tools/call': `{"content":[],"structuredContent":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`,
    };
    const http = createServer((request, response) => {
      void json(request).then((message) => {
        const { id, method } = message as { readonly id?: number; readonly method: string };
        if (id === undefined) return response.writeHead(202).end();
        response.setHeader('content-type', 'application/json');
        return response.end(`{"jsonrpc":"2.0","id":${id},"result":${results[method] ?? '{}'}}`);
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    try {
      const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
      await using gateway = await startTestGateway({
        a: { url, transport: 'streamable-http', protocol: 'legacy' },
      });
      for (const kind of CLIENT_KINDS) {
        const client = await gateway.client(kind);
        await expect(client.callTool({ name: 'deep' })).rejects.toMatchObject({ code: -32603 });
      }
    } finally {
      http.close();
      http.closeAllConnections();
    }
  });

  it('the end of a session ends its calls', async () => {
    await using a = await startToolUpstream();
    await using gateway = await startTestGateway({ a: over(a, 'legacy') });
    for (const kind of ['sse', 'legacy'] as const) {
      const client = await gateway.client(kind);
      const before = a.cancelled;
      const calls = a.calls.length;
      const call = client.callTool({ name: 'wait' }).catch(() => undefined);
      await a.until(() => a.calls.length > calls);
      if (client.transport !== undefined && 'terminateSession' in client.transport) {
        await (client.transport.terminateSession as () => Promise<void>)();
      }
      await client.close();
      await call;
      await a.until(() => a.cancelled === before + 1);
    }
  });
});
