import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { environment, EXECUTABLE, Mcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine } from '../fixtures/io.js';
import { processesWith, survivors } from '../fixtures/processes.js';
import { midway, NEVER, starting } from '../fixtures/running.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { verifies } from '../verifies.js';

/** What stopping may take at the most, on a machine that does other things. */
const SOON_MS = 4000;

describe('a gather with children that is stopped', () => {
  it.each([
    ['SIGINT', 130, '--fail-fast'],
    ['SIGINT', 130, '--degraded'],
    ['SIGTERM', 143, '--fail-fast'],
    ['SIGTERM', 143, '--degraded'],
    ['SIGHUP', 129, '--fail-fast'],
  ] as const)('by %s ends with %d in %s mode, and leaves nobody', async (signal, status, mode) => {
    await using running = await midway({ grandchild: true }, ['--json', mode]);
    const started = performance.now();
    running.mcpx.process.kill(signal);
    const ran = await running.mcpx.finished;
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    expect(ran).toMatchObject({ status, signal: null, stdout: '' });
    expect(errorLine({ ...ran, status, bytes: Buffer.alloc(0) })).toMatchObject({
      code: 'UPS219',
      exit_code: status,
    });
    expect(await survivors(() => processesWith(running.marker))).toEqual([]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'by %s once waits for children that ignore everything, and ends them',
    async (signal, status) => {
      const stubborn = { grandchild: true, ignoreStdinEnd: true, ignoreSigterm: true };
      await using running = await midway(stubborn);
      running.mcpx.process.kill(signal);
      expect(await running.mcpx.finished).toMatchObject({ status, stdout: '' });
      // Not soon after: when it has ended, they have.
      expect(processesWith(running.marker)).toEqual([]);
    },
  );

  it('tells at a terminal how to wait no longer for them, and nothing elsewhere', async () => {
    const said = 'waiting for what still runs to end; Ctrl-C again ends it at once';
    const stubborn = { ignoreStdinEnd: true, ignoreSigterm: true };
    using upstream = stdioUpstream({ ...stubborn, hangAt: 'read' });
    using folder = temporaryFolder();
    const { command, args } = upstream;
    const file = folder.write(
      'c.json',
      configText({ a: { command, args, timeout: 60 } }, { deadline: '60s' }),
    );
    const words = [process.execPath, EXECUTABLE, 'gather', '-c', file].map((word) => `'${word}'`);
    const terminal = spawn('script', ['-qec', `stty cols 100; ${words.join(' ')}`, '/dev/null'], {
      env: environment({ TERM: 'xterm-256color' }),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const seen = text(terminal.stdout);
    await expect.poll(() => upstream.reads().size, { timeout: 15_000 }).toBeGreaterThan(0);
    const mcpx = processesWith(file).find(({ args: [, program] }) => program === EXECUTABLE);
    process.kill(mcpx!.pid, 'SIGINT');
    expect(await seen).toContain(said);

    await using running = await midway(stubborn, []);
    running.mcpx.process.kill('SIGINT');
    expect((await running.mcpx.finished).stderr).not.toContain(said);
  });

  it('twice ends at once, with children that ignore everything', async () => {
    const stubborn = { grandchild: true, ignoreStdinEnd: true, ignoreSigterm: true };
    await using running = await midway(stubborn);
    const started = performance.now();
    running.mcpx.process.kill('SIGINT');
    // The second one comes while the first one waits for the children.
    await expect.poll(() => processesWith(running.marker).length).toBeGreaterThan(0);
    running.mcpx.process.kill('SIGINT');
    const { status } = await running.mcpx.finished;
    expect(status).toBe(130);
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    expect(await survivors(() => processesWith(running.marker))).toEqual([]);
  });
});

describe('a gather over the network that is stopped', () => {
  it('ends at once, and the connections with it', async () => {
    await using upstream = await startFakeUpstream({ hangAt: 'list' });
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: { url: upstream.sseUrl } }));
    await using mcpx = new Mcpx(['gather', '-c', file]);
    await upstream.requested('resources/list');
    mcpx.process.kill('SIGINT');
    const { status, stdout, stderr } = await mcpx.finished;
    expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
    expect(stderr).toMatch(/^error UPS219 cancelled: .*stopped by Ctrl-C\n/);
    await upstream.disconnected();
  });
});

describe('a server that is being started', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('is stopped by %s', async (signal, status) => {
    await using running = await starting(NEVER);
    running.mcpx.process.kill(signal);
    expect(await running.mcpx.finished).toMatchObject({ status, stdout: '' });
    expect(await survivors(() => processesWith(running.marker))).toEqual([]);
  });
});

describe('mcpx serve', () => {
  verifies('meta:shutdown', 'SIGTERM and SIGINT close open streams, and it ends with 0 in time', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using mcpx = new Mcpx(['serve', 'metadata', '--port', '0', '-o', 'json']);
      await mcpx.said('listening on');
      const [, url = ''] = /listening on (\S+)/.exec(mcpx.stderr) ?? [];
      const stream = await fetch(url);
      const reading = stream.text();
      const started = performance.now();
      mcpx.process.kill(signal);
      // The stream comes to its end instead of breaking.
      expect(await reading).toContain('event: endpoint');
      const { status, stdout } = await mcpx.finished;
      expect(status).toBe(0);
      expect(performance.now() - started).toBeLessThan(5000);
      expect(JSON.parse(stdout)).toMatchObject({ event: 'ready', sse: url, pid: mcpx.pid });
    }
  });
});
