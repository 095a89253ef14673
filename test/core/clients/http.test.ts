import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { HttpOrigin, readBody } from '../../../src/core/clients/http.js';

it('an idle connection is closed before the server that announces its patience does', async () => {
  const ends: string[] = [];
  const server = http.createServer((_request, response) => response.end('here'));
  server.keepAliveTimeout = 2000;
  server.on('connection', (socket) => {
    socket.on('end', () => ends.push('client')).on('timeout', () => ends.push('server'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = new HttpOrigin(new URL(`http://127.0.0.1:${port}/`), {});
  try {
    const ask = async () => readBody(await origin.request({ method: 'GET', headers: {} }), 100);
    const connections: unknown[] = [];
    server.on('connection', (socket) => connections.push(socket));
    await ask();
    await ask();
    expect(connections).toHaveLength(1);
    await expect.poll(() => ends, { timeout: 10_000 }).not.toEqual([]);
    expect(ends[0]).toBe('client');
    expect(await ask()).toBe('here');
    expect(connections).toHaveLength(2);
  } finally {
    origin.close();
    server.close();
  }
});

it('a connection in use may be silent for longer than one that is idle', async () => {
  const server = http.createServer((_request, response) => {
    setTimeout(() => response.end('late'), 4500);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = new HttpOrigin(new URL(`http://127.0.0.1:${port}/`), {});
  try {
    const response = await origin.request({ method: 'GET', headers: {} });
    expect(await readBody(response, 100)).toBe('late');
  } finally {
    origin.close();
    server.close();
  }
});

it.each([
  ['SSH-2.0-OpenSSH_9.6\r\n', 'what answers speaks no proper HTTP'],
  [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`, 'the headers of the answer are too large'],
  [
    'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc',
    'the server encodes its answer (gzip), unasked',
  ],
])('what is no answer of a server that speaks MCP is told as that: %#', async (bytes, message) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = new HttpOrigin(new URL(`http://127.0.0.1:${port}/`), {});
  try {
    await expect(origin.request({ method: 'GET', headers: {} })).rejects.toMatchObject({
      code: 'UPS206',
      message: expect.stringContaining(message) as string,
    });
  } finally {
    origin.close();
    server.close();
  }
});
