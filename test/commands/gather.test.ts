import { describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine, run, withoutColor, type RunOptions } from '../fixtures/io.js';
import { HOSTILE_RESOURCES } from '../fixtures/upstream-content.js';
import { verifies } from '../verifies.js';

type Report = {
  readonly servers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
} & Readonly<Record<string, unknown>>;

// eslint-disable-next-line no-control-regex -- control characters are what must not be there
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

/** Runs `mcpx gather` with a configuration of these servers. */
async function gather(
  servers: Readonly<Record<string, FileSettings>>,
  flags: readonly string[] = [],
  options: RunOptions = {},
  orchestration: FileSettings = {},
) {
  using folder = temporaryFolder();
  const file = folder.write('c.json', configText(servers, orchestration));
  return await run(['gather', '-c', file, ...flags], options);
}

const report = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout) as Report;
const ndjson = ({ stdout }: { readonly stdout: string }) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function two() {
  const a = await startFakeUpstream();
  const b = await startFakeUpstream({ resources: 1 });
  return {
    a,
    b,
    servers: {
      b: { url: b.mcpUrl, transport: 'streamable-http', priority: 2, domains: ['sales'] },
      a: {
        url: a.sseUrl,
        priority: 1,
        domains: ['products'],
        name: 'Server A',
        capabilities: ['list_resources'],
      },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

describe('the report', () => {
  it('--json is a GatherReport: best priority first, with everything that is known', async () => {
    await using upstreams = await two();
    const ran = await gather(upstreams.servers, ['--json']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout.endsWith('}\n')).toBe(true);
    const { servers, ...head } = report(ran);
    expect(head).toEqual({
      api_version: 'mcpx/v1',
      kind: 'GatherReport',
      operation_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      duration_ms: expect.any(Number) as number,
      mode: 'fail-fast',
      complete: true,
      conflicts: [
        { kind: 'resource-uri', key: 'item://1', winner: 'a', losers: ['b'], rule: 'priority 1 < 2' },
      ],
      cache: expect.objectContaining({ hits: 0, misses: 8 }) as object,
      warnings: [],
    });
    expect(Object.keys(servers)).toEqual(['a', 'b']);
    expect(servers['a']).toMatchObject({
      name: 'Server A',
      status: 'ok',
      required: true,
      priority: 1,
      domains: ['products'],
      capabilities: ['list_resources'],
      transport: 'sse',
      protocol_version: '2025-11-25',
      era: 'legacy',
      duration_ms: expect.any(Number) as number,
      attempts: 1,
      templates: [],
      error: null,
    });
    expect(servers['b']).toMatchObject({ transport: 'streamable-http', era: 'modern' });
    const resources = servers['a']?.['resources'] as Readonly<Record<string, object>>;
    expect(Object.keys(resources)).toEqual(['Item 1', 'Item 2', 'Item 3']);
    expect(resources['Item 1']).toMatchObject({
      uri: 'item://1',
      mime_type: 'application/json',
      description: 'Made-up resource number 1',
      bytes: 29,
      data: { id: 1, tags: ['made', 'up'] },
      cache: { hit: false },
    });
  });

  it('the same inputs give the same bytes, apart from ids and times', async () => {
    await using upstreams = await two();
    const stable = (text: string) =>
      text
        .replaceAll(/"(operation_id|started_at)": "[^"]+"/g, '"$1": ""')
        .replaceAll(/"(duration_ms|age_ms)": \d+/g, '"$1": 0');
    const first = await gather(upstreams.servers, ['--json', '-o', 'json']);
    const second = await gather(Object.fromEntries(Object.entries(upstreams.servers).toReversed()), [
      '--output=json',
    ]);
    expect(stable(second.stdout)).toBe(stable(first.stdout));
  });

  it('-o yaml is the same report', async () => {
    await using upstreams = await two();
    const { status, stdout } = await gather(upstreams.servers, ['-o', 'yaml']);
    expect(status).toBe(0);
    expect(parse(stdout)).toMatchObject({
      kind: 'GatherReport',
      servers: { a: { resources: { 'Item 2': { data: { id: 2 } } } } },
    });
  });

  it('-o ndjson is a line a server, the summary last', async () => {
    await using upstreams = await two();
    const lines = ndjson(await gather(upstreams.servers, ['-o', 'ndjson']));
    expect(lines.map(({ kind, server }) => [kind, server])).toEqual([
      ['GatherServer', 'a'],
      ['GatherServer', 'b'],
      ['GatherSummary', undefined],
    ]);
    expect(lines[0]).toMatchObject({ status: 'ok', resources: { 'Item 1': { data: { id: 1 } } } });
    expect(lines[2]).toMatchObject({ complete: true, servers: { a: 'ok', b: 'ok' } });
    expect(new Set(lines.map(({ operation_id }) => operation_id)).size).toBe(1);
  });

  it('in degraded mode a line of ndjson comes as soon as its server is there', async () => {
    await using slow = await startFakeUpstream({ hangAt: 'read', faultTimes: 1, resources: 1 });
    await using fast = await startFakeUpstream({ resources: 1 });
    const order: string[] = [];
    const { status } = await gather(
      {
        slow: { url: slow.sseUrl, priority: 1, timeout: '600ms' },
        fast: { url: fast.sseUrl, priority: 2 },
      },
      ['-o', 'ndjson', '--degraded'],
      {
        onOut: (text) => {
          order.push((JSON.parse(text) as { server?: string }).server ?? 'summary');
        },
      },
    );
    expect(order).toEqual(['fast', 'slow', 'summary']);
    expect(status).toBe(6);
  });

  it('ndjson of servers that are all down is nothing but the error line', async () => {
    const servers = { a: { url: 'http://127.0.0.1:1/sse' }, b: { url: 'http://127.0.0.1:1/mcp' } };
    const ran = await gather(servers, ['-o', 'ndjson', '--degraded']);
    expect(ran).toMatchObject({ status: 4, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code: 'UPS214' });
  });

  it('ndjson has the line of a server that failed before another answered', async () => {
    await using slow = await startFakeUpstream({ resources: 1 });
    const servers = { down: { url: 'http://127.0.0.1:1/sse' }, up: { url: slow.sseUrl, priority: 2 } };
    const ran = await gather(servers, ['-o', 'ndjson', '--degraded']);
    expect(ran.status).toBe(6);
    expect(ndjson(ran).map(({ server, status }) => [server, status])).toEqual([
      ['down', 'failed'],
      ['up', 'ok'],
      [undefined, undefined],
    ]);
  });

  it('contents that are not JSON are text, blob or a list of contents', async () => {
    await using upstream = await startFakeUpstream({
      resources: [
        { uri: 'x://text', name: 'Text', text: 'words', mimeType: 'text/plain' },
        { uri: 'x://blob', name: 'Blob', blob: 'AA==' },
        {
          uri: 'x://two',
          name: 'Two',
          contents: [
            { uri: 'x://1', text: 'a' },
            { uri: 'x://2', text: '[1]' },
          ],
        },
      ],
    });
    const { servers } = report(await gather({ a: { url: upstream.sseUrl } }, ['--json']));
    const resources = servers['a']?.['resources'] as Readonly<Record<string, Record<string, unknown>>>;
    expect(resources['Text']).toMatchObject({ text: 'words', mime_type: 'text/plain' });
    expect(resources['Blob']).toMatchObject({ blob: 'AA==' });
    expect(resources['Two']?.['contents']).toEqual([
      { uri: 'x://1', text: 'a' },
      { uri: 'x://2', data: [1] },
    ]);
  });
});

describe('failure', () => {
  it('does not tell to try with less where every server refuses', async () => {
    await using a = await startFakeUpstream({ requiredBearer: 'x' });
    await using b = await startFakeUpstream({ requiredBearer: 'x' });
    const servers = { a: { url: a.url, priority: 1 }, b: { url: b.url, priority: 2 } };
    const ran = await gather(servers, ['--degraded', '--json']);
    expect(errorLine(ran)).toMatchObject({
      code: 'UPS207',
      fix: expect.stringMatching(/^mcpx validate-config --connect -c \S+$/) as string,
    });
  });

  it.each([
    [
      ['--max-bytes', '10kB', 'down', 'well', '--fail-fast', '--deadline=20s', '--no-cache'],
      'down well --max-bytes 10kB --no-cache --degraded -c CONFIG --deadline 20s',
    ],
    [
      ['--exclude', 'x*', '*$y', '--concurrency', '2'],
      '--exclude "x*" \'*$y\' --concurrency 2 --degraded -c CONFIG',
    ],
  ])('tells to try the same with one thing changed: %j', async (flags, told) => {
    await using well = await startFakeUpstream();
    await using down = await startFakeUpstream({ statusAt: { read: 500 } });
    const servers = { well: { url: well.sseUrl, priority: 1 }, down: { url: down.sseUrl, priority: 2 } };
    const { stderr } = await gather(servers, flags);
    const [, words = ''] = /^ {2}try: {3}mcpx gather (.*)$/m.exec(stderr) ?? [];
    expect(words.replace(/-c \/\S+\/c\.json/, '-c CONFIG')).toBe(told);
  });

  it('fail-fast prints no partial data: stdout is empty, stderr has the one line', async () => {
    await using well = await startFakeUpstream();
    await using broken = await startFakeUpstream({ statusAt: { read: 500 } });
    const servers = { well: { url: well.sseUrl, priority: 1 }, broken: { url: broken.sseUrl, priority: 2 } };
    for (const format of ['json', 'yaml', 'ndjson']) {
      const ran = await gather(servers, ['-o', format]);
      expect(ran, format).toMatchObject({ status: 4, stdout: '' });
      expect(errorLine(ran), format).toMatchObject({
        code: 'UPS205',
        name: 'http_status',
        server: 'broken',
        exit_code: 4,
        // With the file that was named.
        fix: expect.stringMatching(/^mcpx gather --degraded -c \/\S+\/c\.json -o \w+$/) as string,
        message: expect.stringContaining('HTTP 500') as string,
        hint: expect.any(String) as string,
        operation_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        causes: [],
        details: [
          { server: 'well', status: expect.any(String) as string },
          { server: 'broken', status: 'failed', phase: 'read', code: 'UPS205' },
        ].map((detail) => expect.objectContaining(detail) as object),
      });
    }
    const table = await gather(servers);
    expect(table).toMatchObject({ status: 4, stdout: '' });
    expect(table.stderr).toMatch(
      /^error UPS205 http_status: broken: http:\/\/127\.0\.0\.1:\d+\/sse answered HTTP 500\n/,
    );
    expect(table.stderr).toContain('hint:');
    expect(table.stderr).toContain('try:   mcpx gather --degraded');
  });

  it('--degraded prints what there is, says what is missing, and exits with 6', async () => {
    await using well = await startFakeUpstream();
    await using broken = await startFakeUpstream({ statusAt: { list: 500 } });
    const servers = { well: { url: well.sseUrl, priority: 1 }, broken: { url: broken.sseUrl, priority: 2 } };
    const ran = await gather(servers, ['--json', '--degraded']);
    expect(ran).toMatchObject({ status: 6, stderr: '' });
    expect(report(ran)).toMatchObject({
      mode: 'degraded',
      complete: false,
      servers: {
        well: { status: 'ok' },
        broken: {
          status: 'failed',
          resources: {},
          error: { code: 'UPS205', phase: 'list', server: 'broken' },
        },
      },
    });
    const table = await gather(servers, ['--degraded']);
    expect(table.stdout).toMatch(/UPS205 broken: http:\/\/127\.0\.0\.1:\d+\/sse answered HTTP 500/);
    expect(table.stdout).toContain('incomplete: 3 resources from 1 of 2 servers');
    // The flag stands above the file, both ways.
    expect(await gather(servers, ['--fail-fast'], {}, { fail_fast: false })).toMatchObject({ status: 4 });
    expect(await gather(servers, [], {}, { fail_fast: false })).toMatchObject({ status: 6 });
    expect(await gather(servers, ['--fail-fast', '--degraded'])).toMatchObject({ status: 2, stdout: '' });
  });

  it.each([
    ['a refused credential', { requiredBearer: 'x' }, [], 5],
    ['no answer in time', { hangAt: 'list' }, ['--timeout', '200ms'], 4],
    ['the deadline', { hangAt: 'list' }, ['--deadline', '200ms'], 4],
    ['garbage', { garbageAt: 'list' }, [], 4],
  ] as const)('%s has its exit status', async (_, options, flags, status) => {
    await using upstream = await startFakeUpstream({ ...options, transport: 'sse' });
    const started = performance.now();
    const ran = await gather({ a: { url: upstream.sseUrl } }, [...flags, '--json']);
    expect(ran).toMatchObject({ status, stdout: '' });
    expect(errorLine(ran)['exit_code']).toBe(status);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it.each([
    [130, 'stopped by Ctrl-C'],
    [143, 'stopped by SIGTERM'],
  ])('a stop with status %d ends it with that status and nothing on stdout', async (status, message) => {
    const { stopped } = await import('../../src/main.js');
    await using upstream = await startFakeUpstream({ hangAt: 'read' });
    for (const flag of ['--fail-fast', '--degraded']) {
      const stop = new AbortController();
      const before = upstream.requests.get('resources/read') ?? 0;
      const running = gather({ a: { url: upstream.sseUrl } }, [flag, '--json'], { signal: stop.signal });
      await upstream.requested('resources/read', before + 1);
      stop.abort(stopped(status));
      const ran = await running;
      expect(ran, flag).toMatchObject({ status, stdout: '' });
      expect(errorLine(ran), flag).toMatchObject({ code: 'UPS219', exit_code: status });
      expect(errorLine(ran)['message'], flag).toContain(message);
    }
  });

  it('one that is no failure of ours is a bug, with its stack, and exits with 1', async () => {
    const { stderr, status } = await run(['completion', 'bash'], {
      out: () => Promise.reject(new TypeError('a bug')),
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^mcpx met a bug of its own.*\nTypeError: a bug\n\s+at /);
  });
});

describe('choosing', () => {
  it('servers by id and by domain', async () => {
    await using upstreams = await two();
    const asked = async (...flags: string[]) =>
      Object.keys(report(await gather(upstreams.servers, [...flags, '--json'])).servers);
    expect(await asked('b')).toEqual(['b']);
    expect(await asked('b', 'a')).toEqual(['a', 'b']);
    expect(await asked('--domain', 'products')).toEqual(['a']);
    expect(await asked('--domain', 'sales', 'products')).toEqual(['a', 'b']);
    expect(await asked('a', '--domain', 'products', 'sales')).toEqual(['a']);
  });

  it.each([
    [['c'], 'RES306', 'no server "c" is configured'],
    [['--domain', 'nobody'], 'RES301', 'no server handles the domain "nobody"'],
    [['b', '--domain', 'products'], 'RES301', 'none of the named servers handles products'],
  ])('%j is not found', async (flags, code, message) => {
    await using upstreams = await two();
    const ran = await gather(upstreams.servers, [...flags, '--json']);
    expect(ran).toMatchObject({ status: 7, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code, message, hint: expect.any(String) as string });
    expect(upstreams.a.connections + upstreams.b.connections).toBe(0);
  });

  it('--list-only reads nothing, and tells no sizes', async () => {
    await using upstreams = await two();
    const table = await gather(upstreams.servers, ['--list-only']);
    expect(table.stdout).toMatch(/^a +ok .* 3 +- +- +[\d.]+ m?s$/m);
    expect(table.stdout).toMatch(/^a +Item 1 +item:\/\/1 +-$/m);
    const { servers } = report(await gather(upstreams.servers, ['--list-only', '--json']));
    expect(Object.keys(servers['a']?.['resources'] as object)).toHaveLength(3);
    expect(upstreams.a.reads.size).toBe(0);
  });

  it('--include and --exclude choose by URI among what the configuration lets through', async () => {
    await using upstreams = await two();
    const { a, b } = upstreams.servers;
    const servers = { a: { ...a, resources: { exclude: ['item://2'] } }, b };
    const urisOf = async (...flags: string[]) => {
      const { servers: gathered } = report(await gather(servers, [...flags, '--json']));
      const all = Object.entries(gathered).map(([id, { resources }]) => [
        id,
        Object.values(resources as Record<string, { readonly uri: string }>).map(({ uri }) => uri),
      ]);
      return Object.fromEntries(all) as unknown;
    };
    expect(await urisOf()).toEqual({ a: ['item://1', 'item://3'], b: ['item://1'] });
    expect(await urisOf('--include', 'item://1', '*2')).toEqual({ a: ['item://1'], b: ['item://1'] });
    expect(await urisOf('--exclude', '*//1')).toEqual({ a: ['item://3'], b: [] });
    expect(await urisOf('--include', 'item*', '--exclude', '*1')).toEqual({ a: ['item://3'], b: [] });
    expect(upstreams.a.reads.get('item://2')).toBeUndefined();
    expect(upstreams.a.reads.get('item://1')).toBe(2);
  });

  it.each(['json', 'ndjson'])(
    '--include that matches nothing is not found, and prints nothing (%s)',
    async (format) => {
      await using upstreams = await two();
      const ran = await gather(upstreams.servers, ['--include', 'itm://*', 'b', '--degraded', '-o', format]);
      expect(ran).toMatchObject({ status: 7, stdout: '' });
      expect(errorLine(ran)).toMatchObject({
        code: 'RES305',
        message: 'no server lists a resource that matches itm://* b',
        fix: expect.stringMatching(/^mcpx gather --degraded --list-only -c \S+ -o \w+$/) as string,
      });
    },
  );

  it('--max-bytes names each resource that is larger, and gives the others', async () => {
    const resources = [10, 11].map((size) => ({ uri: `size://${size}`, text: 'x'.repeat(size) }));
    await using upstream = await startFakeUpstream({ resources });
    const servers = { a: { url: upstream.mcpUrl, priority: 1, domains: ['products'] } };
    const degraded = await gather(servers, ['--max-bytes', '10', '--degraded', '--json']);
    expect(degraded.status).toBe(6);
    expect(report(degraded).servers['a']).toMatchObject({
      status: 'partial',
      error: {
        code: 'UPS209',
        message: expect.stringContaining('size://11 has 11 bytes, more than the 10') as string,
      },
      resources: { 'size://10': { text: 'x'.repeat(10) } },
    });
    const table = (await gather(servers, ['--max-bytes', '10', '--degraded'])).stdout;
    expect(table).toMatch(/^a +partial .* 1 of 2 +10 B/m);
    expect(table).toContain('incomplete: 1 of 2 resources from 1 of 1 server in');
    const strict = await gather(servers, ['--max-bytes', '10', '--fail-fast', '--json']);
    expect(strict).toMatchObject({ status: 4, stdout: '' });
    expect(errorLine(strict)).toMatchObject({
      code: 'UPS209',
      hint: expect.stringContaining('--max-bytes') as string,
    });
    expect(await gather(servers, ['--max-bytes', '11'])).toMatchObject({ status: 0 });
    expect(await gather(servers, ['--max-bytes', 'much'])).toMatchObject({ status: 2 });
  });

  it('--concurrency and its variable bound the servers that are worked on', async () => {
    await using upstreams = await two();
    for (const [flags, variable] of [
      [['--concurrency', '1'], ''],
      [[], '1'],
    ] as const) {
      // Commander looks into the environment of the process itself.
      if (variable !== '') vi.stubEnv('MCPX_CONCURRENCY', variable);
      const ran = await gather(upstreams.servers, [...flags, '-o', 'ndjson', '--degraded']);
      vi.unstubAllEnvs();
      expect(ndjson(ran).map(({ server }) => server)).toEqual(['a', 'b', undefined]);
    }
    expect(await gather(upstreams.servers, ['--concurrency', '0'])).toMatchObject({ status: 2 });
  });
});

describe('what people see', () => {
  it('a table that is right at 60 and at 200 columns, with and without colour', async () => {
    await using upstreams = await two();
    for (const columns of [60, 200]) {
      const plain = await gather(upstreams.servers, [], {
        columns,
        stdoutIsTerminal: true,
        env: { NO_COLOR: '1' },
      });
      const lines = plain.stdout.split('\n');
      expect(Math.max(...lines.map((line) => line.length)), plain.stdout).toBeLessThanOrEqual(columns);
      expect(lines[0]).toMatch(/^SERVER +STATUS/);
      expect(plain.stdout).toContain('4 resources from 2 of 2 servers in ');
      expect(plain.stdout).toContain('item://1: a wins over b (priority 1 < 2)');
      // eslint-disable-next-line no-control-regex -- escape sequences are what must not be there
      expect(plain.stdout).not.toMatch(/[\u001b\u009b]/);
      const colored = await gather(upstreams.servers, [], { columns, stdoutIsTerminal: true });
      expect(colored.stdout).toContain('\u001b[32mok\u001b[39m');
      // The widths of times differ, and with them that of the column above them.
      const withoutTimes = (text: string) => withoutColor(text).replaceAll(/ *(?:\d+ ms|TIME)$/gm, '');
      expect(withoutTimes(colored.stdout)).toBe(withoutTimes(plain.stdout));
    }
    const wide = await gather(upstreams.servers, [], { columns: 200 });
    expect(wide.stdout.split('\n')[0]?.split(/ +/)).toEqual([
      'SERVER',
      'STATUS',
      'PRI',
      'DOMAINS',
      'ERA',
      'RES',
      'BYTES',
      'CACHE',
      'TIME',
    ]);
  });

  it.each([
    ['a terminal', [], {}, true, true],
    ['a pipe', [], {}, false, false],
    ['NO_COLOR', [], { NO_COLOR: '1' }, true, false],
    ['FORCE_COLOR', [], { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0', [], { FORCE_COLOR: '0' }, true, false],
    ['a dumb terminal', [], { TERM: 'dumb' }, true, false],
    ['--color always', ['--color', 'always'], { NO_COLOR: '1' }, false, true],
    ['--color never', ['--color', 'never'], { FORCE_COLOR: '1' }, true, false],
  ] as const)('colour with %s', async (_, flags, env, stdoutIsTerminal, expected) => {
    await using upstream = await startFakeUpstream();
    const { stdout } = await gather({ a: { url: upstream.sseUrl } }, flags, { env, stdoutIsTerminal });
    expect(stdout.includes('\u001b[')).toBe(expected);
  });

  it('hostile names reach neither the terminal nor the shape of the report', async () => {
    const named = HOSTILE_RESOURCES.filter(({ name }) => name !== '');
    await using upstream = await startFakeUpstream({ resources: named });
    for (const flags of [[], ['--json'], ['-o', 'yaml'], ['-o', 'ndjson']]) {
      const { stdout, stderr, status } = await gather({ a: { url: upstream.sseUrl } }, flags, {
        columns: 100,
      });
      expect(status).toBe(0);
      expect(`${stdout}${stderr}`, flags.join(' ')).not.toMatch(CONTROLS);
    }
    const { stdout } = await gather({ a: { url: upstream.sseUrl } }, ['--json']);
    const resources = report({ stdout }).servers['a']?.['resources'] as Readonly<Record<string, object>>;
    expect(Object.keys(resources)).toEqual(named.map(({ name }) => name));
    const yaml = await gather({ a: { url: upstream.sseUrl } }, ['-o', 'yaml']);
    const parsed = parse(yaml.stdout) as Report;
    expect(Object.keys(parsed.servers['a']?.['resources'] as object).sort()).toEqual(
      named.map(({ name }) => name!).sort(),
    );
  });

  it('JSON that nests without end harms nobody', async () => {
    const text = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    await using upstream = await startFakeUpstream({
      resources: [{ uri: 'x://deep', name: 'Deep', mimeType: 'application/json', text }],
    });
    for (const format of ['table', 'json', 'yaml']) {
      const { status } = await gather({ a: { url: upstream.sseUrl } }, ['-o', format]);
      expect(status, format).toBe(0);
    }
  });

  verifies('orch:progress', 'a terminal sees who is awaited, and nobody else does', async () => {
    await using upstream = await startFakeUpstream({ readDelayMs: 700, resources: 1 });
    const servers = { slow: { url: upstream.sseUrl } };
    const seen = await gather(servers, ['--json'], { stderrIsTerminal: true, columns: 80 });
    expect(seen.stderr).toMatch(/waiting for slow \(read\)/);
    expect(seen.stderr.endsWith('\r\u001b[2K')).toBe(true);
    expect(report(seen)).toMatchObject({ complete: true });
    for (const [flags, stderrIsTerminal] of [
      [[], false],
      [['--quiet'], true],
    ] as const) {
      const unseen = await gather(servers, [...flags], { stderrIsTerminal });
      expect(unseen.stderr).toBe('');
    }
  });
});

describe('logs', () => {
  const loud = { enable_logging: true, log_level: 'INFO' };

  it('go to stderr, as JSON where no terminal reads, with one operation id for all', async () => {
    await using upstream = await startFakeUpstream();
    const ran = await gather({ a: { url: upstream.sseUrl } }, ['--json'], {}, loud);
    const events = ran.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual([
      'gather.started',
      'server.connected',
      'server.gathered',
      'gather.finished',
      'command.finished',
    ]);
    const id = report(ran)['operation_id'];
    expect(events.every(({ operation_id }) => operation_id === id)).toBe(true);
  });

  it('follow the flags before the file', async () => {
    await using upstream = await startFakeUpstream();
    const stderrOf = async (flags: string[], orchestration: FileSettings = {}, options: RunOptions = {}) =>
      (await gather({ a: { url: upstream.sseUrl } }, flags, options, orchestration)).stderr;
    expect(await stderrOf([], { enable_logging: false })).toBe('');
    expect(await stderrOf([], { ...loud, log_level: 'ERROR' })).toBe('');
    expect(await stderrOf(['-q'], loud)).toBe('');
    expect(await stderrOf(['-v'], { enable_logging: false })).toContain('"event":"config.loaded"');
    expect(await stderrOf(['--log-level', 'info'])).toContain('"event":"gather.started"');
    expect(await stderrOf(['--log-level', 'warn'], loud)).toBe('');
    expect(await stderrOf(['--log-format', 'text'], loud)).toMatch(/ info {2}gather\.started /);
    expect(await stderrOf([], loud, { stderrIsTerminal: true })).toMatch(/ info {2}gather\.started /);
    expect(await stderrOf(['--log-format', 'json'], loud, { stderrIsTerminal: true })).toContain('{"time"');
  });

  it('never change what is on stdout', async () => {
    await using upstream = await startFakeUpstream();
    const quiet = await gather({ a: { url: upstream.sseUrl } }, ['--json', '-q']);
    const loudly = await gather({ a: { url: upstream.sseUrl } }, ['--json', '-v']);
    expect(Object.keys(report(loudly))).toEqual(Object.keys(report(quiet)));
    expect(report(loudly).servers['a']?.['resources']).toEqual(report(quiet).servers['a']?.['resources']);
  });
});
