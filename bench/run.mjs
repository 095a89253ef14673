// The benchmark: `npm run bench -- [--quick] [--only <pattern>] [--rounds <n>] [--node <path>] [--json <file>]
// [--check]`. One process start until everything is listed, read and printed: mcpx against raw JSON-RPC (the floor)
// and against a script on the SDK's client, in turn, round by round.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTENDERS, complaintOf, MCPX, probeMcpx, run } from './contenders.mjs';
import { MEMORY_SCENARIOS, MEMORY_TARGET_MB, SCENARIOS, STARTUP } from './scenarios.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';
import { findOmissions, startUpstreams } from './upstreams.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 11));
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error('--rounds takes a whole number from 1 up');
}
const node = path.resolve(flags.node);
const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-'));
const preload = fileURLToPath(new URL('peak-memory.cjs', import.meta.url));

/** What is wrong, in words: contenders that did less, and targets that were missed. */
const failures = new Set();
const missed = [];
/** Contenders that cannot start, with the reason; they are told of once and left out. */
const skipped = new Map();

const say = (text = '') => void process.stdout.write(`${text}\n`);
const wanted = (name) => name.includes(flags.only);
const milliseconds = (value) => (value === undefined ? '-' : value.toFixed(value < 100 ? 1 : 0));
const ratio = (value) => (value === undefined ? '-' : value.toFixed(2));

function check(name, value, target, unit = '') {
  if (value !== undefined && value > target) {
    missed.push(`${name}: ${value.toFixed(2)}${unit}, at most ${target}${unit}`);
  }
}

/** Runs a contender once on a scenario, and judges it. @returns the run, or undefined when it failed */
async function compete(contender, scenario, upstreams, options = {}) {
  const args = contender.prepare(scenario, upstreams.servers, directory);
  const result = await run(node, [...(options.nodeArgs ?? []), ...args], { directory, env: options.env });
  const report = await upstreams.takeReport();
  let problem;
  if (result.exitCode !== 0) problem = `exit code ${result.exitCode}: ${complaintOf(result.stderr)}`;
  else {
    const omissions = findOmissions(scenario, report, parseJson(result.stdout));
    if (omissions.length > 0) problem = omissions.slice(0, 3).join('; ');
  }
  if (problem === undefined) return result;
  failures.add(`FAIL ${contender.id} on ${scenario.name}: ${problem}`);
  return undefined;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function measureScenario(scenario) {
  const upstreams = await startUpstreams(scenario, { node, directory });
  try {
    const samples = new Map();
    // The first run of each is not counted: it fills the disk cache and the compile cache.
    for (const contender of CONTENDERS.filter(({ id }) => !skipped.has(id))) {
      if ((await compete(contender, scenario, upstreams)) !== undefined) samples.set(contender.id, []);
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const contender of CONTENDERS.filter(({ id }) => samples.has(id))) {
        const result = await compete(contender, scenario, upstreams);
        if (result === undefined) samples.delete(contender.id);
        else samples.get(contender.id).push(result.durationMs);
      }
    }
    return Object.fromEntries(samples);
  } finally {
    await upstreams.close();
  }
}

async function measureScenarios() {
  const rows = [['one start, all gathered', 'floor', 'sdk', 'mcpx', 'sdk/floor', 'mcpx/floor', 'mcpx/sdk']];
  const results = [];
  for (const scenario of SCENARIOS.filter(({ name }) => wanted(name))) {
    const { floor, sdk, mcpx } = await measureScenario(scenario);
    const between = (values, base) => (values && base ? pairedRatio(values, base) : undefined);
    const result = {
      name: scenario.name,
      mediansMs: { floor: floor && median(floor), sdk: sdk && median(sdk), mcpx: mcpx && median(mcpx) },
      ratios: {
        sdkToFloor: between(sdk, floor),
        mcpxToFloor: between(mcpx, floor),
        mcpxToSdk: between(mcpx, sdk),
      },
      target: scenario.target,
      samplesMs: { floor, sdk, mcpx },
    };
    results.push(result);
    const { mediansMs, ratios, target } = result;
    rows.push([
      scenario.name,
      ...Object.values(mediansMs).map(milliseconds),
      ...Object.values(ratios).map(ratio),
    ]);
    check(`${scenario.name}, mcpx/floor`, ratios.mcpxToFloor, target.toFloor);
    if (target.toSdk !== undefined) check(`${scenario.name}, mcpx/sdk`, ratios.mcpxToSdk, target.toSdk);
    progress(`${scenario.name} done`);
  }
  if (results.length > 0) say(`${formatTable(rows)}\n`);
  return results;
}

async function measureStartup() {
  const bare = { name: 'node -e 0', args: ['-e', '0'] };
  const commands = STARTUP.filter(({ name }) => wanted(`start ${name}`));
  if (commands.length === 0 || skipped.has('mcpx')) return [];
  const contenders = [
    bare,
    ...commands.map(({ name, args, target }) => ({ name, args: [MCPX, ...args], target })),
  ];
  const samples = contenders.map(() => []);
  // Starts are short: more rounds cost little and calm the median.
  for (let round = -1; round < rounds * 2; round += 1) {
    for (const [index, { name, args }] of contenders.entries()) {
      const { durationMs, exitCode, stderr } = await run(node, args, { directory });
      if (exitCode !== 0) failures.add(`FAIL mcpx ${name}: exit code ${exitCode}: ${complaintOf(stderr)}`);
      if (round >= 0) samples[index].push(durationMs);
    }
  }
  const results = contenders.map(({ name, target }, index) => ({
    name,
    medianMs: median(samples[index]),
    ratio: pairedRatio(samples[index], samples[0]),
    target,
  }));
  for (const { name, ratio: value, target } of results) {
    if (target !== undefined) check(`start ${name}, ratio to node -e 0`, value, target);
  }
  const rows = results.map(({ name, medianMs, ratio: value }) => [
    name,
    milliseconds(medianMs),
    ratio(value),
  ]);
  say(`${formatTable([['start', 'ms', 'ratio'], ...rows])}\n`);
  return results;
}

async function measureMemory() {
  const results = [];
  const peakFile = path.join(directory, 'peak.txt');
  const options = { nodeArgs: ['--require', preload], env: { BENCH_PEAK_FILE: peakFile } };
  for (const scenario of MEMORY_SCENARIOS.filter(({ name }) => wanted(`memory ${name}`))) {
    const upstreams = await startUpstreams(scenario, { node, directory });
    const peaks = {};
    try {
      for (const contender of CONTENDERS.filter(({ id }) => !skipped.has(id))) {
        const values = [];
        for (let round = 0; round < Math.min(rounds, 5); round += 1) {
          if ((await compete(contender, scenario, upstreams, options)) === undefined) break;
          values.push(Number(readFileSync(peakFile, 'utf8')) / 1024);
        }
        if (values.length > 0) peaks[contender.id] = median(values);
      }
    } finally {
      await upstreams.close();
    }
    check(`peak memory, ${scenario.name}`, peaks.mcpx, MEMORY_TARGET_MB, ' MB');
    results.push({ name: scenario.name, peaksMb: peaks, targetMb: MEMORY_TARGET_MB });
  }
  const rows = results.map(({ name, peaksMb }) => [
    name,
    ...CONTENDERS.map(({ id }) => milliseconds(peaksMb[id])),
  ]);
  if (rows.length > 0) say(`${formatTable([['peak memory, MB', 'floor', 'sdk', 'mcpx'], ...rows])}\n`);
  return results;
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

async function main() {
  const reason = await probeMcpx(node, directory);
  if (reason !== undefined) skipped.set('mcpx', reason);
  for (const [id, why] of skipped) say(`${id} is left out: ${why}\n`);
  const { stdout } = await run(node, ['--version'], { directory });
  say(`Node ${stdout.trim()}, ${rounds} rounds; milliseconds and ratios are medians\n`);
  const report = {
    node: stdout.trim(),
    rounds,
    skipped: Object.fromEntries(skipped),
    gather: await measureScenarios(),
    start: await measureStartup(),
    memory: await measureMemory(),
    failures: [...failures],
    missed,
  };
  for (const failure of failures) say(failure);
  if (!skipped.has('mcpx')) for (const target of missed) say(`MISSED ${target}`);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
  const isShort = missed.length > 0 || skipped.size > 0;
  process.exitCode = failures.size > 0 || (flags.check && isShort) ? 1 : 0;
}

try {
  await main();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
