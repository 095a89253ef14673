import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/core/config/load.js';
import { temporaryFolder } from '../fixtures/configuration.js';
import { errorLine, run } from '../fixtures/io.js';
import { verifies } from '../verifies.js';

const GOOD = 'mcp_servers:\n  a: { url: "http://localhost/sse", priority: 1, domains: [p] }\n';
const WARNED = 'mcp_servers:\n  a: { url: "http://localhost/sse", priority: 1 }\n';
const WRONG = 'mcp_servers:\n  a: { url: "http://localhost/sse", prioritty: 1, domains: p }\n';

interface Diagnostic {
  readonly code: string;
  readonly range: { readonly filename: string; readonly start: { readonly line: number } };
}

function codesOf(stdout: string): string[] {
  const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
  return diagnostics.map(({ code }) => code);
}

describe('mcpx validate-config', () => {
  verifies(
    'validate:offline',
    'tells missing fields, priorities and duplicates of every file in one run, without connecting',
    async () => {
      using folder = temporaryFolder();
      // Port 1 answers nobody: whoever connected would fail.
      folder.write('missing.yaml', 'mcp_servers:\n  a: { domains: [p] }\n');
      folder.write('priority.yaml', GOOD.replace('priority: 1', 'priority: 0'));
      folder.write(
        'tie.yaml',
        'mcp_servers:\n  a: { url: "http://localhost:1", priority: 1, domains: [p] }\n  b: { url: "http://localhost:1/b", priority: 1, domains: [p] }\n',
      );
      folder.write('twice.yaml', `${GOOD}  a: { url: "http://localhost:1", priority: 2, domains: [q] }\n`);
      const files = ['twice.yaml', 'missing.yaml', 'tie.yaml', 'priority.yaml'];
      const ran = await run(['validate-config', '--json', ...files], { cwd: folder.path });
      expect(ran).toMatchObject({ status: 3, stderr: '' });
      const { diagnostics, valid } = JSON.parse(ran.stdout) as {
        valid: boolean;
        diagnostics: readonly Diagnostic[];
      };
      expect(valid).toBe(false);
      expect(diagnostics.map(({ code, range }) => [range.filename, range.start.line, code])).toEqual([
        ['missing.yaml', 2, 'CFG107'],
        ['priority.yaml', 2, 'CFG106'],
        ['tie.yaml', 3, 'CFG111'],
        ['twice.yaml', 3, 'CFG110'],
      ]);
    },
  );

  it('finds the file that every command would use', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', GOOD);
    folder.write('other.yaml', WRONG);
    const options = { cwd: folder.path };
    expect(await run(['validate-config'], options)).toEqual({
      status: 0,
      stdout: 'mcpx.yaml: 0 errors, 0 warnings\n',
      stderr: '',
      bytes: Buffer.from('mcpx.yaml: 0 errors, 0 warnings\n'),
    });
    for (const argv of [['-c', 'other.yaml'], ['other.yaml'], ['other.yaml', './other.yaml']]) {
      const ran = await run(['validate-config', ...argv], options);
      expect(ran.status).toBe(3);
      expect(ran.stdout.split('\n').at(-2)).toMatch(/other\.yaml: 2 errors, 0 warnings$/);
    }
  });

  it('without any file says what to do', async () => {
    using folder = temporaryFolder();
    const ran = await run(['validate-config', '--json'], { cwd: folder.path, env: { HOME: folder.path } });
    expect(ran).toMatchObject({ status: 3, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code: 'CFG101', fix: 'mcpx init' });
  });

  it('goes on where a file cannot be read', async () => {
    using folder = temporaryFolder();
    folder.write('wrong.yaml', WRONG);
    folder.write('latin1.yaml', Buffer.from('name: caf\u00e9', 'latin1'));
    const ran = await run(['validate-config', 'gone.yaml', '.', 'latin1.yaml', 'wrong.yaml'], {
      cwd: folder.path,
    });
    expect(ran.status).toBe(3);
    expect(ran.stdout.split('\n').filter((line) => line.includes(' error '))).toEqual([
      '.:1:1 error CFG102 . cannot be read; It is a folder; name the file in it.',
      'gone.yaml:1:1 error CFG101 gone.yaml does not exist; Check the path, or run `mcpx init` for a starter file.',
      'latin1.yaml:1:10 error CFG102 latin1.yaml is not UTF-8 text; Save it as UTF-8; line 1, column 10 is the first place that is none.',
      'wrong.yaml:2:37 error CFG104 unknown key "prioritty" in mcp_servers.a; did you mean "priority"?',
      'wrong.yaml:2:60 error CFG105 domains must be a list, not a text; write [p]',
    ]);
    expect(ran.stdout).toMatch(/\n4 files: 5 errors, 0 warnings\n$/);
    const sarif = await run(['validate-config', 'gone.yaml', '--format', 'sarif'], { cwd: folder.path });
    expect(sarif.status).toBe(3);
    expect(JSON.parse(sarif.stdout)).toMatchObject({ runs: [{ results: [{ ruleId: 'CFG101' }] }] });
  });

  it('warns of credentials beside other mistakes', async () => {
    using folder = temporaryFolder();
    folder.write(
      'mcpx.yaml',
      'mcp_servers:\n  a: { url: "http://localhost/sse", prioritty: 1, headers: { Authorization: "Bearer abc" }, env: [x], args: [1] }\n',
    );
    const ran = await run(['validate-config', '--json'], { cwd: folder.path });
    expect(codesOf(ran.stdout)).toEqual(['CFG119', 'CFG104', 'CFG116', 'CFG105', 'CFG131']);
  });

  it('--strict lets warnings fail', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', WARNED);
    const options = { cwd: folder.path };
    const lenient = await run(['validate-config', '--json'], options);
    expect(lenient.status).toBe(0);
    expect(JSON.parse(lenient.stdout)).toMatchObject({ valid: true, error_count: 0, warning_count: 1 });
    const strict = await run(['validate-config', '--json', '--strict'], options);
    expect(strict.status).toBe(3);
    expect(JSON.parse(strict.stdout)).toMatchObject({ valid: false, error_count: 0, warning_count: 1 });
  });

  it('has a format for people, programs, GitHub and code scanning', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', WRONG);
    const at = async (...flags: string[]) => {
      const ran = await run(['validate-config', ...flags], { cwd: folder.path });
      expect(ran).toMatchObject({ status: 3, stderr: '' });
      return ran.stdout;
    };
    expect(await at('--format', 'text')).toBe(await at());
    expect(await at('--format', 'json')).toBe(await at('-o', 'json'));
    expect(codesOf(await at('--json'))).toEqual(['CFG104', 'CFG105']);
    expect(await at('-o', 'yaml')).toContain('format_version: "1.0"');
    expect(codesOf(await at('-o', 'ndjson'))).toHaveLength(2);
    expect((await at('--format', 'github')).split('\n')).toHaveLength(3);
    expect(JSON.parse(await at('--format', 'sarif'))).toMatchObject({ version: '2.1.0' });
    expect(await at('--color', 'always')).toContain('\u001b[31m');
    expect(await run(['validate-config', '--format', 'xml'])).toMatchObject({ status: 2, stdout: '' });
  });

  it('--schema prints the JSON Schema that is shipped', async () => {
    const ran = await run(['validate-config', '--schema']);
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual(
      JSON.parse(readFileSync('resources/mcp_config_schema.json', 'utf8')),
    );
  });

  it('--metadata checks a product-metadata file, alone or with others', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', WRONG);
    folder.write('metadata.json', '{ "product_aliases": { "a": { "canonical_id": 1 } } }');
    const options = { cwd: folder.path };
    const alone = await run(['validate-config', '--json', '--metadata', 'metadata.json'], options);
    expect(alone.status).toBe(3);
    expect(codesOf(alone.stdout).length).toBeGreaterThan(0);
    expect(alone.stdout).not.toContain('mcpx.yaml');
    const both = await run(
      ['validate-config', '--json', 'mcpx.yaml', '--metadata', 'metadata.json'],
      options,
    );
    expect(codesOf(both.stdout)).toEqual(['CFG104', 'CFG105', ...codesOf(alone.stdout)]);
    const good = await run(['validate-config', '--metadata', 'resources/product_metadata.json']);
    expect(good).toMatchObject({
      status: 0,
      stdout: 'resources/product_metadata.json: 0 errors, 0 warnings\n',
    });
    const gone = await run(['validate-config', '--metadata', 'gone.json', '--json'], options);
    expect(codesOf(gone.stdout)).toEqual(['CFG101']);
  });

  it.each([
    'config/mcp_config.yaml',
    'test/data/documents/001.yaml',
    'test/data/documents/002.yaml',
    'test/data/documents/003.yaml',
    'test/data/config/everything.yaml',
  ])('%s has nothing to complain about', async (file) => {
    const ran = await run(['validate-config', '--strict', file], { env: { METADATA_TOKEN: 'x' } });
    expect(ran.stdout).toBe(`${file}: 0 errors, 0 warnings\n`);
    expect(ran.status).toBe(0);
  });

  it('a thousand servers, each with its mistakes, are no matter of seconds', async () => {
    using folder = temporaryFolder();
    const servers = Array.from(
      { length: 1000 },
      (_, index) =>
        `  s${index}: { url: "http://h${index}/sse", prioritty: ${index}, domains: d, env: { A_TOKEN: x } }\n`,
    );
    folder.write('mcpx.yaml', `mcp_servers:\n${servers.join('')}`);
    const started = performance.now();
    const ran = await run(['validate-config', '--json'], { cwd: folder.path });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(codesOf(ran.stdout)).toHaveLength(5001);
  });
});

describe('mcpx validate-config --print', () => {
  const FILE = [
    'defaults: { timeout: 5 }',
    'mcp_servers:',
    '  a:',
    '    url: "http://user:sentinel-1@localhost/sse?k=sentinel-2"',
    '    priority: ${P:-3}',
    '    domains: [p]',
    '    headers: { Authorization: "Bearer ${T}", X: sentinel-3 }',
    '    start: { command: mcpx, args: [--token, sentinel-4], env: { A: sentinel-5 } }',
    '  constructor: { command: node, args: ["${MY_TOKEN}", --key], domains: [q], retry: { initial: 1 } }',
    '',
  ].join('\n');
  const ENV = {
    T: 'sentinel-6',
    MY_TOKEN: 'sentinel-7',
    MCPX_MAX_RETRIES: '5',
    MCPX_SERVERS__CONSTRUCTOR__PRIORITY: '7',
    MCPX_SERVERS__A__HEADERS__Y: 'sentinel-8',
  };

  async function print(...flags: string[]) {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', FILE);
    return await run(['validate-config', '--print', ...flags], { cwd: folder.path, env: ENV });
  }

  it('tells every value in effect and where it comes from', async () => {
    const { status, stdout, stderr } = await print('--deadline', '90', '-v');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.split('\n').map((line) => line.trim().replace(/ +#/, ' #'));
    for (const line of [
      'timeout: 5 # file 1:22',
      'connect_timeout: 5 # default',
      'priority: 3 # file 5:15, ${P}',
      'priority: 7 # environment MCPX_SERVERS__CONSTRUCTOR__PRIORITY',
      'timeout: 5 # file 1:22 (defaults.timeout)',
      'max_retries: 5 # environment MCPX_MAX_RETRIES (orchestration.max_retries)',
      'initial: 1 # file 9:95',
      'transport: "sse" # default',
      'deadline: "90s" # flag --deadline',
      'log_level: "DEBUG" # flag --verbose',
      'Authorization: "***" # file 7:31, ${T}',
      'url: "http://***:***@localhost/sse?k=***" # file 4:10',
      'args: ["--token", "***"] # file 8:35',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('shows no credential', async () => {
    for (const flags of [[], ['--json'], ['-o', 'yaml']]) {
      const { stdout } = await print(...flags);
      expect(stdout).toContain('***');
      expect(stdout).not.toContain('sentinel');
    }
  });

  it('reads as a configuration again, with the same meaning', async () => {
    for (const file of [
      'config/mcp_config.yaml',
      'test/data/documents/002.yaml',
      'test/data/config/everything.yaml',
    ]) {
      const env = { METADATA_TOKEN: '***' };
      const before = checkConfig(file, readFileSync(file, 'utf8'), env).config;
      for (const columns of [undefined, 40, 60, 80]) {
        const { stdout } = await run(['validate-config', '--print', file], { env, columns });
        const again = checkConfig(file, stdout, env);
        expect(again.problems).toEqual([]);
        const withoutSecrets = (config: typeof before) =>
          JSON.stringify(config, (key, value: unknown) =>
            key === 'headers' || key === 'env' ? undefined : value,
          );
        expect(withoutSecrets(again.config)).toBe(withoutSecrets(before));
      }
    }
  });

  it('fits a terminal: a source stands before its value where there is no room behind it', async () => {
    const file = 'config/mcp_config.yaml';
    for (const columns of [60, 80]) {
      const { stdout } = await run(['validate-config', '--print', file], { columns });
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
    const { stdout } = await run(['validate-config', '--print', file], { columns: 60 });
    const lines = stdout.split('\n');
    const at = lines.findIndex((line) => line.startsWith('    domains:'));
    expect(lines[at - 1]).toMatch(/^ {4}# file \d+:\d+$/);
    expect(lines[at + 1]).toMatch(/^ {8}"/);
  });

  it('is data for programs', async () => {
    const { stdout } = await print('--json');
    const { sources, ...rest } = JSON.parse(stdout) as { sources: readonly unknown[] };
    expect(rest).toMatchObject({
      api_version: 'mcpx/v1',
      kind: 'ResolvedConfig',
      file: 'mcpx.yaml',
      config: { mcp_servers: { a: { priority: 3 }, constructor: { priority: 7, args: ['***'] } } },
    });
    expect(sources).toContainEqual({
      path: ['mcp_servers', 'a', 'priority'],
      source: 'file',
      line: 5,
      column: 15,
      variables: ['P'],
    });
    expect(sources).toContainEqual({
      path: ['mcp_servers', 'a', 'timeout'],
      source: 'file',
      line: 1,
      column: 22,
      variables: [],
      inherited_from: 'defaults.timeout',
    });
  });

  it('of a file that is wrong its problems are told instead', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', WRONG);
    const ran = await run(['validate-config', '--print', '--json'], { cwd: folder.path });
    expect(ran.status).toBe(3);
    expect(codesOf(ran.stdout)).toEqual(['CFG104', 'CFG105']);
  });

  it.each([
    [['a.yaml', 'b.yaml'], '--print takes one configuration'],
    [['--metadata', 'm.json'], '--print takes one configuration'],
    [['a.yaml', '--format', 'sarif'], '--print has no format sarif'],
  ])('%j is a usage error', async (flags, message) => {
    const ran = await run(['validate-config', '--print', '-o', 'json', ...flags]);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code: 'CLI901', message });
  });
});

it('an excerpt shows references as they are, and masks what stands beside them', async () => {
  using folder = temporaryFolder();
  const secret = 'hunter2hunter2';
  folder.write(
    'mcpx.yaml',
    'mcp_servers:\n  a:\n    url: http://localhost/sse\n    headers:\n      Authorization: Bearer ${GONE}\n' +
      `    env:\n      API_KEY: \${GONE}\n      X_TOKEN: \${GONE}${secret}\${OTHER}\n`,
  );
  const { stdout } = await run(['validate-config'], { cwd: folder.path });
  expect(stdout).toContain('5 |       Authorization: Bearer ${GONE}\n');
  expect(stdout).toContain('7 |       API_KEY: ${GONE}\n');
  expect(stdout).toContain(`8 |       X_TOKEN: \${GONE}${'*'.repeat(secret.length)}\${OTHER}\n`);
});

describe('mcpx validate-config --fix', () => {
  const BROKEN =
    '# mine\r\nmcp_servers:\r\n  a: { url: "http://localhost/sse", prioritty: "1", domains: p } # one\r\n\r\n\r\n\r\n\r\n\r\n\r\norchestration:\n  log_level: INFOO\n  fail_fast: yes';
  const RIGHT = BROKEN.replace('prioritty: "1"', 'priority: 1')
    .replace('domains: p', 'domains: [p]')
    .replace('INFOO', 'INFO')
    .replace('yes', 'true');

  it('corrects what is safe and keeps everything else byte for byte', async () => {
    using folder = temporaryFolder();
    const file = folder.write('real.yaml', `\ufeff${BROKEN}`);
    chmodSync(file, 0o640);
    symlinkSync('real.yaml', path.join(folder.path, 'mcpx.yaml'));
    const ran = await run(['validate-config', '--fix'], { cwd: folder.path });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout.split('\n').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'mcpx.yaml:1:1 fixed CFG126',
      'mcpx.yaml:3:37 fixed CFG104',
      'mcpx.yaml:3:48 fixed CFG105',
      'mcpx.yaml:3:62 fixed CFG105',
      'mcpx.yaml:11:14 fixed CFG106',
      'mcpx.yaml:12:14 fixed CFG105',
      'mcpx.yaml: 0 errors,',
      '',
    ]);
    expect(readFileSync(file, 'utf8')).toBe(RIGHT);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(lstatSync(path.join(folder.path, 'mcpx.yaml')).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder.path).sort()).toEqual(['mcpx.yaml', 'real.yaml']);
    const again = await run(['validate-config', '--fix', '--json'], { cwd: folder.path });
    expect(JSON.parse(again.stdout)).toMatchObject({ valid: true, fixed: [], diagnostics: [] });
    expect(readFileSync(file, 'utf8')).toBe(RIGHT);
  });

  it.each([
    ['alone', 'mcp_servers:\n\ta:\n\t\turl: U\n', 'mcp_servers:\n  a:\n    url: U\n'],
    [
      'four wide among spaces',
      'mcp_servers:\n  a:\n\t# mine\n\turl: U\n',
      'mcp_servers:\n  a:\n    # mine\n    url: U\n',
    ],
    [
      'eight wide among spaces',
      'mcp_servers:\n    a:\n\turl: U\n\tpriority: 1\n',
      'mcp_servers:\n    a:\n        url: U\n        priority: 1\n',
    ],
  ])('tabs %s become so many spaces that a setting stays below its server', async (_, text, right) => {
    using folder = temporaryFolder();
    const withUrl = (source: string) => source.replace('U', 'http://localhost/sse');
    const file = folder.write('mcpx.yaml', withUrl(text));
    await run(['validate-config', '--fix'], { cwd: folder.path });
    expect(readFileSync(file, 'utf8')).toBe(withUrl(right));
  });

  it('--dry-run prints a diff that can be applied, and writes nothing', async () => {
    using folder = temporaryFolder();
    const file = folder.write('mcpx.yaml', BROKEN);
    const ran = await run(['validate-config', '--fix', '--dry-run'], { cwd: folder.path });
    expect(ran).toMatchObject({ status: 0, stderr: 'mcpx.yaml: 0 errors, 0 warnings\n' });
    expect(readFileSync(file, 'utf8')).toBe(BROKEN);
    expect(ran.stdout.match(/^@@.*$/gm)).toEqual(['@@ -1,6 +1,6 @@', '@@ -8,5 +8,5 @@']);
    const json = await run(['validate-config', '--fix', '--dry-run', '--json'], { cwd: folder.path });
    expect(JSON.parse(json.stdout)).toMatchObject({ valid: true, diff: ran.stdout });
    const applied = spawnSync('git', ['apply', '-p1'], {
      cwd: folder.path,
      input: ran.stdout,
      encoding: 'utf8',
    });
    expect(applied).toMatchObject({ status: 0 });
    expect(readFileSync(file, 'utf8')).toBe(RIGHT);
    const terminal = await run(['validate-config', '--fix', '--dry-run'], {
      cwd: folder.path,
      stdoutIsTerminal: true,
    });
    expect(terminal.stdout).toBe('');
  });

  it('shows the diff of a terminal in colour and without what could drive it', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', GOOD.replace('priority: 1', 'prioritty: 1').replace('a:', '"a\u009b31m":'));
    const ran = await run(['validate-config', '--fix', '--dry-run', '--color', 'always'], {
      cwd: folder.path,
      stdoutIsTerminal: true,
    });
    expect(ran.stdout).toContain('\u001b[32m+');
    expect(ran.stdout).not.toContain('\u009b');
  });

  it('reports what is left, and fails for it', async () => {
    using folder = temporaryFolder();
    const file = folder.write('mcpx.yaml', WRONG.replace('prioritty: 1', 'prioritty: 0'));
    const ran = await run(['validate-config', '--fix', '--json'], { cwd: folder.path });
    expect(ran.status).toBe(3);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      valid: false,
      fixed: [{ code: 'CFG104' }, { code: 'CFG105' }],
      diagnostics: [{ code: 'CFG106' }],
    });
    expect(readFileSync(file, 'utf8')).toContain('priority: 0, domains: [p]');
  });

  it('says what it cannot write, and leaves the file as it was', async () => {
    using folder = temporaryFolder();
    folder.write('mcpx.yaml', WRONG);
    folder.write(`mcpx.yaml.${process.pid}.tmp`, 'of somebody else');
    const ran = await run(['validate-config', '--fix', '--json'], { cwd: folder.path });
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code: 'CLI903' });
    expect(readFileSync(path.join(folder.path, 'mcpx.yaml'), 'utf8')).toBe(WRONG);
    expect(readFileSync(path.join(folder.path, `mcpx.yaml.${process.pid}.tmp`), 'utf8')).toBe(
      'of somebody else',
    );
  });

  it.each([
    [['--dry-run'], '--dry-run goes with --fix'],
    [['--fix', '--print'], '--fix and --print exclude each other'],
  ])('%j is a usage error', async (flags, message) => {
    const ran = await run(['validate-config', '--json', ...flags]);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(errorLine(ran)).toMatchObject({ code: 'CLI901', message });
  });
});

describe('what the README shows', () => {
  const EXAMPLE = 'test/data/broken/example.yaml';

  it('is the line, the place and what to write', async () => {
    const ran = await run(['validate-config', EXAMPLE]);
    expect(ran).toMatchObject({ status: 3, stderr: '' });
    expect(ran.stdout).toBe(
      [
        `${EXAMPLE}:4:5 error CFG104 unknown key "prioritty" in mcp_servers.product_metadata_mcp; did you mean "priority"?`,
        '  4 |     prioritty: 1                     # the best',
        '    |     ^^^^^^^^^',
        `${EXAMPLE}:5:14 error CFG105 domains must be a list, not a text; write [products]`,
        '  5 |     domains: products',
        '    |              ^^^^^^^^',
        `${EXAMPLE}: 2 errors, 0 warnings`,
        '',
      ].join('\n'),
    );
  });
});
