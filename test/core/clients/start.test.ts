import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { MCPConnectionError } from '../../../src/core/errors.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { EXECUTABLE, freePort, Mcpx } from '../../fixtures/executable.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { failureOf, orchestratorOf } from '../../fixtures/gathering.js';
import { processesWith, survivors } from '../../fixtures/processes.js';

/** A metadata server of ours that mcpx is to start; `marker` is in the environment of all its processes. */
async function startable(ready_timeout: number | string = 20) {
  const port = await freePort();
  const marker = `mcpx-start-${randomUUID()}`;
  const args = [EXECUTABLE, 'serve', 'metadata', '--port', String(port)];
  return {
    marker,
    port,
    settings: {
      url: `http://127.0.0.1:${port}/sse`,
      priority: 1,
      start: { command: process.execPath, args, env: { MCPX_TEST_MARKER: marker }, ready_timeout },
    },
  };
}

/** A start block of a script. */
async function scripted(code: string, ready_timeout: number | string) {
  const { settings, marker, port } = await startable(ready_timeout);
  const args = ['-e', code, String(port)];
  return { marker, settings: { ...settings, start: { ...settings.start, args } } };
}

describe('a server with a start block', () => {
  it('is started where nothing answers, used over its url, and stopped with all of its processes', async () => {
    const { settings, marker } = await startable();
    const orchestrator = orchestratorOf({ a: settings });
    const { outcomes } = await orchestrator.gather();
    expect(outcomes[0]).toMatchObject({ status: 'ok', connection: { transport: 'sse' } });
    expect(outcomes[0]?.resources.map(({ name }) => name)).toContain('Product Aliases');
    expect(processesWith(marker).length).toBeGreaterThan(0);
    await orchestrator.close();
    expect(processesWith(marker)).toEqual([]);
  });

  it('that runs already is used as it is, and still runs afterwards', async () => {
    await using upstream = await startFakeUpstream();
    const { settings, marker } = await startable();
    const orchestrator = orchestratorOf({ a: { ...settings, url: upstream.sseUrl } });
    await orchestrator.gather();
    expect(processesWith(marker)).toEqual([]);
    await orchestrator.close();
    expect(await failureOf(orchestrator.gather({ servers: ['none'] }))).toMatchObject({ code: 'RES306' });
    await using again = orchestratorOf({ a: { url: upstream.sseUrl } });
    expect(await again.gather()).toMatchObject({ complete: true });
  });

  it('that answers wrongly is not started a second time', async () => {
    await using upstream = await startFakeUpstream({ statusAt: { headers: 500 } });
    const { settings, marker } = await startable();
    await using orchestrator = orchestratorOf({ a: { ...settings, url: upstream.sseUrl } });
    expect(await failureOf(orchestrator.gather())).toMatchObject({ code: 'UPS205' });
    expect(processesWith(marker)).toEqual([]);
  });

  it('is started for two mcpx at once, who do not fight, and nothing is left', async () => {
    const { settings, marker } = await startable();
    const orchestrators = [orchestratorOf({ a: settings }), orchestratorOf({ a: settings })];
    const gathered = await Promise.all(orchestrators.map((orchestrator) => orchestrator.gather()));
    expect(gathered.map(({ complete }) => complete)).toEqual([true, true]);
    await Promise.all(orchestrators.map((orchestrator) => orchestrator.close()));
    expect(await survivors(() => processesWith(marker))).toEqual([]);
  });

  it('a command that is not there says so', async () => {
    const { settings } = await startable();
    await using orchestrator = orchestratorOf({
      a: { ...settings, start: { command: 'no-such-command-at-all' } },
    });
    expect(await failureOf(orchestrator.gather())).toMatchObject({
      code: 'UPS216',
      context: { server: 'a', phase: 'start' },
      hint: 'Is it installed and on PATH?',
    });
  });

  it('a command that ends tells how, and what it said last', async () => {
    const { settings, marker } = await scripted(
      'console.error("starting\\nError: no database \\u001b[31m"); process.exit(3)',
      20,
    );
    await using orchestrator = orchestratorOf({ a: settings });
    const error = await failureOf(orchestrator.gather());
    expect(error).toMatchObject({ code: 'UPS212', message: 'a: its start command ended (exit code 3)' });
    expect(error.toJSON().causes[0]).toContain('Error: no database');
    expect(error.hint).toContain('Run it by hand');
    expect(processesWith(marker)).toEqual([]);
  });

  it.each([
    [
      'never listens',
      'process.on("SIGTERM", () => process.exit()); setInterval(() => {}, 1000)',
      /^a: nothing listens at /,
    ],
    [
      'listens and says nothing',
      'require("net").createServer(() => {}).listen(+process.argv[1], "127.0.0.1")',
      /^a did not complete the connection within 0.5 s$/,
    ],
    [
      'answers with an error',
      'require("http").createServer((_, answer) => answer.writeHead(500).end()).listen(+process.argv[1], "127.0.0.1")',
      /^a: http:\S+ answered HTTP 500$/,
    ],
  ])('a command that %s is stopped when it is not ready in time', async (_, code, cause) => {
    const { settings, marker } = await scripted(`console.error("hello");${code}`, '3s');
    await using orchestrator = orchestratorOf({ a: { ...settings, connect_timeout: '500ms' } });
    const started = performance.now();
    const error = await failureOf(orchestrator.gather());
    expect(error).toMatchObject({ code: 'UPS213', message: 'a was started and not ready within 3 s' });
    expect(error.toJSON().causes).toEqual([
      expect.stringMatching(cause),
      expect.stringContaining('hello') as string,
    ]);
    expect(performance.now() - started).toBeLessThan(8000);
    expect(processesWith(marker)).toEqual([]);
  });

  it('a stop while it starts stops it', async () => {
    const { settings, marker } = await scripted('setInterval(() => {}, 1000)', 60);
    await using orchestrator = orchestratorOf({ a: settings }, { deadline: '60s' });
    const stop = new AbortController();
    const gathering = failureOf(orchestrator.gather({}, createOperation({ signal: stop.signal })));
    await expect.poll(() => processesWith(marker).length, { timeout: 10_000 }).toBeGreaterThan(0);
    stop.abort(new MCPConnectionError('UPS219', 'stopped by the test'));
    expect(await gathering).toMatchObject({ code: 'UPS219' });
    expect(await survivors(() => processesWith(marker))).toEqual([]);
  });

  it('that dies is started again for the next gather', async () => {
    const { settings, marker } = await startable();
    await using orchestrator = orchestratorOf({ a: settings }, { max_retries: 2 });
    await orchestrator.gather();
    for (const { pid } of processesWith(marker)) process.kill(pid, 'SIGKILL');
    await survivors(() => processesWith(marker));
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
  });
});

describe('start: { command: mcpx }', () => {
  it('means the package of the library where a program uses it, whatever is on PATH', async () => {
    const { settings, marker } = await startable();
    const args = settings.start.args.slice(1);
    const start = { ...settings.start, command: 'mcpx', args };
    vi.stubEnv('PATH', '/nowhere');
    try {
      await using orchestrator = orchestratorOf({ a: { ...settings, start } });
      expect(await orchestrator.gather()).toMatchObject({ complete: true });
    } finally {
      vi.unstubAllEnvs();
    }
    expect(await survivors(() => processesWith(marker))).toEqual([]);
  });

  it('means this very executable', async () => {
    const port = await freePort();
    const marker = `mcpx-own-${randomUUID()}`;
    using folder = temporaryFolder();
    const server = {
      url: `http://127.0.0.1:${port}/sse`,
      start: {
        command: 'mcpx',
        args: ['serve', 'metadata', '--port', port],
        env: { MCPX_TEST_MARKER: marker },
        ready_timeout: 20,
      },
    };
    const file = folder.write('c.json', JSON.stringify({ mcp_servers: { a: server } }));
    await using mcpx = new Mcpx(['gather', '--json', '-q', '-c', file]);
    const { status, stdout, stderr } = await mcpx.finished;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('"Product Aliases"');
    // When mcpx has ended, everything that it started has.
    expect(processesWith(marker)).toEqual([]);
  });
});
