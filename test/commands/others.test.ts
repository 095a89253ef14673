import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.js';
import type { CommandDefinition } from '../../src/commands/command.js';
import { loadConfig } from '../../src/core/config/load.js';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine, run, type RunOptions } from '../fixtures/io.js';

/** Runs a command with a configuration of these servers. */
async function withServers(
  argv: readonly string[],
  servers: Readonly<Record<string, FileSettings>>,
  options: RunOptions = {},
) {
  using folder = temporaryFolder();
  const file = folder.write('c.json', configText(servers));
  return await run([...argv, '-c', file], options);
}

describe('mcpx servers', () => {
  const servers = {
    low: { url: 'http://user:sentinel-pw@127.0.0.1:1/sse?key=sentinel-key', priority: 9 },
    high: {
      command: 'node',
      args: ['server.js'],
      env: { KEY: 'sentinel-env' },
      priority: 1,
      domains: ['products'],
    },
    web: {
      url: 'http://127.0.0.1:1/mcp',
      priority: 5,
      headers: { 'X-Api-Key': 'sentinel-header' },
      start: { command: 'mcpx', args: ['serve', 'metadata'], env: { T: 'sentinel-start' } },
    },
  };

  it('list shows them best first, without connecting and without secrets', async () => {
    const table = await withServers(['servers', 'list'], servers);
    expect(table).toMatchObject({ status: 0, stderr: '' });
    expect(table.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'SERVER',
      'high',
      'web',
      'low',
      '',
    ]);
    const json = await withServers(['servers', 'list', '--json'], servers);
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: 'ServerList',
      servers: [{ id: 'high' }, { id: 'web' }, { id: 'low', url: 'http://***:***@127.0.0.1:1/sse?key=***' }],
    });
    expect(`${table.stdout}${json.stdout}`).not.toContain('sentinel');
  });

  it("say on stderr that a file is an editor's, unless told to be quiet", async () => {
    using folder = temporaryFolder();
    const file = folder.write(
      'mcp.json',
      '{ "mcpServers": { "a": { "url": "http://127.0.0.1:1/mcp", }, } } // mine',
    );
    const loud = await run(['servers', 'list', '--json', '-c', file]);
    expect(loud).toMatchObject({
      status: 0,
      stderr: `note: ${file} is an editor's file; its servers have priority 100 and no domains\n`,
    });
    expect(JSON.parse(loud.stdout)).toMatchObject({ servers: [{ id: 'a', priority: 100 }] });
    const quiet = await run(['servers', 'list', '--json', '-q', '-c', file]);
    expect(quiet).toMatchObject({ status: 0, stderr: '', stdout: loud.stdout });
  });

  it('both show what is there where a variable is not set, and say which', async () => {
    const referring = {
      web: {
        url: 'http://me:${PW}@127.0.0.1:${PORT}/mcp?key=${KEY}',
        priority: 2,
        headers: { A: '${TOKEN}' },
      },
      local: { command: 'node', args: ['${SCRIPT}'], priority: 1 },
      odd: { url: 'http://me:senti/nel@127.0.0.1:${PORT}/mcp', priority: 3 },
    };
    const env = { KEY: 'sentinel' };
    const table = await withServers(['servers', 'list'], referring, { env });
    expect(table.status).toBe(6);
    expect(table.stdout).toMatch(/^local +1 +stdio +node \$\{SCRIPT\}/m);
    expect(table.stdout).toMatch(/^odd +3 +\S+ +http:\/\/\*\*\*@127\.0\.0\.1:/m);
    expect(table.stdout).toMatch(/^web +2 +\S+ +http:\/\/\*\*\*@127\.0\.0\.1:\$\{PORT\}\/mcp\?\*\*\*/m);
    for (const name of ['PW', 'PORT', 'TOKEN', 'SCRIPT']) {
      expect(table.stderr).toMatch(new RegExp(`^\\S+:\\d+:\\d+ error CFG109 .*\\b${name}\\b`, 'm'));
    }
    const json = await withServers(['servers', 'list', '--json'], referring, { env });
    const { unset } = JSON.parse(json.stdout) as { unset: readonly { path: string }[] };
    expect(unset.map(({ path: place }) => place)).toContain('mcp_servers.web.headers.A');
    const local = await withServers(['servers', 'show', 'local', '--json'], referring, { env });
    expect(local.status).toBe(6);
    expect(JSON.parse(local.stdout)).toMatchObject({ unset: [{ path: 'mcp_servers.local.args' }] });
    expect(local.stderr).not.toContain('web');
    const whole = { ...referring, plain: { url: 'http://127.0.0.1:1/mcp' } };
    const shown = await withServers(['servers', 'show', 'plain', '--json'], whole, { env });
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(shown.stdout)).not.toHaveProperty('unset');
    expect(`${table.stdout}${table.stderr}${json.stdout}`).not.toContain('sentinel');
    // Anything else that is wrong is refused as everywhere.
    const wrong = { web: { ...referring.web, prioritty: 1 } };
    expect(await withServers(['servers', 'list'], wrong)).toMatchObject({ status: 3, stdout: '' });
  });

  it('both hide what the environment filled in, wherever it stands', async () => {
    const filled = {
      web: { url: 'http://127.0.0.1:1/${KEY}/mcp', start: { command: 'mcpx', args: ['--key=${KEY}'] } },
      local: { command: 'node', args: ['--key', '${KEY}'], priority: 1 },
    };
    const env = { KEY: 'sentinel-filled' };
    for (const argv of [
      ['servers', 'list'],
      ['servers', 'list', '--json'],
      ['servers', 'show', 'web'],
      ['servers', 'show', 'local', '--json'],
    ]) {
      const { status, stdout } = await withServers(argv, filled, { env });
      expect(status).toBe(0);
      expect(stdout).toContain('***');
      expect(stdout).not.toContain('sentinel');
    }
  });

  it('show tells everything of one, with secrets as ***', async () => {
    for (const [id, expected] of [
      ['high', { transport: 'stdio', env: { KEY: '***' } }],
      ['web', { headers: { 'X-Api-Key': '***' }, start: { command: 'mcpx', env: { T: '***' } } }],
    ] as const) {
      const json = await withServers(['servers', 'show', id, '--json'], servers);
      expect(JSON.parse(json.stdout)).toMatchObject({ kind: 'Server', id, ...expected });
      const table = await withServers(['servers', 'show', id], servers);
      expect(table.stdout).toContain('***');
      expect(`${table.stdout}${json.stdout}`).not.toContain('sentinel');
    }
    const unknown = await withServers(['servers', 'show', 'none', '--json'], servers);
    expect(unknown).toMatchObject({ status: 7, stdout: '' });
    expect(errorLine(unknown)).toMatchObject({ code: 'RES306', hint: 'Configured: high, web, low.' });
  });
});

describe('mcpx read', () => {
  const resources = [
    { uri: 'x://json', name: 'JSON', mimeType: 'application/json', text: '{"a":1}' },
    { uri: 'x://text', name: 'Text', text: 'line \u001b[31mone\nline two' },
    { uri: 'x://blob', name: 'Blob', mimeType: 'image/png', blob: 'AP+AGw==' },
  ];

  it('prints the contents themselves, or the report of a machine format', async () => {
    await using upstream = await startFakeUpstream({ resources });
    const servers = { a: { url: upstream.sseUrl } };
    const read = (uri: string, flags: string[] = [], options: RunOptions = {}) =>
      withServers(['read', uri, ...flags], servers, options);
    expect((await read('x://json')).stdout).toBe('{\n  "a": 1\n}\n');
    expect((await read('x://text')).stdout).toBe('line \u001b[31mone\nline two\n');
    expect((await read('x://text', [], { stdoutIsTerminal: true })).stdout).toBe('line one\nline two\n');
    expect((await read('x://blob')).bytes).toEqual(Buffer.from([0, 255, 128, 27]));
    expect((await read('x://blob', [], { stdoutIsTerminal: true })).stdout).toBe(
      '(4 bytes of image/png; redirect to a file to keep them)\n',
    );
    const json = await read('x://json', ['--json']);
    expect(JSON.parse(json.stdout)).toEqual({
      api_version: 'mcpx/v1',
      kind: 'Resource',
      cache: { hit: false, source: 'none', ttl_ms: 0, age_ms: 0, scope: 'private' },
      server: 'a',
      uri: 'x://json',
      contents: [{ uri: 'x://json', mime_type: 'application/json', data: { a: 1 } }],
    });
    expect((await read('x://blob', ['-o', 'yaml'])).stdout).toContain('blob: AP+AGw==');
  });

  it('takes it from the server that wins, or from the one that is named', async () => {
    const at = (text: string) => startFakeUpstream({ resources: [{ uri: 'x://y', name: 'Y', text }] });
    await using best = await at('best');
    await using other = await at('other');
    const servers = {
      other: { url: other.sseUrl, priority: 2 },
      best: { url: best.sseUrl, priority: 1 },
    };
    expect((await withServers(['read', 'x://y'], servers)).stdout).toBe('best\n');
    expect((await withServers(['read', 'x://y', '--server', 'other'], servers)).stdout).toBe('other\n');
  });

  it('an unknown URI or server is not found', async () => {
    await using upstream = await startFakeUpstream({ resources });
    const servers = { a: { url: upstream.sseUrl } };
    const unknown = await withServers(['read', 'x://none', '--json'], servers);
    expect(unknown).toMatchObject({ status: 7, stdout: '' });
    const fix = expect.stringMatching(/^mcpx gather --list-only -c \/\S+\/c\.json$/) as string;
    expect(errorLine(unknown)).toMatchObject({ code: 'RES305', fix });
    const mistyped = await withServers(['read', 'x://jsn', '--json'], servers);
    expect(errorLine(mistyped)).toMatchObject({ code: 'RES305', hint: 'Did you mean x://json?' });
    expect(await withServers(['read', 'x://json', '--server', 'b'], servers)).toMatchObject({ status: 7 });
    expect(await withServers(['read'], servers)).toMatchObject({ status: 2 });
  });
});

describe('mcpx init', () => {
  it('writes a configuration that loads and the metadata that it serves', async () => {
    using folder = temporaryFolder();
    const ran = await run(['init', 'project'], { cwd: folder.path });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/\nNext: cd project && mcpx gather\n$/);
    const here = await run(['init', '.'], { cwd: folder.path });
    expect(here.stdout).toMatch(/\nNext: mcpx gather\n$/);
    const written = readdirSync(path.join(folder.path, 'project'), { recursive: true, encoding: 'utf8' });
    expect(written.sort()).toEqual([
      'config',
      'config/mcp_config.yaml',
      'resources',
      'resources/mcp_config_schema.json',
      'resources/product_metadata.json',
      'resources/product_metadata_schema.json',
    ]);
    const config = await loadConfig(path.join(folder.path, 'project/config/mcp_config.yaml'), {});
    expect(config.servers.map(({ id }) => id)).toEqual(['database_mcp', 'product_metadata_mcp']);
    const listed = await run(['servers', 'list'], { cwd: path.join(folder.path, 'project') });
    expect(listed.stdout).toContain('product_metadata_mcp');
  });

  it('overwrites nothing unless told to', async () => {
    using folder = temporaryFolder();
    mkdirSync(path.join(folder.path, 'config'));
    const mine = folder.write('config/mcp_config.yaml', 'mine');
    const ran = await run(['init', '--json'], { cwd: folder.path });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(errorLine(ran)).toMatchObject({
      code: 'CLI902',
      message: 'config/mcp_config.yaml exists already',
    });
    expect(readFileSync(mine, 'utf8')).toBe('mine');
    expect(existsSync(path.join(folder.path, 'resources'))).toBe(false);
    const forced = await run(['init', '--force', '-o', 'json'], { cwd: folder.path });
    expect(forced.status).toBe(0);
    expect(JSON.parse(forced.stdout)).toMatchObject({ kind: 'Init', folder: folder.path });
    expect(readFileSync(mine, 'utf8')).toContain('mcp_servers:');
  });

  it('says what it cannot write', async () => {
    using folder = temporaryFolder();
    folder.write('file', '');
    const inFile = await run(['init', 'file/below', '--json'], { cwd: folder.path });
    expect(inFile).toMatchObject({ status: 1, stdout: '' });
    expect(errorLine(inFile)).toMatchObject({ code: 'CLI903' });
    // Where Node's own way to make folders never ends.
    if (process.platform === 'linux') {
      const nowhere = await run(['init', '/proc/x/y', '--json'], { cwd: folder.path });
      expect(errorLine(nowhere)).toMatchObject({ code: 'CLI903' });
    }
    if (process.getuid?.() === 0) return;
    chmodSync(folder.path, 0o500);
    const locked = await run(['init', '--json'], { cwd: folder.path });
    chmodSync(folder.path, 0o700);
    expect(errorLine(locked)).toMatchObject({ code: 'CLI903' });
  });
});

describe('mcpx completion', () => {
  function complete(script: string, words: readonly string[]): string[] {
    const line = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _mcpx; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ran = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    expect(ran.stderr).toBe('');
    return ran.stdout.trim().split('\n');
  }

  it('bash completes commands, subcommands, flags and their values', async () => {
    const { stdout, status } = await run(['completion', 'bash']);
    expect(status).toBe(0);
    expect(spawnSync('bash', ['-n'], { input: stdout, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(complete(stdout, ['mcpx', 'gath'])).toEqual(['gather']);
    expect(complete(stdout, ['mcpx', 'servers', 's'])).toEqual(['show']);
    expect(complete(stdout, ['mcpx', 'gather', '--deg'])).toEqual(['--degraded']);
    expect(complete(stdout, ['mcpx', 'gather', '-o', 'y'])).toEqual(['yaml']);
    expect(complete(stdout, ['mcpx', 'gather', '--output', 'y'])).toEqual(['yaml']);
    expect(complete(stdout, ['mcpx', 'serve', 'metadata', '--po'])).toEqual(['--port']);
  });

  it.each(['zsh', 'fish'])('%s names every command', async (shell) => {
    const { stdout, status } = await run(['completion', shell]);
    expect(status).toBe(0);
    for (const { name } of commands) expect(stdout).toContain(name);
    const syntax = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' });
    // Only where the shell is installed.
    if (syntax.error === undefined) expect(syntax).toMatchObject({ status: 0 });
  });

  it('another shell is a usage error', async () => {
    expect(await run(['completion', 'cmd'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('bash, zsh, fish') as string,
    });
  });
});

describe('help', () => {
  const paths = (list: readonly CommandDefinition[], parents: readonly string[] = []): string[][] =>
    list.flatMap((command) => [
      [...parents, command.name],
      ...paths(command.subcommands ?? [], [...parents, command.name]),
    ]);

  it.each([[], ...paths(commands)].map((words) => [words.join(' '), words] as const))(
    'of "mcpx %s" begins with examples and ends with exit statuses',
    async (_, words) => {
      for (const argv of [
        [...words, '--help'],
        [...words, '-h'],
      ]) {
        const { status, stdout, stderr } = await run(argv);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        const [first, second] = stdout.split('\n');
        expect(first).toBe('Examples:');
        expect(second).toMatch(/^ {2}mcpx /);
        expect(stdout).toContain(`Usage: mcpx ${words.join(' ')}`);
        expect(stdout.trimEnd().split('\n\n').at(-1)).toMatch(/^Exit status:\n {2}0 {3}/);
        expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
      }
      const narrow = await run([...words, '--help'], { columns: 60, stdoutIsTerminal: true });
      // What is to be copied stays on its line, and no word is broken.
      const explained = narrow.stdout
        .split('\n')
        .filter((line) => !/^Usage:|^ {2}(?:\w+=\S+ )?mcpx /.test(line) && line.trim().includes(' '));
      expect(explained.filter((line) => line.length > 60)).toEqual([]);
    },
  );

  it('"mcpx help <command>" is the help of the command', async () => {
    expect((await run(['help', 'gather'])).stdout).toBe((await run(['gather', '--help'])).stdout);
  });

  it('a command that needs another word says which there are, on stderr', async () => {
    for (const argv of [[], ['servers'], ['serve']]) {
      const { status, stdout, stderr } = await run(argv);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toContain('Commands:');
    }
    expect(errorLine(await run(['servers', '--json']))).toMatchObject({
      code: 'CLI901',
      message: 'servers needs a command',
    });
  });

  it('--version is that of the build', async () => {
    expect(await run(['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
  });
});

describe('usage', () => {
  it.each([
    [['gathr'], 'gathr', 'Did you mean gather?'],
    [['gather', '--degradd'], '--degradd', 'Did you mean --degraded?'],
    [['servers', 'lst'], 'lst', 'Did you mean list?'],
    [['help', 'gathr'], 'gathr', 'Did you mean gather?'],
    [['help', 'nothing'], 'nothing', 'See `mcpx --help`.'],
    [['gather', '--timeout', 'soon'], '--timeout: "soon" is no duration', 'Write seconds'],
    [['gather', '--timeout', '0'], '"0" is no duration', 'Write seconds'],
    [
      ['gather', '--concurrency', '1.5'],
      '--concurrency: "1.5" is no whole number from 1 to 1000',
      'mcpx gather --help',
    ],
    [['gather', '--deadline', 'soon'], '--deadline: "soon" is no duration', 'Write seconds'],
    [['gather', '-o', 'xml'], 'Allowed choices are table, json, yaml, ndjson', 'See `mcpx gather --help`.'],
    [['-q', 'gather', '--timeout'], '--timeout', 'See `mcpx gather --help`.'],
    [['gather', '--fail-fast', '--degraded'], 'contradict', 'See `mcpx gather --help`.'],
    [['servers', 'list', 'extra'], 'too many arguments', 'See `mcpx servers list --help`.'],
    [['servers', '--nope'], '--nope', 'See `mcpx servers --help`.'],
    [['-o', 'xml'], 'Allowed choices', 'See `mcpx --help`.'],
    [['validate-config', '--dry-run'], '--dry-run goes with --fix', 'See `mcpx validate-config --help`.'],
  ])('%j is told in one place, with what to do', async (argv, message, hint) => {
    const ran = await run(argv);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(/^error CLI901 usage: /);
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).toContain(hint);
    expect(ran.stderr).not.toContain('    at ');
  });

  it('a machine format is known however it is asked for', async () => {
    for (const [argv, env] of [
      [['gather', '--nope', '--json'], {}],
      [['gather', '--nope', '-o', 'yaml'], {}],
      [['gather', '--nope', '-ojson'], {}],
      [['gather', '--nope', '--output=ndjson'], {}],
      [['gather', '--nope'], { MCPX_OUTPUT: 'json' }],
    ] as const) {
      const ran = await run(argv, { env });
      expect(errorLine(ran), argv.join(' ')).toMatchObject({ code: 'CLI901', exit_code: 2 });
    }
    const table = await run(['gather', '--nope', '-o', 'table'], { env: { MCPX_OUTPUT: 'json' } });
    expect(table.stderr).toMatch(/^error CLI901/);
  });
});

describe('the configuration', () => {
  it('that is missing or wrong exits with 3 and tells every problem', async () => {
    using folder = temporaryFolder();
    const options = { cwd: folder.path, env: { HOME: folder.path } };
    expect(await run(['gather'], options)).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('try:   mcpx init') as string,
    });
    expect(await run(['gather', '-c', 'gone.yaml'], options)).toMatchObject({ status: 3 });
    const file = folder.write('mcpx.yaml', 'mcp_servers:\n  a: { url: nope, prioritty: 1 }\n');
    const text = await run(['servers', 'list', '-c', file]);
    expect(text).toMatchObject({ status: 3, stdout: '' });
    expect(text.stderr.split('\n').slice(1, 3)).toEqual([
      `  ${file}:2:13 error CFG108 url: expected an http:// or https:// URL; write it as http://host:port/path`,
      `  ${file}:2:19 error CFG104 unknown key "prioritty" in mcp_servers.a; did you mean "priority"?`,
    ]);
    const json = await run(['servers', 'list', '-c', file, '--json']);
    expect(errorLine(json)).toMatchObject({
      code: 'CFG108',
      problems: [
        { code: 'CFG108', path: 'mcp_servers.a.url', range: { start: { line: 2, column: 13 } } },
        { code: 'CFG104', path: 'mcp_servers.a.prioritty' },
      ],
    });
  });

  it('is found without being named', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', configText({ here: { url: 'http://127.0.0.1:1/sse' } }));
    const ran = await run(['servers', 'list', '-v'], { cwd: folder.path });
    expect(ran.stdout).toContain('here');
    expect(ran.stderr).toContain('"event":"config.loaded"');
    expect(ran.stderr).toContain('"file":"mcpx.yaml"');
  });
});

describe('what to try after a failure', () => {
  it.each([
    [['-c', 'FILE']],
    [['-cFILE']],
    [['--config', 'FILE']],
    [['--config=FILE']],
    [['-c', 'gone.yaml', '--config', 'FILE']],
  ])('names the file of %j again', async (flags) => {
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: { url: 'http://127.0.0.1:1/sse' } }));
    const ran = await run(['gather', 'none', ...flags.map((flag) => flag.replace('FILE', file))]);
    expect(ran.status).toBe(7);
    expect(ran.stderr).toContain(`try:   mcpx servers list -c ${file}\n`);
  });

  it('is to have one server looked at, where no other can stand in for it', async () => {
    const ran = await withServers(['gather'], { a: { url: 'http://127.0.0.1:1/sse' } });
    expect(ran.stderr).toMatch(/try: {3}mcpx validate-config --connect -c \/\S+\n$/);
    const none = await withServers(['gather', '--degraded'], { a: { url: 'http://127.0.0.1:1/sse' } });
    expect(none.stderr).toMatch(/UPS214[^]*try: {3}mcpx validate-config --connect -c \/\S+\n$/);
  });
});
