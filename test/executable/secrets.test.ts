import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';

const HEADER = 'sentinel-header-0001';
const USER = 'sentinel-user-0002';
const PASSWORD = 'sentinel/pass word-0003';
const QUERY = 'sentinel query/0004';
const VARIABLE = 'sentinel-variable-0005';
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
/** What a server may send back, in every form; its body is cut, so each has to come early. */
const ECHO = [HEADER, USER, PASSWORD, encodeURIComponent(PASSWORD), QUERY, VARIABLE, BASIC].join(' ');

const FAULTS: readonly (readonly [string, FakeUpstreamOptions, number])[] = [
  ['a success', {}, 0],
  ['a refusal', { requiredBearer: 'another' }, 5],
  ['an HTTP error', { statusAt: { list: { status: 500, body: ECHO } } }, 4],
  ['an HTTP error with a header', { statusAt: { read: { status: 503, headers: { 'x-echo': ECHO } } } }, 6],
  ['a JSON-RPC error', { failReads: { 'item://1': { code: -32000, message: ECHO, data: ECHO } } }, 6],
  [
    'an error without an id',
    { framesAt: { initialize: [`{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"${ECHO}"}}`] } },
    4,
  ],
  ['no JSON', { framesAt: { list: [`{"jsonrpc":"2.0","id":$ID,"result":${ECHO}`] } }, 4],
  ['a redirect', { redirectTo: `https://${USER}:x@elsewhere.example/${HEADER}?${QUERY}` }, 4],
  ['a silence', { hangAt: 'read' }, 6],
];
const OUTPUTS: readonly (readonly string[])[] = [
  ['-o', 'table', '-v', '--log-format', 'text'],
  ['-o', 'json', '-v', '--log-format', 'json'],
  ['-o', 'ndjson'],
];

/** All files below a folder, by their paths. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
}

function expectNone(text: string, where: string): void {
  const forms = [text, decodedWhereEncoded(text)];
  for (const form of forms) expect(form, where).not.toMatch(/sentinel/i);
  expect(text, where).not.toContain(BASIC);
}

/** A secret in percent-encoding is one still. */
function decodedWhereEncoded(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}

it.each(FAULTS)(
  'no credential is in what %s leaves on stdout, stderr, in logs and in the cache',
  async (name, fault, status) => {
    for (const [index, output] of OUTPUTS.entries()) {
      const transport = index === 1 ? 'sse' : 'streamable-http';
      await using upstream = await startFakeUpstream({ ...fault, transport, era: 'legacy' });
      using folder = temporaryFolder();
      const url = new URL(upstream.url);
      url.username = USER;
      url.password = encodeURIComponent(PASSWORD);
      url.searchParams.set('api_key', QUERY);
      const servers = {
        a: {
          url: url.href,
          transport,
          timeout: '500ms',
          connect_timeout: 20,
          headers: { 'X-Api-Key': HEADER, 'X-Variable': '${TOKEN}' },
          start: { command: 'never-run', env: { TOKEN: '${TOKEN}' } },
        },
      };
      const file = folder.write(
        'c.json',
        configText(servers, { enable_logging: true, log_level: 'DEBUG', max_retries: 1 }),
      );
      const ran = await runMcpx(['gather', '--degraded', '-c', file, ...output], {
        env: { TOKEN: VARIABLE, XDG_CACHE_HOME: path.join(folder.path, 'cache') },
      });
      const where = `${name}, ${output.join(' ')}`;
      expect(ran.status, `${where}\n${ran.stderr}`).toBe(status);
      expectNone(ran.stdout, `${where}: stdout`);
      expectNone(ran.stderr, `${where}: stderr`);
      expect(ran.stderr.length, where).toBeGreaterThan(100);
      const kept = filesIn(folder.path).filter((each) => each !== file);
      for (const each of kept) expectNone(`${each} ${readFileSync(each, 'latin1')}`, where);
      if (status === 0) expect(kept.length, 'nothing was kept to look into').toBeGreaterThan(0);
      // They did reach the server.
      expect(upstream.headers[0], where).toMatchObject({ 'x-api-key': HEADER, 'x-variable': VARIABLE });
      expect(upstream.headers[0]?.authorization, where).toBe(`Basic ${BASIC}`);
    }
  },
  60_000,
);

it('no credential of a child is told when it fails and says it', async () => {
  using upstream = stdioUpstream({ exitAtStart: 1, stderr: `Error: refused with ${VARIABLE} ${HEADER}\n` });
  using folder = temporaryFolder();
  const { command, args } = upstream;
  const servers = {
    a: { command, args: [...args, '--key', '${TOKEN}'], env: { KEY: HEADER, TOKEN: '${TOKEN}' } },
  };
  const file = folder.write('c.json', configText(servers, { enable_logging: true, log_level: 'DEBUG' }));
  for (const output of OUTPUTS) {
    const ran = await runMcpx(['gather', '-c', file, ...output], {
      env: { TOKEN: VARIABLE, XDG_CACHE_HOME: path.join(folder.path, 'cache') },
    });
    expect(ran).toMatchObject({ status: 4, stdout: '' });
    expect(ran.stderr).toContain('refused with ***');
    expectNone(ran.stderr, output.join(' '));
  }
});
