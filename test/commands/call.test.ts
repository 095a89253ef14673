import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine, run, withoutColor } from '../fixtures/io.js';
import { startToolUpstream } from '../fixtures/tool-upstream.js';

const PAY = {
  name: 'pay',
  description: 'Pays\u001b[31m a bill\nand more',
  inputSchema: {
    type: 'object',
    properties: {
      amount: { type: ['number', 'string'], description: 'How much' },
      currency: { enum: ['EUR', 'USD'] },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      odd: 7,
    },
    required: ['amount'],
  },
};

async function mcpx(argv: readonly string[], servers: Readonly<Record<string, FileSettings>>, rest = {}) {
  using folder = temporaryFolder();
  return await run([...argv, '-c', folder.write('c.json', configText(servers, rest))]);
}

describe('mcpx call --list', () => {
  it('lists the tools of all servers with their arguments, calling none', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using b = await startFakeUpstream({ tools: [PAY, { name: 'plain' }] });
    const servers = { b: { url: b.url, priority: 1 }, a: { url: a.mcpUrl, priority: 2 } };
    const table = await mcpx(['call', '--list'], servers);
    expect(table).toMatchObject({ status: 0, stderr: '' });
    expect(table.stdout).toMatch(/^TOOL +SERVER +ARGUMENTS +DESCRIPTION\n/);
    expect(table.stdout).toMatch(/^pay +b +amount, currency\?, note\?, odd\? +Pays a bill\nplain +b +- *\n/m);
    expect(table.stdout).toMatch(/^echo +a +text +Echoes, as a$/m);
    const json = JSON.parse((await mcpx(['call', '--list', '--json'], servers)).stdout) as object;
    expect(json).toMatchObject({
      kind: 'ToolList',
      complete: true,
      servers: [
        { server: 'b', tools: [{ name: 'pay', input_schema: PAY.inputSchema }, {}], error: null },
        { server: 'a' },
      ],
    });
    const named = await mcpx(['call', '--list', '--server', 'b'], servers);
    expect(named.stdout).not.toContain('echo');
    expect([a.calls, b.requests.get('tools/call')]).toEqual([[], undefined]);
  });

  it('is what to try where no server has the tool, with the flags that were given', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    const servers = { a: { url: a.mcpUrl, priority: 1 } };
    for (const args of [
      ['ecko', '{"text":"x"}'],
      ['ecko', '--list'],
      ['ecko', '--args', '{}', '--csv'],
    ]) {
      const ran = await mcpx(['call', ...args, '--server', 'a', '--deadline', '20s'], servers);
      expect(ran).toMatchObject({ status: 7, stdout: '' });
      expect(ran.stderr).toMatch(
        /^error RES309 .*\n {2}hint: {2}Did you mean "echo"\? .*\n {2}try: {3}mcpx call --server a --list --deadline 20s -c \S+\n$/,
      );
    }
  });

  it('of one tool tells each argument', async () => {
    await using b = await startFakeUpstream({ tools: [PAY, { name: 'plain' }] });
    const servers = { b: { url: b.url, priority: 1 } };
    const { stdout } = await mcpx(['call', 'pay', '--list'], servers);
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      'pay of b',
      'Pays a bill and more',
      '',
      'ARGUMENT  TYPE              REQUIRED  DESCRIPTION',
      'amount    number or string  yes       How much',
      'currency  "EUR" or "USD"    no',
      'note      string or null    no',
      'odd       anything          no',
      '',
    ]);
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText(servers));
    for (const argv of [
      ['call', '--list'],
      ['call', 'pay', '--list'],
    ]) {
      const narrow = await run([...argv, '-c', file], { columns: 20, stdoutIsTerminal: true });
      const lines = withoutColor(narrow.stdout)
        .split('\n')
        .slice(argv.length === 2 ? 0 : 3);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(20);
    }
    expect((await mcpx(['call', 'plain', '--list'], servers)).stdout).toContain('it takes no arguments');
    expect(await mcpx(['call', 'pya', '--list'], servers)).toMatchObject({
      status: 7,
      stderr: expect.stringContaining('Did you mean "pay"?') as string,
    });
  });

  it('says of a tool that it takes more than its schema names', async () => {
    const open = { type: 'object', additionalProperties: true };
    const tools = [
      { name: 'any', inputSchema: open },
      { name: 'some', inputSchema: { ...open, properties: { a: { type: 'string' } } } },
      { name: 'either', inputSchema: { type: 'object', anyOf: [{ properties: { b: {} } }] } },
      { name: 'none', inputSchema: { type: 'object', additionalProperties: false } },
    ];
    await using b = await startFakeUpstream({ tools });
    const servers = { b: { url: b.url, priority: 1 } };
    const { stdout } = await mcpx(['call', '--list'], servers);
    const rows = ['any +b +…', 'some +b +a\\?, …', 'either +b +…', 'none +b +-'];
    for (const row of rows) expect(stdout).toMatch(new RegExp(`^${row} *$`, 'm'));
    expect((await mcpx(['call', 'any', '--list'], servers)).stdout).toContain('it takes any arguments');
    expect((await mcpx(['call', 'some', '--list'], servers)).stdout).toMatch(/^a +string +no *\nand others/m);
  });

  it('of servers that are not required lists those that answer within the deadline', async () => {
    await using b = await startFakeUpstream({ tools: [PAY] });
    await using silent = await startFakeUpstream({ tools: [PAY], hangAt: 'tools' });
    const servers = { b: { url: b.url, priority: 1 }, silent: { url: silent.url, priority: 2 } };
    const list = ['call', '--list', '--deadline', '3s'];
    const degraded = await mcpx(list, servers, { fail_fast: false });
    expect(degraded.status).toBe(6);
    expect(degraded.stdout).toMatch(/^pay of b$/m);
    expect(degraded.stdout).toMatch(/^silent: UPS208 /m);
    expect(await mcpx(list, servers)).toMatchObject({ stdout: '' });
  });

  it('names a server that cannot tell, and ends with 6, or fails where it is required', async () => {
    await using b = await startFakeUpstream({ tools: [PAY] });
    await using gone = await startFakeUpstream();
    await gone.close();
    const servers = { b: { url: b.url, priority: 1 }, gone: { url: gone.url, priority: 2 } };
    const degraded = await mcpx(['call', '--list'], servers, { fail_fast: false });
    expect(degraded.status).toBe(6);
    expect(degraded.stdout).toMatch(/^gone: UPS202 (?!gone)/m);
    expect(await mcpx(['call', '--list'], servers)).toMatchObject({ status: 4, stdout: '' });
  });
});

describe('a call of a tool', () => {
  it.each([
    [true, 1],
    [false, 2],
  ])('that only reads (%s) leaves what is kept of its server, or not', async (readOnlyHint, reads) => {
    await using a = await startFakeUpstream({ tools: [{ name: 'write', annotations: { readOnlyHint } }] });
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: { url: a.url } }, { resource_cache_ttl: 300 }));
    const env = { XDG_CACHE_HOME: folder.path };
    for (const argv of [['gather'], ['call', 'write', '{}'], ['gather']]) {
      expect(await run([...argv, '-c', file], { env })).toMatchObject({ status: 0 });
    }
    expect(a.reads.get('item://1')).toBe(reads);
  });
});

describe('a call that does not fit its tool', () => {
  it.each([
    ['{}', 'echo takes text: string (text missing).'],
    ['{"txt":"x"}', 'echo takes text: string (text missing; txt unknown).'],
    ['{"text":1}', 'echo takes text: string.'],
  ])('%s is told what the tool takes', async (args, hint) => {
    await using a = await startToolUpstream({ name: 'a' });
    const failed = await mcpx(['call', 'echo', args, '--json'], { a: { url: a.mcpUrl, priority: 1 } });
    expect(failed.status).toBe(4);
    expect(errorLine(failed)).toMatchObject({ code: 'UPS217', hint });
  });

  it('is told of nothing unknown where the schema lets others through', async () => {
    const call = () => Promise.resolve({ isError: true, content: [{ type: 'text', text: 'no' }] });
    const properties = { a: { type: 'string' } };
    const tools = [
      { name: 'any', inputSchema: { type: 'object', additionalProperties: {} }, call },
      { name: 'some', inputSchema: { type: 'object', properties, patternProperties: { '^x': {} } }, call },
    ];
    await using b = await startFakeUpstream({ tools });
    const servers = { b: { url: b.url, priority: 1 } };
    const hintOf = async (tool: string) =>
      errorLine(await mcpx(['call', tool, '{"xyz":1}', '--json'], servers)).hint;
    expect(await hintOf('any')).toBe('any takes any arguments.');
    expect(await hintOf('some')).toBe('some takes a?: string, ….');
  });

  it('has to name one', async () => {
    const nobody = { a: { url: 'http://127.0.0.1:1/mcp', priority: 1 } };
    expect(await mcpx(['call'], nobody)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('mcpx call --list') as string,
    });
    expect(await mcpx(['call', 'echo', '{}', '--list'], nobody)).toMatchObject({ status: 2 });
  });
});
