import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/configuration.js';
import { errorLine, run } from '../fixtures/io.js';

const DATA = 'test/data/editors';
const CURSOR = path.resolve(DATA, 'cursor.mcp.json');
const CODEX = path.resolve(DATA, 'codex.toml');

/** A home with the files of all editors on Linux, and a project below it. */
function homeOf(folder: TemporaryFolder) {
  const place = (file: string, ...to: string[]) => {
    const target = path.join(folder.path, ...to);
    mkdirSync(path.dirname(target), { recursive: true });
    copyFileSync(path.join(DATA, file), target);
  };
  place('claude_desktop_config.json', '.config', 'Claude', 'claude_desktop_config.json');
  place('claude.json', '.claude.json');
  place('claude-code.mcp.json', 'project', '.mcp.json');
  place('cursor.mcp.json', '.cursor', 'mcp.json');
  place('vscode.mcp.json', 'project', '.vscode', 'mcp.json');
  place('codex.toml', '.codex', 'config.toml');
  const cwd = path.join(folder.path, 'project');
  return { cwd, env: { HOME: folder.path } };
}

function at(folder: TemporaryFolder) {
  return { cwd: folder.path, env: { HOME: folder.path } };
}

interface Report {
  readonly written: boolean;
  readonly sources: readonly unknown[];
  readonly servers: readonly {
    readonly id: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
  readonly yaml: string;
}

const reportOf = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout) as Report;

// The places of other systems have tests of their own.
describe.skipIf(process.platform !== 'linux')('mcpx servers import', () => {
  it('takes over the servers of every editor that is there', async () => {
    using folder = temporaryFolder();
    const options = homeOf(folder);
    const ran = await run(['servers', 'import', '--json'], options);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(reportOf(ran)).toMatchObject({
      api_version: 'mcpx/v1',
      kind: 'ServerImport',
      output_file: 'mcpx.yaml',
      dry_run: false,
      written: true,
      sources: [
        { editor: 'claude-desktop', file: '~/.config/Claude/claude_desktop_config.json', servers: 3 },
        { editor: 'claude-code', file: '.mcp.json', servers: 3 },
        { editor: 'claude-code', file: '~/.claude.json', servers: 1 },
        { editor: 'cursor', file: '~/.cursor/mcp.json', servers: 3 },
        { editor: 'vscode', file: '.vscode/mcp.json', servers: 4 },
        { editor: 'codex', file: '~/.codex/config.toml', servers: 3 },
      ],
    });
    expect(
      reportOf(ran).servers.map(({ id, status, reason }) => `${id} ${status} ${reason ?? ''}`.trim()),
    ).toEqual([
      'filesystem added',
      'github added',
      'postgres added',
      'api added',
      'legacy added',
      'socket skipped mcpx has no transport "ws"',
      'memory added',
      'local added',
      'remote added',
      'off skipped it is switched off there',
      'perplexity added',
      'github skipped ~/.config/Claude/claude_desktop_config.json has another server of this id',
      'pipe skipped url: expected an http:// or https:// URL',
      'asks added',
      'docs added',
      'figma added',
      'off skipped it is switched off there',
    ]);
    const env = {
      ...options.env,
      API_KEY: 'k',
      PERPLEXITY_KEY: 'k',
      FIGMA_OAUTH_TOKEN: 't',
      FIGMA_TEAM: 'f',
    };
    const list = await run(['servers', 'list', '--json'], { ...options, env });
    expect(list.stderr).toBe('');
    const { servers } = JSON.parse(list.stdout) as { servers: readonly { id: string; priority: number }[] };
    expect(servers.length).toBe(12);
    expect(new Set(servers.map(({ priority }) => priority))).toEqual(new Set([100]));
    const again = await run(['servers', 'import', '--json'], options);
    expect(reportOf(again)).toMatchObject({ written: false, yaml: '' });
    expect(reportOf(again).servers.filter(({ status }) => status === 'unchanged').length).toBe(12);
  });

  it('says what it did, and what to look after, to people', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const ran = await run(['servers', 'import', '--from', CURSOR, '--output-file', 'out.yaml'], options);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout.split('\n').map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
      'SERVER  STATUS  FROM  WHY',
      `local  added  ${CURSOR}  -`,
      `remote  added  ${CURSOR}  -`,
      `off  skipped  ${CURSOR}  it is switched off there`,
      '',
      'note local: its envFile is not read: put the variables into env, or set them before mcpx runs',
      'warning CFG116 remote: header X-Api-Key holds a credential in clear text: write a reference such as ${VARIABLE} instead',
      'note Imported servers have priority 100 and no domains: give each the domains that it answers for, and a priority.',
      '',
      'Wrote 2 servers to out.yaml. Next: mcpx validate-config out.yaml',
      '',
    ]);
    const file = path.join(folder.path, 'out.yaml');
    expect(parse(readFileSync(file, 'utf8'))).toMatchObject({
      mcp_servers: {
        local: { env: { API_KEY: '${env:API_KEY}' }, priority: 100, domains: [] },
        remote: { headers: { 'X-Api-Key': 'sentinel-cursor-key' } },
      },
    });
    // It holds a credential, so it is nobody else's to read.
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(['out.yaml']);
  });

  it('--dry-run shows what would be written without credentials, and writes nothing', async () => {
    using folder = temporaryFolder();
    const options = homeOf(folder);
    const text = await run(['servers', 'import', '--from', 'cursor', '--dry-run'], options);
    expect(text.status).toBe(0);
    expect(text.stdout).toContain('Would write 2 servers to mcpx.yaml:\n\nmcp_servers:\n');
    expect(text.stdout).toContain(
      '\n  # imported from ~/.cursor/mcp.json\n  remote:\n    url: https://mcp.example.com/mcp\n',
    );
    expect(text.stdout).toContain('X-Api-Key: "***"');
    for (const format of ['json', 'yaml', 'ndjson']) {
      const ran = await run(['servers', 'import', '--dry-run', '-o', format], options);
      expect(ran.status).toBe(0);
      expect(`${ran.stdout}${ran.stderr}${text.stdout}`).not.toContain('sentinel');
      expect(parse(ran.stdout)).toMatchObject({ kind: 'ServerImport', dry_run: true, written: false });
    }
    expect(existsSync(path.join(options.cwd, 'mcpx.yaml'))).toBe(false);
  });

  it('adds to the configuration in use, keeps what stands there, and overwrites only with --force', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const mine =
      '# mine\nmcp_servers:\n  docs:   # ours\n    url: http://localhost:1/sse\n    domains: [docs]\n# end\n';
    const file = folder.write('mcpx.yml', mine);
    chmodSync(file, 0o640);
    const ran = await run(['servers', 'import', '--from', CODEX, '--json'], options);
    expect(reportOf(ran)).toMatchObject({ output_file: 'mcpx.yml', written: true });
    expect(reportOf(ran).servers).toMatchObject([
      { id: 'docs', status: 'skipped', reason: 'mcpx.yml has a server of this id; --force replaces it' },
      { id: 'figma', status: 'added' },
      { id: 'off', status: 'skipped' },
    ]);
    const text = readFileSync(file, 'utf8');
    expect(text.startsWith(mine.replace('# end\n', ''))).toBe(true);
    expect(text.endsWith('    domains: []\n# end\n')).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const forced = await run(['servers', 'import', '--from', CODEX, '--force', '--json'], options);
    expect(reportOf(forced).servers).toMatchObject([
      { id: 'docs', status: 'replaced' },
      { id: 'figma', status: 'unchanged' },
      { id: 'off' },
    ]);
    expect(parse(readFileSync(file, 'utf8'))).toMatchObject({ mcp_servers: { docs: { command: 'npx' } } });
  });

  it('-c names the file as well, and a link stays a link', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const target = folder.write('real.yaml', 'mcp_servers:\n');
    symlinkSync(target, path.join(folder.path, 'link.yaml'));
    const ran = await run(['servers', 'import', '--from', CODEX, '-c', 'link.yaml'], options);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(lstatSync(path.join(folder.path, 'link.yaml')).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toContain('figma:');
    const other = await run(['servers', 'import', '--from', CODEX, '-c', 'new.yaml'], options);
    expect(other.status).toBe(0);
    expect(readFileSync(path.join(folder.path, 'new.yaml'), 'utf8')).toContain('figma:');
  });

  it('what there is not is not found', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const none = await run(['servers', 'import', '--json'], options);
    expect(none).toMatchObject({ status: 7, stdout: '' });
    expect(errorLine(none)).toMatchObject({ code: 'RES308', message: 'no known editor has servers here' });
    const editor = await run(['servers', 'import', '--from', 'vscode'], options);
    expect(editor).toMatchObject({ status: 7, stdout: '' });
    expect(editor.stderr).toContain('vscode has no servers here');
    expect(editor.stderr).toContain('.vscode/mcp.json, .config/Code/User/mcp.json');
    const slip = await run(['servers', 'import', '--from', 'curser'], options);
    expect(slip.status).toBe(7);
    expect(slip.stderr).toContain('curser does not exist');
    expect(slip.stderr).toContain('Did you mean cursor?');
  });

  it('what is broken or no server file is a matter of configuration, and nothing is written', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const cases = [
      ['broken.json', '{"mcpServers": {"a": [}', 'CFG103'],
      ['broken.toml', 'a = ', 'CFG103'],
      ['other.json', '{"a": 1}', 'CFG114'],
    ] as const;
    for (const [name, text, code] of cases) {
      folder.write(name, text);
      const ran = await run(['servers', 'import', '--from', name, '--json'], options);
      expect(ran).toMatchObject({ status: 3, stdout: '' });
      expect(errorLine(ran)).toMatchObject({ code });
    }
    const broken = folder.write('mcpx.yaml', 'mcp_servers: [\n');
    const ran = await run(['servers', 'import', '--from', CODEX, '--json'], options);
    expect(ran).toMatchObject({ status: 3, stdout: '' });
    expect(readFileSync(broken, 'utf8')).toBe('mcp_servers: [\n');
    const editors = await run(['servers', 'import', '--from', CODEX, '--output-file', CURSOR], options);
    expect(editors).toMatchObject({ status: 2, stdout: '' });
    expect(editors.stderr).toContain('is the file of an editor');
  });

  it('says what it cannot write', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const nowhere = await run(
      ['servers', 'import', '--from', CODEX, '--output-file', 'no/where.yaml', '--json'],
      options,
    );
    expect(nowhere).toMatchObject({ status: 1, stdout: '' });
    expect(errorLine(nowhere)).toMatchObject({ code: 'CLI903', message: 'cannot write no/where.yaml' });
    const isFolder = await run(
      ['servers', 'import', '--from', CODEX, '--output-file', '.', '--json'],
      options,
    );
    expect(errorLine(isFolder)).toMatchObject({ code: 'CFG102' });
  });

  it('names from outside reach no terminal as they are', async () => {
    using folder = temporaryFolder();
    const options = at(folder);
    const hostile = '\u001b[31mred';
    folder.write(
      'x.json',
      JSON.stringify({
        mcpServers: { [hostile]: { command: 'a' }, b: { command: hostile, [hostile]: 1, args: ['\u009b'] } },
      }),
    );
    const ran = await run(['servers', 'import', '--from', 'x.json', '--dry-run'], {
      ...options,
      columns: 100,
    });
    expect(ran.status).toBe(0);
    for (const control of ['\u001b', '\u009b']) expect(ran.stdout).not.toContain(control);
  });
});
