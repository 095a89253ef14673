// Database servers over stdio: ours, and two published ones that the bench installs into a folder of its own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { MCPX } from './contenders.mjs';

const PACKAGES = ['@modelcontextprotocol/server-postgres@0.6.2', '@bytebase/dbhub@0.21.2', 'node@24'];

/** Installs the others where they are not there yet. @returns why they cannot compete, or undefined */
export function installRivals(folder) {
  if (existsSync(path.join(folder, 'node_modules/node/bin/node'))) return undefined;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
  const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES], {
    cwd: folder,
  });
  if (npm.status !== 0) return `npm install failed: ${npm.stderr.toString().slice(-300)}`;
  // The only script that must run: it fetches the program of this machine's architecture.
  const node = spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: path.join(folder, 'node_modules/node'),
  });
  return node.status === 0 ? undefined : 'Node 24 could not be fetched';
}

/**
 * `start` gives the command line for a database; `call` the tool and its arguments for a query.
 * All run on the same Node, the newest that one of them needs.
 */
export function contenders(folder) {
  const modules = path.join(folder, 'node_modules');
  const query = (tool) => (sql) => ({
    name: tool,
    arguments: { [tool === 'execute_query' ? 'query' : 'sql']: sql },
  });
  return [
    {
      id: 'mcpx',
      start: (url) => [
        MCPX,
        '-q',
        'serve',
        'database',
        '--transport',
        'stdio',
        '--allow-privileged',
        '--url',
        url,
      ],
      call: query('execute_query'),
    },
    {
      id: 'server-postgres',
      start: (url) => [path.join(modules, '@modelcontextprotocol/server-postgres/dist/index.js'), url],
      call: query('query'),
    },
    {
      id: 'dbhub',
      start(url) {
        // Its read-only mode is a setting of the tool.
        const file = path.join(folder, 'dbhub.toml');
        const source = `[[sources]]\nid = "shop"\ndsn = "${url}?sslmode=disable"\n`;
        writeFileSync(file, `${source}\n[[tools]]\nname = "execute_sql"\nsource = "shop"\nreadonly = true\n`);
        return [
          path.join(modules, '@bytebase/dbhub/dist/index.js'),
          '--transport',
          'stdio',
          `--config=${file}`,
        ];
      },
      call: query('execute_sql'),
    },
  ];
}

/** A running server and the JSON-RPC to it. */
export class Peer {
  #next = 1;
  #waiting = new Map();

  constructor(node, args, directory) {
    this.child = spawn(node, args, {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory, XDG_CACHE_HOME: path.join(directory, 'cache') },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const kill = () => this.child.kill('SIGKILL');
    process.once('exit', kill);
    this.child.once('exit', () => process.removeListener('exit', kill));
    this.said = '';
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.said = (this.said + text).slice(-2000)));
    this.child.stdin.on('error', () => undefined);
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(line));
    this.child.on('exit', () => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`it ended: ${this.said.slice(-300)}`));
      this.#waiting.clear();
    });
  }

  async initialize() {
    await this.request('initialize', {
      protocolVersion: '2024-11-05',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1' },
    });
    this.#send({ method: 'notifications/initialized' });
  }

  /** @returns the result of a tool, an error of the protocol as one of a tool */
  async call(params) {
    try {
      return await this.request('tools/call', params);
    } catch (error) {
      if (error.isAnswer) return { isError: true, content: [{ type: 'text', text: error.message }] };
      throw error;
    }
  }

  request(method, params) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ id, method, params });
    });
  }

  /** Resident memory in MB. */
  residentMb() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  #send(message) {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #take(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      // Something that is no message.
      return;
    }
    const entry = this.#waiting.get(message.id);
    if (entry === undefined) return;
    this.#waiting.delete(message.id);
    if (message.error === undefined) entry.resolve(message.result);
    else entry.reject(Object.assign(new Error(message.error.message), { isAnswer: true }));
  }
}
