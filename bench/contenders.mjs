// Who competes, and one run of one of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const RUN_LIMIT_MS = 60_000;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export const MCPX = here('../bin/mcpx.js');

/** @returns why mcpx cannot compete, or undefined */
export async function probeMcpx(node, directory) {
  if (!existsSync(MCPX)) return 'bin/mcpx.js does not exist';
  const { exitCode, stderr } = await run(node, [MCPX, 'gather', '--help'], { directory });
  if (exitCode !== 0) return `it does not start (npm run build?): ${complaintOf(stderr)}`;
  return undefined;
}

/** What an error output says on one line: the error of a crash, else its end. */
export function complaintOf(text) {
  const lines = text.trim().split('\n');
  const crash = lines.find((line) => /^\w*Error\b/.test(line));
  return (crash ?? lines.slice(-3).join(' | ')).slice(0, 400);
}

/** `prepare` writes the servers down as the contender wants to read them, and returns the arguments of `node`. */
export const CONTENDERS = [
  { id: 'floor', prepare: (...task) => [here('floor.cjs'), writeTargets(...task)] },
  { id: 'sdk', prepare: (...task) => [here('sdk-script.mjs'), writeTargets(...task)] },
  {
    id: 'mcpx',
    // It asks everybody, as the others do, and keeps the answers besides, as every first run does.
    prepare: (...task) => [MCPX, 'gather', '--json', '--refresh', '-c', writeConfiguration(...task)],
  },
];

function writeTargets({ transport }, servers, directory) {
  const file = path.join(directory, 'targets.json');
  writeFileSync(file, JSON.stringify({ transport, servers }));
  return file;
}

function writeConfiguration({ transport }, servers, directory) {
  const entries = servers.flatMap(({ id, url, command, args }, index) => [
    `  ${id}:`,
    `    name: "Bench server ${index + 1}"`,
    ...(command === undefined
      ? [`    url: ${JSON.stringify(url)}`]
      : [`    command: ${JSON.stringify(command)}`, `    args: ${JSON.stringify(args)}`]),
    `    transport: ${transport}`,
    `    priority: ${index + 1}`,
    '    domains: [bench]',
    '    capabilities: [list_resources]',
    '    timeout: 30',
  ]);
  const file = path.join(directory, 'mcp_config.yaml');
  writeFileSync(file, ['mcp_servers:', ...entries, 'orchestration:', '  max_retries: 3', ''].join('\n'));
  return file;
}

/**
 * Runs `node` with these arguments until it ends.
 *
 * @param directory  its home and cache: nothing of the user's is read or written
 * @param env  beyond PATH and those
 */
export async function run(node, args, { directory, env = {} }) {
  const errorFile = path.join(directory, 'stderr.txt');
  // A file: children that a contender leaves behind cannot keep it open for us.
  const stderr = openSync(errorFile, 'w');
  // Only what every start has: NODE_OPTIONS or NODE_EXTRA_CA_CERTS alone would cost all of them more.
  const clean = { PATH: process.env.PATH, HOME: directory, XDG_CACHE_HOME: path.join(directory, 'cache') };
  const started = performance.now();
  const child = spawn(node, args, {
    cwd: directory,
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', stderr],
    detached: true,
  });
  closeSync(stderr);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  let durationMs = 0;
  child.on('exit', () => {
    durationMs = performance.now() - started;
  });
  const limit = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), RUN_LIMIT_MS);
  const [exitCode] = await once(child, 'close');
  clearTimeout(limit);
  return {
    durationMs,
    exitCode,
    stdout: Buffer.concat(chunks).toString(),
    stderr: readFileSync(errorFile, 'utf8'),
  };
}
