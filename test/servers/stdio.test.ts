import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { verifies } from '../verifies.js';
import { createOperation } from '../../src/core/operation.js';
import type { Caller } from '../../src/servers/direct/caller.js';
import type { DirectRequest } from '../../src/servers/direct/request.js';
import { serveStdio } from '../../src/servers/stdio.js';

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { code: number };
}

/** Serves over two pipes, as a parent process would have them. */
function start(wait: () => Promise<void> = async () => undefined) {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const served = serveStdio(
    () => {
      const server = new McpServer(
        { name: 'demo', version: '1.0.0' },
        { capabilities: { resources: { subscribe: true, listChanged: true } } },
      );
      server.registerResource('note', 'note://1', {}, (uri) => ({
        contents: [{ uri: uri.href, text: 'hi' }],
      }));
      server.registerTool('wait', {}, async () => {
        await wait();
        return { content: [] };
      });
      return server;
    },
    createOperation(),
    { stdin, stdout },
  );
  const lines = createInterface({ input: stdout });
  const send = (message: object) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const next = async () => JSON.parse(((await once(lines, 'line')) as [string])[0]) as Message;
  const ask = async (id: number, method: string, params: object = {}) => {
    const answer = next();
    send({ id, method, params });
    return answer;
  };
  return { served, stdin, send, ask, next };
}

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'pipe', version: '1' },
};
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'pipe', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

describe('serving over stdio', () => {
  verifies(
    'meta:transports',
    'answers a legacy client and sends it the updates that it subscribed to',
    async () => {
      const { served, send, ask, next } = start();
      expect((await ask(1, 'initialize', INITIALIZE)).result).toMatchObject({
        protocolVersion: '2025-11-25',
      });
      send({ method: 'notifications/initialized' });
      expect((await ask(2, 'resources/read', { uri: 'note://1' })).result).toMatchObject({
        contents: [{ text: 'hi' }],
      });
      expect((await ask(3, 'resources/read', { uri: 'note://2' })).error?.code).toBe(-32002);
      await ask(4, 'resources/subscribe', { uri: 'note://1' });
      const update = next();
      served.notify.resourceUpdated('note://2');
      served.notify.resourceUpdated('note://1');
      expect(await update).toMatchObject({
        method: 'notifications/resources/updated',
        params: { uri: 'note://1' },
      });
      await served.close();
    },
  );

  verifies(
    'meta:transports',
    'answers a modern client and sends it the updates that it listens for',
    async () => {
      const { served, ask, next } = start();
      const discovered = await ask(1, 'server/discover', { _meta: ENVELOPE });
      expect(discovered.result).toMatchObject({ supportedVersions: ['2026-07-28'] });
      expect((await ask(2, 'resources/read', { uri: 'note://2', _meta: ENVELOPE })).error?.code).toBe(-32602);
      const acknowledged = await ask(3, 'subscriptions/listen', {
        notifications: { resourceSubscriptions: ['note://1'] },
        _meta: ENVELOPE,
      });
      expect(acknowledged.method).toBe('notifications/subscriptions/acknowledged');
      const update = next();
      served.notify.resourceUpdated('note://1');
      expect(await update).toMatchObject({ method: 'notifications/resources/updated' });
      await served.close();
    },
  );

  it('answers what it was asked before its input ended, and ends', async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const { served, stdin, send, ask, next } = start(() => opened);
    await ask(1, 'initialize', INITIALIZE);
    send({ method: 'notifications/initialized' });
    const answer = next();
    send({ id: 2, method: 'tools/call', params: { name: 'wait' } });
    stdin.end();
    await once(stdin, 'end');
    open();
    expect(await answer).toMatchObject({ id: 2, result: { content: [] } });
    await served.ended;
  });

  it('answers everything that was piped in at once', async () => {
    const { served, stdin, next } = start();
    const messages = [
      { id: 1, method: 'initialize', params: INITIALIZE },
      { method: 'notifications/initialized' },
      { id: 2, method: 'resources/read', params: { uri: 'note://1' } },
    ];
    const first = next();
    stdin.end(messages.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join(''));
    expect((await first).id).toBe(1);
    expect((await next()).result).toMatchObject({ contents: [{ text: 'hi' }] });
    await served.ended;
  });

  it('ends when its input ends before anything was asked', async () => {
    const { served, stdin } = start();
    stdin.end();
    await served.ended;
  });

  it('does not wait for a call that was cancelled', async () => {
    const { served, stdin, send, ask } = start(() => new Promise(() => undefined));
    await ask(1, 'initialize', INITIALIZE);
    send({ method: 'notifications/initialized' });
    send({ id: 2, method: 'tools/call', params: { name: 'wait' } });
    send({ method: 'notifications/cancelled', params: { requestId: 2 } });
    const begun = performance.now();
    stdin.end();
    await served.ended;
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  describe('with a server that answers by itself', () => {
    /** The names of the calls that have come to the server past the SDK, and to the SDK. */
    function startDirect() {
      const calls = { direct: [] as string[], sdk: [] as string[], cancelled: 0 };
      const stdin = new PassThrough();
      const stdout = new PassThrough();
      const served = serveStdio(
        () => {
          const server = new McpServer({ name: 'demo', version: '1.0.0' });
          for (const name of ['one', 'two']) {
            server.registerTool(name, {}, () => {
              calls.sdk.push(name);
              return { content: [{ type: 'text', text: 'by the SDK' }] };
            });
          }
          return Object.assign(server, {
            async answerDirectly({ params }: DirectRequest, { signal, tell }: Caller) {
              const name = String(params['name']);
              calls.direct.push(name);
              if (name === 'two') return undefined;
              if (name === 'fail') throw Object.assign(new Error('no such thing'), { code: -32602 });
              if (name === 'wait') {
                await once(signal, 'abort');
                calls.cancelled += 1;
              }
              tell('notifications/message', { level: 'info', data: 'on its way' });
              return { content: [{ type: 'text', text: 'by us' }] };
            },
          });
        },
        createOperation(),
        { stdin, stdout },
      );
      const said: Message[] = [];
      const lines = createInterface({ input: stdout });
      lines.on('line', (line) => said.push(JSON.parse(line) as Message));
      const send = (...messages: object[]) =>
        stdin.write(
          messages.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join(''),
        );
      const answerTo = async (id: number) => {
        while (!said.some((message) => message.id === id)) await once(lines, 'line');
        return said.find((message) => message.id === id);
      };
      return { served, calls, said, send, answerTo };
    }

    const call = (id: number, name: string) => ({ id, method: 'tools/call', params: { name } });

    it('asks it first, gives the rest to the SDK, and tells what belongs to a request before its answer', async () => {
      const { served, calls, said, send, answerTo } = startDirect();
      send({ id: 1, method: 'initialize', params: INITIALIZE });
      await answerTo(1);
      send({ method: 'notifications/initialized' }, call(2, 'one'), call(3, 'two'), call(4, 'fail'));
      expect((await answerTo(2))?.result).toEqual({ content: [{ type: 'text', text: 'by us' }] });
      expect((await answerTo(3))?.result).toEqual({ content: [{ type: 'text', text: 'by the SDK' }] });
      expect((await answerTo(4))?.error).toEqual({ code: -32602, message: 'no such thing' });
      expect(calls).toEqual({ direct: ['one', 'two', 'fail'], sdk: ['two'], cancelled: 0 });
      const order = said.map(({ id, method }) => id ?? method);
      expect(order.indexOf('notifications/message')).toBeLessThan(order.indexOf(2));
      await served.close();
    });

    it('leaves to the SDK what comes before the handshake is over, and a client of 2026-07-28', async () => {
      const early = startDirect();
      early.send({ id: 1, method: 'initialize', params: INITIALIZE }, call(2, 'one'));
      expect((await early.answerTo(2))?.result).toEqual({ content: [{ type: 'text', text: 'by the SDK' }] });
      await early.served.close();
      const modern = startDirect();
      const { method, params } = call(1, 'one');
      modern.send({ id: 1, method, params: { ...params, _meta: ENVELOPE } });
      expect((await modern.answerTo(1))?.result).toMatchObject({ content: [{ text: 'by the SDK' }] });
      expect(modern.calls.direct).toEqual([]);
      await modern.served.close();
    });

    it('stops what the client cancels, answers nothing to it, and does not wait for it', async () => {
      const { served, calls, said, send, answerTo } = startDirect();
      send({ id: 1, method: 'initialize', params: INITIALIZE });
      await answerTo(1);
      send(call(2, 'wait'), { method: 'notifications/cancelled', params: { requestId: 2 } }, call(3, 'one'));
      await answerTo(3);
      expect(calls.cancelled).toBe(1);
      await served.close();
      expect(said.map(({ id }) => id)).not.toContain(2);
    });

    it('stops what runs when it is closed', async () => {
      const { served, calls, send, answerTo } = startDirect();
      send({ id: 1, method: 'initialize', params: INITIALIZE });
      await answerTo(1);
      send(call(2, 'wait'), call(3, 'one'));
      await answerTo(3);
      await served.close(0);
      expect(calls.cancelled).toBe(1);
    });
  });

  it('goes on after a line that is no message', async () => {
    const { served, stdin, ask } = start();
    stdin.write('this is not JSON\n');
    expect((await ask(1, 'initialize', INITIALIZE)).result).toBeDefined();
    await served.close();
    await served.close();
  });
});
