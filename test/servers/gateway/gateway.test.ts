import { UriTemplate } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { CLIENT_KINDS, failure, over, startTestGateway } from '../../fixtures/gateway.js';
import { orchestratorOf } from '../../fixtures/gathering.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

const resource = (uri: string, text: string) => ({ uri, name: uri, text });

/** What was read, of contents that are text. */
const texts = ({ contents }: { contents: readonly object[] }) =>
  contents.map((content) => (content as { text?: string }).text);

describe('merged resources', () => {
  for (const kind of CLIENT_KINDS) {
    it(`of all servers, with who has what (${kind})`, async () => {
      await using a = await startFakeUpstream({
        resources: [resource('x://1', 'a1'), resource('x://2', 'a2')],
      });
      await using b = await startFakeUpstream({
        resources: [resource('x://2', 'b2'), resource('x://3', 'b3')],
      });
      await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 10) });
      const client = await gateway.client(kind);
      const { resources, _meta } = await client.listResources();
      expect(
        resources.map(({ uri, _meta: meta }) => [uri, meta?.['mcpx/server'], meta?.['mcpx/priority']]),
      ).toEqual([
        ['x://1', 'a', 1],
        ['x://2', 'a', 1],
        ['x://3', 'b', 10],
      ]);
      const conflict = {
        kind: 'uri',
        key: 'x://2',
        winner: 'a',
        rule: 'priority 1 < 10',
        others: [{ server: 'b', priority: 10, address: 'mcpx://b/x%3A%2F%2F2' }],
      };
      expect(resources[1]?._meta?.['mcpx/conflict']).toEqual(conflict);
      expect(_meta).toMatchObject({
        'mcpx/complete': true,
        'mcpx/servers': {
          a: { status: 'ok', priority: 1, required: true, entries: 2 },
          b: { status: 'ok', priority: 10, required: true, entries: 2 },
        },
        'mcpx/conflicts': [conflict],
      });

      expect(texts(await client.readResource({ uri: 'x://2' }))).toEqual(['a2']);
      const lost = await client.readResource({ uri: conflict.others[0]!.address });
      expect(lost.contents).toEqual([{ uri: 'mcpx://b/x%3A%2F%2F2', text: 'b2' }]);
      expect(lost._meta).toMatchObject({ 'mcpx/server': 'b', 'mcpx/priority': 10 });
    });

    it(`an unknown URI is not found (${kind})`, async () => {
      await using a = await startFakeUpstream();
      await using gateway = await startTestGateway({ a: over(a, 1) });
      const client = await gateway.client(kind);
      for (const uri of ['x://unknown', 'mcpx://a/x%3A%2F%2Funknown', 'mcpx://nobody/x%3A%2F%2F1']) {
        const error = await failure(client.readResource({ uri }));
        expect(error).toMatchObject({ code: -32602, data: { uri } });
      }
    });
  }

  it('an older client hears "not found" in the code of its revision', async () => {
    await using a = await startFakeUpstream();
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const client = await gateway.v1Client('mcp');
    const uri = 'x://unknown';
    expect(await failure(client.readResource({ uri }))).toMatchObject({ code: -32002, data: { uri } });
  });

  it('keeps every field of an entry as it is, but for what only the gateway may say', async () => {
    const entry = {
      uri: 'x://1',
      name: 'One',
      title: 'Number one',
      size: 7,
      annotations: { priority: 0.5 },
      _meta: { 'vendor.example/a': 1, 'mcpx/server': 'forged' },
    };
    await using a = await startFakeUpstream({ resources: [], malformed: [entry] });
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const { resources } = await (await gateway.client()).listResources();
    expect(resources).toEqual([
      { ...entry, _meta: { 'vendor.example/a': 1, 'mcpx/server': 'a', 'mcpx/priority': 1 } },
    ]);
  });

  it('walks all pages of the servers, and has pages of its own', async () => {
    await using a = await startFakeUpstream({ resources: 25, pageSize: 4 });
    await using gateway = await startTestGateway({ a: over(a, 1) }, { gateway: { page_size: 10 } });
    const client = await gateway.client('legacy');
    const sizes: number[] = [];
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page: Awaited<ReturnType<typeof client.listResources>> = await client.request({
        method: 'resources/list',
        params: cursor === undefined ? {} : { cursor },
      });
      sizes.push(page.resources.length);
      for (const { uri } of page.resources) seen.add(uri);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(sizes).toEqual([10, 10, 5]);
    expect(seen.size).toBe(25);
    const bad = client.request({ method: 'resources/list', params: { cursor: 'nonsense' } });
    expect(await failure(bad)).toMatchObject({
      code: -32602,
      message: expect.stringContaining('Invalid cursor'),
    });
  });

  it.each(['legacy', '2026-07-28'])('leaves malformed entries out and says so (%s)', async (protocol) => {
    const malformed = [{ name: 'no uri' }, { uri: 'y://1', name: 'x', description: 42 }];
    await using a = await startFakeUpstream({ malformed });
    await using gateway = await startTestGateway({ a: over(a, 1, { protocol }) });
    const { resources, _meta } = await (await gateway.client('legacy')).listResources();
    expect(resources).toHaveLength(3);
    expect(_meta).toMatchObject({
      'mcpx/complete': false,
      'mcpx/servers': { a: { status: 'partial', entries: 3, error: { code: 'UPS211' } } },
    });
  });

  it('a list that cannot be read costs no other list', async () => {
    const tools = [{ name: 'echo' }];
    await using a = await startFakeUpstream({ garbageAt: 'list', garbage: 'empty-result', tools });
    await using gateway = await startTestGateway({ a: over(a, 1, { protocol: '2026-07-28' }) });
    const client = await gateway.client();
    const { resources, _meta } = await client.listResources();
    expect(resources).toEqual([]);
    expect(_meta).toMatchObject({ 'mcpx/servers': { a: { status: 'failed', error: { code: 'UPS206' } } } });
    expect((await client.listTools()).tools).toHaveLength(1);
  });

  it('offers what include and exclude let through, in lists, reads and templates', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    const resources = { exclude: ['note://*', 'city://B*'] };
    await using gateway = await startTestGateway({ a: over(a, 1, { resources }) });
    const client = await gateway.client();
    expect((await client.listResources()).resources).toEqual([]);
    expect(texts(await client.readResource({ uri: 'city://Rome' }))).toEqual(['Rome of a']);
    for (const uri of ['note://a', 'city://Bern', 'mcpx://a/note%3A%2F%2Fa']) {
      expect(await failure(client.readResource({ uri }))).toMatchObject({ code: -32602, data: { uri } });
    }
  });

  it('is not kept busy by what a server writes for a template', async () => {
    const uriTemplate = `city://${'{+a}'.repeat(8)}!`;
    await using a = await startFakeUpstream({ templates: [{ uriTemplate, name: 'Slow' }] });
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway({ a: { url: a.url, priority: 1 }, b: over(b, 2) });
    const client = await gateway.client();
    const uri = `city://${'a'.repeat(300)}`;
    expect((await client.readResource({ uri })).contents).toMatchObject([{ uri }]);
  });

  it('reads by the template of the best server that knows the URI', async () => {
    await using a = await startFakeUpstream({ templates: [{ uriTemplate: 'city://{name}', name: 'None' }] });
    await using b = await startToolUpstream({ name: 'b' });
    await using c = await startToolUpstream({ name: 'c' });
    await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 2), c: over(c, 3) });
    const client = await gateway.client('legacy');
    const read = await client.readResource({ uri: 'city://Bern' });
    expect(texts(read)).toEqual(['Bern of b']);
    expect(a.reads.get('city://Bern')).toBe(1);
    const templates = await client.listResourceTemplates();
    expect(
      templates.resourceTemplates.map(({ uriTemplate, _meta }) => [uriTemplate, _meta?.['mcpx/server']]),
    ).toEqual([
      ['city://{name}', 'a'],
      ['city://{city}', 'b'],
      ['mcpx://{server}/{uri}', undefined],
    ]);
  });

  for (const kind of CLIENT_KINDS) {
    it(`lists the template of what one server has, which any client can fill in (${kind})`, async () => {
      await using a = await startFakeUpstream({ resources: [{ uri: 'x://same/1?a=b', text: 'of a' }] });
      await using b = await startFakeUpstream({ resources: [{ uri: 'x://same/1?a=b', text: 'of b' }] });
      await using gateway = await startTestGateway({
        a: { url: a.url, priority: 1 },
        'b c/d': { url: b.url, priority: 2 },
      });
      const client = await gateway.client(kind);
      const { resourceTemplates } = await client.listResourceTemplates();
      expect(resourceTemplates).toMatchObject([{ uriTemplate: 'mcpx://{server}/{uri}' }]);
      const { uriTemplate = '' } = resourceTemplates[0] ?? {};
      const values = async (name: string, value: string, chosen?: Record<string, string>) => {
        const { completion } = await client.complete({
          ref: { type: 'ref/resource', uri: uriTemplate },
          argument: { name, value },
          ...(chosen === undefined ? {} : { context: { arguments: chosen } }),
        });
        return completion.values;
      };
      expect(await values('server', '')).toEqual(['a', 'b c/d']);
      const [server = ''] = await values('server', 'b');
      expect(await values('uri', 'x://')).toEqual([]);
      expect(await values('uri', 'y://', { server })).toEqual([]);
      expect(await values('uri', '', { server: { toString: null } as never })).toEqual([]);
      const [of = ''] = await values('uri', 'x://', { server });
      const uri = new UriTemplate(uriTemplate).expand({ server, uri: of });
      expect((await client.readResource({ uri })).contents).toEqual([{ uri, text: 'of b' }]);
    });
  }

  it('lists its own template once and on the last page, also where a server is a gateway', async () => {
    const templates = ['x://{a}', 'x://{b}', 'mcpx://{server}/{uri}'];
    await using a = await startFakeUpstream({
      templates: templates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate })),
    });
    const servers = { a: { url: a.url, priority: 1 }, b: { url: a.mcpUrl, priority: 2 } };
    await using gateway = await startTestGateway(servers, { gateway: { page_size: 1 } });
    const client = await gateway.client('legacy');
    const found: string[] = [];
    let conflicts: unknown;
    let cursor: string | undefined;
    do {
      const page = await client.request({
        method: 'resources/templates/list',
        params: cursor === undefined ? {} : { cursor },
      });
      found.push(...page.resourceTemplates.map(({ uriTemplate }) => uriTemplate));
      conflicts = page._meta?.['mcpx/conflicts'];
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(found).toEqual(templates);
    expect(conflicts).toMatchObject([{ key: 'x://{a}' }, { key: 'x://{b}' }]);
  });

  it('is read through by a client of ours, from the server that is named', async () => {
    await using a = await startFakeUpstream({ resources: [{ uri: 'x://1', text: 'of a' }] });
    await using b = await startFakeUpstream({ resources: [{ uri: 'x://1', text: 'of b' }] });
    await using gateway = await startTestGateway({
      a: { url: a.url, priority: 1 },
      b: { url: b.url, priority: 2 },
    });
    for (const url of [gateway.served.urls!.sse, gateway.served.urls!.mcp]) {
      await using orchestrator = orchestratorOf({ gateway: { url, priority: 1 } });
      const { contents } = await orchestrator.readResource('mcpx://b/x%3A%2F%2F1');
      expect(contents).toMatchObject([{ text: 'of b' }]);
    }
  });
});

describe('tools, prompts and completions', () => {
  for (const kind of CLIENT_KINDS) {
    it(`go to the server that has them (${kind})`, async () => {
      await using a = await startToolUpstream({ name: 'a' });
      await using b = await startFakeUpstream({ tools: [{ name: 'other' }] });
      await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 10) });
      const client = await gateway.client(kind);
      const { tools } = await client.listTools();
      expect(tools.map(({ name, _meta }) => [name, _meta?.['mcpx/server']])).toEqual([
        ['count', 'a'],
        ['echo', 'a'],
        ['fail', 'a'],
        ['log', 'a'],
        ['wait', 'a'],
        ['other', 'b'],
      ]);
      const echoed = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
      expect(echoed).toMatchObject({
        content: [{ type: 'text', text: 'a: hi' }],
        _meta: { 'mcpx/server': 'a' },
      });
      const other = await client.callTool({ name: 'other', arguments: { x: 1 } });
      expect(other).toMatchObject({ content: [{ text: '{"x":1}' }], _meta: { 'mcpx/server': 'b' } });
      expect(await client.callTool({ name: 'fail' })).toMatchObject({
        isError: true,
        content: [{ text: 'it failed' }],
      });
      expect(await failure(client.callTool({ name: 'unknown' }))).toMatchObject({
        code: -32602,
        message: expect.stringContaining('Unknown tool: unknown'),
      });

      expect((await client.listPrompts()).prompts).toMatchObject([
        { name: 'greet', _meta: { 'mcpx/server': 'a' } },
      ]);
      expect(await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } })).toMatchObject({
        messages: [{ content: { text: 'Greet Ada from a' } }],
      });
      const ref = { type: 'ref/resource', uri: 'city://{city}' } as const;
      const { completion } = await client.complete({ ref, argument: { name: 'city', value: 'B' } });
      expect(completion.values).toEqual(['Bern', 'Bonn']);
    });

    it(`tell of their progress (${kind})`, async () => {
      await using a = await startToolUpstream({ name: 'a' });
      await using gateway = await startTestGateway({ a: over(a, 1) });
      const client = await gateway.client(kind);
      const seen: unknown[] = [];
      const call = client.callTool(
        { name: 'count', arguments: { hold: true } },
        { onprogress: (progress) => seen.push(progress) },
      );
      await expect.poll(() => seen.length).toBe(3);
      a.release();
      await call;
      expect(seen).toEqual([1, 2, 3].map((n) => ({ progress: n, total: 3, message: `step ${n}` })));
    });

    it(`are cancelled at the server when the client cancels (${kind})`, async () => {
      await using a = await startToolUpstream({ name: 'a' });
      await using gateway = await startTestGateway({ a: over(a, 1) });
      const client = await gateway.client(kind);
      const controller = new AbortController();
      const call = failure(client.callTool({ name: 'wait' }, { signal: controller.signal }));
      await a.until(() => a.calls.includes('wait'));
      controller.abort();
      await call;
      await a.until(() => a.cancelled === 1);
      expect(a.cancelled).toBe(1);
    });
  }

  it('a server that refuses arguments is heard word for word', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const client = await gateway.client('legacy');
    const direct = await failure(client.getPrompt({ name: 'greet' }));
    expect(direct).toMatchObject({ code: -32602, message: expect.stringContaining('who') });
  });

  it('names of several servers: prefix', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 10) });
    const client = await gateway.client();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      ...['count', 'echo', 'fail', 'log', 'wait'].map((name) => `a__${name}`),
      ...['count', 'echo', 'fail', 'log', 'wait'].map((name) => `b__${name}`),
    ]);
    expect(tools[1]).toMatchObject({ description: 'Echoes, as a', _meta: { 'mcpx/name': 'echo' } });
    const said = async (name: string) => (await client.callTool({ name, arguments: { text: 'x' } })).content;
    expect(await said('b__echo')).toMatchObject([{ text: 'b: x' }]);
    expect(await said('echo')).toMatchObject([{ text: 'a: x' }]);
    expect(await client.getPrompt({ name: 'b__greet', arguments: { who: 'Ada' } })).toMatchObject({
      messages: [{ content: { text: 'Greet Ada from b' } }],
    });
  });

  it('names of several servers: priority', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway(
      { a: over(a, 1), b: over(b, 10) },
      { gateway: { on_conflict: 'priority' } },
    );
    const client = await gateway.client();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['count', 'echo', 'fail', 'log', 'wait']);
    expect(tools[1]?._meta?.['mcpx/conflict']).toMatchObject({
      winner: 'a',
      others: [{ address: 'b__echo' }],
    });
    expect(await client.callTool({ name: 'b__echo', arguments: { text: 'x' } })).toMatchObject({
      content: [{ text: 'b: x' }],
    });
  });

  it('names of several servers: error', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway(
      { a: over(a, 1), b: over(b, 10, { tools: { exclude: ['e*', 'count', 'fail', 'log'] } }) },
      { gateway: { on_conflict: 'error' } },
    );
    const client = await gateway.client();
    const refused = { code: -32603, message: 'a and b both have "wait"', data: { code: 'SRV411' } };
    expect(await failure(client.listTools())).toMatchObject(refused);
    expect(await failure(client.callTool({ name: 'wait' }))).toMatchObject(refused);
    expect(await client.callTool({ name: 'echo', arguments: { text: 'x' } })).toMatchObject({
      content: [{ text: 'a: x' }],
    });
  });

  it('offers the tools that include and exclude let through', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    const tools = { include: ['e*', 'fail'], exclude: ['fail'] };
    await using gateway = await startTestGateway({ a: over(a, 1, { tools }) });
    const client = await gateway.client();
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo']);
    for (const name of ['fail', 'a__fail', 'count']) {
      expect(await failure(client.callTool({ name }))).toMatchObject({ code: -32602 });
    }
    expect(a.calls).toEqual([]);
  });
});

describe('the log', () => {
  it('tells who asked whom for what, and no contents', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const client = await gateway.client('legacy');
    await client.callTool({ name: 'echo', arguments: { text: 'private words' } });
    await client.readResource({ uri: 'note://a' });
    await failure(client.callTool({ name: 'unknown' }));
    const requests = gateway.log.filter(({ event }) => event === 'gateway.request');
    expect(requests.map(({ fields }) => fields)).toMatchObject([
      { method: 'tools/call', name: 'echo', server: 'a', client: 'test-legacy', outcome: 'ok' },
      { method: 'resources/read', uri: 'note://a', server: 'a', outcome: 'ok' },
      { method: 'tools/call', name: 'unknown', server: null, outcome: 'error -32602' },
    ]);
    expect(JSON.stringify(gateway.log)).not.toContain('private words');
    expect(JSON.stringify(gateway.log)).not.toContain('a note of a');
  });

  it('holds no more of a name or a URI than a reader wants', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const client = await gateway.client('legacy');
    const long = 'x'.repeat(100_000);
    await failure(client.callTool({ name: long }));
    await failure(client.readResource({ uri: `note://${long}` }));
    const lines = gateway.log.filter(({ event }) => event === 'gateway.request');
    expect(lines).toHaveLength(2);
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(1000);
  });
});
