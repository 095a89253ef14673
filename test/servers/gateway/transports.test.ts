import { describe, expect, it } from 'vitest';
import { CLIENT_KINDS, startTestGateway } from '../../fixtures/gateway.js';
import {
  everythingStdioServer,
  startEverythingServer,
  startV1Server,
  v1StdioServer,
} from '../../fixtures/real-servers.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

/** What every client does here, whichever SDK it is of. */
interface AnyClient {
  listResources(): Promise<{ resources: { uri: string; _meta?: Record<string, unknown> | undefined }[] }>;
  readResource(params: { uri: string }): Promise<{ contents: object[] }>;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: { name: string; arguments?: Record<string, unknown> }): Promise<object>;
}

/** One server of each transport and era; those on the v1 SDK run in processes of their own. */
async function servers() {
  const v1Sse = await startV1Server({ transport: 'sse' });
  const v1Http = await startV1Server({ transport: 'streamable-http' });
  const modern = await startToolUpstream({ name: 'modern' });
  return {
    settings: {
      sse: { url: v1Sse.url, transport: 'sse', priority: 1 },
      http: { url: v1Http.url, transport: 'streamable-http', priority: 2 },
      stdio: { ...v1StdioServer(), transport: 'stdio', priority: 3 },
      modern: { url: modern.mcpUrl, transport: 'streamable-http', protocol: '2026-07-28', priority: 4 },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([v1Sse, v1Http, modern].map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

describe('every client and every server', () => {
  it('come together, whatever they speak', async () => {
    await using upstreams = await servers();
    await using gateway = await startTestGateway(upstreams.settings, {
      orchestration: { fail_fast: true },
    });
    const clients: (readonly [string, AnyClient])[] = [
      ['v1 SSE', await gateway.v1Client('sse')],
      ['v1 Streamable HTTP', await gateway.v1Client('mcp')],
    ];
    for (const kind of CLIENT_KINDS) clients.push([kind, await gateway.client(kind)]);
    for (const [name, client] of clients) {
      const { resources } = await client.listResources();
      const owners = resources.map(({ uri, _meta }) => `${String(_meta?.['mcpx/server'])} ${uri}`);
      expect(owners, name).toEqual([
        'sse v1://aliases',
        'sse v1://notes',
        'sse v1://picture',
        'modern note://modern',
      ]);
      for (const server of ['sse', 'http', 'stdio']) {
        const { contents } = await client.readResource({ uri: `mcpx://${server}/v1%3A%2F%2Fnotes` });
        expect(contents, `${name} reads from ${server}`).toMatchObject([{ text: 'Grüße, 世界' }]);
        const product = await client.readResource({ uri: `mcpx://${server}/v1%3A%2F%2Fproducts%2F7` });
        expect(product.contents).toMatchObject([{ text: 'product 7' }]);
        expect(await client.callTool({ name: `${server}__now` })).toMatchObject({
          content: [{ text: expect.stringMatching(/^\d{4}-/) }],
          _meta: { 'mcpx/server': server },
        });
      }
      const echoed = await client.callTool({ name: 'echo', arguments: { text: name } });
      expect(echoed, name).toMatchObject({ content: [{ text: `modern: ${name}` }] });
      const { tools } = await client.listTools();
      expect(tools.map((tool) => tool.name)).toEqual([
        'sse__now',
        'http__now',
        'stdio__now',
        'count',
        'echo',
        'fail',
        'log',
        'wait',
      ]);
    }
  });

  it('a published server answers through the gateway as it does by itself', async () => {
    await using everything = await startEverythingServer({ transport: 'streamableHttp' });
    await using gateway = await startTestGateway(
      {
        http: { url: everything.url, transport: 'streamable-http', priority: 1 },
        stdio: { ...everythingStdioServer(), transport: 'stdio', priority: 2 },
      },
      { orchestration: { fail_fast: true } },
    );
    const client = await gateway.client('legacy', {
      capabilities: { sampling: {}, roots: {}, elicitation: {} },
    });
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toContain('http__echo');
    expect(names).toContain('stdio__echo');
    for (const server of ['http', 'stdio']) {
      const echoed = await client.callTool({ name: `${server}__echo`, arguments: { message: 'hi' } });
      expect(echoed).toMatchObject({ content: [{ text: 'Echo: hi' }], _meta: { 'mcpx/server': server } });
      const sum = await client.callTool({ name: `${server}__get-sum`, arguments: { a: 2, b: 3 } });
      expect(JSON.stringify(sum)).toContain('5');
    }
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);
    const { resources } = await client.listResources();
    const first = resources[0]!;
    expect((await client.readResource({ uri: first.uri })).contents).toHaveLength(1);
  });
});

describe('progress that a tool tells just before its answer', () => {
  // The SDK's own clients drop what comes in one packet with the answer (modelcontextprotocol/typescript-sdk#2580), so
  // what is sent counts, and not what they make of it.
  it.each([
    ['sse', 'sseUrl', {}],
    ['streamable-http', 'mcpUrl', { protocol: 'legacy' }],
    ['streamable-http', 'mcpUrl', { protocol: '2026-07-28' }],
  ] as const)(
    'comes whole and before it to a v1 client over SSE, from %s at %s %j',
    async (transport, url, more) => {
      await using upstream = await startToolUpstream({ name: 'a' });
      await using gateway = await startTestGateway({ a: { url: upstream[url], transport, ...more } });
      const client = await gateway.v1Client('sse');
      const sent: unknown[] = [];
      const { transport: connection } = client;
      const dispatch = connection?.onmessage;
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's transport is no event target
      connection!.onmessage = (message, extra) => {
        sent.push('method' in message ? message.params?.['progress'] : 'answer');
        dispatch?.(message, extra);
      };
      for (let call = 0; call < 20; call += 1) {
        await client.callTool({ name: 'count' }, undefined, { onprogress: () => undefined });
        expect(sent.splice(0)).toEqual([1, 2, 3, 'answer']);
      }
    },
  );
});
