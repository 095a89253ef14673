// How long the sample shop takes from the start of the process to its first rows, over stdio and over SSE: with a
// cache folder of nobody before, and then again.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { MCPX } from './contenders.mjs';

/** The promise of the sample shop, in ms. */
export const START_TARGETS = { first: 2000, again: 1000 };

const HANDSHAKE = {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1' },
};
/** What a line of an event stream with a message begins with. */
const DATA = 'data: ';
const QUERY = { name: 'execute_query', arguments: { query: 'SELECT count(*) FROM products' } };

/** @returns for each transport the times in ms of its first and its later starts */
export async function measureStarts(node, rounds, directory) {
  const times = { stdio: { first: [], again: [] }, sse: { first: [], again: [] } };
  for (let round = 0; round < rounds; round += 1) {
    for (const [transport, start] of [
      ['stdio', startOverStdio],
      ['sse', startOverSse],
    ]) {
      const home = mkdtempSync(path.join(directory, 'home-'));
      times[transport].first.push(await start(node, home));
      // What a run learns it keeps at its end; the second one may still learn more.
      await start(node, home);
      times[transport].again.push(await start(node, home));
      rmSync(home, { recursive: true, force: true });
    }
  }
  return times;
}

function run(node, home, more, stdio) {
  const child = spawn(node, [MCPX, '-q', ...more], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home },
    stdio,
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.removeListener('exit', kill));
  return child;
}

async function stop(child) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function startOverStdio(node, home) {
  const startedAt = performance.now();
  const child = run(node, home, ['serve', 'database', '--transport', 'stdio'], ['pipe', 'pipe', 'ignore']);
  const lines = createInterface({ input: child.stdout });
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const ms = await firstRows(startedAt, child, send, (take) => lines.on('line', take));
  await stop(child);
  return ms;
}

async function startOverSse(node, home) {
  const startedAt = performance.now();
  const serve = ['-o', 'json', 'serve', 'database', '--port', '0'];
  const child = run(node, home, serve, ['ignore', 'pipe', 'ignore']);
  const [ready] = await once(createInterface({ input: child.stdout }), 'line');
  const address = JSON.parse(ready).sse;
  const stream = http.get(address);
  const [response] = await once(stream, 'response');
  // The first one is the address of this session, the others are messages.
  const data = new EventEmitter();
  const lines = createInterface({ input: response });
  // It is given up when the rows are there.
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    if (line.startsWith(DATA))
      data.emit(data.endpoint === undefined ? 'endpoint' : 'message', line.slice(DATA.length));
  });
  data.once('endpoint', (endpoint) => (data.endpoint = endpoint));
  await once(data, 'endpoint');
  const send = (message) => {
    const headers = { 'content-type': 'application/json' };
    const post = http.request(new URL(data.endpoint, address), { method: 'POST', headers });
    post.on('response', (answer) => answer.resume());
    post.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
  };
  const ms = await firstRows(startedAt, child, send, (take) => data.on('message', take));
  stream.destroy();
  await stop(child);
  return ms;
}

/** Makes the handshake and asks; resolves with the time at which the rows were there. */
function firstRows(startedAt, child, send, listen) {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the sample shop did not start')));
    listen((text) => {
      const { id, result } = JSON.parse(text);
      if (id === 1) {
        send({ method: 'notifications/initialized' });
        send({ id: 2, method: 'tools/call', params: QUERY });
      }
      if (id !== 2) return;
      if (result?.structuredContent?.row_count === 1) resolve(performance.now() - startedAt);
      else reject(new Error(text));
    });
    send({ id: 1, method: 'initialize', params: HANDSHAKE });
  });
}
