import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { EXECUTABLE, freePort, Mcpx, runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { descendantsOf, isAlive, processesWith, survivors } from '../fixtures/processes.js';
import { midway, NEVER, starting } from '../fixtures/running.js';
import { stdioUpstream, type StdioUpstreamOptions } from '../fixtures/stdio-upstream.js';

const FAMILY: StdioUpstreamOptions = { grandchild: true, ignoreStdinEnd: true };
const STUBBORN: StdioUpstreamOptions = { ...FAMILY, ignoreSigterm: true };
/** Its child has left the process group, and its parent. */
const STRAY: StdioUpstreamOptions = { grandchild: true, session: 'orphan' };

describe('mcpx that ends by itself', () => {
  it.each([
    ['with a result', {}, [], 0],
    ['with a failure', { dieAt: 'list' }, [], 4],
    ['with a timeout', { hangAt: 'read' }, ['--timeout', '500ms'], 4],
    ['at the deadline', { hangAt: 'list' }, ['--deadline', '1s'], 4],
    [
      'with a part of the result',
      { failReads: { 'item://1': { code: -1, message: 'no' } } },
      ['--degraded'],
      6,
    ],
  ] satisfies [string, StdioUpstreamOptions, string[], number][])(
    '%s leaves nobody, however its children are',
    async (_, options, flags, status) => {
      for (const nature of [{}, { grandchild: true }, FAMILY, STUBBORN, STRAY]) {
        using upstream = stdioUpstream({ ...options, ...nature });
        using folder = temporaryFolder();
        const { command, args, marker } = upstream;
        const file = folder.write('c.json', configText({ a: { command, args } }));
        const ran = await runMcpx(['gather', '--json', '-c', file, ...flags]);
        // Not soon after: when it has ended, they have.
        expect(processesWith(marker), JSON.stringify(nature)).toEqual([]);
        expect(ran.status, ran.stderr).toBe(status);
      }
    },
    60_000,
  );

  it('since another server fails leaves no child of the others', async () => {
    await using broken = await startFakeUpstream({ statusAt: { list: 500 }, listDelayMs: 300 });
    using upstream = stdioUpstream({ ...STUBBORN, session: 'orphan', hangAt: 'read' });
    using folder = temporaryFolder();
    const { command, args, marker } = upstream;
    const servers: Record<string, FileSettings> = {
      broken: { url: broken.sseUrl, priority: 1 },
      child: { command, args, priority: 2 },
    };
    const ran = await runMcpx(['gather', '--json', '-c', folder.write('c.json', configText(servers))]);
    expect(processesWith(marker)).toEqual([]);
    expect(ran).toMatchObject({ status: 4, stdout: '' });
  });

  it('by a crash of its own takes its children along', async () => {
    using folder = temporaryFolder();
    const crash = folder.write(
      'crash.cjs',
      "process.on('SIGUSR2', () => { throw new Error('a bug of ours'); });",
    );
    await using running = await midway(STUBBORN, ['--json'], ['--require', crash]);
    running.mcpx.process.kill('SIGUSR2');
    const ran = await running.mcpx.finished;
    expect(ran.status).not.toBe(0);
    expect(ran.stderr).toContain('a bug of ours');
    expect(await survivors(() => processesWith(running.marker), 10_000)).toEqual([]);
  });
});

describe('a process that left the group of its server', () => {
  it.each([
    ['SIGTERM', 143, 'bare'],
    ['SIGTERM', 143, 'orphan'],
    ['SIGINT', 130, 'bare'],
    ['SIGINT', 130, 'orphan'],
  ] as const)('is gone when %s has ended mcpx (%d, %s)', async (signal, status, session) => {
    await using running = await midway({ grandchild: true, session });
    expect(processesWith(running.marker).length).toBeGreaterThan(1);
    running.mcpx.process.kill(signal);
    expect(await running.mcpx.finished).toMatchObject({ status });
    expect(processesWith(running.marker)).toEqual([]);
  });

  it.each(['bare', 'orphan'] as const)('is gone after Ctrl-C twice (%s)', async (session) => {
    await using running = await midway({ ...STUBBORN, session });
    running.mcpx.process.kill('SIGINT');
    await expect.poll(() => processesWith(running.marker).length).toBeGreaterThan(0);
    running.mcpx.process.kill('SIGINT');
    expect(await running.mcpx.finished).toMatchObject({ status: 130 });
    expect(await survivors(() => processesWith(running.marker))).toEqual([]);
  });

  it('of a server that mcpx started is stopped with it', async () => {
    const port = await freePort();
    const marker = `mcpx-stray-${randomUUID()}`;
    using folder = temporaryFolder();
    const line = [
      'setsid sleep 1000 &',
      `env -i setsid /bin/sh -c "sleep 1000; :" ${marker} &`,
      `exec "$0" "$1" serve metadata --port ${port}`,
    ].join(' ');
    const start = {
      command: '/bin/sh',
      args: ['-c', line, process.execPath, EXECUTABLE],
      env: { MCPX_TEST_MARKER: marker },
    };
    const server = { url: `http://127.0.0.1:${port}/sse`, start };
    const ran = await runMcpx(['gather', '--json', '-c', folder.write('c.json', configText({ a: server }))]);
    expect(ran.status, ran.stderr).toBe(0);
    expect(processesWith(marker)).toEqual([]);
  });

  it('of another program is let be, wherever it lives', async () => {
    // A session of its own, and younger than mcpx.
    using upstream = stdioUpstream({ hangAt: 'read' });
    using folder = temporaryFolder();
    const { command, args } = upstream;
    const file = folder.write(
      'c.json',
      configText({ a: { command, args, timeout: 60 } }, { deadline: '60s' }),
    );
    await using mcpx = new Mcpx(['gather', '-c', file]);
    await expect.poll(() => upstream.reads().size, { timeout: 15_000 }).toBeGreaterThan(0);
    const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    mcpx.process.kill('SIGTERM');
    expect(await mcpx.finished).toMatchObject({ status: 143 });
    expect(isAlive(stranger.pid!)).toBe(true);
    stranger.kill('SIGKILL');
  });
});

describe('mcpx that is killed', () => {
  it('by SIGKILL leaves nobody: the watchdog sees to it', async () => {
    for (const options of [{}, { grandchild: true }, FAMILY, STUBBORN, STRAY]) {
      await using running = await midway(options);
      const descendants = descendantsOf(running.mcpx.pid);
      expect(descendants.length).toBeGreaterThan(0);
      running.mcpx.process.kill('SIGKILL');
      expect(await running.mcpx.finished).toMatchObject({ signal: 'SIGKILL' });
      expect(await survivors(() => processesWith(running.marker), 10_000)).toEqual([]);
      // The watchdog ends as well; its arguments carry no marker, so it is looked for by its number.
      const numbers = new Set(descendants.map(({ pid }) => pid));
      const left = () => processesWith('mcpx-watchdog').filter(({ pid }) => numbers.has(pid));
      expect(await survivors(left, 10_000)).toEqual([]);
    }
  }, 60_000);

  it('leaves no child that had only just begun', async () => {
    using folder = temporaryFolder();
    for (let round = 0; round < 5; round += 1) {
      const marker = `mcpx-test-${randomUUID()}`;
      const args = ['-c', 'kill -KILL $PPID; exec sleep 1000', marker];
      const file = folder.write(
        'c.json',
        configText({ a: { command: 'sh', args, env: { MARKER: marker } } }),
      );
      await using mcpx = new Mcpx(['gather', '-c', file]);
      expect(await mcpx.finished).toMatchObject({ signal: 'SIGKILL' });
      expect(await survivors(() => processesWith(marker), 10_000)).toEqual([]);
    }
  }, 60_000);

  it('leaves no server that it was starting', async () => {
    await using running = await starting(NEVER);
    running.mcpx.process.kill('SIGKILL');
    expect(await survivors(() => processesWith(running.marker), 10_000)).toEqual([]);
  });
});

describe('standard error', () => {
  it('a gather of many resources prints no warning', async () => {
    await using upstream = await startFakeUpstream({ resources: 60 });
    using folder = temporaryFolder();
    const servers = {
      a: { url: upstream.sseUrl, priority: 1 },
      b: { url: upstream.mcpUrl, transport: 'streamable-http', priority: 2 },
    };
    const file = folder.write('c.json', configText(servers));
    for (let round = 1; round <= 3; round += 1) {
      expect(await runMcpx(['gather', '--json', '-c', file])).toMatchObject({ status: 0, stderr: '' });
    }
  });
});
