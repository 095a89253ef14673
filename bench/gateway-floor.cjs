// The floor of a gateway: a JSON router on node:http without any SDK, checks or limits, `fork`ed with its servers in
// argv[2]. It sends each request to the server that lists what is asked for; with `cached` it keeps what it has read.
'use strict';

const http = require('node:http');

const { servers, cached } = JSON.parse(process.argv[2]);
const agent = new http.Agent({ keepAlive: true });
const read = new Map();
const owners = new Map();
const lists = { 'resources/list': { resources: [] }, 'tools/list': { tools: [] } };

function post(server, message) {
  const body = JSON.stringify(message);
  return new Promise((resolve, reject) => {
    const request = http.request(server.url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        accept: 'application/json, text/event-stream',
        ...(server.session === undefined
          ? {}
          : { 'mcp-session-id': server.session, 'mcp-protocol-version': '2025-11-25' }),
      },
    });
    request.on('error', reject).on('response', (response) => {
      server.session ??= response.headers['mcp-session-id'];
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => (text += piece));
      response.on('error', reject).on('end', () => {
        const at = text.indexOf('data: ');
        resolve(at === -1 ? undefined : JSON.parse(text.slice(at + 6)));
      });
    });
    request.end(body);
  });
}

let lastId = 0;
const ask = (server, method, params = {}) =>
  post(server, { jsonrpc: '2.0', id: (lastId += 1), method, params });

async function connect(server) {
  await ask(server, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'floor', version: '1.0.0' },
  });
  await post(server, { jsonrpc: '2.0', method: 'notifications/initialized' });
  const [{ result: resources }, { result: tools }] = await Promise.all([
    ask(server, 'resources/list'),
    ask(server, 'tools/list'),
  ]);
  for (const resource of resources.resources) owners.set(resource.uri, server);
  for (const tool of tools.tools) owners.set(tool.name, server);
  lists['resources/list'].resources.push(...resources.resources);
  lists['tools/list'].tools.push(...tools.tools);
}

async function answer({ method, params }) {
  if (method === 'initialize') {
    return {
      protocolVersion: '2025-11-25',
      capabilities: { resources: {}, tools: {} },
      serverInfo: { name: 'floor', version: '1.0.0' },
    };
  }
  if (lists[method] !== undefined) return lists[method];
  const key = method === 'resources/read' ? params.uri : params.name;
  const known = cached ? read.get(key) : undefined;
  if (known !== undefined) return known;
  const { result } = await ask(owners.get(key), method, params);
  if (cached && method === 'resources/read') read.set(key, result);
  return result;
}

const listener = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: message.id, result: await answer(message) });
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body);
  });
});

async function main() {
  for (const server of servers) await connect(server);
  listener.listen(0, '127.0.0.1', () =>
    process.send({ url: `http://127.0.0.1:${listener.address().port}/mcp` }),
  );
}

process.on('disconnect', () => process.exit());
void main();
