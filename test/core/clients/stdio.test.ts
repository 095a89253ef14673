import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inheritedEnv } from '../../../src/core/clients/child-process.js';
import { createOperation } from '../../../src/core/operation.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { contentsOf, failureOf, gatherOnce, orchestratorOf, outcomeOf } from '../../fixtures/gathering.js';
import { processesWith, survivors } from '../../fixtures/processes.js';
import { stdioUpstream, type StdioUpstreamOptions } from '../../fixtures/stdio-upstream.js';
import { verifies } from '../../verifies.js';

const SHORT = { timeout: '300ms', connect_timeout: '300ms' };
const LONG = { timeout: 30, connect_timeout: 10 };
const SOON_MS = 20_000;

/** A failing gather; whatever happens, nothing of the child is left afterwards. */
async function failing(options: StdioUpstreamOptions, settings: object = LONG) {
  using upstream = stdioUpstream(options);
  const { command, args, marker } = upstream;
  const started = performance.now();
  const error = await failureOf(outcomeOf({ command, args, ...settings }));
  expect(performance.now() - started).toBeLessThan(SOON_MS);
  expect(await survivors(() => processesWith(marker))).toEqual([]);
  expect(error.context['server']).toBe('a');
  return error;
}

describe('a stdio server that fails', () => {
  it.each([
    ['hangs at initialize', { hangAt: 'initialize' }, 'UPS201', SHORT],
    ['hangs at list', { hangAt: 'list' }, 'UPS204', { ...LONG, timeout: '300ms' }],
    ['hangs at read', { hangAt: 'read' }, 'UPS204', { ...LONG, timeout: '300ms' }],
    ['dies at initialize', { dieAt: 'initialize', exitCode: 7 }, 'UPS222', LONG],
    ['dies at list', { dieAt: 'list' }, 'UPS222', LONG],
    ['dies in the middle of a read', { dieAt: 'read', faultMidBody: true }, 'UPS222', LONG],
    ['exits at once', { exitAtStart: 3 }, 'UPS222', LONG],
    ['sends a giant message', { bodyBytes: 80 * 1024 ** 2 }, 'UPS209', LONG],
  ] satisfies [string, StdioUpstreamOptions, string, object][])(
    'that %s is told, and nothing of it is left',
    async (_, options, code, settings) => {
      expect(await failing(options, settings)).toMatchObject({ code });
    },
  );

  it('shows how the process ended, and what it said last as the cause', async () => {
    const stderr = 'Loading…\nError: \u001b[31mDATABASE_URL is not set\u001b[0m\n';
    const error = await failing({ exitAtStart: 3, stderr });
    expect(error.message).toBe('a: the server process ended (exit code 3)');
    expect(error.toJSON().causes).toEqual([expect.stringContaining('DATABASE_URL is not set')]);
    expect(JSON.stringify(error)).not.toContain('\\u001b');
  });

  it('of a long error output only whole lines are kept, so that no secret is cut in half', async () => {
    const secret = 'sentinel-of-the-environment';
    // What is kept begins in the middle of the secret.
    const stderr = `Error: ${secret} failed ${'x'.repeat(4096 - 12 - 21)}\nlast words\n`;
    using upstream = stdioUpstream({ exitAtStart: 1, stderr });
    const { command, args } = upstream;
    const error = await failureOf(outcomeOf({ command, args, env: { SECRET: secret } }));
    expect(error.toJSON().causes).toEqual(['last words']);
  });

  it('a command that is not there, or is none, says so', async () => {
    using folder = temporaryFolder();
    const missing = await failureOf(outcomeOf({ command: 'no-such-command-at-all' }));
    expect(missing).toMatchObject({ code: 'UPS216', hint: 'Is it installed and on PATH?' });
    const plainFile = await failureOf(outcomeOf({ command: folder.write('file', 'text') }));
    expect(plainFile).toMatchObject({ code: 'UPS216', hint: 'Check its path and permissions.' });
    const nowhere = await failureOf(outcomeOf({ command: process.execPath, cwd: '/no/such/folder' }));
    expect(nowhere.code).toBe('UPS216');
  });
});

describe('a stdio server that works', () => {
  it('may greet on its output and talk on its error output', async () => {
    using upstream = stdioUpstream({
      stdout: 'Server 1.0 listening\n{"not": "rpc"}\n',
      stderr: 'x'.repeat(99_999),
    });
    expect(await outcomeOf({ command: upstream.command, args: upstream.args })).toMatchObject({
      status: 'ok',
    });
  });

  it('may give ids back as texts, and break its output anywhere, in the middle of a letter too', async () => {
    using folder = temporaryFolder();
    const script = folder.write(
      'server.mjs',
      `import { createInterface } from 'node:readline';
const resources = Array.from({ length: 20 }, (_, number) => ({ uri: 'x://' + number, name: 'ü ' + number }));
const write = (bytes) => new Promise((done) => process.stdout.write(bytes, done));
let written = Promise.resolve();
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const results = {
    initialize: { protocolVersion: '2025-11-25', capabilities: { resources: {} }, serverInfo: { name: 'x', version: '1' } },
    'resources/list': { resources },
    'resources/templates/list': { resourceTemplates: [] },
    'resources/read': { contents: [{ uri: params?.uri, text: 'grün € 🎩 ' + params?.uri }] },
  };
  if (id === undefined) return;
  const bytes = Buffer.from('\\r\\n' + JSON.stringify({ jsonrpc: '2.0', id: String(id), result: results[method] }) + '\\r\\n');
  const middle = bytes.indexOf(0xe2) + 1 || bytes.indexOf(0xc3) + 1 || 1;
  written = written.then(() => write(bytes.subarray(0, middle))).then(() => new Promise((done) => setTimeout(done, 5)))
    .then(() => write(bytes.subarray(middle)));
});`,
    );
    const outcome = await outcomeOf({ command: process.execPath, args: [script], ...LONG });
    const uris = Array.from({ length: 20 }, (_, number) => `x://${number}`);
    expect(contentsOf(outcome)).toEqual(Object.fromEntries(uris.map((uri) => [uri, [`grün € 🎩 ${uri}`]])));
    expect(outcome.resources[3]?.name).toBe('ü 3');
  });

  it('is told of what nobody waits for any more, and what it answers then harms nobody', async () => {
    using folder = temporaryFolder();
    const log = path.join(folder.path, 'cancelled');
    const script = folder.write(
      'server.mjs',
      `import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  const read = (uri) => ({ contents: [{ uri, text: 'text of ' + uri }] });
  if (method === 'initialize') answer(id, { protocolVersion: '2025-11-25', capabilities: { resources: {} }, serverInfo: { name: 'x', version: '1' } });
  if (method === 'resources/list') answer(id, { resources: [{ uri: 'x://slow', name: 'slow' }, { uri: 'x://fast', name: 'fast' }] });
  if (method === 'resources/templates/list') answer(id, { resourceTemplates: [] });
  if (method === 'resources/read' && params.uri === 'x://fast') answer(id, read('x://fast'));
  if (method !== 'notifications/cancelled') return;
  appendFileSync(process.argv[2], params.reason + '\\n');
  answer(params.requestId, read('x://slow'));
});`,
    );
    const settings = { command: process.execPath, args: [script, log], ...LONG };
    const [timedOut] = (await gatherOnce({ a: { ...settings, timeout: '1s' } }, { fail_fast: false }))
      .outcomes;
    expect(timedOut?.resources.map(({ uri, error }) => [uri, error?.code])).toEqual([
      ['x://slow', 'UPS204'],
      ['x://fast', undefined],
    ]);
    expect(readFileSync(log, 'utf8')).toMatch(/^[^\n]*timed out\n$/i);

    await using orchestrator = orchestratorOf({ a: settings });
    const stop = new AbortController();
    const reading = orchestrator.readResource('x://slow', {}, createOperation({ signal: stop.signal }));
    await orchestrator.readResource('x://fast');
    stop.abort(new Error('enough of it'));
    await expect(reading).rejects.toThrow('enough of it');
    await expect.poll(() => readFileSync(log, 'utf8'), { timeout: 10_000 }).toContain('enough of it');
    expect((await orchestrator.readResource('x://fast', { cache: 'off' })).contents).toMatchObject([
      { text: 'text of x://fast' },
    ]);
  });

  it('a line of garbage costs its own request alone', async () => {
    using upstream = stdioUpstream({ garbageAt: 'read', faultTimes: 1 });
    const settings = { command: upstream.command, args: upstream.args, ...LONG, timeout: '300ms' };
    const { outcomes } = await gatherOnce({ a: settings }, { fail_fast: false });
    expect(outcomes[0]?.status).toBe('partial');
    expect(outcomes[0]?.resources.filter(({ error }) => error === undefined)).toHaveLength(2);
  });

  it('is started again when it died in the middle of its work', async () => {
    using upstream = stdioUpstream({ readDelayMs: 0, resources: 1 });
    const settings = {
      command: upstream.command,
      args: upstream.args,
      retry: { max_retries: 2, initial: '1ms' },
    };
    await using orchestrator = orchestratorOf({ a: settings });
    await orchestrator.gather();
    for (const { pid } of processesWith(upstream.marker)) process.kill(pid, 'SIGKILL');
    await survivors(() => processesWith(upstream.marker));
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
    expect(upstream.requests().get('initialize')).toBe(2);
  });

  it('sees the named variables and its own, and no others; its arguments pass through no shell', async () => {
    using folder = temporaryFolder();
    const script = folder.write(
      'server.mjs',
      `import { createInterface } from 'node:readline';
const said = JSON.stringify({ env: process.env, argv: process.argv.slice(2), cwd: process.cwd() });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  const results = {
    initialize: { protocolVersion: '2025-11-25', capabilities: { resources: {} }, serverInfo: { name: 'x', version: '1' } },
    'resources/list': { resources: [{ uri: 'x://env', name: 'env' }] },
    'resources/templates/list': { resourceTemplates: [] },
    'resources/read': { contents: [{ uri: 'x://env', text: said }] },
  };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] }));
});`,
    );
    process.env['MCPX_TEST_SECRET'] = 'secret-of-another-server';
    process.env['MCPX_TEST_NAMED'] = 'named';
    try {
      const marker = path.join(folder.path, 'created-by-a-shell');
      const outcome = await outcomeOf({
        command: process.execPath,
        args: [script, `$(touch ${marker})`, `; touch ${marker}`, '$HOME', '*', 'a b'],
        env: { OWN: 'own' },
        inherit_env: ['PATH', 'MCPX_TEST_NAMED', 'MCPX_TEST_NOT_SET'],
        cwd: folder.path,
      });
      const [said] = contentsOf(outcome)['x://env'] as [{ env: object; argv: string[]; cwd: string }];
      const mark = expect.stringMatching(/^[0-9a-f-]{36}-\d+$/) as unknown;
      const named = { PATH: process.env['PATH'], OWN: 'own', MCPX_TEST_NAMED: 'named' };
      expect(said.env).toEqual({ ...named, MCPX_CHILD: mark });
      expect(said.argv).toEqual([`$(touch ${marker})`, `; touch ${marker}`, '$HOME', '*', 'a b']);
      expect(said.cwd).toBe(folder.path);
      expect(existsSync(marker)).toBe(false);
    } finally {
      delete process.env['MCPX_TEST_SECRET'];
      delete process.env['MCPX_TEST_NAMED'];
    }
  });

  it('its own variables win over inherited ones', () => {
    expect(inheritedEnv(['A', 'B', 'C'], { B: 'own' }, { A: 'a', B: 'b', D: 'd' })).toEqual({
      A: 'a',
      B: 'own',
    });
  });
});

describe('what is left of a stdio server', () => {
  verifies(
    'orch:close',
    'close ends connections, children and grandchildren; twice is as good as once',
    async () => {
      for (const options of [
        {},
        { ignoreStdinEnd: true },
        { grandchild: true },
        { grandchild: true, ignoreStdinEnd: true, ignoreSigterm: true },
      ] satisfies StdioUpstreamOptions[]) {
        using upstream = stdioUpstream({ ...options, resources: 1 });
        const orchestrator = orchestratorOf({ a: { command: upstream.command, args: upstream.args } });
        await orchestrator.gather();
        expect(processesWith(upstream.marker)).not.toEqual([]);
        await Promise.all([orchestrator.close(), orchestrator.close()]);
        await orchestrator.close();
        // When close returns they are gone, not soon after.
        expect(processesWith(upstream.marker), JSON.stringify(options)).toEqual([]);
        expect(orchestrator.getStatus()).toMatchObject({
          initialized: false,
          servers: [{ connected: false }],
        });
      }
    },
  );

  it('ends while what follows the last gather is at work', async () => {
    using upstream = stdioUpstream({ resources: 1 });
    await using orchestrator = orchestratorOf({ a: { command: upstream.command, args: upstream.args } });
    await orchestrator.gather({ oneShot: true });
    // From here on nothing of ours runs but this: what the process was not told yet it will not hear.
    const clock = new Int32Array(new SharedArrayBuffer(4));
    const until = performance.now() + SOON_MS / 2;
    while (processesWith(upstream.marker).length > 0 && performance.now() < until) {
      Atomics.wait(clock, 0, 0, 10);
    }
    expect(processesWith(upstream.marker)).toEqual([]);
  });

  it('a close in the middle of everything ends it too', async () => {
    using upstream = stdioUpstream({ hangAt: 'read', grandchild: true, ignoreStdinEnd: true });
    const orchestrator = orchestratorOf({ a: { command: upstream.command, args: upstream.args } });
    const gathering = failureOf(orchestrator.gather());
    await expect.poll(() => upstream.reads().size, { timeout: 10_000 }).toBeGreaterThan(0);
    await orchestrator.close();
    expect(['UPS203', 'UPS219', 'UPS222']).toContain((await gathering).code);
    expect(await survivors(() => processesWith(upstream.marker))).toEqual([]);
  });

  it('a close while it starts ends it too', async () => {
    using upstream = stdioUpstream({ startDelayMs: 60_000, ignoreStdinEnd: true });
    const orchestrator = orchestratorOf({ a: { command: upstream.command, args: upstream.args, ...LONG } });
    const stop = new AbortController();
    const gathering = orchestrator
      .gather({}, createOperation({ signal: stop.signal }))
      .catch(() => undefined);
    await expect.poll(() => processesWith(upstream.marker).length, { timeout: 10_000 }).toBeGreaterThan(0);
    stop.abort();
    await gathering;
    await orchestrator.close();
    expect(await survivors(() => processesWith(upstream.marker))).toEqual([]);
  });
});
