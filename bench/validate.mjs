// The benchmark of `mcpx validate-config`: `node bench/validate.mjs [--rounds <n>] [--servers <n>] [--check]`. One
// process start until a configuration of a thousand servers is checked and answered for, against a process that only
// parses it, with the same library and bundled in the same way, in turn, round by round.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildSync } from 'esbuild';
import { complaintOf, MCPX, run } from './contenders.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    servers: { type: 'string', default: '1000' },
    check: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const servers = Number(flags.servers);
const TARGET_MS = 1000;
const TARGET_RATIO = 3;

/** Ten lines a server, with comments, as people write them; every tenth has mistakes. */
function configuration({ broken }) {
  const blocks = Array.from({ length: servers }, (_, index) => {
    const isBroken = broken && index % 10 === 0;
    return [
      `  server_${index}:`,
      `    name: "Server number ${index}" # the ${index}th`,
      `    url: "https://host-${index}.example/sse"`,
      `    ${isBroken ? 'prioritty' : 'priority'}: ${(index % 999) + 1}`,
      `    domains: ${isBroken ? `domain_${index}` : `[domain_${index}, other_${index}]`}`,
      '    capabilities: [list_resources]',
      '    transport: sse',
      '    timeout: 20s',
      `    headers: { Authorization: "Bearer \${TOKEN_${index}:-}" }`,
      '    retry: { max_retries: 2, initial: 100ms }',
    ].join('\n');
  });
  return `mcp_servers:\n${blocks.join('\n')}\norchestration: { deadline: 30s }\n`;
}

const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-'));
const say = (text) => void process.stdout.write(`${text}\n`);

async function measure(name, file, parser, exits) {
  const contenders = [
    { name: 'parse', args: [parser, file], exits: [0] },
    { name: 'mcpx', args: [MCPX, 'validate-config', file], exits },
  ];
  const samples = contenders.map(() => []);
  // The first round is not counted: it fills the disk cache and the compile cache.
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const result = await run(process.execPath, contender.args, { directory });
      if (!contender.exits.includes(result.exitCode)) {
        throw new Error(`${contender.name}: exit code ${result.exitCode}: ${complaintOf(result.stderr)}`);
      }
      if (round >= 0) samples[index].push(result.durationMs);
    }
  }
  const [parse, mcpx] = samples;
  return { name, parseMs: median(parse), mcpxMs: median(mcpx), ratio: pairedRatio(mcpx, parse) };
}

try {
  const parser = path.join(directory, 'parse.cjs');
  buildSync({
    stdin: {
      contents:
        "const { readFileSync } = require('node:fs'); require('yaml').parse(readFileSync(process.argv[2], 'utf8'));",
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    platform: 'node',
    outfile: parser,
  });
  const results = [];
  for (const [name, broken, exits] of [
    ['valid', false, [0]],
    ['a mistake in every tenth', true, [3]],
  ]) {
    const file = path.join(directory, `${broken ? 'broken' : 'valid'}.yaml`);
    writeFileSync(file, configuration({ broken }));
    results.push(await measure(name, file, parser, exits));
  }
  say(`validate-config of ${servers} servers, Node ${process.version}, ${rounds} rounds; medians`);
  say(
    formatTable([
      ['', 'parse alone, ms', 'mcpx, ms', 'ratio'],
      ...results.map(({ name, parseMs, mcpxMs, ratio }) => [
        name,
        parseMs.toFixed(0),
        mcpxMs.toFixed(0),
        ratio.toFixed(2),
      ]),
    ]),
  );
  const missed = results.filter(({ mcpxMs, ratio }) => mcpxMs >= TARGET_MS || ratio > TARGET_RATIO);
  for (const { name } of missed)
    say(`MISSED ${name}: less than ${TARGET_MS} ms, at most ${TARGET_RATIO} times`);
  process.exitCode = flags.check && missed.length > 0 ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
