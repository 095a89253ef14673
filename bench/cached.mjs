// What a repeated gather costs: ten servers all of whose answers are kept, as a whole process, in turn with `--version`.
// Part of `npm run bench`; alone: `node bench/cached.mjs [--rounds <n>] [--node <path>]`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { complaintOf, MCPX, run } from './contenders.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';
import { startUpstreams } from './upstreams.mjs';

const SERVERS = 10;
const RESOURCES = 3;
/** Of a gather to `--version`, as JSON and as a table. */
const TARGET = 1.5;

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '41' }, node: { type: 'string', default: process.execPath } },
});
const rounds = Number(flags.rounds);
const node = path.resolve(flags.node);
const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-'));

const scenario = {
  transport: 'sse',
  serverIds: Array.from({ length: SERVERS }, (_, index) => `server_${index + 1}`),
  resources: RESOURCES,
  pageSize: RESOURCES,
  delayMs: 0,
};
const upstreams = await startUpstreams(scenario, { node, directory });
try {
  const file = path.join(directory, 'mcp_config.yaml');
  const entries = upstreams.servers.flatMap(({ id, url }, index) => [
    `  ${id}:`,
    `    url: ${url}`,
    `    priority: ${index + 1}`,
    '    domains: [bench]',
  ]);
  writeFileSync(file, ['mcp_servers:', ...entries, 'orchestration:', '  log_level: ERROR', ''].join('\n'));
  // A file that was written just now is read each time, and those of users are older.
  await new Promise((resolve) => setTimeout(resolve, 2100));

  const contenders = [
    { name: '--version', args: ['--version'] },
    { name: 'gather --json, all kept', args: ['gather', '--json', '-c', file] },
    { name: 'gather, all kept', args: ['gather', '-c', file] },
  ];
  const samples = contenders.map(() => []);
  // The first runs ask the servers, and the second ones leave their compiled code.
  for (let round = -2; round < rounds; round += 1) {
    if (round === 0) await upstreams.takeReport();
    for (const [index, { name, args }] of contenders.entries()) {
      const { durationMs, exitCode, stderr } = await run(node, [MCPX, ...args], { directory });
      if (exitCode !== 0) throw new Error(`mcpx ${name}: exit code ${exitCode}: ${complaintOf(stderr)}`);
      if (round >= 0) samples[index].push(durationMs);
    }
  }
  const asked = (await upstreams.takeReport()).flatMap(({ log }) => log).length;
  if (asked > 0)
    throw new Error(`the servers were asked ${asked} times, and everything should have been kept`);

  const ratios = samples.map((each) => pairedRatio(each, samples[0]));
  const rows = contenders.map(({ name }, index) => [
    name,
    median(samples[index]).toFixed(1),
    ratios[index].toFixed(2),
  ]);
  process.stdout.write(
    `${formatTable([[`${SERVERS} servers, ${RESOURCES} resources each`, 'ms', 'ratio'], ...rows])}\n\n`,
  );
  for (const [index, { name }] of contenders.entries()) {
    if (ratios[index] > TARGET) {
      process.stdout.write(`MISSED ${name}: ${ratios[index].toFixed(2)}, at most ${TARGET}\n`);
    }
  }
} finally {
  await upstreams.close();
  rmSync(directory, { recursive: true, force: true });
}
