// The upstreams of one scenario over HTTP, in a process of their own: `fork`ed by run.mjs with a scenario in argv[2].
// Legacy era, SSE at /sse and Streamable HTTP at /mcp, on one port a server. They count what they are asked, and
// note whoever leaves the order of the protocol.
'use strict';

const http = require('node:http');
const { createContent, envelope } = require('./content.cjs');

const scenario = JSON.parse(process.argv[2]);
const upstreams = [];

function startUpstream(server) {
  const { answer } = createContent({ ...scenario, server });
  const upstream = { server, log: [], violations: [], port: 0 };
  const sessions = new Map();
  let lastSession = 0;

  function openSession() {
    const id = `session-${(lastSession += 1)}`;
    const session = { id, state: 'new', stream: undefined, version: undefined };
    sessions.set(id, session);
    return session;
  }

  /** @returns {string | undefined} the answer, unless it was a notification */
  function serve(session, { id, method, params }) {
    upstream.log.push({ method, uri: params?.uri ?? params?.name });
    if (method === 'initialize') {
      session.state = 'initializing';
      session.version = params?.protocolVersion;
    } else if (method === 'notifications/initialized' && session.state === 'initializing')
      session.state = 'ready';
    else if (session.state !== 'ready') upstream.violations.push(`${method} in state ${session.state}`);
    if (id === undefined) return undefined;
    const answered = answer(method, params);
    if (answered.error !== undefined) upstream.violations.push(`${method} with bad parameters`);
    return envelope(id, answered);
  }

  function later(action) {
    if (scenario.delayMs > 0) setTimeout(() => action(), scenario.delayMs);
    else action();
  }

  function onSse(request, response) {
    const session = openSession();
    session.stream = response;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write(`event: endpoint\ndata: /messages?sessionId=${session.id}\n\n`);
    response.on('close', () => sessions.delete(session.id));
  }

  function onMessage(sessionId, response, message) {
    const session = sessions.get(sessionId);
    if (session === undefined) {
      response.writeHead(404).end();
      return;
    }
    const text = serve(session, message);
    response.writeHead(202).end('Accepted');
    if (text !== undefined) later(() => session.stream.write(`event: message\ndata: ${text}\n\n`));
  }

  function onStreamableHttp(request, response, message) {
    const { headers } = request;
    const session =
      message.method === 'initialize' ? openSession() : sessions.get(headers['mcp-session-id'] ?? '');
    if (session === undefined) {
      // What a server on the v1 SDK says to a probe of the 2026 revision.
      const error = '{"code":-32000,"message":"Bad Request: Server not initialized"}';
      const refuse = () =>
        response
          .writeHead(400, { 'content-type': 'application/json' })
          .end(`{"jsonrpc":"2.0","error":${error},"id":null}`);
      upstream.log.push({ method: message.method });
      later(refuse);
      return;
    }
    if (message.method !== 'initialize' && headers['mcp-protocol-version'] !== session.version) {
      upstream.violations.push(`${message.method} without the protocol version`);
    }
    const text = serve(session, message);
    if (text === undefined) {
      response.writeHead(202).end();
      return;
    }
    later(() => {
      // An event stream a request is what the SDK's servers answer by default.
      response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': session.id });
      response.end(`event: message\ndata: ${text}\n\n`);
    });
  }

  const listener = http.createServer((request, response) => {
    const [path, query] = request.url.split('?');
    if (request.method === 'GET' && path === '/sse') {
      onSse(request, response);
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
      return;
    }
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(chunks).toString());
      if (path === '/mcp') onStreamableHttp(request, response, message);
      else onMessage(query?.slice('sessionId='.length), response, message);
    });
  });
  return new Promise((resolve) => {
    listener.listen(0, '127.0.0.1', () => {
      upstream.port = listener.address().port;
      upstreams.push(upstream);
      resolve();
    });
  });
}

process.on('message', (message) => {
  if (message !== 'report') return;
  process.send({ report: upstreams.map(({ server, log, violations }) => ({ server, log, violations })) });
  for (const upstream of upstreams) {
    upstream.log = [];
    upstream.violations = [];
  }
});
// No upstream outlives the run that started it.
process.on('disconnect', () => process.exit());

async function main() {
  for (const server of scenario.serverIds) await startUpstream(server);
  process.send({ ready: upstreams.map(({ server, port }) => ({ server, port })) });
}

void main();
