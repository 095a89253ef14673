import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { Connections } from '../../../src/core/clients/connections.js';
import { HttpOrigin } from '../../../src/core/clients/http.js';
import { SseTransport } from '../../../src/core/clients/sse-transport.js';
import { StreamableHttpTransport } from '../../../src/core/clients/streamable-http-transport.js';
import type { LeanTransport } from '../../../src/core/clients/transport.js';
import { createOperation } from '../../../src/core/operation.js';
import { configOf } from '../../fixtures/configuration.js';

const MAX_BYTES = 10_000;
const TIMES = 20;

const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  serverInfo: { name: 'small', version: '1.0.0' },
};

/** A server of the older era that answers each request at once and whole, and counts the connections that it took. */
async function startServer() {
  let connections = 0;
  let stream: ServerResponse | undefined;
  const server = http.createServer((request, response) => {
    const head = { 'content-type': 'text/event-stream' };
    if (request.method === 'GET') {
      stream = response.writeHead(200, head);
      stream.write('event: endpoint\ndata: /messages\n\n');
      return;
    }
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { id, method } = JSON.parse(body) as { readonly id?: number | string; readonly method: string };
      if (method === 'server/discover') {
        response.writeHead(400).end();
        return;
      }
      const event = `data: ${JSON.stringify({ jsonrpc: '2.0', id, result: INITIALIZED })}\n\n`;
      const isOverStream = request.url === '/messages';
      if (isOverStream || id === undefined) response.writeHead(202).end('Accepted');
      else response.writeHead(200, head).end(event);
      if (isOverStream && id !== undefined) stream?.write(event);
    });
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Asks again as soon as the last answer is there, which is when the client does. */
async function askInTurn(transport: LeanTransport): Promise<void> {
  await transport.start();
  await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await new Promise<void>((resolve, reject) => {
    const ask = (id: number) =>
      void transport.send({ jsonrpc: '2.0', id, method: 'ping' }).catch((error: Error) => reject(error));
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
    transport.onmessage = (message) => {
      if ('id' in message && message.id === TIMES) resolve();
      else ask(Number('id' in message ? message.id : 0) + 1);
    };
    ask(1);
  });
  await transport.close();
}

it('requests over Streamable HTTP that follow each other share one socket', async () => {
  await using server = await startServer();
  await askInTurn(new StreamableHttpTransport(new HttpOrigin(server.url, {}), MAX_BYTES));
  expect(server.connections).toBe(1);
});

it('requests over SSE that follow each other share one socket beside the stream', async () => {
  await using server = await startServer();
  await askInTurn(new SseTransport(server.url, {}, MAX_BYTES));
  expect(server.connections).toBe(2);
});

it('finding out the era and the handshake of the older one take one socket', async () => {
  await using server = await startServer();
  const connections = new Connections(
    { redact: (text) => text, maxBytes: MAX_BYTES },
    { command: 'mcpx', args: [] },
  );
  const [config] = configOf({ a: { url: server.url.href, transport: 'streamable-http' } }).servers;
  const client = await connections.get(config!, createOperation());
  expect(client.connection.era).toBe('legacy');
  expect(server.connections).toBe(1);
  await connections.close();
});
