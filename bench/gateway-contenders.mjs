// Gateways that compete: how each of them is started in front of the same servers, and stopped.
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MCPX } from './contenders.mjs';

const PACKAGES = [
  'mcp-hub@4.2.1',
  'mcporter@0.12.3',
  'mcp-proxy@6.7.19',
  'supergateway@4.0.0',
  'node@24.21.0',
];
const START_LIMIT_MS = 60_000;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Installs the published ones where they are not there yet. @returns why they cannot compete, or undefined */
export function installRivals(folder) {
  if (existsSync(newestNode(folder))) return undefined;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
  const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES], {
    cwd: folder,
  });
  if (npm.status !== 0) return `npm install failed: ${String(npm.stderr).slice(-300)}`;
  // The only script that must run: it fetches the program of this machine's architecture.
  const node = spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: path.join(folder, 'node_modules/node'),
  });
  return node.status === 0 ? undefined : 'Node 24 could not be fetched';
}

/** The Node that came with them: the newest that one of them needs. */
export function newestNode(folder) {
  return path.join(folder, 'node_modules/node/bin/node');
}

/**
 * Gateways by name. `start` resolves with `{ url, transport, pid, close }`, or rejects with the reason.
 *
 * @param http  servers over Streamable HTTP, as `{ id, url }`
 * @param stdio  one server over stdio, as `{ id, command, args }`
 */
export function contenders({ node, rivals, directory, http, stdio }) {
  const bin = (file) => path.join(rivals, 'node_modules', file);
  const env = { PATH: process.env.PATH, HOME: directory, XDG_CACHE_HOME: path.join(directory, 'cache') };
  const forked = (file, task) => startFork(node, here(file), task, env);
  const started = (args, more) => startProcess([node, ...args], { env, cwd: directory, ...more });
  const mcpx = async (id, servers, orchestration, transport = 'streamable-http') => {
    const file = path.join(directory, `${id}.json`);
    writeFileSync(file, JSON.stringify({ mcp_servers: entriesOf(servers), orchestration }));
    const place = transport === 'sse' ? 'sse' : 'mcp';
    return {
      ...(await started([MCPX, '-c', file, '--log-level', 'info', 'serve', 'gateway', '--port', '0'], {
        urlOf: (text) => new RegExp(`http://127\\.0\\.0\\.1:\\d+/${place}`).exec(text)?.[0],
      })),
      transport,
    };
  };
  // Degraded, for a gateway without a cache that must know that nothing is missing asks all servers each time.
  const uncached = { fail_fast: false, resource_cache_ttl: 0 };
  return {
    floor: { start: () => forked('gateway-floor.cjs', { servers: http }) },
    'floor, cached': { start: () => forked('gateway-floor.cjs', { servers: http, cached: true }) },
    'SDK gateway': { start: () => forked('gateway-sdk.mjs', { servers: http }) },
    mcpx: { start: () => mcpx('mcpx', http, uncached) },
    'mcpx, cached': { start: () => mcpx('mcpx-cached', http, {}) },
    'mcpx, SSE': { start: () => mcpx('mcpx-sse', http, uncached, 'sse') },
    'mcpx, stdio': { start: () => mcpx('mcpx-stdio', [stdio], uncached) },
    'mcp-hub, SSE': {
      isPublished: true,
      start: async () => {
        const file = path.join(directory, 'mcp-hub.json');
        writeFileSync(
          file,
          JSON.stringify({ mcpServers: Object.fromEntries(http.map(({ id, url }) => [id, { url }])) }),
        );
        const port = await freePort();
        const args = [bin('mcp-hub/dist/cli.js'), '--port', port, '--config', file];
        const url = `http://127.0.0.1:${port}/mcp`;
        return { ...(await started(args, { port, urlOf: () => url })), transport: 'sse' };
      },
    },
    mcporter: {
      isPublished: true,
      start: async () => {
        const file = path.join(directory, 'mcporter.json');
        const entries = http.map(({ id, url }) => [id, { url, lifecycle: 'keep-alive' }]);
        writeFileSync(file, JSON.stringify({ mcpServers: Object.fromEntries(entries), imports: [] }));
        const command = [bin('mcporter/dist/cli.js'), '--config', file];
        const port = await freePort();
        const url = `http://127.0.0.1:${port}/mcp`;
        const server = await started([...command, 'serve', '--http', port], { port, urlOf: () => url });
        // What it serves is held by a daemon, which outlives it.
        const stopDaemon = () =>
          once(spawn(node, [...command, 'daemon', 'stop'], { env, cwd: directory, stdio: 'ignore' }), 'exit');
        return { ...server, close: () => server.close().then(stopDaemon) };
      },
    },
    'mcp-proxy, stdio': {
      isPublished: true,
      start: async () => {
        const port = await freePort();
        const options = ['--host', '127.0.0.1', '--port', port, '--server', 'stream'];
        const args = [
          bin('mcp-proxy/dist/bin/mcp-proxy.mjs'),
          ...options,
          '--',
          stdio.command,
          ...stdio.args,
        ];
        return started(args, { port, urlOf: () => `http://127.0.0.1:${port}/mcp` });
      },
    },
    'supergateway, stdio': {
      isPublished: true,
      start: async () => {
        const port = await freePort();
        const command = [stdio.command, ...stdio.args].map((word) => `'${word}'`).join(' ');
        const options = ['--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none'];
        const args = [bin('supergateway/dist/index.js'), '--stdio', command, ...options, '--port', port];
        return started(args, { port, urlOf: () => `http://127.0.0.1:${port}/mcp` });
      },
    },
  };
}

function entriesOf(servers) {
  return Object.fromEntries(
    servers.map(({ id, url, command, args }, index) => [
      id,
      {
        priority: index + 1,
        ...(command === undefined
          ? { url, transport: 'streamable-http' }
          : { command, args, transport: 'stdio' }),
      },
    ]),
  );
}

async function startFork(node, file, task, env) {
  const child = fork(file, [JSON.stringify(task)], { execPath: node, execArgv: [], env });
  const failed = once(child, 'exit').then(() => {
    throw new Error('it ended at its start');
  });
  const [{ url }] = await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return { url, transport: 'streamable-http', pid: child.pid, close: () => stop(child) };
}

/**
 * @param port  where it is to listen: it is ready once somebody does; else once `urlOf` finds its address
 * @param urlOf  the address in what the process has said so far
 */
async function startProcess([command, ...args], { env, cwd, port, urlOf }) {
  // Its own group, so that whatever it starts ends with it.
  const child = spawn(command, args.map(String), {
    env,
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const listen = (text) => (said = (said + text).slice(-4000));
  child.stdout.setEncoding('utf8').on('data', listen);
  child.stderr.setEncoding('utf8').on('data', listen);
  const close = () => stop(child);
  const until = performance.now() + START_LIMIT_MS;
  for (;;) {
    const url = port === undefined || (await isListening(port)) ? urlOf(said) : undefined;
    if (url !== undefined) return { url, transport: 'streamable-http', pid: child.pid, close };
    if (child.exitCode !== null || performance.now() > until) {
      await close();
      throw new Error(`it does not start: ${said.trim().slice(-300)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const signal = (name) => {
    try {
      process.kill(child.spawnargs.length > 0 && !child.channel ? -child.pid : child.pid, name);
    } catch {
      // It has ended meanwhile.
    }
  };
  signal('SIGTERM');
  const timer = setTimeout(() => signal('SIGKILL'), 3000);
  await exited;
  clearTimeout(timer);
}

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
