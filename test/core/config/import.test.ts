import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertServer } from '../../../src/core/config/import-convert.js';
import { EDITORS, editorFiles, shortPath } from '../../../src/core/config/import-locations.js';
import { readEditorFile } from '../../../src/core/config/import-read.js';
import { findClearText, masked } from '../../../src/core/config/clear-text.js';
import { temporaryFolder } from '../../fixtures/configuration.js';

const linux = { platform: 'linux', env: { HOME: '/home/me' }, cwd: '/home/me/shop' } as const;

/** Everything that a file of an editor becomes, by id: entries with their notes, or a reason. */
async function converted(file: string) {
  const { servers, inputs } = await readEditorFile(path.join('test/data/editors', file), file, linux.cwd);
  return Object.fromEntries(
    servers.map(([id, raw]) => [id, convertServer(id, raw, { inputs, project: linux.cwd, system: linux })]),
  );
}

const rest = { priority: 100, domains: [] };

describe('where editors keep their servers', () => {
  it('on Linux', () => {
    expect(Object.fromEntries(EDITORS.map((editor) => [editor, editorFiles(editor, linux)]))).toEqual({
      'claude-desktop': ['/home/me/.config/Claude/claude_desktop_config.json'],
      'claude-code': ['/home/me/shop/.mcp.json', '/home/me/.claude.json'],
      cursor: ['/home/me/shop/.cursor/mcp.json', '/home/me/.cursor/mcp.json'],
      vscode: [
        '/home/me/shop/.vscode/mcp.json',
        '/home/me/.config/Code/User/mcp.json',
        '/home/me/.config/Code/User/settings.json',
      ],
      codex: ['/home/me/shop/.codex/config.toml', '/home/me/.codex/config.toml'],
    });
    const elsewhere = { ...linux, env: { HOME: '/home/me', XDG_CONFIG_HOME: '/x', CODEX_HOME: '/y' } };
    expect(editorFiles('claude-desktop', elsewhere)).toEqual(['/x/Claude/claude_desktop_config.json']);
    expect(editorFiles('codex', elsewhere)).toContain('/y/config.toml');
  });

  it('on macOS', () => {
    const mac = { platform: 'darwin', env: { HOME: '/Users/me', XDG_CONFIG_HOME: '/x' }, cwd: '/p' } as const;
    expect(editorFiles('claude-desktop', mac)).toEqual([
      '/Users/me/Library/Application Support/Claude/claude_desktop_config.json',
    ]);
    expect(editorFiles('vscode', mac)[1]).toBe('/Users/me/Library/Application Support/Code/User/mcp.json');
  });

  it('on Windows', () => {
    const env = { USERPROFILE: 'C:\\Users\\me', APPDATA: 'D:\\Roaming', HOME: '/c/Users/me' };
    const windows = { platform: 'win32', env, cwd: 'C:\\p' } as const;
    expect(editorFiles('claude-desktop', windows)).toEqual([
      'D:\\Roaming\\Claude\\claude_desktop_config.json',
    ]);
    expect(editorFiles('cursor', windows)).toEqual([
      'C:\\p\\.cursor\\mcp.json',
      'C:\\Users\\me\\.cursor\\mcp.json',
    ]);
    const bare = { ...windows, env: { USERPROFILE: 'C:\\Users\\me' } };
    expect(editorFiles('vscode', bare)[1]).toBe('C:\\Users\\me\\AppData\\Roaming\\Code\\User\\mcp.json');
    expect(shortPath('C:\\Users\\me\\.cursor\\mcp.json', windows)).toBe('~\\.cursor\\mcp.json');
  });

  it('without a home only those of the project are looked at', () => {
    expect(editorFiles('cursor', { ...linux, env: {} })).toEqual(['/home/me/shop/.cursor/mcp.json']);
    expect(editorFiles('claude-desktop', { ...linux, env: { HOME: '' } })).toEqual([]);
  });

  it('are named as people know them', () => {
    expect(shortPath('/home/me/shop/.mcp.json', linux)).toBe('.mcp.json');
    expect(shortPath('/home/me/.claude.json', linux)).toBe('~/.claude.json');
    expect(shortPath('/etc/x.json', linux)).toBe('/etc/x.json');
    expect(shortPath('/etc/x.json', { ...linux, env: {} })).toBe('/etc/x.json');
  });
});

describe('what the file of an editor becomes', () => {
  it('Claude Desktop', async () => {
    expect(await converted('claude_desktop_config.json')).toEqual({
      filesystem: {
        entry: {
          command: 'npx',
          args: ['-y', '@modelcontextprotocol/server-filesystem', '/home/me/Documents'],
          ...rest,
        },
        notes: [],
      },
      github: {
        entry: {
          command: 'docker',
          args: [
            'run',
            '-i',
            '--rm',
            '-e',
            'GITHUB_PERSONAL_ACCESS_TOKEN',
            'ghcr.io/github/github-mcp-server',
          ],
          env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'sentinel-github-pat' },
          ...rest,
        },
        notes: [],
      },
      postgres: {
        entry: {
          command: 'npx',
          args: ['-y', 'server-postgres', 'postgresql://me:sentinel-pg@localhost/shop?sslmode=require'],
          ...rest,
        },
        notes: [],
      },
    });
  });

  it('Claude Code: references stay, and of all projects only this one counts', async () => {
    expect(await converted('claude-code.mcp.json')).toEqual({
      api: {
        entry: {
          url: '${API_BASE_URL:-https://api.example.com}/mcp',
          transport: 'streamable-http',
          headers: { Authorization: 'Bearer ${API_KEY}' },
          ...rest,
        },
        notes: [],
      },
      legacy: { entry: { url: 'https://mcp.example.com/sse', transport: 'sse', ...rest }, notes: [] },
      socket: { reason: 'mcpx has no transport "ws"' },
    });
    expect(await converted('claude.json')).toEqual({
      shop: { entry: { command: 'node', args: ['server.js'], env: { LOG: 'debug' }, ...rest }, notes: [] },
      memory: { entry: { command: 'npx', args: ['-y', 'server-memory'], ...rest }, notes: [] },
    });
  });

  it('Cursor: its own variables become what they stand for', async () => {
    expect(await converted('cursor.mcp.json')).toEqual({
      local: {
        entry: {
          command: '/home/me/shop/bin/server',
          args: ['--root', '/home/me/shop/src', '--home=${HOME}'],
          env: { API_KEY: '${env:API_KEY}', NAME: 'shop' },
          ...rest,
        },
        notes: ['its envFile is not read: put the variables into env, or set them before mcpx runs'],
      },
      remote: {
        entry: {
          url: 'https://mcp.example.com/mcp',
          headers: { 'X-Api-Key': 'sentinel-cursor-key' },
          ...rest,
        },
        notes: [],
      },
      off: { reason: 'it is switched off there' },
    });
  });

  it('VS Code: comments, trailing commas, and inputs that become variables', async () => {
    expect(await converted('vscode.mcp.json')).toEqual({
      perplexity: {
        entry: {
          command: 'npx',
          args: ['-y', 'server-perplexity-ask', '--region', '${REGION:-eu}'],
          env: { PERPLEXITY_API_KEY: '${PERPLEXITY_KEY}', PORT: '8080' },
          ...rest,
        },
        notes: [
          'set REGION in the environment: the editor asks for it (Region)',
          'set PERPLEXITY_KEY in the environment: the editor asks for it (Perplexity API Key)',
          'not taken over: dev',
        ],
      },
      github: {
        entry: { url: 'https://api.example.com/mcp/', transport: 'streamable-http', ...rest },
        notes: [],
      },
      pipe: { reason: 'url: expected an http:// or https:// URL' },
      asks: {
        entry: { command: '$${command:pickServer}', cwd: '/home/me/shop', ...rest },
        notes: ['mcpx does not know ${command:pickServer}: write its value'],
      },
    });
  });

  it('Codex: variables by name, and limits in seconds', async () => {
    expect(await converted('codex.toml')).toEqual({
      docs: {
        entry: {
          command: 'npx',
          args: ['-y', 'docs-mcp'],
          env: { LOG: 'info' },
          inherit_env: ['PATH', 'HOME', 'LANG', 'TMPDIR', 'DOCS_TOKEN'],
          timeout: 45.5,
          connect_timeout: 20,
          ...rest,
        },
        notes: ['not taken over: enabled_tools'],
      },
      figma: {
        entry: {
          url: 'https://mcp.figma.example/mcp',
          headers: {
            'X-Region': 'us-east-1',
            'X-Team': '${FIGMA_TEAM}',
            Authorization: 'Bearer ${FIGMA_OAUTH_TOKEN}',
          },
          required: true,
          ...rest,
        },
        notes: [],
      },
      off: { reason: 'it is switched off there' },
    });
  });

  it('the settings of VS Code may hold servers too', async () => {
    using folder = temporaryFolder();
    const file = folder.write(
      'settings.json',
      '{"editor.tabSize": 2, "mcp": {"inputs": [], "servers": {"a": {"command": "a"}}}}',
    );
    expect((await readEditorFile(file, file, '/')).servers).toEqual([['a', { command: 'a' }]]);
    const other = folder.write('other.json', '{"editor.tabSize": 2}');
    expect(await readEditorFile(other, other, '/')).toMatchObject({ servers: [], isServerFile: false });
  });

  it.each([
    [null, 'its entry is no mapping'],
    [[], 'its entry is no mapping'],
    [{}, 'it has neither url nor command'],
    [{ command: '' }, 'it has no command'],
    [{ command: 1 }, 'its command is no text'],
    [{ command: 'a', args: 'b' }, 'its args are no list of texts'],
    [{ command: 'a', args: [{}] }, 'its args are no list of texts'],
    [{ command: 'a', env: [] }, 'its env is no mapping'],
    [{ command: 'a', env: { A: {} } }, 'its env holds more than texts'],
    [{ url: 5 }, 'its url is no text'],
    [{ url: 'ftp://h' }, 'url: expected an http:// or https:// URL'],
    [{ type: {}, url: 'http://h' }, 'mcpx has no transport of this kind'],
    [{ url: 'http://h', headers: { A: 'b\r\nc: d' } }, expect.stringContaining('no HTTP header') as string],
  ])('skips what cannot be a server: %j', (raw, reason) => {
    expect(convertServer('a', raw, { inputs: new Map(), project: '/', system: linux })).toEqual({ reason });
  });

  it.each(['__proto__', 'a\u0007b', 'x'.repeat(101)])('skips an id that ours cannot be: %j', (id) => {
    const result = convertServer(id, { command: 'a' }, { inputs: new Map(), project: '/', system: linux });
    expect(result).toHaveProperty('reason');
  });

  it('names of inputs become names of variables', () => {
    const entry = (id: string, fallback?: string) => {
      const inputs = new Map([[id, fallback === undefined ? {} : { default: fallback }]]);
      return convertServer('a', { command: `\${input:${id}}` }, { inputs, project: '/', system: linux });
    };
    expect(entry('2fa code')).toMatchObject({ entry: { command: '${_2FA_CODE}' } });
    expect(entry('a', 'x}y')).toMatchObject({ entry: { command: '${A:-x\\}y}' } });
    const windows = { ...linux, platform: 'win32' } as const;
    expect(
      convertServer(
        'a',
        { command: '${userHome}${pathSeparator}x' },
        { inputs: new Map(), project: '/', system: windows },
      ),
    ).toMatchObject({ entry: { command: '${USERPROFILE}\\x' } });
  });
});

describe('files that cannot be read', () => {
  it.each([
    ['a.json', '{\n  "a": ["sentinel"}\n}', { line: 2 }],
    ['b.json', '{\n  "mcpServers": {\n', {}],
    ['c.json', '', {}],
    ['d.json', '{"a": "sentinel', {}],
    ['e.toml', '[mcp_servers.a]\nenv = { T = "sentinel" \n', { line: 3 }],
  ])('%s: the place is told, and nothing of the file', async (name, text, place) => {
    using folder = temporaryFolder();
    const file = folder.write(name, text);
    const error = await readEditorFile(file, name, '/').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CFG103', context: { file: name, ...place } });
    expect(JSON.stringify(error)).not.toContain('sentinel');
  });

  it.each([
    ['what never closes', `{"a": ${'"\\"'.repeat(100_000)}`],
    ['comments without an end', '/*'.repeat(400_000)],
    ['commas', `[1${','.repeat(500_000)}`],
    ['nesting', '{"a":'.repeat(100_000)],
    ['brackets', '}'.repeat(60_000)],
  ])('%s is refused within a moment', async (_, text) => {
    using folder = temporaryFolder();
    const file = folder.write('x.json', text);
    const start = performance.now();
    await expect(readEditorFile(file, 'x.json', '/')).rejects.toMatchObject({ code: 'CFG103' });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('a missing file, a folder, another encoding', async () => {
    using folder = temporaryFolder();
    await expect(readEditorFile(path.join(folder.path, 'x'), 'x', '/')).rejects.toMatchObject({
      code: 'RES308',
    });
    await expect(readEditorFile(folder.path, 'x', '/')).rejects.toMatchObject({ code: 'CFG102' });
    const file = folder.write('x.json', new Uint8Array([0xff, 0xfe, 0x7b]));
    await expect(readEditorFile(file, 'x', '/')).rejects.toMatchObject({ code: 'CFG102' });
  });

  it('a byte order mark and Windows line ends do not matter', async () => {
    using folder = temporaryFolder();
    const text = readFileSync('test/data/editors/vscode.mcp.json', 'utf8').replaceAll('\n', '\r\n');
    const file = folder.write('x.json', `\ufeff${text}`);
    expect((await readEditorFile(file, 'x', '/')).servers.map(([id]) => id)).toEqual([
      'perplexity',
      'github',
      'pipe',
      'asks',
    ]);
  });
});

describe('credentials in clear text', () => {
  const found = (entry: Record<string, unknown>) =>
    findClearText(entry).map(({ what, secret }) => `${what}: ${secret}`);

  it('are found by the names and forms that they have', () => {
    expect(
      found({
        env: {
          GITHUB_TOKEN: 'abc',
          apiKey: 'def',
          DATABASE_URL: 'postgres://u:pw@h/db',
          ANY: 'ghp_0123456789',
        },
        headers: { Authorization: 'Bearer abc', 'X-Api-Key': 'k', Cookie: 'c' },
        args: [
          '--api-key=one',
          '--token',
          'two',
          'https://h/?key=three&x=1',
          'Authorization: Bearer four',
          'sk-0123456789',
        ],
        url: 'https://five@h/mcp?access_token=six',
      }),
    ).toEqual([
      'env GITHUB_TOKEN: abc',
      'env apiKey: def',
      'the URL in env DATABASE_URL: pw',
      'env ANY: ghp_0123456789',
      'header Authorization: Bearer abc',
      'header X-Api-Key: k',
      'header Cookie: c',
      'argument --api-key: one',
      'argument --token: two',
      'argument 4: three',
      'argument 5: Bearer four',
      'argument 6: sk-0123456789',
      'the url: five',
      'the url: six',
    ]);
  });

  it('references, modes and other settings are none', () => {
    expect(
      found({
        env: {
          TOKEN: '${TOKEN}',
          KEY_FILE: '/x',
          TOKENIZER: 'gpt',
          MAX_TOKEN: '4096',
          AUTH: 'none',
          SECRET: '',
        },
        headers: { Authorization: 'Bearer ${T}', Accept: 'text/html' },
        args: ['--token', '--verbose', '-e', 'GITHUB_TOKEN', '--key=${K}', 'https://h/x?page=1', 'monkey'],
        url: 'https://h/mcp?region=eu',
      }),
    ).toEqual([]);
  });

  it('are masked where they stand, and nothing else is', () => {
    const entry = { env: { TOKEN: 'abc', NAME: 'abc' }, args: ['x', '--key=abc'], url: 'https://u:abc@h/' };
    expect(masked(entry, findClearText(entry))).toEqual({
      env: { TOKEN: '***', NAME: 'abc' },
      args: ['x', '--key=***'],
      url: 'https://u:***@h/',
    });
    expect(entry.env.TOKEN).toBe('abc');
  });
});
