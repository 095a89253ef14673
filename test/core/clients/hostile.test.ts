import { describe, expect, it } from 'vitest';
import type { FileSettings } from '../../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { contentsOf, failureOf, gatherOnce, orchestratorOf, outcomeOf } from '../../fixtures/gathering.js';
import { stdioUpstream } from '../../fixtures/stdio-upstream.js';

/** What every test here is about ends long before its server's timeouts. */
const LONG = { timeout: 25, connect_timeout: 25 };
const SOON_MS = 6000;

const WIRES = ['sse', 'streamable-http json', 'streamable-http stream', 'stdio'] as const;
type Wire = (typeof WIRES)[number];
type Step = 'initialize' | 'list' | 'read';

/** A gather from a server that answers one step with these messages. */
async function answeredWith(
  wire: Wire,
  step: Step,
  frames: readonly string[],
  settings: FileSettings = {},
  resources = 1,
) {
  const fault = { resources, framesAt: { [step]: frames } };
  const started = performance.now();
  try {
    if (wire === 'stdio') {
      using upstream = stdioUpstream(fault);
      const { command, args } = upstream;
      return await gatherOnce({ a: { command, args, ...LONG, ...settings } }, { fail_fast: false });
    }
    await using upstream = await startFakeUpstream({ ...fault, ...OPTIONS[wire] });
    const { transport = 'sse' } = OPTIONS[wire];
    return await gatherOnce(
      { a: { url: upstream.url, transport, protocol: 'legacy', ...LONG, ...settings } },
      { fail_fast: false },
    );
  } finally {
    expect(performance.now() - started).toBeLessThan(SOON_MS);
  }
}

const OPTIONS: Readonly<Record<Exclude<Wire, 'stdio'>, FakeUpstreamOptions>> = {
  sse: { transport: 'sse' },
  'streamable-http json': { transport: 'streamable-http', era: 'legacy', responseMode: 'json' },
  'streamable-http stream': { transport: 'streamable-http', era: 'legacy', responseMode: 'sse' },
};

const READ = '{"jsonrpc":"2.0","id":$ID,"result":{"contents":[{"uri":"item://1","text":"well"}]}}';
const rpc = (id: string, rest: string) => `{"jsonrpc":"2.0","id":${id},${rest}}`;

describe.each(WIRES)('an answer over %s', (wire) => {
  it.each([
    ['is cut off', ['{"jsonrpc":"2.0","id":$ID,"result":{"contents":[{"uri":"item:'], 'UPS206'],
    ['is JSON and no message', ['{"jsonrpc":"1.0","id":$ID,"result":{}}'], 'UPS206'],
    ['has neither a result nor an error', [rpc('$ID', '"nothing":1')], 'UPS206'],
    ['has a list for its result', [rpc('$ID', '"result":[]')], 'UPS206'],
    ['has a text for its id', [rpc('{"is":"none"}', '"result":{}')], 'UPS206'],
    ['has no id', ['{"jsonrpc":"2.0","result":{"contents":[]}}'], 'UPS206'],
    ['is an error without an id', [rpc('null', '"error":{"code":-32700,"message":"Parse error"}')], 'UPS206'],
    ['is an error without a text', [rpc('$ID', '"error":{"code":-32000}')], 'UPS217'],
    [
      'is an error with more than it may have',
      [rpc('$ID', '"error":{"code":-1,"message":"no","x":1},"y":2')],
      'UPS217',
    ],
  ] as const)('that %s fails its request at once', async (_, frames, code) => {
    for (const step of ['initialize', 'list', 'read'] as const) {
      const error =
        step === 'read'
          ? (await answeredWith(wire, step, frames)).outcomes[0]!.resources[0]?.error
          : (await failureOf(answeredWith(wire, step, frames))).cause;
      expect(error, step).toMatchObject({ code, context: { server: 'a' } });
    }
  });

  it('may have more in its frame than the protocol says, or its id as a text', async () => {
    for (const frame of [
      READ.replace('{', '{"extra":{"x":1},'),
      READ.replace('$ID', '"$ID"'),
      ` \t${READ}  `,
    ]) {
      const { outcomes } = await answeredWith(wire, 'read', [frame]);
      expect(contentsOf(outcomes[0]!), frame).toEqual({ 'item://1': ['well'] });
    }
  });

  it('that comes twice counts once, and one to nobody counts not at all', async () => {
    const other = READ.replace('well', 'forged').replace('$ID', '987654');
    const second = READ.replace('well', 'second');
    const frames = wire === 'streamable-http json' ? [`[${other},${READ},${second}]`] : [other, READ, second];
    const { outcomes } = await answeredWith(wire, 'read', frames);
    expect(contentsOf(outcomes[0]!)).toEqual({ 'item://1': ['well'] });
  });

  it('of bytes that are no UTF-8 is told as that, and the bytes around them are kept', async () => {
    const frame = READ.replace('well', 'caf\u00e9 \u00ff\u00fe fin');
    const { outcomes } = await answeredWith(wire, 'read', [frame]);
    const [outcome] = outcomes;
    expect(String((contentsOf(outcome!)['item://1'] as string[])[0])).toMatch(/^caf\ufffd \ufffd+ fin$/);
    expect(outcome!.warnings).toEqual([
      expect.objectContaining({ code: 'UPS211', message: expect.stringContaining('no UTF-8') as unknown }),
    ]);
  });

  it('to somebody else only is waited for no longer than the timeout', async () => {
    const frames = [READ.replace('$ID', '987654')];
    const { outcomes } = await answeredWith(wire, 'read', frames, { timeout: '400ms' });
    // Where each request has its own answer there is nothing to wait for.
    const code = wire.startsWith('streamable') ? 'UPS206' : 'UPS204';
    expect(outcomes[0]!.resources[0]?.error).toMatchObject({ code });
  });

  it('of contents that are empty, binary or several is kept as it is', async () => {
    const contents = [
      { uri: 'item://1', text: '' },
      { uri: 'item://1', blob: '' },
      { uri: 'item://1', blob: Buffer.from([0, 255, 10, 13]).toString('base64') },
      { uri: 'item://1', mimeType: 'application/json', text: '{"a":[1,{}]}' },
    ];
    const frame = rpc('$ID', `"result":{"contents":${JSON.stringify(contents)}}`);
    const { outcomes } = await answeredWith(wire, 'read', [frame]);
    expect(outcomes[0]).toMatchObject({ status: 'ok', warnings: [], resources: [{ bytes: 16 }] });
    expect(contentsOf(outcomes[0]!)['item://1']).toEqual(['', '', 'AP8KDQ==', { a: [1, {}] }]);
    const none = await answeredWith(wire, 'read', [rpc('$ID', '"result":{"contents":[]}')]);
    expect(none.outcomes[0]).toMatchObject({ status: 'ok', resources: [{ contents: [], bytes: 0 }] });
    const wrong = rpc(
      '$ID',
      '"result":{"contents":[{"uri":"item://1","blob":"no base64: \u0001?"}]}',
    ).replace('\u0001', '!');
    const { resources } = (await answeredWith(wire, 'read', [wrong])).outcomes[0]!;
    expect(resources[0]?.error).toMatchObject({ code: 'UPS211', context: { phase: 'decode' } });
  });
});

describe('a session', () => {
  it('that the server has forgotten is opened again once, without any retries', async () => {
    await using upstream = await startFakeUpstream({
      transport: 'streamable-http',
      era: 'legacy',
      resources: 20,
      readDelayMs: 20,
    });
    await using orchestrator = orchestratorOf({ a: { url: upstream.url, transport: 'streamable-http' } });
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
    upstream.expireSessions();
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
    expect(upstream.requests.get('initialize')).toBe(2);
    // In the middle of everything, too.
    upstream.change({ readDelayMs: 60 });
    const gathering = orchestrator.gather();
    await upstream.requested('resources/read', 50);
    upstream.expireSessions();
    expect(await gathering).toMatchObject({ complete: true });
    expect(upstream.requests.get('initialize')).toBe(3);
  });

  it('that is always forgotten is left after the second time', async () => {
    await using upstream = await startFakeUpstream({
      transport: 'streamable-http',
      era: 'legacy',
      statusAt: { list: 404 },
    });
    const error = await failureOf(
      outcomeOf({
        url: upstream.url,
        transport: 'streamable-http',
        retry: { max_retries: 5, initial: '1ms' },
      }),
    );
    expect(error).toMatchObject({ code: 'UPS203', context: { phase: 'list' } });
    expect(upstream.requests.get('initialize')).toBeLessThanOrEqual(3);
  });
});

describe('much of everything', () => {
  it('10,000 small resources are all gathered', async () => {
    await using upstream = await startFakeUpstream({ transport: 'sse', resources: 10_000, pageSize: 500 });
    const outcome = await outcomeOf({ url: upstream.url }, { deadline: '100s' });
    expect(outcome).toMatchObject({ status: 'ok', warnings: [] });
    expect(outcome.resources).toHaveLength(10_000);
    expect(new Set(outcome.resources.map(({ key }) => key)).size).toBe(10_000);
    expect(outcome.resources.at(-1)).toMatchObject({ uri: 'item://10000', bytes: 33 });
    expect(upstream.reads.size).toBe(10_000);
  }, 120_000);

  it('1,000 pages are walked to the end', async () => {
    await using upstream = await startFakeUpstream({ transport: 'sse', resources: 1000, pageSize: 1 });
    const outcome = await outcomeOf({ url: upstream.url }, { deadline: '60s' }, { listOnly: true });
    expect(outcome.resources).toHaveLength(1000);
    expect(upstream.lists).toBe(1000);
  }, 60_000);

  it.each([
    ['sse', 'endpoint', 'UPS201'],
    ['sse', 'initialize', 'UPS201'],
    ['sse', 'list', 'UPS204'],
    ['sse', 'read', 'UPS204'],
    ['streamable-http', 'initialize', 'UPS201'],
    ['streamable-http', 'list', 'UPS204'],
    ['streamable-http', 'read', 'UPS204'],
  ] as const)('a flood of notifications over %s at %s moves no limit', async (transport, floodAt, code) => {
    await using upstream = await startFakeUpstream({ transport, era: 'legacy', floodAt, resources: 1 });
    const before = process.memoryUsage().heapUsed;
    const started = performance.now();
    const error = await failureOf(
      outcomeOf({
        url: upstream.url,
        transport,
        protocol: 'legacy',
        connect_timeout: code === 'UPS201' ? '600ms' : 10,
        timeout: '600ms',
      }),
    );
    expect(error.code).toBe(code);
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    // They are dropped as they come; both ends live in this process.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 ** 2);
  });
});

describe('a large answer', () => {
  it('that is announced as too large is not waited for', async () => {
    const announcedBytes = 200 * 1024 ** 2;
    await using upstream = await startFakeUpstream({
      transport: 'streamable-http',
      bodyBytes: 10,
      announcedBytes,
    });
    const started = performance.now();
    const error = await failureOf(outcomeOf({ url: upstream.url, transport: 'streamable-http', ...LONG }));
    expect(error).toMatchObject({ code: 'UPS209', context: { uri: 'item://1' } });
    expect(performance.now() - started).toBeLessThan(SOON_MS);
  });

  it.each(['sse', 'streamable-http'] as const)(
    'that is allowed comes through whole over %s, in however many pieces',
    async (transport) => {
      for (const responseMode of ['json', 'sse'] as const) {
        const text = 'é€😀 – '.repeat(300_000);
        await using upstream = await startFakeUpstream({
          transport,
          era: 'legacy',
          responseMode,
          resources: [{ uri: 'x://1', text }],
        });
        const outcome = await outcomeOf({ url: upstream.url, transport });
        expect((contentsOf(outcome)['x://1'] as string[])[0] === text).toBe(true);
        expect(outcome.warnings).toEqual([]);
      }
    },
  );
});

describe('a redirect', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/latest/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://10.0.0.1/mcp',
    'http://192.168.0.1/mcp',
    'http://localhost:1/mcp',
    'http://[::1]:1/mcp',
    'http://0x7f000001:1/mcp',
    'https://127.0.0.1:1/mcp',
    '//elsewhere.example/mcp',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'javascript:alert(1)',
    'http://user:pass@elsewhere.example/',
    'http://[not a url',
  ])('to %s is not followed', async (redirectTo) => {
    for (const transport of ['sse', 'streamable-http'] as const) {
      await using upstream = await startFakeUpstream({ transport, redirectTo });
      const headers = { Authorization: 'Bearer sentinel-credential' };
      const error = await failureOf(outcomeOf({ url: upstream.url, transport, headers, ...LONG }));
      expect(error).toMatchObject({ code: 'UPS215', exitCode: 4 });
      expect(error.hint).toBeDefined();
      expect(JSON.stringify(error)).not.toMatch(/sentinel|pass@/);
    }
  });

  it('within the origin is followed, three times at the most, with the credentials', async () => {
    await using upstream = await startFakeUpstream({ transport: 'streamable-http', redirectTo: '/mcp' });
    const error = await failureOf(
      outcomeOf({ url: upstream.url, transport: 'streamable-http', headers: { 'X-Key': 'k-e-y' } }),
    );
    expect(error).toMatchObject({ code: 'UPS215' });
    expect(upstream.headers.every((headers) => headers['x-key'] === 'k-e-y')).toBe(true);
    // The question and the older handshake beside it, each with three more.
    expect(upstream.headers.length).toBeLessThanOrEqual(8);
  });
});
