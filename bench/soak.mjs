// `npm run soak -- --minutes 15 [--seed 1] [--json]`: gathers in a loop, by the library in one process and by the
// executable, from healthy servers and from servers behind a proxy that breaks their connections at random. Ends
// with 1 unless every gather of the healthy ones succeeded, nothing wrong was given for right, and memory, handles
// and processes are where they began.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createOperation, loadConfig, MCPOrchestrator } from '../dist/index.js';
import { measureProcess, trend } from './growth.mjs';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '0.5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(flags.minutes);
if (!(minutes > 0 && minutes <= 24 * 60)) {
  process.stderr.write('--minutes takes a number above 0, at most 1440\n');
  process.exit(2);
}

const EXECUTABLE = path.resolve('bin/mcpx.js');
const V1_SERVER = path.resolve('test/fixtures/v1-server.mjs');
/** Of all connections through the proxy. */
const FAULT_RATE = 0.4;
/** A gather through faults may take its retries and timeouts; a longer one hangs. */
const LONGEST_MS = 15_000;
const DEADLINE_MS = 10_000;
const WARM_UP = 3;
/** However short the time and however busy the machine: each configuration once, and enough to compare. */
const LEAST_ROUNDS = { library: 9, executable: 4 };
/** What garbage collection and code that is compiled late may add. */
const HEAP_MB = 6;
const HANDLES = 6;

const folder = mkdtempSync(path.join(tmpdir(), 'mcpx-soak-'));
const marker = path.basename(folder);
const started = performance.now();
const until = started + minutes * 60_000;
const helpers = [];
const tally = {
  operations: { library: 0, executable: 0 },
  healthy: { asked: 0, succeeded: 0 },
  faulty: { asked: 0, succeeded: 0 },
};
/** What went wrong, in words; the first few are shown. */
const problems = [];
const samples = [];
const longest = { library: 0, executable: 0 };

/** Starts a helper process and reads the line of JSON that says that it is ready. */
async function startHelper(args) {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  helpers.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value ?? '{}');
  return { child, next, ready: await next() };
}

const upstream = await startHelper([EXECUTABLE, 'serve', 'metadata', '--port', '0', '-o', 'json', '-q']);
const { sse, mcp } = upstream.ready;
const proxy = await startHelper([
  path.resolve('bench/fault-proxy.mjs'),
  new URL(sse).port,
  flags.seed,
  String(FAULT_RATE),
]);
const through = (address) => Object.assign(new URL(address), { port: String(proxy.ready.port) }).href;

const patient = { timeout: 8, connect_timeout: 8 };
const hurried = {
  timeout: '300ms',
  connect_timeout: '300ms',
  retry: { max_retries: 2, initial: '5ms', max: '50ms' },
};
const FAULTY = {
  faulty_sse: { url: through(sse), priority: 4, ...hurried, circuit_breaker: { failures: 100_000 } },
  faulty_http: { url: through(mcp), transport: 'streamable-http', priority: 5, ...hurried },
  // Left alone for a while after some failures, and used again.
  faulty_rested: {
    url: through(sse),
    priority: 6,
    ...hurried,
    circuit_breaker: { failures: 3, reset: '300ms' },
  },
};
const HEALTHY = {
  healthy_sse: { url: sse, priority: 1, ...patient },
  healthy_http: { url: mcp, transport: 'streamable-http', priority: 2, ...patient },
};
const STDIO = {
  healthy_stdio: { command: process.execPath, args: [V1_SERVER, 'stdio', marker], priority: 3, ...patient },
};

function configFile(name, servers, orchestration = {}) {
  const file = path.join(folder, `${name}.json`);
  const settings = {
    enable_logging: false,
    fail_fast: false,
    resource_cache_ttl: 0,
    deadline: DEADLINE_MS / 1000,
  };
  writeFileSync(
    file,
    JSON.stringify({ mcp_servers: servers, orchestration: { ...settings, ...orchestration } }),
  );
  return file;
}

const files = {
  all: configFile('all', { ...HEALTHY, ...STDIO, ...FAULTY }),
  network: configFile('network', { ...HEALTHY, ...FAULTY }),
  healthy: configFile('healthy', { ...HEALTHY, ...STDIO }, { fail_fast: true }),
  strict: configFile('strict', { ...HEALTHY, ...FAULTY }, { fail_fast: true }),
};

/** What each server has, by a gather before any fault. */
let expected;

/** @param {readonly {id: string, status: string, contents: string, why?: string}[]} servers */
function judge(servers, how) {
  for (const { id, status, contents, why } of servers) {
    const isHealthy = id.startsWith('healthy');
    const kind = isHealthy ? tally.healthy : tally.faulty;
    kind.asked += 1;
    if (status === 'ok') kind.succeeded += 1;
    else if (isHealthy) problems.push(`${how}: ${id} is ${status}: ${why ?? ''}`);
    const should = expected?.[id.endsWith('stdio') ? 'healthy_stdio' : 'healthy_sse'];
    if (status === 'ok' && should !== undefined && contents !== should) {
      problems.push(`${how}: ${id} is said to be complete and is not`);
    }
  }
}

/** Texts and data by URI, without what changes from request to request. */
function contentsOf(resources) {
  return JSON.stringify(
    resources.map(({ uri, bytes }) => [uri, bytes]).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
  );
}

const outcomesOf = ({ outcomes }) =>
  outcomes.map(({ server, status, resources, error }) => ({
    id: server.id,
    status,
    contents: contentsOf(resources),
    why: error?.message,
  }));

async function timed(kind, work) {
  const before = performance.now();
  await work();
  const ms = performance.now() - before;
  longest[kind] = Math.max(longest[kind], ms);
  if (ms > LONGEST_MS) problems.push(`${kind}: a gather took ${Math.round(ms)} ms`);
  tally.operations[kind] += 1;
}

/** One orchestrator that stays, and others that come and go. */
async function soakLibrary() {
  const all = await loadConfig(files.all);
  const network = await loadConfig(files.network);
  const lasting = new MCPOrchestrator(all);
  try {
    for (let round = 0; round < LEAST_ROUNDS.library || performance.now() < until; round += 1) {
      await timed('library', () => gatherAndJudge(lasting, 'library'));
      await timed('library', () =>
        withOrchestrator(network, (passing) => gatherAndJudge(passing, 'library, once')),
      );
      if (round % 5 === 4) await stopMidway(network);
      // Nothing is on its way now but what the proxy still holds.
      if (round >= WARM_UP) samples.push(measureProcess());
    }
  } finally {
    await lasting.close();
  }
}

/** With faults about, healthy servers are reason enough that a gather in degraded mode never throws. */
async function gatherAndJudge(orchestrator, how) {
  try {
    judge(outcomesOf(await orchestrator.gather()), how);
  } catch (error) {
    tally.healthy.asked += 1;
    problems.push(`${how}: ${error.message}`);
  }
}

async function withOrchestrator(config, use) {
  const orchestrator = new MCPOrchestrator(config);
  try {
    return await use(orchestrator);
  } finally {
    await orchestrator.close();
  }
}

/** Whoever asked goes away in the middle of it. */
async function stopMidway(config) {
  const controller = new AbortController();
  await withOrchestrator(config, async (orchestrator) => {
    const op = createOperation({ signal: controller.signal });
    const gathering = orchestrator.gather({}, op).catch((error) => error);
    await sleep(5);
    controller.abort(new Error('gone'));
    await gathering;
  });
}

async function soakExecutable() {
  for (let round = 0; round < LEAST_ROUNDS.executable || performance.now() < until; round += 1) {
    const name = ['all', 'healthy', 'network', 'strict'][round % 4];
    await timed('executable', async () => {
      const { status, stdout } = await runExecutable(['gather', '--json', '-c', files[name]]);
      const allowed = { healthy: [0], strict: [0, 4], all: [0, 6], network: [0, 6] }[name];
      if (!allowed.includes(status)) problems.push(`executable: ${name} ended with ${status}`);
      if (status === 4 && stdout !== '') problems.push('executable: a failed gather printed a result');
      if (stdout !== '') {
        const { servers } = JSON.parse(stdout);
        const told = Object.entries(servers).map(([id, { status: fared, resources, error }]) => ({
          id,
          status: fared,
          contents: contentsOf(Object.values(resources)),
          why: error?.message,
        }));
        judge(told, `executable, ${name}`);
      }
    });
  }
}

async function runExecutable(args) {
  const child = spawn(process.execPath, [EXECUTABLE, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  const [status] = await once(child, 'close');
  return { status, stdout };
}

/** Processes of stdio servers, who carry the marker; those of this process are gone once it has closed. */
function leftOver() {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(V1_SERVER) && line.includes(marker));
}

async function survivors() {
  for (let tries = 0; ; tries += 1) {
    const found = leftOver();
    if (found.length === 0 || tries === 50) return found;
    await sleep(100);
  }
}

const perMille = ({ asked, succeeded }) => Math.floor((1000 * succeeded) / Math.max(1, asked)) / 10;
const round1 = (value) => Math.round(value * 10) / 10;

try {
  expected = await withOrchestrator(await loadConfig(files.healthy), async (first) =>
    Object.fromEntries(outcomesOf(await first.gather()).map(({ id, contents }) => [id, contents])),
  );
  await Promise.all([soakLibrary(), soakExecutable()]);
  const left = await survivors();
  proxy.child.stdin.write('\n');
  const { faults } = await proxy.next();

  const heap = trend(samples.map(({ heapMb }) => heapMb));
  const handles = trend(samples.map(({ handles: count }) => count));
  const open = trend(samples.map(({ files: count }) => count));
  if (heap.last > heap.first + HEAP_MB) problems.push('memory grows');
  if (handles.last > handles.first + HANDLES || open.last > open.first + HANDLES)
    problems.push('handles grow');
  if (left.length > 0) problems.push(`${left.length} processes are left: ${left[0]}`);
  if (tally.healthy.succeeded < tally.healthy.asked) problems.push('a healthy server failed');

  const result = {
    minutes: round1((performance.now() - started) / 60_000),
    seed: Number(flags.seed),
    node: process.version,
    operations: tally.operations,
    healthy: { ...tally.healthy, percent: perMille(tally.healthy) },
    faulty: { ...tally.faulty, percent: perMille(tally.faulty) },
    faults,
    longest_ms: { library: Math.round(longest.library), executable: Math.round(longest.executable) },
    heap_mb: { first: round1(heap.first), last: round1(heap.last) },
    rss_mb: {
      last: round1(samples.at(-1)?.rssMb ?? 0),
      most: round1(Math.max(0, ...samples.map(({ rssMb }) => rssMb))),
    },
    handles,
    open_files: open,
    samples: samples.length,
    children_left: left.length,
    problems: problems.length,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const [name, value] of Object.entries(result)) {
      const text =
        typeof value === 'object'
          ? Object.entries(value)
              .map(([key, part]) => `${key} ${part}`)
              .join(', ')
          : String(value);
      process.stdout.write(`${name.replaceAll('_', ' ').padEnd(14)} ${text}\n`);
    }
  }
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  for (const child of helpers) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
