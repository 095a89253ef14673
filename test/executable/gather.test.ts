import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { EXECUTABLE, environment, freePort, Mcpx, runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { errorLine } from '../fixtures/io.js';
import { verifies } from '../verifies.js';

/** A configuration file of these servers, for one test. */
function configured(servers: Readonly<Record<string, FileSettings>>, orchestration: FileSettings = {}) {
  const folder = temporaryFolder();
  const file = folder.write('c.json', configText(servers, orchestration));
  return { file, folder: folder.path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe('exit statuses', () => {
  it('tell a script what happened', async () => {
    await using well = await startFakeUpstream();
    await using locked = await startFakeUpstream({ requiredBearer: 'x' });
    await using broken = await startFakeUpstream({ statusAt: { list: 500 } });
    using one = configured({ a: { url: well.sseUrl } });
    using refused = configured({ a: { url: locked.sseUrl } });
    using half = configured({ a: { url: well.sseUrl, priority: 1 }, b: { url: broken.sseUrl, priority: 2 } });
    const port = String(well.port);
    const runs = [
      [0, ['gather', '-c', one.file]],
      [2, ['gather', '--nope']],
      [3, ['gather', '-c', 'gone.yaml']],
      [4, ['gather', '-c', half.file]],
      [5, ['gather', '-c', refused.file]],
      [6, ['gather', '-c', half.file, '--degraded']],
      [7, ['gather', '-c', one.file, 'nobody']],
      [9, ['serve', 'metadata', '--port', port]],
    ] as const;
    for (const [status, args] of runs) {
      const ran = await runMcpx(args);
      expect(ran.status, `${args.join(' ')}\n${ran.stderr}`).toBe(status);
      if (status !== 0 && status !== 6) expect(ran.stdout).toBe('');
      expect(ran.stderr, 'a stack trace').not.toMatch(/\n\s+at .*:\d+/);
      // Not the warnings of Node either.
      expect(ran.stderr).not.toContain('(node:');
    }
    const ran = await runMcpx(['gather', '-c', half.file, '--json']);
    expect(ran.stdout).toBe('');
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(errorLine({ ...ran, status: 4, bytes: Buffer.alloc(0) })).toMatchObject({ code: 'UPS205' });
  });

  it('--version and --help need no configuration', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const nowhere = { cwd: '/', env: { HOME: '/nonexistent' } };
    for (const flag of ['--version', '-V']) {
      expect(await runMcpx([flag], nowhere)).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
    }
    expect(await runMcpx(['--help'], nowhere)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('pipes', () => {
  const big = {
    uri: 'x://big',
    name: 'Big',
    mimeType: 'text/plain',
    text: Array.from({ length: 100_000 }, (_, index) => `line ${index} ${'x'.repeat(40)}`).join('\n'),
  };

  it('`| head -1` ends cleanly', async () => {
    await using upstream = await startFakeUpstream({ resources: [big] });
    using config = configured({ a: { url: upstream.sseUrl } });
    for (const args of ['read x://big', 'gather --json', 'gather -o ndjson', 'gather']) {
      const line = `"$0" "$1" ${args} -c "$2" | head -1; echo "\${PIPESTATUS[0]}"`;
      const shell = spawn('bash', ['-c', line, process.execPath, EXECUTABLE, config.file], {
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [stdout, stderr] = await Promise.all([textOf(shell.stdout), textOf(shell.stderr)]);
      const [first, status] = stdout.trimEnd().split('\n');
      expect(first?.length, args).toBeGreaterThan(0);
      expect(status, args).toBe('0');
      expect(stderr, args).toBe('');
    }
  });

  it('5 MB arrive complete at a reader that takes its time', async () => {
    await using upstream = await startFakeUpstream({ resources: [big] });
    using config = configured({ a: { url: upstream.sseUrl } });
    await using mcpx = new Mcpx(['read', 'x://big', '-c', config.file]);
    const { stdout } = mcpx.process;
    stdout!.pause();
    // The pipe is full long before, and nobody reads until then.
    await upstream.requested('resources/read');
    await sleep(300);
    stdout!.resume();
    const { status, stdout: text } = await mcpx.finished;
    expect(status).toBe(0);
    expect(text).toBe(`${big.text}\n`);
    expect(Buffer.byteLength(text)).toBeGreaterThan(5_000_000);
  });

  it('binary contents pass a pipe as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await using upstream = await startFakeUpstream({
      resources: [{ uri: 'x://blob', name: 'Blob', blob: bytes.toString('base64') }],
    });
    using config = configured({ a: { url: upstream.sseUrl } });
    const child = spawn(process.execPath, [EXECUTABLE, 'read', 'x://blob', '-c', config.file], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks)).toEqual(bytes);
  });

  it('a configuration may come from a pipe', async () => {
    await using upstream = await startFakeUpstream();
    using config = configured({ a: { url: upstream.sseUrl } });
    const line = '"$0" "$1" gather --json -c <(cat "$2")';
    const shell = spawn('bash', ['-c', line, process.execPath, EXECUTABLE, config.file], {
      env: environment(),
    });
    const [stdout] = await Promise.all([textOf(shell.stdout), once(shell, 'close')]);
    expect(JSON.parse(stdout)).toMatchObject({ complete: true });
  });

  it.each(['completion bash', '--version', '--help'])('of %s a full disk is told', async (words) => {
    const line = `"$0" "$1" ${words} > /dev/full; echo $?`;
    const shell = spawn('bash', ['-c', line, process.execPath, EXECUTABLE], { env: environment() });
    const [stdout, stderr] = await Promise.all([textOf(shell.stdout), textOf(shell.stderr)]);
    expect(stdout).toBe('1\n');
    expect(stderr).toContain('cannot write its result');
  });
});

it('a folder that is gone is told', async () => {
  using folder = temporaryFolder();
  const line = 'mkdir "$2/gone"; cd "$2/gone"; rmdir "$2/gone"; "$0" "$1" servers list; echo $?';
  const shell = spawn('bash', ['-c', line, process.execPath, EXECUTABLE, folder.path], {
    env: environment(),
  });
  const [stdout, stderr] = await Promise.all([textOf(shell.stdout), textOf(shell.stderr)]);
  expect(stdout).toBe('2\n');
  expect(stderr).toBe('mcpx cannot run here: the current folder does not exist any more (ENOENT)\n');
});

describe('a terminal', () => {
  /** Runs it on a pseudo-terminal. @returns everything that the terminal saw */
  async function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const words = [process.execPath, EXECUTABLE, ...args].map((word) => `'${word}'`);
    const script = spawn('script', ['-qec', `stty cols 80; ${words.join(' ')}`, '/dev/null'], {
      env: environment({ TERM: 'xterm-256color', ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return await textOf(script.stdout);
  }

  it('sees colours and who is awaited; the line goes away', async () => {
    await using upstream = await startFakeUpstream({ readDelayMs: 900, resources: 1 });
    using config = configured({ slow: { url: upstream.sseUrl } });
    const seen = await onTerminal(['gather', '-c', config.file]);
    expect(seen).toContain('waiting for slow (read)');
    expect(seen.lastIndexOf('\r\u001b[2K')).toBeGreaterThan(seen.lastIndexOf('waiting for'));
    expect(seen).toContain('\u001b[32mok\u001b[39m');
    const plain = await onTerminal(['gather', '-c', config.file, '-q'], { NO_COLOR: '1' });
    expect(plain).not.toContain('waiting');
    expect(plain).not.toContain('\u001b[');
    const piped = await runMcpx(['gather', '-c', config.file]);
    expect(piped.stderr).toBe('');
    expect(piped.stdout).not.toContain('\u001b');
  });

  it('gets nothing from a server that would drive it', async () => {
    await using upstream = await startFakeUpstream({
      resources: [
        { uri: 'x://1', name: '\u001b[2J\u001b]0;owned\u0007\u009b31mRed\u202egpj', text: '\u001b[2J' },
      ],
    });
    using config = configured({ a: { url: upstream.sseUrl } });
    for (const args of [['gather'], ['gather', '--json'], ['read', 'x://1']]) {
      const seen = await onTerminal([...args, '-c', config.file, '--color', 'never', '-q']);
      // eslint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(seen, args.join(' ')).not.toMatch(/[\u0007\u001b\u0080-\u009f\u202e]/);
    }
  });
});

describe('numbers', () => {
  verifies('perf:memory', 'a gather of 5 servers with 50 resources each stays below 100 MB', async () => {
    const upstreams = await Promise.all(
      Array.from({ length: 5 }, () => startFakeUpstream({ resources: 50 })),
    );
    using folder = temporaryFolder();
    try {
      const servers = upstreams.map(({ sseUrl }, index) => [
        `s${index}`,
        { url: sseUrl, priority: index + 1 },
      ]);
      const file = folder.write('c.json', configText(Object.fromEntries(servers) as never));
      const peakFile = path.join(folder.path, 'peak');
      const { status, stdout } = await runMcpx(['gather', '--json', '-c', file], {
        nodeArgs: ['--require', path.resolve('bench/peak-memory.cjs')],
        env: { BENCH_PEAK_FILE: peakFile },
      });
      expect(status).toBe(0);
      const { servers: gathered } = JSON.parse(stdout) as { servers: Record<string, { resources: object }> };
      const counts = Object.values(gathered).map(({ resources }) => Object.keys(resources).length);
      expect(counts).toEqual([50, 50, 50, 50, 50]);
      const peakMb = Number(readFileSync(peakFile, 'utf8')) / 1024;
      expect(peakMb).toBeGreaterThan(20);
      expect(peakMb).toBeLessThan(100);
    } finally {
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    }
  });
});

describe('two at once', () => {
  it('that start the same server both succeed, or the second one says clearly why not', async () => {
    const port = await freePort();
    const start = { command: 'mcpx', args: ['serve', 'metadata', '--port', port], ready_timeout: 20 };
    using config = configured({ a: { url: `http://127.0.0.1:${port}/sse`, start } }, { max_retries: 3 });
    const runs = await Promise.all([1, 2].map(() => runMcpx(['gather', '--json', '-c', config.file])));
    for (const { status, stdout, stderr } of runs) {
      expect([0, 4], stderr).toContain(status);
      if (status === 0) expect(stdout).toContain('Product Aliases');
      else expect(stderr).toMatch(/"code":"UPS2(03|12|13)"/);
    }
    expect(runs.some(({ status }) => status === 0)).toBe(true);
    // The port is free again: nobody is left on it.
    const again = await runMcpx(['gather', '-q', '-c', config.file]);
    expect(again.status).toBe(0);
  });
});

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk as string;
  return text;
}
