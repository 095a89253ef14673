// What sick servers cost: `node bench/faults.mjs [--rounds <n>] [--only <pattern>] [--node <path>] [--check]`. Whole
// processes from their start to their end, children stopped.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MCPX, complaintOf, probeMcpx, run } from './contenders.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';
import { startUpstreams } from './upstreams.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    node: { type: 'string', default: process.execPath },
    check: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1 up');
const node = path.resolve(flags.node);
const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-faults-'));
const preload = fileURLToPath(new URL('peak-memory.cjs', import.meta.url));

const TRANSPORTS = ['sse', 'streamable-http', 'stdio'];
const DEADLINE_MS = 1000;
/** Later than any run. */
const NEVER_MS = 1e8;
const SLOW_MS = 300;
const OFFERED_BYTES = 200 * 1024 ** 2;
const TARGETS = { overshootMs: 100, slowRatio: 1.1, memoryMb: 150 };

const missed = [];
const say = (text = '') => void process.stdout.write(`${text}\n`);
const wanted = (name) => name.includes(flags.only);

function check(name, value, target, unit) {
  if (!(value <= target)) missed.push(`${name}: ${value.toFixed(2)} ${unit}, at most ${target} ${unit}`);
}

const scenario = (transport, ids, more = {}) => ({
  name: transport,
  transport,
  serverIds: ids,
  servers: ids.length,
  resources: 3,
  pageSize: 3,
  delayMs: 0,
  raw: true,
  ...more,
});

/** Starts the servers of several scenarios, gives all of them to `use`, and stops them. */
async function withServers(scenarios, use) {
  const started = [];
  try {
    for (const each of scenarios) started.push(await startUpstreams(each, { node, directory }));
    return await use(started.map(({ servers }) => servers));
  } finally {
    for (const upstreams of started) await upstreams.close();
  }
}

/** One gather of these servers; it must end with this status. */
async function gather(transport, servers, status, { args = [], nodeArgs = [], env } = {}) {
  const file = path.join(directory, 'c.json');
  const entries = servers.map(({ id, ...server }, index) => [
    id,
    { ...server, transport, priority: index + 1 },
  ]);
  const mcp_servers = Object.fromEntries(entries);
  const orchestration = { enable_logging: false, resource_cache_ttl: 0 };
  writeFileSync(file, JSON.stringify({ mcp_servers, orchestration }));
  const result = await run(node, [...nodeArgs, MCPX, 'gather', '--json', '-c', file, ...args], {
    directory,
    env,
  });
  if (result.exitCode !== status) {
    throw new Error(`${transport}: exit code ${result.exitCode}: ${complaintOf(result.stderr)}`);
  }
  return { ...result, report: result.stdout === '' ? undefined : JSON.parse(result.stdout) };
}

/**
 * The report's own time, and that of the whole process, less what a process needs around a gather where nobody is
 * silent: start, printing, closing.
 */
async function measureSilence() {
  const rows = [['one of five is silent, deadline 1 s', 'gather ms', 'process ms', 'around it', 'over']];
  for (const transport of TRANSPORTS.filter((name) => wanted(`silent ${name}`))) {
    const ids = ['a', 'b', 'c', 'd'];
    const silent = scenario(transport, ['silent'], { delayMs: NEVER_MS });
    await withServers([scenario(transport, ids), silent], async ([healthy, silentOne]) => {
      const samples = { gather: [], process: [], around: [], over: [] };
      for (let round = -1; round < rounds; round += 1) {
        const args = ['--degraded', '--deadline', `${DEADLINE_MS}ms`];
        const well = await gather(transport, healthy, 0, { args });
        const { durationMs, report } = await gather(transport, [...healthy, ...silentOne], 6, { args });
        const fared = Object.entries(report.servers).map(([id, { status }]) => `${id} ${status}`);
        if (fared.join() !== 'a ok,b ok,c ok,d ok,silent failed') throw new Error(fared.join());
        if (round < 0) continue;
        const around = well.durationMs - well.report.duration_ms;
        samples.gather.push(report.duration_ms);
        samples.process.push(durationMs);
        samples.around.push(around);
        samples.over.push(durationMs - DEADLINE_MS - around);
      }
      const over = median(samples.over);
      check(`one silent server, ${transport}: beyond the deadline`, over, TARGETS.overshootMs, 'ms');
      rows.push([transport, ...Object.values(samples).map((values) => median(values).toFixed(0))]);
    });
  }
  if (rows.length > 1) say(`${formatTable(rows)}\n`);
}

async function measureSlowness() {
  const rows = [['one of five needs 300 ms an answer', 'alone ms', 'of five ms', 'ratio']];
  for (const transport of TRANSPORTS.filter((name) => wanted(`slow ${name}`))) {
    const slow = scenario(transport, ['slow'], { delayMs: SLOW_MS });
    await withServers([slow, scenario(transport, ['a', 'b', 'c', 'd'])], async ([alone, fast]) => {
      const samples = { alone: [], five: [] };
      for (let round = -1; round < rounds; round += 1) {
        const one = await gather(transport, alone, 0);
        const five = await gather(transport, [...alone, ...fast], 0);
        if (round < 0) continue;
        samples.alone.push(one.durationMs);
        samples.five.push(five.durationMs);
      }
      const ratio = pairedRatio(samples.five, samples.alone);
      check(`a slow server beside four fast ones, ${transport}`, ratio, TARGETS.slowRatio, '× alone');
      rows.push([
        transport,
        median(samples.alone).toFixed(0),
        median(samples.five).toFixed(0),
        ratio.toFixed(2),
      ]);
    });
  }
  if (rows.length > 1) say(`${formatTable(rows)}\n`);
}

async function measureGreed() {
  const rows = [['a body of 200 MB is offered', 'peak MB']];
  const peakFile = path.join(directory, 'peak.txt');
  const options = { nodeArgs: ['--require', preload], env: { BENCH_PEAK_FILE: peakFile } };
  for (const transport of TRANSPORTS.filter((name) => wanted(`huge ${name}`))) {
    const huge = scenario(transport, ['huge'], { resources: 1, pageSize: 1, bodyBytes: OFFERED_BYTES });
    await withServers([huge], async ([servers]) => {
      const peaks = [];
      for (let round = 0; round < Math.min(rounds, 5); round += 1) {
        const { stderr } = await gather(transport, servers, 4, options);
        if (!stderr.includes('UPS209')) throw new Error(`${transport}: ${complaintOf(stderr)}`);
        peaks.push(Number(readFileSync(peakFile, 'utf8')) / 1024);
      }
      check(`peak memory, ${transport}`, median(peaks), TARGETS.memoryMb, 'MB');
      rows.push([transport, median(peaks).toFixed(0)]);
    });
  }
  if (rows.length > 1) say(`${formatTable(rows)}\n`);
}

try {
  const reason = await probeMcpx(node, directory);
  if (reason !== undefined) throw new Error(`mcpx cannot be measured: ${reason}`);
  await measureSilence();
  await measureSlowness();
  await measureGreed();
  for (const target of missed) say(`MISSED ${target}`);
  process.exitCode = flags.check && missed.length > 0 ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
