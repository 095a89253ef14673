import { describe, expect, it } from 'vitest';
import { createRedactor, secretsOf } from '../../src/core/config/config.js';
import { checkConfig } from '../../src/core/config/load.js';
import { createLogger } from '../../src/core/logging/logger.js';
import { createOperation } from '../../src/core/operation.js';
import { renderFailure, renderFailureJson } from '../../src/render/failure.js';
import { gatherReport } from '../../src/render/gather-report.js';
import { renderGather } from '../../src/render/gather.js';
import { describeServer, renderServer, renderServers, serverList } from '../../src/render/servers.js';
import { configOf, configText, temporaryFolder } from '../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { failureOf, orchestratorOf } from '../fixtures/gathering.js';
import { run } from '../fixtures/io.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { verifies } from '../verifies.js';

const HEADER = 'sentinel-header-"quoted"-0001';
const USER = 'sentinel-user-0002';
const PASSWORD = 'sentinel/pass word-0003';
const QUERY = 'sentinel query/0004';
const ENV = 'sentinel-env-0005';
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');

/** In every form in which a server may send them back. */
const FORMS = [
  HEADER,
  JSON.stringify(HEADER).slice(1, -1),
  USER,
  PASSWORD,
  encodeURIComponent(PASSWORD),
  QUERY,
  encodeURIComponent(QUERY),
  ENV,
  BASIC,
];
const ECHO = `you said: ${FORMS.join(' | ')}`;

function withCredentials(address: string): string {
  const url = new URL(address);
  url.username = USER;
  url.password = encodeURIComponent(PASSWORD);
  return `${url.href}?api_key=${encodeURIComponent(QUERY)}`;
}

function expectNone(text: string, where: string): void {
  for (const form of FORMS) expect(text, where).not.toContain(form);
  expect(text, where).not.toMatch(/sentinel/);
}

describe('credentials', () => {
  const failures: readonly (readonly [string, FakeUpstreamOptions])[] = [
    ['a refusal', { requiredBearer: 'another' }],
    ['an HTTP error with a body', { statusAt: { list: { status: 500, body: ECHO } } }],
    ['a JSON-RPC error', { failReads: { 'item://1': { code: -32000, message: ECHO, data: ECHO } } }],
    ['a redirect', { redirectTo: `https://elsewhere.example/?${QUERY}` }],
    ['an endpoint elsewhere', { sseEndpoint: `https://u:${ENV}@elsewhere.example/` }],
    ['garbage', { garbageAt: 'initialize' }],
    ['a lost connection', { dieAt: 'read' }],
    ['a timeout', { hangAt: 'read' }],
  ];

  verifies(
    'orch:secrets',
    'are in no error, log, report or table, whatever the server sends back',
    async () => {
      for (const [name, options] of failures) {
        for (const transport of ['sse', 'streamable-http'] as const) {
          if ('sseEndpoint' in options && transport !== 'sse') continue;
          await using upstream = await startFakeUpstream({ ...options, transport });
          const servers = {
            a: {
              url: withCredentials(upstream.url),
              transport,
              timeout: '300ms',
              headers: { 'X-Api-Key': HEADER },
              // Never run: the server answers.
              start: { command: 'no-such-command', env: { TOKEN: ENV } },
            },
          };
          const lines: string[] = [];
          await using orchestrator = orchestratorOf(servers, { fail_fast: false, max_retries: 1 });
          const redact = createRedactor(secretsOf(orchestrator.config));
          const logger = createLogger({
            level: 'debug',
            format: 'json',
            write: (line) => lines.push(line),
            redact,
          });
          const op = createOperation({ logger });
          const where = `${name} over ${transport}`;
          const result = await orchestrator.gather({}, op).catch(() => undefined);
          if (result !== undefined) {
            expectNone(renderGather(result, { color: false }), where);
            const report = gatherReport(result, { operationId: op.id, startedAt: '' });
            expectNone(JSON.stringify(report), where);
          }
          const error = await failureOf(orchestrator.gather({ failFast: true }, op));
          expectNone(renderFailure(error, { color: false }), where);
          expectNone(renderFailureJson(error, op.id), where);
          expectNone(JSON.stringify(error), where);
          expectNone(`${error.message} ${String(error.stack)}`, where);
          expectNone(JSON.stringify(orchestrator.getStatus()), where);
          expect(lines.length, where).toBeGreaterThan(2);
          expectNone(lines.join(''), where);
          // They did reach the server.
          expect(upstream.headers[0]?.['x-api-key'], where).toBe(HEADER);
          expect(upstream.headers[0]?.authorization, where).toBe(`Basic ${BASIC}`);
        }
      }
    },
  );

  it('of the environment stay hidden when a child prints them as it dies', async () => {
    using upstream = stdioUpstream({ exitAtStart: 1, stderr: `bad credentials: ${ENV}\n` });
    const settings = { command: upstream.command, args: upstream.args, env: { TOKEN: ENV } };
    await using orchestrator = orchestratorOf({ a: settings });
    const error = await failureOf(orchestrator.gather());
    expect(error.toJSON().causes).toEqual(['bad credentials: ***']);
    expectNone(JSON.stringify(error), 'stderr');
  });

  it('are *** where a server is shown', () => {
    const [server] = configOf({
      a: {
        url: withCredentials('http://example.org/sse'),
        headers: { Authorization: `Bearer ${HEADER}` },
        start: { command: 'x', env: { TOKEN: ENV } },
      },
    }).servers;
    for (const shown of [
      JSON.stringify(describeServer(server!)),
      renderServer(server!, { color: false }),
      renderServers([server!], { color: false }),
    ]) {
      expectNone(shown, 'servers');
      expect(shown).toContain('example.org');
    }
    expect(describeServer(server!)).toMatchObject({
      headers: { Authorization: '***' },
      start: { env: { TOKEN: '***' } },
    });
  });
});

describe('the redactor', () => {
  it('takes out the longest secret first, so that nothing of it stays', () => {
    const redact = createRedactor(['secret-long', 'secret'].sort((a, b) => b.length - a.length));
    expect(redact('secret-long secret')).toBe('*** ***');
  });

  it('leaves short words alone, which would blank out ordinary text', () => {
    const config = configOf({
      a: {
        url: 'http://x/?page=12&mode=info',
        headers: {
          Authorization: 'Bearer t0ken-value',
          'X-Debug': 'true',
          'X-N': '12',
          'X-Text': 'to be read',
        },
        start: { command: 'x', env: { LOG: 'info' } },
      },
    });
    expect(secretsOf(config)).toEqual(['Bearer t0ken-value', 't0ken-value', 'to be read']);
  });

  it('knows the values of headers and user info however short they are', () => {
    const headers = { Authorization: 'Basic dTpw', 'X-Pin': '4711', Cookie: 'abc' };
    const secrets = secretsOf(configOf({ a: { url: 'http://me:pwd@x/mcp', headers } }));
    expect(secrets).toEqual(expect.arrayContaining(['dTpw', '4711', 'abc', 'pwd']));
    expect(createRedactor(secrets)('Basic auth of me with pwd, dTpw and 4711')).toBe(
      'Basic auth of me with ***, *** and ***',
    );
  });
});

describe('values that the environment fills in', () => {
  const PARTS = {
    TOKEN: 'sentinel-token-1',
    PATH_PART: 'sentinel path/2',
    WHOLE: 'https://hooks.example.org/services/sentinel-3',
    HOST: 'host.example.org',
    BASE: 'https://base.example.org',
    HOME: '/home/sentinel-home',
    DOMAIN: 'products',
    LEVEL: 'warning',
    SHORT: '8002',
  };
  const TEXT = [
    'x-args: &args ["--token=${TOKEN}", "${HOME}/data", "${GONE:-sentinel-default}"]',
    'mcp_servers:',
    '  a: { command: node, args: *args, priority: 1, domains: ["${DOMAIN}"] }',
    '  b: { url: "http://${HOST}:${SHORT}/${PATH_PART}/mcp", priority: 2, start: { command: x, args: ["${TOKEN}"] } }',
    '  c: { url: "${WHOLE}", priority: 3 }',
    '  d: { url: "${BASE}/mcp", priority: 4 }',
    'orchestration: { log_level: "${LEVEL}" }',
  ].join('\n');

  it('are secrets, apart from hosts, homes, ports, and settings that hold none', () => {
    const { config, problems } = checkConfig('c.yaml', TEXT, PARTS);
    expect(problems).toEqual([]);
    const redact = createRedactor(secretsOf(config!));
    const { TOKEN, PATH_PART, WHOLE, HOST, HOME, DOMAIN, SHORT } = PARTS;
    for (const hidden of [TOKEN, PATH_PART, encodeURI(PATH_PART), encodeURIComponent(PATH_PART)]) {
      expect(redact(hidden)).toBe('***');
    }
    expect(redact(WHOLE)).toBe('https://hooks.example.org***');
    for (const open of [HOST, HOME, DOMAIN, SHORT, 'sentinel-default', 'warning'])
      expect(redact(open)).toBe(open);
  });

  it('are *** where a server is shown', () => {
    const { config } = checkConfig('c.yaml', TEXT, PARTS);
    const { servers } = config!;
    const redact = createRedactor(secretsOf(config!));
    expect(serverList(servers, redact)).toMatchObject({
      servers: [
        { args: ['--token=***', '/home/sentinel-home/data', 'sentinel-default'] },
        { url: 'http://host.example.org:8002/***/mcp', start: { args: ['***'] } },
        { url: 'https://hooks.example.org***' },
        { url: 'https://base.example.org/mcp' },
      ],
    });
    for (const shown of [
      renderServers(servers, { color: false }, redact),
      ...servers.map((server) => renderServer(server, { color: false }, redact)),
    ]) {
      expect(shown).not.toMatch(/sentinel-token|sentinel.{0,3}path|sentinel-3/);
    }
  });

  it.each(['json', 'text'])('are in no error and no %s log of a gather', async (format) => {
    using folder = temporaryFolder();
    const script = 'process.stderr.write(process.argv.join(" ")); process.exit(1)';
    const file = folder.write(
      'c.json',
      configText(
        {
          a: { url: 'http://127.0.0.1:1/${TOKEN}/mcp', priority: 1 },
          b: { command: process.execPath, args: ['-e', script, 'x', '${TOKEN}'], priority: 2 },
          c: { command: 'no-such-command-${TOKEN}', args: ['${TOKEN}'], priority: 3 },
          d: {
            url: 'http://127.0.0.1:1/sse',
            priority: 4,
            start: { command: process.execPath, args: ['-e', script, 'x', '--key=${TOKEN}'] },
          },
        },
        { enable_logging: true, log_level: 'DEBUG' },
      ),
    );
    const flags = ['-c', file, '--degraded', '--json', '--log-format', format];
    const { status, stdout, stderr } = await run(['gather', ...flags], { env: { TOKEN: PARTS.TOKEN } });
    expect(status).toBe(4);
    expect(stderr).toContain('***');
    expect(`${stdout}${stderr}`).not.toContain(PARTS.TOKEN);
  });

  it('are in no problem of the file', () => {
    const text = [
      'mcp_servers:',
      '  a: { url: "http://x", transport: "${TOKEN}", domains: "${TOKEN}", priority: 1 }',
      '  b: { command: x, args: "${TOKEN}", priority: 2 }',
      '  c: { command: x, args: "--key=sentinel-literal", priority: 3 }',
      '  d: { url: "${TOKEN}/x", priority: 4 }',
    ].join('\n');
    const { problems } = checkConfig('c.yaml', `${text}\nx-kept: "\${TOKEN}"`, PARTS);
    expect(problems.map(({ path: at }) => at)).toEqual([
      'mcp_servers.a.transport',
      'mcp_servers.a.domains',
      'mcp_servers.b.args',
      'mcp_servers.c.args',
      'mcp_servers.d.url',
    ]);
    expect(JSON.stringify(problems)).not.toContain('sentinel');
  });
});
