// The benchmark of the gateway: `node bench/gateway.mjs [--quick] [--only <pattern>] [--rounds <n>] [--requests <n>]
// [--rivals <folder>] [--node <path>] [--json <file>] [--check]`. Requests in a closed loop at 1, 16 and 64 at once,
// round by round in turn: a server asked directly, a router without any SDK (the floor), a gateway on the plain SDK,
// ours, and published ones. Then the memory of ours after many requests (`--requests 100000`) and with many sessions.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contenders, installRivals, newestNode } from './gateway-contenders.mjs';
import { LoadClient } from './load-client.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';
import { startUpstreams } from './upstreams.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    requests: { type: 'string' },
    rivals: { type: 'string' },
    node: { type: 'string' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});
const rounds = wholeNumber('rounds', flags.quick ? 1 : 3);
const memoryRequests = wholeNumber('requests', flags.quick ? 5000 : 20_000);
const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-'));
const rivals = flags.rivals ?? path.join(directory, 'rivals');

const CONCURRENCIES = [1, 16, 64];
const SLICE_MS = 500;
/** Enough for the compiler to have seen what matters, and no longer where that takes long. */
const WARM_UP = { concurrency: 16, requests: 12_000, durationMs: 4000 };
const RESOURCES = 10;
const SESSIONS = 1000;
const READY_LIMIT_MS = 15_000;
const scenario = { resources: RESOURCES, tools: RESOURCES, pageSize: RESOURCES, delayMs: 0, raw: true };

/** Ours against others: at least this many times their requests per second, where many ask at once. */
const RATIOS = [
  ['resources/read', 'mcpx', 'SDK gateway', 2],
  ['resources/read', 'mcpx, SSE', 'mcp-hub, SSE', 2],
  ['resources/read', 'mcpx, stdio', 'mcp-proxy, stdio', 1.2],
  ['resources/read', 'mcpx, stdio', 'supergateway, stdio', 1.2],
  ['resources/read', 'mcpx, cached', 'floor, cached', 0.7],
  ['tools/call', 'mcpx', 'SDK gateway', 2],
  ['tools/call', 'mcpx, SSE', 'mcp-hub, SSE', 2],
  ['tools/call', 'mcpx, stdio', 'mcp-proxy, stdio', 1.2],
  ['tools/call', 'mcpx, stdio', 'supergateway, stdio', 1.2],
  ['resources/list', 'mcpx, cached', 'floor, cached', 0.7],
];
const MOST = { addedMs: 1, memoryMb: 150, growthMb: 15, sessionsMb: 300 };

/** Who does which work; the first is what a request costs without any gateway. */
const WORK = {
  'resources/read': [
    'direct',
    'floor',
    'SDK gateway',
    'mcpx',
    'mcp-hub, SSE',
    'mcpx, SSE',
    'mcp-proxy, stdio',
    'supergateway, stdio',
    'mcpx, stdio',
    'floor, cached',
    'mcpx, cached',
  ],
  'tools/call': [
    'direct',
    'floor',
    'SDK gateway',
    'mcpx',
    'mcporter',
    'mcp-hub, SSE',
    'mcpx, SSE',
    'mcp-proxy, stdio',
    'supergateway, stdio',
    'mcpx, stdio',
  ],
  'resources/list': ['floor, cached', 'SDK gateway', 'mcp-hub, SSE', 'mcpx, cached'],
};

const failures = [];
const missed = [];
const running = [];
const say = (text = '') => void process.stdout.write(`${text}\n`);
const progress = (text) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
};

function wholeNumber(name, usual) {
  const value = Number(flags[name] ?? usual);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1 up`);
  return value;
}

/** The requests that a contender is asked, under the names that it lists, and what their answers must contain. */
async function tasksOf(client, serverIds) {
  const { tools } = await client.request('tools/list');
  // A gateway for tools alone knows no resources.
  const { resources } = await client.request('resources/list').catch(() => ({ resources: [] }));
  const find = (items, key, ending) => items.find((item) => item[key].endsWith(ending))?.[key];
  const numbers = Array.from({ length: RESOURCES }, (_, index) => index + 1);
  const each = serverIds.flatMap((server) => numbers.map((number) => ({ server, number })));
  const tokens = ({ server, number }) => `token-${server}-${number}\\"`;
  const reads = each.flatMap((which) => {
    const uri = find(resources, 'uri', `bench://${which.server}/${which.number}`);
    return uri === undefined ? [] : [{ method: 'resources/read', params: { uri }, expected: tokens(which) }];
  });
  const calls = each.flatMap((which) => {
    const name = find(tools, 'name', `tool_${which.server}_${which.number}`);
    const params = { name, arguments: { question: 'why' } };
    return name === undefined ? [] : [{ method: 'tools/call', params, expected: tokens(which) }];
  });
  const last = serverIds.at(-1);
  const list = { method: 'resources/list', params: {}, expected: `bench://${last}/${RESOURCES}"` };
  return { 'resources/read': reads, 'tools/call': calls, 'resources/list': [list] };
}

/** Starts a contender and finds out what it offers. @returns the reason where it cannot compete */
async function enter(name, start, upstreams) {
  try {
    const peer = await start();
    running.push(peer);
    const ids = name === 'direct' ? upstreams.ids.slice(0, 1) : upstreams.ids;
    return {
      name,
      pid: peer.pid,
      upstreams,
      isCached: name.endsWith('cached'),
      ...(await connect(peer, ids)),
    };
  } catch (error) {
    return { reason: error.message };
  }
}

/** A session with a gateway that offers all of its servers: some listen before they do. */
async function connect(peer, ids) {
  const until = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const client = new LoadClient(peer);
    try {
      await client.connect();
      const tasks = await tasksOf(client, ids);
      if (tasks['tools/call'].length === ids.length * RESOURCES || performance.now() > until) {
        return { client, tasks };
      }
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** One slice of load; its answers are checked, and so is what the servers were asked for it. */
async function measure(contender, method, load) {
  const { client, tasks, upstreams, pid, isCached } = contender;
  await upstreams.takeReport();
  const cpuBefore = cpuMs(pid);
  const { latencies, elapsedMs } = await client.run(tasks[method], load);
  const cpuPerRequest = (cpuMs(pid) - cpuBefore) / latencies.length;
  const asked = (await upstreams.takeReport()).flatMap(({ log }) =>
    log.filter((entry) => entry.method === method),
  );
  if (method !== 'resources/list' && !isCached && asked.length < latencies.length) {
    throw new Error(`${latencies.length} requests, of which ${asked.length} reached the servers`);
  }
  return { perSecond: (latencies.length / elapsedMs) * 1000, medianMs: median(latencies), cpuPerRequest };
}

/** Processor time of a process so far, in steps of 10 ms; NaN where the system does not tell. */
function cpuMs(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

function residentMb(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
}

async function measureWork(method, all) {
  const competing = WORK[method]
    .flatMap((name) => all.get(name) ?? [])
    .filter(({ tasks, name }) => {
      if (tasks[method].length > 0) return true;
      say(`${name} is left out of ${method}: it offers none`);
      return false;
    });
  const samples = new Map(competing.map(({ name }) => [name, CONCURRENCIES.map(() => [])]));
  const attempt = async (contender, load, take) => {
    if (!samples.has(contender.name)) return;
    try {
      take(await measure(contender, method, load));
    } catch (error) {
      failures.push(`FAIL ${contender.name}, ${method}, ${load.concurrency} at once: ${error.message}`);
      samples.delete(contender.name);
    }
  };
  // Code that has just started is slow everywhere.
  for (const contender of competing) {
    progress(`${method}, ${contender.name} warms up`);
    await attempt(contender, WARM_UP, () => undefined);
  }
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${method}, round ${round} of ${rounds}`);
    for (const [index, concurrency] of CONCURRENCIES.entries()) {
      for (const contender of competing) {
        const take = (sample) => samples.get(contender.name)[index].push(sample);
        await attempt(contender, { concurrency, durationMs: SLICE_MS }, take);
      }
    }
  }
  progress('');
  return samples;
}

function showWork(method, samples) {
  const of = (name, index, field) => samples.get(name)?.[index]?.map((sample) => sample[field]);
  const cell = (values, digits) => (values === undefined ? '-' : median(values).toFixed(digits));
  const heading = CONCURRENCIES.map((count) => `req/s at ${count}`);
  const rows = [[method, ...heading, 'ms at 1', 'ms at 16', 'ms at 64', 'CPU ms at 16']];
  for (const name of samples.keys()) {
    rows.push([
      name,
      ...CONCURRENCIES.map((_, index) => cell(of(name, index, 'perSecond'), 0)),
      ...CONCURRENCIES.map((_, index) => cell(of(name, index, 'medianMs'), 2)),
      cell(of(name, 1, 'cpuPerRequest'), 2),
    ]);
  }
  say(`${formatTable(rows)}\n`);

  const added = of('mcpx', 0, 'medianMs')?.map(
    (ms, round) => ms - (of('direct', 0, 'medianMs')?.[round] ?? NaN),
  );
  if (added !== undefined && samples.has('direct')) {
    const addedMs = median(added);
    say(`mcpx adds ${addedMs.toFixed(2)} ms to a request that is alone`);
    if (!(addedMs <= MOST.addedMs))
      missed.push(`${method}, added: ${addedMs.toFixed(2)} ms, at most ${MOST.addedMs}`);
  }
  for (const [work, ours, theirs, least] of RATIOS.filter((ratio) => ratio[0] === method)) {
    if (!samples.has(ours) || !samples.has(theirs)) continue;
    const ratios = [1, 2].map((index) =>
      pairedRatio(of(ours, index, 'perSecond'), of(theirs, index, 'perSecond')),
    );
    say(
      `${ours} / ${theirs}: ${ratios.map((ratio) => ratio.toFixed(2)).join(' at 16, ')} at 64; wanted ${least}`,
    );
    for (const [index, ratio] of ratios.entries()) {
      if (ratio >= least) continue;
      const where = `${work}, ${CONCURRENCIES[index + 1]} at once, ${ours} / ${theirs}`;
      missed.push(`${where}: ${ratio.toFixed(2)}, at least ${least}`);
    }
  }
  say();
  return Object.fromEntries(samples);
}

/** Resident memory of ours while it answers reads and calls, and with many connected clients. */
async function measureMemory(start) {
  const peer = await start();
  running.push(peer);
  const { client, tasks } = await connect(peer, ['bench-1', 'bench-2', 'bench-3']);
  const mixed = [...tasks['resources/read'], ...tasks['tools/call'], ...tasks['resources/list']];
  const steps = 20;
  const residents = [];
  for (let step = 0; step < steps; step += 1) {
    await client.run(mixed, { concurrency: 16, requests: Math.ceil(memoryRequests / steps) });
    residents.push(residentMb(peer.pid));
    progress(`memory: ${step + 1} of ${steps}`);
  }
  client.close();
  // What has been warmed up is half of it; afterwards nothing should come to stay.
  const halves = [residents.slice(steps / 4, steps / 2), residents.slice((3 * steps) / 4)].map(median);
  const growthMb = halves[1] - halves[0];
  const peakMb = Math.max(...residents);
  report(`memory after ${memoryRequests} requests`, residents.at(-1), MOST.memoryMb);
  report('  growth from its second to its last quarter', growthMb, MOST.growthMb);

  const sessions = [];
  while (sessions.length < SESSIONS) {
    const session = new LoadClient({ url: peer.url.replace(/mcp$/, 'sse'), transport: 'sse' });
    await session.connect();
    session.closeIdle();
    sessions.push(session);
    if (sessions.length % 50 === 0) progress(`sessions: ${sessions.length} of ${SESSIONS}`);
  }
  // Each of them is answered, the first one too.
  for (const session of [sessions[0], sessions.at(-1)]) await session.request('resources/list');
  const sessionsMb = residentMb(peer.pid);
  report(`memory with ${SESSIONS} sessions`, sessionsMb, MOST.sessionsMb);
  for (const session of sessions) session.close();
  await peer.close();
  return { requests: memoryRequests, residents, peakMb, growthMb, sessionsMb };
}

function report(name, value, most) {
  progress('');
  say(`${name}: ${value.toFixed(0)} MB; wanted at most ${most}`);
  if (!(value <= most)) missed.push(`${name}: ${value.toFixed(0)} MB, at most ${most}`);
}

async function main() {
  const reason = installRivals(rivals);
  if (reason !== undefined) say(`The published ones are left out: ${reason}`);
  const node = path.resolve(flags.node ?? (reason === undefined ? newestNode(rivals) : process.execPath));
  const ids = ['bench-1', 'bench-2', 'bench-3'];
  const http = await startUpstreams(
    { ...scenario, transport: 'streamable-http', serverIds: ids },
    { node, directory },
  );
  const stdio = await startUpstreams(
    { ...scenario, transport: 'stdio', serverIds: ['bench-1'] },
    { node, directory },
  );
  const overHttp = { ...http, ids };
  const overStdio = { ...stdio, ids: ['bench-1'] };
  const methods = Object.keys(WORK).filter((name) => name.includes(flags.only));
  const results = {};
  try {
    const known = contenders({ node, rivals, directory, http: http.servers, stdio: stdio.servers[0] });
    const direct = { url: http.servers[0].url, transport: 'streamable-http', close: async () => undefined };
    const all = new Map();
    const entrants = { direct: { isPublished: false, start: async () => direct }, ...known };
    for (const [name, { start, isPublished }] of Object.entries(entrants)) {
      const isWanted = methods.some((method) => WORK[method].includes(name));
      if (!isWanted || (isPublished && reason !== undefined)) continue;
      progress(`starting ${name}`);
      const contender = await enter(name, start, name.endsWith('stdio') ? overStdio : overHttp);
      if (contender.reason === undefined) all.set(name, contender);
      else if (isPublished) say(`${name} is left out: ${contender.reason}`);
      else failures.push(`FAIL ${name}: ${contender.reason}`);
    }
    progress('');
    say(`Gateways on ${nameOf(node)}, ${rounds} rounds of ${SLICE_MS} ms; medians\n`);
    for (const method of methods) {
      results[method] = showWork(method, await measureWork(method, all));
    }
    for (const { client } of all.values()) client.close();
    if ('memory'.includes(flags.only)) results.memory = await measureMemory(known.mcpx.start);
  } finally {
    for (const peer of running) await peer.close();
    await http.close();
    await stdio.close();
  }
  for (const failure of failures) say(failure);
  for (const target of missed) say(`MISSED ${target}`);
  const whole = { rounds, ...results, failures, missed };
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(whole, undefined, 2)}\n`);
  if (failures.length > 0 || (flags.check && missed.length > 0)) process.exitCode = 1;
}

function nameOf(node) {
  return `Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`;
}

// What was started ends with us, whatever happens.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(
    signal,
    () => void Promise.allSettled(running.map((peer) => peer.close())).then(() => process.exit(1)),
  );
}

try {
  await main();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
