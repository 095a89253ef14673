import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stopped } from '../../src/main.js';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { EXECUTABLE, freePort } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { run, withoutColor, type RunOptions } from '../fixtures/io.js';
import { processesWith, survivors } from '../fixtures/processes.js';
import { everythingStdioServer, filesystemServer, startV1Server } from '../fixtures/real-servers.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { NEVER } from '../fixtures/running.js';
import { verifies } from '../verifies.js';

type Servers = Readonly<Record<string, FileSettings>>;

interface Diagnostic {
  readonly severity: string;
  readonly code: string;
  readonly summary: string;
  readonly path: string;
  readonly hint: string | null;
}

interface Report {
  readonly valid: boolean;
  readonly error_count: number;
  readonly warning_count: number;
  readonly note_count: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly servers: readonly Readonly<Record<string, unknown>>[];
  readonly domains: readonly Readonly<Record<string, unknown>>[];
  readonly conflicts: readonly Readonly<Record<string, unknown>>[];
  readonly gathers: readonly Readonly<Record<string, unknown>>[];
}

/** Runs `validate-config --connect` on a file of these servers. */
async function connect(
  servers: Servers,
  orchestration: FileSettings = {},
  flags: readonly string[] = [],
  options: RunOptions = {},
) {
  using folder = temporaryFolder();
  folder.write('mcpx.yaml', configText(servers, { deadline: '20s', ...orchestration }));
  return await run(['validate-config', '--connect', ...flags], { cwd: folder.path, ...options });
}

async function report(servers: Servers, orchestration: FileSettings = {}, flags: readonly string[] = []) {
  const { status, stdout, stderr } = await connect(servers, orchestration, ['--json', ...flags]);
  expect(stderr).toBe('');
  return { status, ...(JSON.parse(stdout) as Report) };
}

function told({ diagnostics }: Report): string[] {
  return diagnostics.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

/** Domains and priorities so that nothing but the servers themselves is found. */
const server = (settings: FileSettings, priority = 1): FileSettings => ({
  domains: [`d${priority}`],
  priority,
  ...settings,
});

const TOOL = { name: 'execute_query' };

describe('mcpx validate-config --connect', () => {
  verifies(
    'validate:connect',
    'lists what every server has, side by side, and tells era, version, transport, implementation and counts',
    async () => {
      await using sse = await startFakeUpstream({ transport: 'sse', tools: [TOOL], name: 'shop' });
      await using modern = await startFakeUpstream({ transport: 'streamable-http', era: 'modern' });
      await using v1 = await startV1Server({ transport: 'streamable-http' });
      const found = await report({
        sse: server({ url: sse.url, capabilities: ['execute_query', 'list_resources'] }),
        modern: server({ url: modern.url, resources: { exclude: ['item://3'] } }, 2),
        v1: server({ url: v1.url, capabilities: ['now'] }, 3),
        everything: server(everythingStdioServer() as never, 4),
      });
      expect(found).toMatchObject({ status: 0, valid: true, error_count: 0, warning_count: 0 });
      expect(found.servers).toMatchObject([
        {
          filename: 'mcpx.yaml',
          id: 'sse',
          status: 'ok',
          started: false,
          transport: 'sse',
          era: 'legacy',
          protocol_version: '2025-11-25',
          server_name: 'shop',
          server_version: '1.0.0',
          counts: { resources: 3, resources_listed: 3, templates: 0, tools: 1, prompts: 0 },
          tools: ['execute_query'],
          error: null,
        },
        {
          id: 'modern',
          transport: 'streamable-http',
          era: 'modern',
          protocol_version: '2026-07-28',
          counts: { resources: 2, resources_listed: 3 },
        },
        { id: 'v1', server_name: 'v1-server', counts: { resources: 3, templates: 1, tools: 1, prompts: 0 } },
        { id: 'everything', transport: 'stdio', era: 'legacy' },
      ]);
      const { counts } = found.servers[3] as { counts: Readonly<Record<string, number>> };
      expect(counts['prompts']).toBeGreaterThan(0);
      expect(counts['tools']).toBeGreaterThan(0);
      expect(found.gathers).toMatchObject([
        { result: 'complete', exit_code: 0, servers: 4, executor: 'sse' },
      ]);
      // A claim is compared by listing alone.
      expect(sse.reads.size + modern.reads.size).toBe(0);
    },
  );

  it('shows people the servers, the domains, the problems and what a gather would come to', async () => {
    await using upstream = await startFakeUpstream({ name: 'shop\u001b[31m' });
    const ran = await connect({
      a: server({ url: upstream.sseUrl, domains: ['p', 'q'] }),
      b: { url: `http://127.0.0.1:${await freePort()}/sse`, priority: 2, domains: ['q'], required: false },
    });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const lines = ran.stdout
      .replace(/\d+ m?s$/gm, '<time>')
      .replaceAll(/ +/g, ' ')
      .split('\n');
    expect(lines.filter((line) => !/^ +(\d|\|)/.test(line))).toEqual([
      'SERVER STATUS PRI TRANSPORT PROTOCOL IMPLEMENTATION RES TEMPL TOOLS PROMPTS TIME',
      'a ok 1 sse legacy 2025-11-25 shop 1.0.0 3 0 0 0 <time>',
      'b failed 2 sse - - - - - - <time>',
      '',
      'DOMAINS ANSWERS NEXT',
      'p a nobody',
      'q a nobody',
      '',
      expect.stringMatching(
        /^mcpx\.yaml:1:\d+ warning UPS202 b: nothing listens at http.*; is the server running/,
      ),
      '',
      'a gather now would be complete: 3 resources from 1 of 2 servers (exit status 0)',
      'mcpx.yaml: 0 errors, 1 warning',
      '',
    ]);
  });

  it('without the flag asks nobody', async () => {
    await using upstream = await startFakeUpstream();
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', configText({ a: server({ url: upstream.sseUrl }) }));
    const ran = await run(['validate-config', '--json'], { cwd: folder.path });
    expect(ran.status).toBe(0);
    expect(Object.keys(JSON.parse(ran.stdout) as object)).not.toContain('servers');
    expect(upstream.connections).toBe(0);
  });

  it('has each finding in every format, at its place', async () => {
    await using upstream = await startFakeUpstream({ tools: [TOOL] });
    const servers = { a: server({ url: upstream.sseUrl, capabilities: ['list_prompts'] }) };
    const github = await connect(servers, {}, ['--format', 'github']);
    expect(github).toMatchObject({ status: 4, stderr: '' });
    expect(github.stdout).toMatch(/^::error file=mcpx\.yaml,line=1,.*title=UPS230 capability_missing::/m);
    expect(github.stdout).toMatch(/^::notice file=mcpx\.yaml,line=1,.*title=UPS232 capability_unclaimed::/m);
    const sarif = await connect(servers, {}, ['--format', 'sarif']);
    expect(JSON.parse(sarif.stdout)).toMatchObject({
      runs: [
        {
          results: [
            { ruleId: 'UPS232', level: 'note' },
            { ruleId: 'UPS230', level: 'error' },
          ],
        },
      ],
    });
    const text = await connect(servers, {}, ['--color', 'always']);
    expect(text.stdout).toContain('\u001b[31merror\u001b[39m');
    const plain = withoutColor(text.stdout);
    expect(plain).toContain('mcpx.yaml: 1 error, 0 warnings, 1 note\n');
    const [, at = ''] = /mcpx\.yaml:1:(\d+) error UPS230/.exec(plain) ?? [];
    expect(configText(servers, { deadline: '20s' }).slice(Number(at) - 1)).toMatch(/^"list_prompts"/);
  });
});

describe('a server that', () => {
  const failing: readonly (readonly [string, FakeUpstreamOptions, FileSettings, string, number])[] = [
    ['is silent', { hangAt: 'accept' }, { connect_timeout: '200ms' }, 'UPS201 mcp_servers.a.url', 4],
    ['refuses our credentials', { requiredBearer: 'x' }, {}, 'UPS207 mcp_servers.a.url', 5],
    [
      'refuses those of a header',
      { requiredBearer: 'x' },
      { headers: { Authorization: 'Bearer ${T:-}' } },
      'UPS207 mcp_servers.a.headers',
      5,
    ],
    [
      'answers with garbage',
      { garbageAt: 'initialize' },
      { connect_timeout: 1 },
      'UPS20\\d mcp_servers.a.url',
      4,
    ],
    ['never lists', { hangAt: 'list' }, { timeout: '200ms' }, 'UPS204 mcp_servers.a.url', 4],
    ['lists what is no resource', { malformed: [{ name: 'x' }] }, {}, 'UPS211 mcp_servers.a.url', 4],
  ];

  it.each(failing)('%s is an error at its place', async (_, options, settings, expected, status) => {
    await using upstream = await startFakeUpstream(options);
    const found = await report({ a: server({ url: upstream.sseUrl, ...settings }) });
    expect(found).toMatchObject({ status, valid: false });
    expect(told(found)).toEqual([expect.stringMatching(new RegExp(`^error ${expected}$`))]);
    const { error } = found.servers[0] as { error: { code: string; hint?: string } };
    expect(found.diagnostics[0]?.code).toBe(error.code);
    expect(error.hint).toBeTypeOf('string');
  });

  it('cannot be run says what it said last, at its command', async () => {
    using upstream = stdioUpstream({ exitAtStart: 3, stderr: 'Error: no licence\n' });
    const { command, args } = upstream;
    const found = await report({
      a: server({ command, args: [...args] }),
      b: server({ command: 'no-such-command' }, 2),
    });
    expect(found.status).toBe(4);
    expect(told(found)).toEqual(['error UPS222 mcp_servers.a.command', 'error UPS216 mcp_servers.b.command']);
    expect(found.diagnostics[0]?.summary).toContain('Error: no licence');
  });

  it('refuses us beside one that is down: 4, since credentials are not all that is wrong', async () => {
    await using refusing = await startFakeUpstream({ requiredBearer: 'x' });
    const found = await report({
      a: server({ url: refusing.sseUrl }),
      b: server({ url: `http://127.0.0.1:${await freePort()}/sse` }, 2),
    });
    expect(found.status).toBe(4);
    expect(told(found).map((line) => line.split(' ')[1])).toEqual(['UPS207', 'UPS202']);
  });

  it('fails does not keep the others from being looked at, and is awaited no longer than its limit', async () => {
    await using silent = await startFakeUpstream({ hangAt: 'endpoint' });
    await using upstream = await startFakeUpstream();
    const started = performance.now();
    const found = await report({
      a: server({ url: silent.sseUrl, connect_timeout: '300ms' }),
      b: server({ url: upstream.sseUrl }, 2),
    });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(found.servers).toMatchObject([{ status: 'failed' }, { status: 'ok' }]);
    expect(found.gathers).toMatchObject([{ result: 'failure', code: 'UPS201', exit_code: 4 }]);
  });

  it('is not required only warns, unless none is left', async () => {
    await using upstream = await startFakeUpstream();
    const dead = { url: `http://127.0.0.1:${await freePort()}/sse`, required: false };
    const both = await report({ a: server(dead), b: server({ url: upstream.sseUrl }, 2) });
    expect(both).toMatchObject({ status: 0, gathers: [{ result: 'complete', answering: 1 }] });
    expect(told(both)).toEqual(['warning UPS202 mcp_servers.a.url']);
    const strict = await report({ a: server(dead), b: server({ url: upstream.sseUrl }, 2) }, {}, [
      '--strict',
    ]);
    expect(strict.status).toBe(4);
    const alone = await report({ a: server(dead) });
    expect(alone).toMatchObject({ status: 4, gathers: [{ result: 'failure', code: 'UPS214' }] });
    expect(told(alone)).toEqual(['error UPS202 mcp_servers.a.url']);
  });
});

describe('what the configuration claims', () => {
  const LISTS = ['list_resources', 'read_resource', 'resources/list', 'resources', 'tools', 'tools/call'];
  const claims: readonly (readonly [string, FakeUpstreamOptions, FileSettings, readonly string[]])[] = [
    [
      'all of it true',
      { tools: [TOOL, { name: 'x' }] },
      { capabilities: [...LISTS, 'x', 'execute_query'] },
      [],
    ],
    [
      'a query tool that is not there',
      {},
      { capabilities: ['execute_query'] },
      ['error UPS230 capabilities.0'],
    ],
    [
      'a query tool of another name',
      { tools: [{ name: 'execute_sql_query' }] },
      { capabilities: ['execute_query'] },
      ['error UPS230 capabilities.0'],
    ],
    [
      'resources of a server that has none',
      { withoutResources: true, tools: [{ name: 'x' }] },
      { capabilities: ['x', 'list_resources'] },
      ['error UPS230 capabilities.1'],
    ],
    [
      'an empty list',
      { resources: [] },
      { capabilities: ['list_resources'] },
      ['warning UPS231 capabilities.0'],
    ],
    [
      'resources that the globs leave out',
      {},
      { capabilities: ['list_resources'], resources: { include: ['other://*'] } },
      ['warning UPS231 capabilities.0'],
    ],
    ['templates', {}, { capabilities: ['list_resource_templates'] }, ['warning UPS231 capabilities.0']],
    ['subscriptions', {}, { capabilities: ['subscribe'] }, ['error UPS230 capabilities.0']],
    ['prompts', {}, { capabilities: ['get_prompt'] }, ['error UPS230 capabilities.0']],
    ['a word of its own', {}, { capabilities: ['product_search'] }, ['warning UPS230 capabilities.0']],
    ['what was told before', {}, { capabilities: ['excute_query'] }, ['warning CFG129 capabilities.0']],
    ['too little', { tools: [TOOL] }, { capabilities: ['list_resources'] }, ['note UPS232 capabilities']],
    ['nothing', { tools: [TOOL] }, {}, ['note UPS232 capabilities']],
    ['nothing, of a server without tools', {}, {}, []],
  ];

  it.each(claims)('%s', async (_, options, settings, expected) => {
    await using upstream = await startFakeUpstream(options);
    const found = await report({ a: server({ url: upstream.mcpUrl, ...settings }) });
    const hasQueries = options.tools?.includes(TOOL) === true && expected.length === 0;
    expect(found.gathers).toMatchObject([{ executor: hasQueries ? 'a' : null }]);
    expect(told(found)).toEqual(expected.map((line) => line.replace(/(\S+)$/, 'mcp_servers.a.$1')));
    expect(found.status).toBe(expected.some((line) => line.startsWith('error')) ? 4 : 0);
  });

  it('that says nothing of an empty list because of the globs', async () => {
    await using empty = await startFakeUpstream({ resources: [] });
    await using full = await startFakeUpstream();
    const settings = { capabilities: ['list_resources'], resources: { include: ['other://*'] } };
    const found = await report({
      a: server({ url: empty.mcpUrl, ...settings }),
      b: server({ url: full.mcpUrl, ...settings }, 2),
    });
    expect(found.diagnostics.map(({ summary }) => summary)).toEqual([
      'a claims list_resources and lists no resource',
      'b claims list_resources, and resources.include and exclude leave out all 3 that it lists',
    ]);
  });

  it('of a real server without resources', async () => {
    using folder = temporaryFolder();
    const found = await report({
      files: server({ ...filesystemServer(folder.path), capabilities: ['list_resources', 'read_text_fil'] }),
    });
    expect(told(found)).toEqual([
      'error UPS230 mcp_servers.files.capabilities.0',
      'warning UPS230 mcp_servers.files.capabilities.1',
    ]);
    expect(found.diagnostics[1]?.hint).toBe('did you mean "read_text_file"?');
  });

  it('of queries cannot be told where the tools cannot be listed', async () => {
    await using upstream = await startFakeUpstream({ tools: [TOOL], statusAt: { tools: 500 } });
    const url = upstream.mcpUrl;
    const claimed = await report({ a: server({ url, capabilities: ['execute_query'] }) });
    expect(told(claimed)).toEqual(['error UPS205 mcp_servers.a.url']);
    expect(claimed.servers).toMatchObject([{ status: 'ok', tools: null, counts: { tools: null } }]);
    const unclaimed = await report({ a: server({ url }) });
    expect(unclaimed.status).toBe(0);
    expect(told(unclaimed)).toEqual(['warning UPS205 mcp_servers.a.url']);
  });
});

describe('names that several servers have', () => {
  it('are told once for all that the same servers share, with who comes first', async () => {
    const copy = everythingStdioServer();
    const found = await report({ b: server(copy as never, 2), a: server(copy as never, 10) });
    expect(found).toMatchObject({ status: 0, error_count: 0 });
    expect(told(found)).toEqual(['note UPS233 mcp_servers.a.priority']);
    expect(found.diagnostics[0]?.summary).toMatch(
      /^a and b share \d+ resources \(.*, and \d+ more\), \d+ resource templates \(.*\), \d+ tools \(.*\) and \d+ prompts \(.*\); b comes first \(priority 2 < 10\)$/,
    );
    const kinds = new Set(found.conflicts.map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['resource-uri', 'template-uri', 'tool-name', 'prompt-name']));
    expect(found.conflicts[0]).toMatchObject({ filename: 'mcpx.yaml', winner: 'b', losers: ['a'] });
  });

  it('warn where only the ids decide, and not where what collides is left out', async () => {
    await using one = await startFakeUpstream({ resources: 5 });
    await using other = await startFakeUpstream({ resources: 2, tools: [TOOL] });
    const tie = { a: server({ url: one.sseUrl }, 5), b: { url: other.sseUrl, priority: 5, domains: ['x'] } };
    const found = await report(tie);
    const [collision] = found.diagnostics.filter(({ code }) => code === 'UPS233');
    expect(collision).toMatchObject({
      severity: 'warning',
      summary:
        'b and a share 2 resources (item://1, item://2); a comes first (equal priority 5, id "a" before "b")',
    });
    const apart = await report({
      a: { ...tie.a, resources: { exclude: ['item://1', 'item://2'] } },
      b: { ...tie.b, priority: 6 },
    });
    expect(apart.conflicts).toEqual([]);
  });
});

describe('a domain', () => {
  async function domains(orchestration: FileSettings) {
    await using upstream = await startFakeUpstream();
    const dead = `http://127.0.0.1:${await freePort()}/sse`;
    const found = await report(
      {
        first: { url: dead, priority: 1, domains: ['sales', 'alone'] },
        second: { url: upstream.sseUrl, priority: 2, domains: ['sales', 'products'] },
        third: { url: upstream.mcpUrl, priority: 3, domains: ['sales', 'products'] },
      },
      orchestration,
    );
    return found;
  }

  it('is answered by the next where the first is down and fail-fast is off', async () => {
    const found = await domains({ fail_fast: false });
    expect(found).toMatchObject({
      status: 4,
      gathers: [{ mode: 'degraded', result: 'degraded', exit_code: 6, answering: 2 }],
    });
    expect(found.domains.map(({ domain, answers, next }) => [domain, answers, next])).toEqual([
      ['alone', null, null],
      ['products', 'second', 'third'],
      ['sales', 'second', 'third'],
    ]);
  });

  it('is answered by nobody where a required server is down and fail-fast is on', async () => {
    const found = await domains({ fail_fast: true });
    expect(found).toMatchObject({
      status: 4,
      gathers: [{ result: 'failure', code: 'UPS202', exit_code: 4 }],
    });
    expect(found.domains.map(({ domain, answers }) => [domain, answers])).toEqual([
      ['alone', null],
      ['products', 'second'],
      ['sales', null],
    ]);
  });
});

describe('what a gather would come to', () => {
  const up: FakeUpstreamOptions = {};
  const malformed: FakeUpstreamOptions = { malformed: [{ name: 'no uri' }] };
  const refusing: FakeUpstreamOptions = { requiredBearer: 'x' };
  const cases: readonly (readonly [string, readonly (readonly [FakeUpstreamOptions, boolean])[]])[] = [
    [
      'all are there',
      [
        [up, true],
        [up, true],
      ],
    ],
    [
      'one lists what is no resource',
      [
        [up, true],
        [malformed, true],
      ],
    ],
    [
      'an optional one lists what is no resource',
      [
        [up, true],
        [malformed, false],
      ],
    ],
    [
      'one refuses us',
      [
        [refusing, true],
        [up, true],
      ],
    ],
    [
      'an optional one refuses us',
      [
        [refusing, false],
        [up, true],
      ],
    ],
    [
      'all refuse us',
      [
        [refusing, false],
        [refusing, false],
      ],
    ],
    [
      'one of two is useless, and neither is required',
      [
        [refusing, false],
        [malformed, false],
      ],
    ],
  ];

  it.each(cases)('where %s, it does come to', async (_, upstreams) => {
    await using first = await startFakeUpstream(upstreams[0]?.[0]);
    await using second = await startFakeUpstream({ resources: [{ uri: 'x://1' }], ...upstreams[1]?.[0] });
    const servers = {
      a: server({ url: first.sseUrl, required: upstreams[0]?.[1] }),
      b: server({ url: second.mcpUrl, required: upstreams[1]?.[1] }, 2),
    };
    for (const fail_fast of [true, false]) {
      const found = await report(servers, { fail_fast });
      using folder = temporaryFolder();
      const file = folder.write('mcpx.yaml', configText(servers, { fail_fast }));
      const gathered = await run(['gather', '--list-only', '--no-cache', '--json', '-c', file]);
      expect(found.gathers[0]).toMatchObject({
        mode: fail_fast ? 'fail-fast' : 'degraded',
        exit_code: gathered.status,
      });
    }
  });
});

describe('a server with a start block', () => {
  async function startable(start: FileSettings = {}) {
    const port = await freePort();
    const marker = `mcpx-connect-${randomUUID()}`;
    const args = [EXECUTABLE, 'serve', 'metadata', '--port', String(port)];
    const env = { MCPX_TEST_MARKER: marker };
    return {
      marker,
      settings: server({
        url: `http://127.0.0.1:${port}/sse`,
        start: { command: process.execPath, args, env, ready_timeout: 20, ...start },
      }),
    };
  }

  it('is started, looked at, and stopped with all of its processes', async () => {
    const { settings, marker } = await startable();
    const found = await report({ a: settings });
    expect(found).toMatchObject({ status: 0, servers: [{ status: 'ok', started: true }] });
    expect(processesWith(marker)).toEqual([]);
  });

  it('that runs already is not started', async () => {
    await using upstream = await startFakeUpstream();
    const { settings } = await startable({ command: 'no-such-command' });
    const found = await report({ a: { ...settings, url: upstream.sseUrl } });
    expect(found).toMatchObject({ status: 0, servers: [{ started: false }] });
  });

  it('and a broken command is an error there', async () => {
    const { settings } = await startable({
      args: ['-e', 'console.error("Error: no port"); process.exit(2)'],
    });
    const found = await report({ a: settings });
    expect(told(found)).toEqual(['error UPS212 mcp_servers.a.start.command']);
    expect(found.diagnostics[0]?.summary).toContain('Error: no port');
  });

  it('is named by two files, which are looked at one after the other', async () => {
    const { settings, marker } = await startable();
    using folder = temporaryFolder();
    const text = configText({ a: settings });
    folder.write('one.yaml', text);
    folder.write('two.yaml', text);
    const ran = await run(['validate-config', '--connect', '--json', 'one.yaml', 'two.yaml'], {
      cwd: folder.path,
    });
    expect(ran.status).toBe(0);
    const { servers } = JSON.parse(ran.stdout) as Report;
    expect(servers).toMatchObject([
      { filename: 'one.yaml', started: true },
      { filename: 'two.yaml', started: true },
    ]);
    expect(processesWith(marker)).toEqual([]);
  });

  it('does not outlive the deadline, nor Ctrl-C', async () => {
    const late = await startable({ ...NEVER, ready_timeout: 60 });
    const found = await report({ a: late.settings }, { deadline: '60s' }, ['--deadline', '500ms']);
    expect(found.status).toBe(4);
    expect(told(found)).toEqual([expect.stringMatching(/^error UPS208 /)]);
    expect(processesWith(late.marker)).toEqual([]);

    const interrupted = await startable({ ...NEVER, ready_timeout: 60 });
    const controller = new AbortController();
    const running = connect({ a: interrupted.settings }, { deadline: '60s' }, [], {
      signal: controller.signal,
    });
    await expect.poll(() => processesWith(interrupted.marker).length, { timeout: 15_000 }).toBeGreaterThan(0);
    controller.abort(stopped(130));
    expect(await running).toMatchObject({ status: 130, stdout: '' });
    expect(await survivors(() => processesWith(interrupted.marker))).toEqual([]);
  });
});

describe('the files', () => {
  it('with errors are not connected, the others are, and 3 says so', async () => {
    await using upstream = await startFakeUpstream();
    using folder = temporaryFolder();
    folder.write('broken.yaml', configText({ a: server({ url: upstream.sseUrl, prioritty: 3 }) }));
    const options = { cwd: folder.path };
    const alone = await run(['validate-config', '--connect', 'broken.yaml'], options);
    expect(alone.status).toBe(3);
    expect(alone.stdout).toContain('not connected, since the file has errors\nbroken.yaml: 1 error');
    expect(upstream.connections).toBe(0);
    folder.write('good.yaml', configText({ a: server({ url: upstream.sseUrl }) }));
    const both = await run(['validate-config', '--connect', '--json', 'broken.yaml', 'good.yaml'], options);
    expect(both.status).toBe(3);
    expect((JSON.parse(both.stdout) as Report).servers).toMatchObject([
      { filename: 'good.yaml', status: 'ok' },
    ]);
    const text = await run(['validate-config', '--connect', 'broken.yaml', 'good.yaml'], options);
    expect(text.stdout).toMatch(/^good\.yaml\nSERVER /);
    expect(text.stdout).toContain(
      'broken.yaml: not connected, since the file has errors\ngood.yaml: a gather now',
    );
  });

  it('of editors are connected, and each finding is at its place there', async () => {
    using folder = temporaryFolder();
    const port = await freePort();
    const text = `{\n  "mcpServers": {\n    "a": { "url": "http://127.0.0.1:${port}/mcp" }\n  }\n}\n`;
    folder.write('claude.json', text);
    const ran = await run(['validate-config', '--connect', 'claude.json'], { cwd: folder.path });
    expect(ran.status).toBe(4);
    expect(ran.stdout).toMatch(/^claude\.json:3:19 error UPS202 a: nothing listens at/m);
    expect(ran.stdout).not.toContain('DOMAINS');
  });

  it('are corrected first with --fix, and product metadata beside them has no servers', async () => {
    await using upstream = await startFakeUpstream();
    using folder = temporaryFolder();
    const wrong = configText({ a: { url: upstream.sseUrl, prioritty: 1, domains: ['p'] } });
    folder.write('mcpx.yaml', wrong);
    const ran = await run(['validate-config', '--connect', '--fix', '--json'], { cwd: folder.path });
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      fixed: [{ code: 'CFG104' }],
      servers: [{ status: 'ok' }],
    });
    folder.write('m.json', '{}');
    const metadata = await run(['validate-config', '--connect', '--metadata', 'm.json'], {
      cwd: folder.path,
    });
    expect(metadata.stdout).toContain('mcpx.yaml: a gather now would be complete');
    expect(metadata.stdout).not.toContain('m.json: not connected');
  });

  it('share the time that --deadline gives, and each still has all of its servers in the report', async () => {
    await using silent = await startFakeUpstream({ hangAt: 'accept' });
    using folder = temporaryFolder();
    const text = configText({ a: server({ url: silent.sseUrl, connect_timeout: 20 }) });
    for (const name of ['1.yaml', '2.yaml', '3.yaml']) folder.write(name, text);
    const started = performance.now();
    const ran = await run(
      ['validate-config', '--connect', '--json', '--deadline', '1s', '1.yaml', '2.yaml', '3.yaml'],
      { cwd: folder.path },
    );
    expect(performance.now() - started).toBeLessThan(5000);
    expect(ran.status).toBe(4);
    const { servers, diagnostics, gathers } = JSON.parse(ran.stdout) as Report;
    // Three seconds, if each had the whole for itself.
    expect(gathers.reduce((sum, { duration_ms }) => sum + Number(duration_ms), 0)).toBeLessThan(2000);
    for (const { summary } of diagnostics) expect(summary).toContain('the deadline of 1 s');
    expect(servers.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect(diagnostics.map(({ code }) => code)).toEqual(['UPS208', 'UPS208', 'UPS208']);
  });

  it.each([
    [['--connect', '--print'], '--connect and --print exclude each other'],
    [['--connect', '--fix', '--dry-run'], '--connect and --dry-run exclude each other'],
  ])('%j is a usage error', async (flags, message) => {
    const ran = await run(['validate-config', '--json', ...flags]);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain(message);
  });
});

it('a terminal sees who is awaited', async () => {
  await using slow = await startFakeUpstream({ listDelayMs: 800 });
  const ran = await connect({ a: server({ url: slow.sseUrl }) }, {}, [], {
    stderrIsTerminal: true,
    columns: 80,
  });
  expect(ran.status).toBe(0);
  expect(ran.stderr).toContain('waiting for a (list)');
  expect(ran.stderr.endsWith('\r\u001b[2K')).toBe(true);
  const quiet = await connect({ a: server({ url: slow.sseUrl }) }, {}, ['-q'], { stderrIsTerminal: true });
  expect(quiet.stderr).toBe('');
});

it('a narrow terminal gets a table that fits', async () => {
  await using upstream = await startFakeUpstream();
  for (const columns of [60, 40, 34]) {
    const servers = { a_long_name_of_a_server: server({ url: upstream.sseUrl }) };
    const { stdout } = await connect(servers, {}, ['--color', 'never'], { stdoutIsTerminal: true, columns });
    const [table = ''] = stdout.split('\n\n');
    expect(table).toMatch(/^a_long_\S+ +ok +/m);
    expect(Math.max(...table.split('\n').map((line) => line.length)), table).toBeLessThanOrEqual(columns);
  }
});

it('the log alone tells how it went, and how it ended', async () => {
  await using upstream = await startFakeUpstream();
  const servers = { a: server({ url: upstream.sseUrl, capabilities: ['list_prompts'] }) };
  const ran = await connect(servers, { enable_logging: true });
  const events = ran.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['inspect.started', 'server.connected', 'inspect.finished']),
  );
  expect(events.at(-1)).toMatchObject({
    event: 'command.finished',
    command: 'validate-config',
    exit_code: 4,
  });
  expect(new Set(events.map(({ operation_id }) => operation_id)).size).toBe(1);
});

it('shows no credential, whatever the servers say', async () => {
  const SECRET = 'sentinel-secret-1';
  const echo: FakeUpstreamOptions = {
    name: `shop ${SECRET}`,
    tools: [{ name: `tool-${SECRET}` }, TOOL],
    // Listed twice, which is told with the URI.
    resources: [1, 2].map(() => ({ uri: `item://${SECRET}`, name: SECRET })),
    templates: [{ uriTemplate: `x://${SECRET}/{id}`, name: 'x' }],
  };
  await using one = await startFakeUpstream(echo);
  await using two = await startFakeUpstream(echo);
  await using three = await startFakeUpstream({ statusAt: { list: { status: 500, body: SECRET } } });
  const with_ = (url: string) => `${url}?key=${SECRET}`;
  const servers = {
    a: server({ url: with_(one.mcpUrl), headers: { 'X-Api-Key': SECRET } }, 1),
    b: server({ url: with_(two.sseUrl) }, 2),
    c: server({ url: with_(three.mcpUrl), capabilities: ['x'] }, 3),
    d: server(
      {
        command: process.execPath,
        args: ['-e', 'console.error("Error: " + process.env.K)'],
        env: { K: SECRET },
      },
      4,
    ),
  };
  for (const flags of [[], ['--json'], ['--format', 'sarif'], ['--format', 'github'], ['-v']]) {
    const ran = await connect(servers, { enable_logging: true, log_level: 'DEBUG' }, flags);
    expect(ran.status).toBe(4);
    expect(ran.stdout + ran.stderr, flags.join(' ')).not.toContain('sentinel');
    expect(ran.stdout).toContain('UPS233');
  }
});
