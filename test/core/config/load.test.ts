import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configCandidates } from '../../../src/core/config/find.js';
import { checkConfig, findConfig, loadConfig } from '../../../src/core/config/load.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';

const DOCUMENTS = 'test/data/documents';

/** The configuration of a text that must be right. */
function load(text: string, env: Readonly<Record<string, string>> = {}) {
  const { config, problems } = checkConfig('c.yaml', text, env);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return config!;
}

describe('the documents', () => {
  verifies('config:seed-files', 'every configuration that the documents print loads unchanged', async () => {
    const files = readdirSync(DOCUMENTS);
    expect(files).toEqual(['001.yaml', '002.yaml', '003.yaml']);
    for (const file of files) {
      const { servers, failFast, logging } = await loadConfig(path.join(DOCUMENTS, file), {});
      const byId = Object.fromEntries(servers.map((server) => [server.id, server]));
      expect(Object.keys(byId), file).toEqual(['database_mcp', 'product_metadata_mcp']);
      expect(byId['database_mcp'], file).toMatchObject({
        url: 'http://localhost:8000/sse',
        priority: 10,
        transport: 'sse',
        capabilities: ['execute_query', 'list_resources'],
      });
      expect(byId['product_metadata_mcp'], file).toMatchObject({
        url: 'http://localhost:8002/sse',
        priority: 1,
        transport: 'sse',
        capabilities: ['list_resources'],
      });
      expect({ failFast, logging }, file).toEqual({
        failFast: true,
        logging: { enabled: true, level: 'debug' },
      });
    }
    const [first, second, third] = await Promise.all(
      files.map((file) => loadConfig(path.join(DOCUMENTS, file), {})),
    );
    const domains = (config: typeof first) => config!.servers.map((server) => server.domains);
    expect(domains(first)).toEqual([
      ['sales', 'orders'],
      ['products', 'aliases'],
    ]);
    expect(domains(second)).toEqual([
      ['sales', 'transactions', 'orders', 'customers', 'database'],
      ['products', 'product_aliases', 'column_mappings', 'metadata'],
    ]);
    expect(domains(third)).toEqual([
      ['sales', 'transactions', 'orders'],
      ['products', 'aliases', 'mappings'],
    ]);
    expect(first!.servers.map(({ name }) => name)).toEqual(['database_mcp', 'product_metadata_mcp']);
    expect(second!.servers.map(({ name }) => name)).toEqual(['Database MCP Server', 'Product Metadata MCP']);
    expect(second!.servers.map(({ timeoutMs }) => timeoutMs)).toEqual([30_000, 30_000]);
    expect(second!.servers.map(({ retry }) => retry.maxRetries)).toEqual([3, 3]);
    expect([first!.cacheTtlMs, second!.cacheTtlMs]).toEqual([300_000, 300_000]);
  });

  it('the shipped configuration loads without a warning', () => {
    const text = readFileSync('config/mcp_config.yaml', 'utf8');
    const { config, problems } = checkConfig('config/mcp_config.yaml', text, {});
    expect(problems).toEqual([]);
    expect(config?.servers.map(({ start }) => start?.command)).toEqual(['mcpx', 'mcpx']);
  });
});

describe('the model', () => {
  verifies('config:model', 'every setting of the file arrives in camelCase, milliseconds and bytes', () => {
    const text = readFileSync('test/data/config/everything.yaml', 'utf8');
    const config = load(text, { METADATA_TOKEN: 'metadata-secret' });
    expect(config).toEqual({
      file: 'c.yaml',
      servers: [
        {
          id: 'product_metadata_mcp',
          name: 'Product Metadata MCP',
          transport: 'sse',
          protocol: 'auto',
          url: 'http://localhost:8002/sse',
          args: [],
          env: {},
          inheritEnv: ['PATH', 'HOME', 'LANG', 'TMPDIR'],
          headers: { Authorization: 'Bearer metadata-secret' },
          priority: 1,
          domains: ['products', 'product_aliases', 'column_mappings', 'metadata'],
          capabilities: ['list_resources'],
          required: true,
          timeoutMs: 30_000,
          connectTimeoutMs: 5000,
          include: ['product-aliases://*'],
          exclude: [],
          tools: { include: ['resolve_*'], exclude: [] },
          cacheTtlMs: 60_000,
          honorServerHints: true,
          retry: { maxRetries: 3, initialMs: 100, maxMs: 2000 },
          circuitBreaker: { failures: 5, resetMs: 30_000 },
          rateLimit: 50,
          start: { command: 'mcpx', args: ['serve', 'metadata'], env: {}, readyTimeoutMs: 10_000 },
        },
        expect.objectContaining({
          id: 'local_tool',
          name: 'local_tool',
          transport: 'stdio',
          command: 'node',
          args: ['./server.js'],
          env: { LOG: 'info' },
          inheritEnv: ['PATH', 'HOME'],
          priority: 50,
          domains: ['sales'],
        }),
      ],
      cacheTtlMs: 300_000,
      cacheMaxBytes: 100_000_000,
      cacheStore: 'disk',
      serveStaleOnError: false,
      failFast: true,
      logging: { enabled: true, level: 'info' },
      maxConnections: 10,
      deadlineMs: 30_000,
      gateway: { onConflict: 'prefix', pageSize: 1000, maxInFlight: 256, listTimeoutMs: 5000 },
      secrets: ['metadata-secret'],
    });
  });

  it('fills in every default of a server that is only an address', () => {
    const { servers, ...rest } = load('mcp_servers: { a: { url: "http://localhost:1/sse" } }');
    expect(servers[0]).toEqual({
      id: 'a',
      name: 'a',
      transport: 'sse',
      protocol: 'auto',
      url: 'http://localhost:1/sse',
      args: [],
      env: {},
      inheritEnv: ['PATH', 'HOME', 'LANG', 'TMPDIR'],
      headers: {},
      priority: 100,
      domains: [],
      capabilities: [],
      required: true,
      timeoutMs: 30_000,
      connectTimeoutMs: 5000,
      exclude: [],
      tools: { exclude: [] },
      honorServerHints: true,
      retry: { maxRetries: 3, initialMs: 100, maxMs: 2000 },
      circuitBreaker: { failures: 5, resetMs: 30_000 },
    });
    expect(rest).toMatchObject({
      cacheTtlMs: 300_000,
      failFast: true,
      maxConnections: 10,
      deadlineMs: 30_000,
      logging: { enabled: true, level: 'info' },
    });
  });

  it('defaults stand in for what a server leaves out, and only for that', () => {
    const { servers } = load(`
defaults: { timeout: 250ms, connect_timeout: 1m, required: false }
mcp_servers:
  a: { url: "http://x", priority: 1 }
  b: { url: "http://x", priority: 2, timeout: 7, connect_timeout: 0.5, required: true }
`);
    expect(servers.map((s) => [s.timeoutMs, s.connectTimeoutMs, s.required])).toEqual([
      [250, 60_000, false],
      [7000, 500, true],
    ]);
  });

  it('a stdio server without a connect_timeout of its own may take its timeout to come up', () => {
    const { servers } = load(`
defaults: { timeout: 20, connect_timeout: 2 }
mcp_servers:
  a: { command: node, priority: 1 }
  b: { command: node, priority: 2, timeout: 7 }
  c: { command: node, priority: 3, connect_timeout: 1 }
  d: { url: "http://x/mcp", priority: 4 }
`);
    expect(servers.map(({ connectTimeoutMs }) => connectTimeoutMs)).toEqual([20_000, 7000, 1000, 2000]);
  });

  it('a transport that is left out follows from the address', () => {
    const { servers } = load(`
mcp_servers:
  sse: { url: "http://x/sse", priority: 1 }
  slashes: { url: "http://x/deep/sse?x=1", priority: 2 }
  auto: { url: "http://x/mcp", priority: 3 }
  stdio: { command: node, priority: 4 }
  said: { url: "http://x/sse", transport: streamable-http, priority: 5 }
`);
    expect(servers.map(({ transport }) => transport)).toEqual([
      'sse',
      'sse',
      'auto',
      'stdio',
      'streamable-http',
    ]);
  });

  verifies('config:dynamic', 'takes any number of servers under any ids, addresses and ports', () => {
    const count = 120;
    const text = Array.from(
      { length: count },
      (_, index) => `  "server ${index}": { url: "https://host-${index}.example:${9000 + index}/mcp" }`,
    ).join('\n');
    const { servers } = load(`mcp_servers:\n${text}`);
    expect(servers).toHaveLength(count);
    expect(servers[77]).toMatchObject({ id: 'server 77', url: 'https://host-77.example:9077/mcp' });
  });

  it('log levels are read in capitals and in small letters', () => {
    const level = (name: string) =>
      load(`{ mcp_servers: { a: { url: "http://x" } }, orchestration: { log_level: ${name} } }`).logging
        .level;
    expect(['DEBUG', 'info', 'WARNING', 'error', 'CRITICAL'].map(level)).toEqual([
      'debug',
      'info',
      'warn',
      'error',
      'error',
    ]);
  });

  it('keys that begin with x- are free wherever settings stand, and never reach names and headers', () => {
    const { servers } = load(`
x-notes: { anything: [1] }
mcp_servers:
  x-server: { url: "http://x", x-owner: me, headers: { X-Api-Key: key, x-lower: l }, env: { x-var: v } }
orchestration: { x-why: because }
`);
    expect(servers).toHaveLength(1);
    expect(servers[0]).toMatchObject({
      id: 'x-server',
      headers: { 'X-Api-Key': 'key', 'x-lower': 'l' },
      env: { 'x-var': 'v' },
    });
  });

  it('numbers and booleans stand for texts where only a text makes sense', () => {
    const { servers } = load(
      'mcp_servers: { a: { command: node, args: [--port, 8080, true], env: { PORT: 8080 } } }',
    );
    expect(servers[0]).toMatchObject({ args: ['--port', '8080', 'true'], env: { PORT: '8080' } });
  });
});

describe('the file', () => {
  it('JSON, a byte order mark, CRLF and comments are all read', () => {
    const yaml = 'mcp_servers:\r\n  a: # comment\r\n    url: "http://x"\r\n    priority: 7\r\n';
    const json = '{ "mcp_servers": { "a": { "url": "http://x", "priority": 7 } } }';
    for (const text of [yaml, json, `\uFEFF${yaml}`, `\uFEFF${json}`, `---\n${yaml}...\n`]) {
      expect(load(text).servers[0]).toMatchObject({ id: 'a', priority: 7 });
    }
  });

  it("an editor's file is read as it is, with what belongs to others passed over", () => {
    const { servers } = load(
      JSON.stringify({
        theme: 'dark',
        mcpServers: {
          files: { command: 'npx', args: ['-y', 'server'], env: { KEY: '${TOKEN}' }, autoApprove: ['x'] },
          web: { url: 'http://x/mcp', headers: { Authorization: 'Bearer ${env:TOKEN}' }, type: 'http' },
          old: { url: 'http://x/sse' },
          off: { command: 'gone', disabled: true },
        },
      }),
      { TOKEN: 'token-value' },
    );
    expect(servers.map(({ id, transport, priority, domains }) => [id, transport, priority, domains])).toEqual(
      [
        ['files', 'stdio', 100, []],
        ['web', 'streamable-http', 100, []],
        ['old', 'sse', 100, []],
      ],
    );
    expect(servers[0]?.env).toEqual({ KEY: 'token-value' });
    expect(servers[1]?.headers).toEqual({ Authorization: 'Bearer token-value' });
  });

  it("an editor's file may have comments and trailing commas, and every place in it stays", () => {
    const text = [
      '// the servers',
      '{ /* of',
      '     VS Code */',
      '  "servers": {',
      '    "a": { "type": "http", "url": "http://x/mcp", "headers": { "K": "a // b /* c */ ,}", }, },',
      '    "b": { "command": "node", "args": ["\\"//", "x",], "env": { "T": "${GONE}" } }, // the last',
      '  },',
      '}',
    ].join('\r\n');
    const column = 1 + (text.split('\r\n')[5] ?? '').indexOf('"${GONE}"');
    for (const file of ['mcp.json', 'mcp.jsonc', 'named-otherwise']) {
      const { problems } = checkConfig(file, text, {});
      expect(problems).toMatchObject([
        { code: 'CFG109', path: 'servers.b.env.T', range: { start: { line: 6, column } } },
      ]);
    }
    expect(load(text, { GONE: 'here' })).toMatchObject({
      foreign: true,
      servers: [
        { url: 'http://x/mcp', headers: { K: 'a // b /* c */ ,}' } },
        { args: ['"//', 'x'], env: { T: 'here' } },
      ],
    });
  });

  it('what looks like a comment of JSON stays in YAML', () => {
    const { servers } = load('{ mcp_servers: { a: { url: http://x/sse, name: /*a*/ } } }');
    expect(servers[0]).toMatchObject({ url: 'http://x/sse', name: '/*a*/' });
  });

  it("settings of an editor's servers and of their use together come from the environment", () => {
    const text = JSON.stringify({ mcpServers: { web: { url: 'http://x/mcp' }, local: { command: 'node' } } });
    const config = load(text, {
      MCPX_FAIL_FAST: 'false',
      MCPX_DEFAULTS__TIMEOUT: '7s',
      MCPX_SERVERS__WEB__PRIORITY: '3',
      MCPX_SERVERS__WEB__DOMAINS: '[products]',
    });
    expect(config).toMatchObject({
      failFast: false,
      servers: [
        { id: 'web', priority: 3, domains: ['products'], timeoutMs: 7000 },
        { id: 'local', priority: 100, timeoutMs: 7000 },
      ],
    });
  });

  it('the file of VS Code is read as it is', () => {
    const { servers } = load(
      '{ "inputs": [], "servers": { "a": { "type": "stdio", "command": "node" }, "b": { "type": "sse", "url": "http://x/e" } } }',
    );
    expect(servers.map(({ id, transport }) => [id, transport])).toEqual([
      ['a', 'stdio'],
      ['b', 'sse'],
    ]);
  });

  it('is looked for in the working directory, in config/, and in the home of configurations', async () => {
    using folder = temporaryFolder();
    const env = { XDG_CONFIG_HOME: path.join(folder.path, 'xdg') };
    mkdirSync(path.join(folder.path, 'xdg', 'mcpx'), { recursive: true });
    mkdirSync(path.join(folder.path, 'config'));
    const names = ['xdg/mcpx/config.yaml', 'config/mcp_config.yaml', 'mcpx.json', 'mcpx.yml', 'mcpx.yaml'];
    // Each new file comes before those that were there.
    for (const name of names) {
      const file = folder.write(name, '');
      expect(await findConfig(undefined, folder.path, env)).toBe(file);
    }
    expect(await findConfig('named.yaml', folder.path, env)).toBe('named.yaml');
    expect(configCandidates('/w', { HOME: '/home/me' }).at(-1)).toBe('/home/me/.config/mcpx/config.yaml');
    const emptied = configCandidates('/w', { XDG_CONFIG_HOME: '', HOME: '/home/me' });
    expect(emptied.at(-1)).toBe('/home/me/.config/mcpx/config.yaml');
    expect(configCandidates('/w', {})).toHaveLength(4);
    expect(configCandidates('/w', { XDG_CONFIG_HOME: '', HOME: '' })).toHaveLength(4);
  });

  it('where there is none, the failure names the places that were looked at', async () => {
    using folder = temporaryFolder();
    await expect(findConfig(undefined, folder.path, {})).rejects.toMatchObject({
      code: 'CFG101',
      fix: 'mcpx init',
      context: { looked_at: configCandidates(folder.path, {}) },
    });
  });
});

describe('the environment', () => {
  verifies('config:env', 'fills in ${VAR} and ${VAR:-default}, and says where a variable is not set', () => {
    const text = [
      'mcp_servers:',
      '  a:',
      '    url: "http://${HOST}:${PORT:-8002}/${PATH_PART:-sse}"',
      '    priority: ${PRIORITY}',
      '    required: ${REQUIRED:-false}',
      '    headers: { Authorization: "Bearer ${TOKEN}" }',
    ].join('\n');
    const env = { HOST: 'example.org', PRIORITY: '42', PATH_PART: '', TOKEN: 'a: b # [c]' };
    const { servers } = load(text, env);
    expect(servers[0]).toMatchObject({
      url: 'http://example.org:8002/sse',
      priority: 42,
      required: false,
      // A value is a value, whatever YAML would make of it.
      headers: { Authorization: 'Bearer a: b # [c]' },
    });
    const { config, problems } = checkConfig('c.yaml', text, { HOST: 'h', PRIORITY: '1' });
    expect(config).toBeUndefined();
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'CFG109',
        message: 'environment variable TOKEN is not set',
        hint: 'set it, or write ${TOKEN:-default}',
        path: 'mcp_servers.a.headers.Authorization',
        range: expect.objectContaining({ start: expect.objectContaining({ line: 6, column: 31 }) }),
      }),
    ]);
  });

  it.each(['0012345678', '1.50', '12345678901234567890', 'true', '42'])(
    'the value %s stays the text that it is wherever a text is wanted',
    (value) => {
      const { servers } = load(
        [
          'mcp_servers:',
          '  env:',
          '    command: node',
          '    name: ${V}',
          '    args:\n    - --key\n    - ${V}',
          '    env:\n      KEY: ${V}',
          '    domains:\n    - ${V}',
          '    priority: ${P}',
          '  web:',
          '    url: http://x',
          '    headers:\n      Key: ${V}',
          '    start:\n      command: ${V}\n      args:\n      - ${V}',
        ].join('\n'),
        { V: value, P: '7' },
      );
      expect(servers).toMatchObject([
        { name: value, args: ['--key', value], env: { KEY: value }, domains: [value], priority: 7 },
        { headers: { Key: value }, start: { command: value, args: [value] } },
      ]);
    },
  );

  it('a value that no number writes like this is none', () => {
    const { problems } = checkConfig('c.yaml', 'mcp_servers:\n  a:\n    url: http://x\n    priority: ${P}', {
      P: '007',
    });
    expect(problems).toMatchObject([{ code: 'CFG105', path: 'mcp_servers.a.priority' }]);
  });

  it('every setting can be overridden by a variable, and a bad one is reported as what it is', () => {
    const text = 'mcp_servers: { my-db.1: { url: "http://x", priority: 3 } }';
    const { config } = checkConfig('c.yaml', text, {
      MCPX_FAIL_FAST: 'false',
      MCPX_DEADLINE: '5m',
      MCPX_LOG_LEVEL: 'WARNING',
      MCPX_DEFAULTS__TIMEOUT: '250ms',
      MCPX_SERVERS__MY_DB_1__URL: 'http://other/sse',
      MCPX_SERVERS__MY_DB_1__DOMAINS: '[a, b]',
      MCPX_SERVERS__MY_DB_1__RETRY__INITIAL: '1s',
      MCPX_SERVERS__UNKNOWN__URL: 'http://never',
      MCPX_MAX_RETRIES: '',
    });
    expect(config).toMatchObject({
      failFast: false,
      deadlineMs: 300_000,
      logging: { level: 'warn' },
      servers: [
        {
          url: 'http://other/sse',
          domains: ['a', 'b'],
          timeoutMs: 250,
          priority: 3,
          retry: { initialMs: 1000, maxRetries: 3 },
        },
      ],
    });
    const { problems } = checkConfig('c.yaml', text, { MCPX_SERVERS__MY_DB_1__PRIORITY: 'high' });
    expect(problems).toMatchObject([
      { code: 'CFG115', path: 'mcp_servers.my-db.1.priority', severity: 'error' },
    ]);
    expect(problems[0]?.message).toContain('MCPX_SERVERS__MY_DB_1__PRIORITY');
  });

  it('an override of a text is taken letter by letter, and names below env and headers as they are', () => {
    const text = [
      'mcp_servers:',
      '  a: { command: node, priority: 1 }',
      '  b: { url: "http://x", priority: 2, headers: { X-Api-Key: old } }',
    ].join('\n');
    const { servers } = load(text, {
      MCPX_SERVERS__A__COMMAND: '0012',
      MCPX_SERVERS__A__ARGS: '[--pin, 0012345678, true]',
      MCPX_SERVERS__A__ENV__FOO: '0012345678',
      MCPX_SERVERS__A__ENV__My__Name: '{ a: b }',
      MCPX_SERVERS__A__DOMAINS: '[a, 1.50]',
      MCPX_SERVERS__A__NAME: 'true',
      MCPX_SERVERS__B__HEADERS__X_API_KEY: '12345678901234567890',
      MCPX_SERVERS__B__HEADERS__Authorization: 'Bearer x: # y',
      MCPX_SERVERS__B__START__COMMAND: 'x',
      MCPX_SERVERS__B__START__ENV__TOKEN: '1.50',
      MCPX_SERVERS__B__PRIORITY: '7',
    });
    expect(servers).toMatchObject([
      {
        name: 'true',
        command: '0012',
        args: ['--pin', '0012345678', 'true'],
        domains: ['a', '1.50'],
      },
      { priority: 7 },
    ]);
    expect(servers[0]?.env).toEqual({ FOO: '0012345678', My__Name: '{ a: b }' });
    expect(servers[1]?.headers).toEqual({
      'X-Api-Key': '12345678901234567890',
      Authorization: 'Bearer x: # y',
    });
    expect(servers[1]?.start).toMatchObject({ command: 'x', env: { TOKEN: '1.50' } });
  });

  it('an override changes no other server, also where an alias makes them share', () => {
    const text = [
      'x-env: &env { LEVEL: low }',
      'mcp_servers:',
      '  a: { command: x, priority: 1, env: *env }',
      '  b: { command: x, priority: 2, env: *env }',
    ].join('\n');
    const { servers } = load(text, { MCPX_SERVERS__A__ENV__LEVEL: 'high' });
    expect(servers.map(({ env }) => env)).toEqual([{ LEVEL: 'high' }, { LEVEL: 'low' }]);
  });

  it.each([
    ['MCPX_SERVERS__NONE__URL', 'warning', 'fits no server', 'configured: a, a__b'],
    ['MCPX_SERVERS__A__PRIORTY', 'error', 'fits no setting', 'did you mean MCPX_SERVERS__A__PRIORITY?'],
    [
      'MCPX_SERVERS__A__START__COMAND',
      'error',
      'fits no setting',
      'did you mean MCPX_SERVERS__A__START__COMMAND?',
    ],
    [
      'MCPX_SERVERS__A__URL__HOST',
      'error',
      'fits no setting',
      'write the name of the setting after that of the server',
    ],
    [
      'MCPX_SERVERS__A__',
      'error',
      'fits no setting',
      expect.stringContaining('known here: name, url') as string,
    ],
    ['MCPX_SERVERS__A', 'warning', 'fits no server', 'configured: a, a__b'],
  ])('a variable %s is told as a mistake', (variable, severity, message, hint) => {
    const text =
      'mcp_servers:\n  a: { url: "http://x", priority: 1, start: { command: x } }\n  a__b: { url: "http://y", priority: 2 }';
    const env = { [variable]: '5', MCPX_SERVERS__A__B__PRIORITY: '9' };
    const { config, problems } = checkConfig('c.yaml', text, env);
    expect(problems).toMatchObject([
      { code: 'CFG115', severity, message: `environment variable ${variable} ${message}`, hint },
    ]);
    expect(config === undefined).toBe(severity === 'error');
    expect(
      checkConfig('c.yaml', text, { MCPX_SERVERS__A__B__PRIORITY: '9' }).config?.servers[1]?.priority,
    ).toBe(9);
  });

  it.each(['', '# nothing yet', 'a text'])(
    'a variable is no mistake of a file without settings: %j',
    (text) => {
      const { problems } = checkConfig('c.yaml', text, { MCPX_LOG_LEVEL: 'ERROR' });
      expect(problems.map(({ code }) => code)).toEqual(['CFG105']);
    },
  );
});
