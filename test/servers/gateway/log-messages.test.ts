import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { LogMessages } from '../../../src/servers/gateway/log-messages.js';
import { startTestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';

const UPSTREAMS = {
  sse: ({ sseUrl }: ToolUpstream) => ({ url: sseUrl, transport: 'sse' }),
  legacy: ({ mcpUrl }: ToolUpstream) => ({ url: mcpUrl, transport: 'streamable-http', protocol: 'legacy' }),
  modern: ({ mcpUrl }: ToolUpstream) => ({
    url: mcpUrl,
    transport: 'streamable-http',
    protocol: '2026-07-28',
  }),
} as const;

function messagesOf(client: Client): string[] {
  const seen: string[] = [];
  client.setNotificationHandler('notifications/message', ({ params }) => {
    seen.push(`${params.level} ${params.logger}: ${String(params.data)}`);
  });
  return seen;
}

describe('log messages of servers', () => {
  for (const kind of ['sse', 'legacy'] as const) {
    const settings = UPSTREAMS[kind];
    it(`over ${kind} reach each client from the level that it set`, async () => {
      await using a = await startToolUpstream({ name: 'a' });
      await using gateway = await startTestGateway({ a: settings(a) });
      const [all, few, quiet] = [
        await gateway.client('sse'),
        await gateway.client('legacy'),
        await gateway.client('sse'),
      ];
      const seen = [messagesOf(all), messagesOf(few), messagesOf(quiet)];
      await all.setLoggingLevel('debug');
      await quiet.setLoggingLevel('error');
      const log = (level: string) => all.callTool({ name: 'log', arguments: { level } });
      // The server is asked for debug messages without anybody waiting for it.
      await expect
        .poll(async () => {
          await log('debug');
          return seen[0]?.length;
        })
        .toBeGreaterThan(0);
      for (const list of seen) list.length = 0;
      for (const level of ['debug', 'info', 'error']) await log(level);
      await expect.poll(() => seen[2]).toEqual(['error a/shop: error of a']);
      await expect.poll(() => seen[1]).toEqual(['info a/shop: info of a', 'error a/shop: error of a']);
      expect(seen[0]).toContain('debug a/shop: debug of a');
    });
  }

  it('over 2026-07-28 reach the client whose request they belong to, and no other', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.modern(a) });
    const clients = {
      loud: await gateway.client('legacy'),
      calm: await gateway.client('legacy'),
      modern: await gateway.client('modern'),
    };
    const seen = {
      loud: messagesOf(clients.loud),
      calm: messagesOf(clients.calm),
      modern: messagesOf(clients.modern),
    };
    await clients.loud.setLoggingLevel('debug');
    const call = (client: Client, level: string, wanted?: string) =>
      client.callTool({
        name: 'log',
        arguments: { level, ofCall: true },
        ...(wanted === undefined ? {} : { _meta: { 'io.modelcontextprotocol/logLevel': wanted } }),
      });
    for (const level of ['debug', 'error']) {
      await call(clients.loud, level);
      await call(clients.calm, level);
      await call(clients.modern, level);
      await call(clients.modern, level, 'info');
    }
    expect(seen).toEqual({
      loud: ['debug a/shop: debug of a', 'error a/shop: error of a'],
      calm: ['error a/shop: error of a'],
      modern: ['error a/shop: error of a'],
    });
  });

  it('over the older revisions reach a client of 2026-07-28 during its request, where it wants them', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(a) });
    const client = await gateway.client('modern');
    const seen = messagesOf(client);
    const _meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    await client.callTool({ name: 'log', arguments: { level: 'error', ofCall: true } });
    await client.callTool({ name: 'log', arguments: { level: 'debug', ofCall: true }, _meta });
    await client.callTool({ name: 'log', arguments: { level: 'error', ofCall: true }, _meta });
    expect(seen).toEqual(['error a/shop: error of a']);
  });

  it('are asked for from the least level that a client wants, also when the others have left', () => {
    const asked: string[] = [];
    const messages = new LogMessages((level) => asked.push(level));
    const [loud, plain, quiet] = [1, 2, 3].map(() => messages.join(() => undefined));
    quiet!.setLevel('error');
    // One that names no level gets messages from info on.
    expect(messages.level).toBe('info');
    loud!.setLevel('debug');
    loud!.leave();
    plain!.leave();
    quiet!.leave();
    // Nobody is left, and servers are not left with what the last one wanted.
    expect(asked).toEqual(['info', 'debug', 'info', 'error', 'info']);
    expect(messages.level).toBeUndefined();
  });

  it('an unknown level is refused', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(a) });
    const client = await gateway.client('legacy');
    await expect(
      client.request({ method: 'logging/setLevel', params: { level: 'loud' } }),
    ).rejects.toMatchObject({ code: -32602 });
  });
});
