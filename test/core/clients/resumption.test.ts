import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/core/clients/resource-client.js';
import { DEFAULT_MAX_MESSAGE_BYTES } from '../../../src/core/clients/transport.js';
import { createOperation } from '../../../src/core/operation.js';
import { configOf } from '../../fixtures/configuration.js';

type Answer = (response: ServerResponse, id: unknown) => void;

interface Polled {
  /** What a call is answered with at first. */
  readonly call: Answer;
  /** What each request to go on is answered with, in turn; the last one again and again. */
  readonly resumed: readonly Answer[];
}

/** A server of 2025-11-25 whose streams end when it wants, and a client of it. */
async function startPolled({ call, resumed }: Polled, timeout = 20) {
  const asked: { readonly place: unknown; readonly at: number }[] = [];
  let callId: unknown;
  const http = createServer((request, response) => {
    if (request.method === 'POST') void answer(request, response);
    else if (request.method === 'GET') {
      asked.push({ place: request.headers['last-event-id'], at: performance.now() });
      (resumed[asked.length - 1] ?? resumed.at(-1))?.(response, callId);
    } else response.writeHead(200).end();
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { id, method } = JSON.parse(text) as { id?: unknown; method: string };
    if (method === 'tools/call') {
      callId = id;
      call(response, id);
    } else if (method === 'initialize') {
      const serverInfo = { name: 'polled', version: '1.0.0' };
      const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo };
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    } else response.writeHead(202).end();
  }
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const config = configOf({ a: { url, transport: 'streamable-http', protocol: 'legacy', timeout } });
  const op = createOperation();
  const options = { redact: (said: string) => said, maxBytes: DEFAULT_MAX_MESSAGE_BYTES };
  const client = await connect(config.servers[0]!, options, op);
  return {
    asked,
    call: () => client.callTool('work', {}, op),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      http.close();
      http.closeAllConnections();
    },
  };
}

/** A stream of these events, which then ends, breaks, or stays open. */
const stream =
  (events: (id: unknown) => string, then: 'ends' | 'breaks' | 'stays' = 'ends'): Answer =>
  (response, id) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(events(id), () => {
      if (then === 'ends') response.end();
      if (then === 'breaks') response.destroy();
    });
  };
const place = (id: string, retryMs = 100) => `id: ${id}\nretry: ${retryMs}\ndata: \n\n`;
const result = (id: unknown) =>
  `id: done\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'done' }] } })}\n\n`;
const DONE = { isError: false, content: [{ type: 'text', text: 'done' }] };
const refusal: Answer = (response) => response.writeHead(405).end();

describe('a stream that ends before the answer', () => {
  it('goes on where it ended, not before the server wants it to', async () => {
    let endedAt = 0;
    const call: Answer = (response, id) => {
      stream(() => place('p1', 300))(response, id);
      endedAt = performance.now();
    };
    await using server = await startPolled({ call, resumed: [stream(result, 'stays')] });
    expect(await server.call()).toEqual(DONE);
    expect(server.asked.map((request) => request.place)).toEqual(['p1']);
    // Timers of Node may be early by a part of a millisecond.
    expect(server.asked[0]!.at - endedAt).toBeGreaterThan(298);
  });

  it('goes on again and again, each time from the last event', async () => {
    const resumed = ['p2', 'p3', 'p4', 'p5'].map((id) => stream(() => place(id)));
    const call = stream(() => place('p1'));
    await using server = await startPolled({ call, resumed: [...resumed, stream(result, 'stays')] });
    expect(await server.call()).toEqual(DONE);
    expect(server.asked.map((request) => request.place)).toEqual(['p1', 'p2', 'p3', 'p4', 'p5']);
  });

  it('goes on too where it broke', async () => {
    const resumed = [stream(result)];
    await using server = await startPolled({ call: stream(() => place('p1'), 'breaks'), resumed });
    expect(await server.call()).toEqual(DONE);
  });

  it('is given up where the server has told no place, or takes no request to go on', async () => {
    await using placeless = await startPolled({ call: stream(() => 'data: \n\n'), resumed: [refusal] });
    await expect(placeless.call()).rejects.toMatchObject({ code: 'UPS206' });
    expect(placeless.asked).toEqual([]);
    await using refusing = await startPolled({ call: stream(() => place('p1')), resumed: [refusal] });
    await expect(refusing.call()).rejects.toMatchObject({ code: 'UPS206' });
    expect(refusing.asked).toHaveLength(1);
  });

  it('is given up after three streams without any event', async () => {
    const resumed = [stream(() => ': nothing\n\n')];
    await using server = await startPolled({ call: stream(() => place('p1')), resumed });
    await expect(server.call()).rejects.toMatchObject({ code: 'UPS206' });
    expect(server.asked).toHaveLength(3);
  });

  it('does not hold a call for longer than its time, whatever the server wants', async () => {
    for (const retryMs of [60_000, 10 ** 15]) {
      const call = stream(() => place('p1', retryMs));
      await using server = await startPolled({ call, resumed: [refusal] }, 0.5);
      await expect(server.call()).rejects.toMatchObject({ code: 'UPS204' });
      expect(server.asked).toEqual([]);
    }
  });
});
