// The floor: the same work in raw JSON-RPC on node:http or child_process, with nothing checked and nothing shared
// but the sockets. CommonJS, since an ES import of node:http also loads the built-in fetch.
'use strict';

const http = require('node:http');
const { readFileSync } = require('node:fs');

const READS_AT_ONCE = 8;
const { transport, servers } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const agent = new http.Agent({ keepAlive: true });

/** @returns {(text: string) => void} takes pieces of an event stream, and gives the data of each event */
function eventReader(onData) {
  let rest = '';
  return (piece) => {
    const events = (rest + piece).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const at = event.indexOf('data: ');
      if (at >= 0) onData(event.slice(at + 6), event.startsWith('event: endpoint'));
    }
  };
}

function post(url, headers, body, onText) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    });
    request.on('error', reject).on('response', (response) => {
      response.setEncoding('utf8').on('data', onText);
      response.on('error', reject).on('end', () => resolve(response));
    });
    request.end(body);
  });
}

/** Requests that wait for the message with their id. */
function createPending() {
  const waiting = new Map();
  return {
    wait: (id) => new Promise((resolve, reject) => waiting.set(id, { resolve, reject })),
    settle(text) {
      const { id, result, error } = JSON.parse(text);
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    },
  };
}

async function connectSse({ url }) {
  const pending = createPending();
  const request = http.get(url, { agent, headers: { accept: 'text/event-stream' } });
  const messages = await new Promise((resolve, reject) => {
    const read = eventReader((data, isEndpoint) => {
      if (isEndpoint) resolve(new URL(data, url));
      else pending.settle(data);
    });
    request.on('error', reject).on('response', (response) => {
      response
        .setEncoding('utf8')
        .on('data', read)
        .on('error', () => undefined);
    });
  });
  return {
    async send(message) {
      const answer = message.id === undefined ? undefined : pending.wait(message.id);
      await post(messages, {}, JSON.stringify(message), () => undefined);
      return answer;
    },
    close: () => request.destroy(),
  };
}

async function connectStreamableHttp({ url }) {
  const target = new URL(url);
  const headers = { accept: 'application/json, text/event-stream' };
  return {
    async send(message) {
      const pending = createPending();
      const answer = message.id === undefined ? undefined : pending.wait(message.id);
      const response = await post(
        target,
        headers,
        JSON.stringify(message),
        eventReader((data) => pending.settle(data)),
      );
      if (message.method === 'initialize') {
        headers['mcp-session-id'] = response.headers['mcp-session-id'];
        headers['mcp-protocol-version'] = '2025-11-25';
      }
      return answer;
    },
    close: () => undefined,
  };
}

async function connectStdio({ command, args }) {
  const { spawn } = require('node:child_process');
  const pending = createPending();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const line of lines) pending.settle(line);
  });
  return {
    async send(message) {
      const answer = message.id === undefined ? undefined : pending.wait(message.id);
      child.stdin.write(`${JSON.stringify(message)}\n`);
      return answer;
    },
    close() {
      child.stdin.end();
      return exited;
    },
  };
}

const connect = { sse: connectSse, 'streamable-http': connectStreamableHttp, stdio: connectStdio }[transport];

async function gather(server) {
  const connection = await connect(server);
  let lastId = 0;
  const request = (method, params = {}) =>
    connection.send({ jsonrpc: '2.0', id: (lastId += 1), method, params });
  const { capabilities } = await request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'floor', version: '1.0.0' },
  });
  await connection.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const listed = [];
  let templates = [];
  const list = async () => {
    let cursor;
    do {
      const page = await request('resources/list', cursor === undefined ? {} : { cursor });
      listed.push(...page.resources);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  };
  const listTemplates = async () => {
    templates = (await request('resources/templates/list')).resourceTemplates;
  };
  if (capabilities.resources) await Promise.all([list(), listTemplates()]);
  const resources = Array.from({ length: listed.length });
  let next = 0;
  const readSome = async () => {
    while (next < listed.length) {
      const index = next;
      next += 1;
      const { contents } = await request('resources/read', { uri: listed[index].uri });
      resources[index] = { ...listed[index], contents };
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readSome));
  await connection.close();
  return [server.id, { resources, templates }];
}

async function main() {
  const gathered = await Promise.all(servers.map(gather));
  agent.destroy();
  process.stdout.write(JSON.stringify({ servers: Object.fromEntries(gathered) }));
}

void main();
