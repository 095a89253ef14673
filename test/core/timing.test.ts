import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';
import { failureOf, gatherOnce, outcomeOf } from '../fixtures/gathering.js';
import { stdioUpstream, type StdioUpstreamOptions } from '../fixtures/stdio-upstream.js';

/**
 * How long a silent server holds a gather, closing included. `npm run bench` has the exact figures of an idle machine;
 * here it is less than a child takes that has to be killed, and far less than the limits that are not meant.
 */
const LIMIT_MS = 500;
const OVERSHOOT_MS = 2000;
/** Time in which a busy machine did not let this process run is no time of the gather. */
const TICK_MS = 10;
const STALL_MS = 30;

const SSE: FakeUpstreamOptions = { transport: 'sse' };
const LEGACY: FakeUpstreamOptions = { transport: 'streamable-http', era: 'legacy' };
const MODERN: FakeUpstreamOptions = { transport: 'streamable-http', era: 'modern' };

/** Each silence, and which limit ends it where there is no deadline. */
const SILENCES: readonly (readonly [FakeUpstreamOptions, 'connect_timeout' | 'timeout'])[] = [
  ...[SSE, LEGACY, MODERN].flatMap((wire) => [
    [{ ...wire, hangAt: 'accept' }, 'connect_timeout'] as const,
    [{ ...wire, hangAt: 'headers' }, 'connect_timeout'] as const,
    [{ ...wire, trickleAt: 'headers' }, 'connect_timeout'] as const,
    [{ ...wire, hangAt: 'initialize' }, 'connect_timeout'] as const,
    [{ ...wire, trickleAt: 'initialize' }, 'connect_timeout'] as const,
    [{ ...wire, hangAt: 'list' }, 'timeout'] as const,
    [{ ...wire, trickleAt: 'list' }, 'timeout'] as const,
    [{ ...wire, hangAt: 'read' }, 'timeout'] as const,
    [{ ...wire, trickleAt: 'read' }, 'timeout'] as const,
    [{ ...wire, hangAt: 'read', faultMidBody: true }, 'timeout'] as const,
  ]),
  // On the one stream of SSE the answer about templates would end in the middle of the half list.
  ...[LEGACY, MODERN].map((wire) => [{ ...wire, hangAt: 'list', faultMidBody: true }, 'timeout'] as const),
  [{ ...SSE, hangAt: 'endpoint' }, 'connect_timeout'],
  [{ ...SSE, trickleAt: 'endpoint' }, 'connect_timeout'],
];

/** One resource: two that are read at once would meet in the middle of a broken stream. */
const cases = SILENCES.map(([options, limit]) => ({
  name: Object.entries(options)
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(', '),
  options: { resources: 1, templates: 'unsupported', ...options } as const,
  limit,
}));

/** Time that passed: by the clock, and as far as this process could run. */
interface Elapsed {
  readonly passedMs: number;
  readonly ranMs: number;
}

function startClock(): () => Elapsed {
  const started = performance.now();
  let last = started;
  let ranMs = 0;
  const tick = () => {
    const now = performance.now();
    ranMs += Math.min(now - last, STALL_MS);
    last = now;
  };
  const ticker = setInterval(tick, TICK_MS);
  return () => {
    clearInterval(ticker);
    tick();
    return { passedMs: last - started, ranMs };
  };
}

async function measured(gathering: () => Promise<unknown>) {
  const stop = startClock();
  const error = await failureOf(gathering());
  return { error, elapsed: stop() };
}

function expectOnTime({ passedMs, ranMs }: Elapsed, limitMs = LIMIT_MS): void {
  expect(passedMs).toBeGreaterThan(limitMs - 5);
  expect(ranMs).toBeLessThan(limitMs + OVERSHOOT_MS);
}

beforeAll(async () => {
  // What is loaded with the first gather is no time of the server.
  for (const wire of [SSE, LEGACY]) {
    await using upstream = await startFakeUpstream(wire);
    await outcomeOf({ url: upstream.url, transport: wire.transport });
  }
});

describe('a silent server is given up when its time is over', () => {
  it.concurrent.each(cases)('$name: by $limit', async ({ options, limit }) => {
    await using upstream = await startFakeUpstream(options);
    const limits: FileSettings = { connect_timeout: 20, timeout: 20, [limit]: LIMIT_MS / 1000 };
    const { error, elapsed } = await measured(() =>
      outcomeOf({ url: upstream.url, transport: options.transport, ...limits }),
    );
    expect(error.code).toBe(limit === 'timeout' ? 'UPS204' : 'UPS201');
    expect(error.context['timeout_ms']).toBe(LIMIT_MS);
    expectOnTime(elapsed);
  });

  it.concurrent.each(cases)('$name: by the deadline of the whole', async ({ options }) => {
    await using upstream = await startFakeUpstream(options);
    const { error, elapsed } = await measured(() =>
      outcomeOf(
        { url: upstream.url, transport: options.transport, connect_timeout: 20, timeout: 20 },
        { deadline: LIMIT_MS / 1000, max_retries: 3 },
      ),
    );
    expect(error.code).toBe('UPS208');
    expectOnTime(elapsed);
  });

  it.concurrent.each([
    [{ hangAt: 'initialize' }, 'UPS201'],
    [{ hangAt: 'list' }, 'UPS204'],
    [{ hangAt: 'read' }, 'UPS204'],
    [{ hangAt: 'read', ignoreStdinEnd: true }, 'UPS204'],
  ] satisfies [StdioUpstreamOptions, string][])('over stdio with %j', async (options, code) => {
    using upstream = stdioUpstream(options);
    const { command, args } = upstream;
    // The process has to come up first, which is part of connecting; only what comes after it is measured.
    const limits = code === 'UPS201' ? { connect_timeout: LIMIT_MS / 1000 } : { timeout: LIMIT_MS / 1000 };
    const error = await failureOf(outcomeOf({ command, args, timeout: 20, connect_timeout: 20, ...limits }));
    expect(error).toMatchObject({ code, context: { timeout_ms: LIMIT_MS } });
    const { elapsed_ms: passedMs } = error.context as { elapsed_ms: number };
    // The other limits are forty times as long.
    expect(passedMs).toBeGreaterThan(LIMIT_MS - 5);
    expect(passedMs).toBeLessThan(10_000);
    const whole = await measured(() =>
      outcomeOf({ command, args, timeout: 20, connect_timeout: 20 }, { deadline: LIMIT_MS / 1000 }),
    );
    expect(whole.error.code).toBe('UPS208');
    expectOnTime(whole.elapsed);
  });

  it('that does not even accept the connection', async () => {
    await using full = await fullListener();
    const url = `http://127.0.0.1:${full.port}/mcp`;
    for (const transport of ['sse', 'streamable-http']) {
      const { error, elapsed } = await measured(() =>
        outcomeOf({ url, transport, connect_timeout: LIMIT_MS / 1000 }),
      );
      expect(error).toMatchObject({ code: 'UPS201', context: { phase: 'connect' } });
      expectOnTime(elapsed);
    }
  });
});

describe('beside a silent server', () => {
  it('the others are there when the deadline comes', async () => {
    await using silent = await startFakeUpstream({ ...SSE, hangAt: 'read' });
    await using well = await startFakeUpstream(LEGACY);
    const deadlineMs = 5000;
    const stop = startClock();
    const { outcomes, complete } = await gatherOnce(
      {
        silent: { url: silent.url, priority: 1 },
        a: { url: well.url, transport: 'streamable-http', priority: 2 },
        b: { url: well.url, transport: 'streamable-http', priority: 3 },
        c: { url: well.url, transport: 'streamable-http', priority: 4 },
        d: { url: well.url, transport: 'streamable-http', priority: 5 },
      },
      // Long enough for the others on a busy machine.
      { fail_fast: false, deadline: deadlineMs / 1000 },
    );
    expectOnTime(stop(), deadlineMs);
    expect(complete).toBe(false);
    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'ok', 'ok', 'ok', 'ok']);
  });

  it('the first failure of a required one stops all of them at once', async () => {
    await using silent = await startFakeUpstream({ ...SSE, hangAt: 'read' });
    await using legacy = await startFakeUpstream({ ...LEGACY, hangAt: 'list' });
    await using connecting = await startFakeUpstream({ ...SSE, hangAt: 'initialize' });
    using child = stdioUpstream({ hangAt: 'read' });
    await using refusing = await startFakeUpstream({ ...MODERN, listDelayMs: LIMIT_MS, statusAt: {} });
    refusing.change({ failReads: { 'item://1': { code: -32603, message: 'no' } } });
    const { error, elapsed } = await measured(() =>
      gatherOnce({
        silent: { url: silent.url, priority: 1 },
        legacy: { url: legacy.url, transport: 'streamable-http', priority: 2 },
        connecting: { url: connecting.url, priority: 3, connect_timeout: 20 },
        child: { command: child.command, args: child.args, priority: 4 },
        refusing: { url: refusing.url, transport: 'streamable-http', priority: 5 },
      }),
    );
    expect(error).toMatchObject({ code: 'UPS217', context: { server: 'refusing' } });
    expectOnTime(elapsed);
  });
});

/** A port whose queue of connections is full: the kernel answers no more of them. */
async function fullListener(): Promise<AsyncDisposable & { readonly port: number }> {
  const code = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    process.stdout.write(String(s.address().port));
  });`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  // Stopped, it takes no connection out of the queue.
  child.kill('SIGSTOP');
  const sockets: net.Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    isFull = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), 300);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(false);
      });
      socket.on('error', () => undefined);
    });
  }
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
