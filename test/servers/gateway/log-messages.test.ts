import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { startTestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';

const UPSTREAMS = {
  sse: ({ sseUrl }: ToolUpstream) => ({ url: sseUrl, transport: 'sse' }),
  legacy: ({ mcpUrl }: ToolUpstream) => ({ url: mcpUrl, transport: 'streamable-http', protocol: 'legacy' }),
} as const;

function messagesOf(client: Client): string[] {
  const seen: string[] = [];
  client.setNotificationHandler('notifications/message', ({ params }) => {
    seen.push(`${params.level} ${params.logger}: ${String(params.data)}`);
  });
  return seen;
}

describe('log messages of servers', () => {
  for (const [kind, settings] of Object.entries(UPSTREAMS)) {
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

  it('an unknown level is refused', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(a) });
    const client = await gateway.client('legacy');
    await expect(
      client.request({ method: 'logging/setLevel', params: { level: 'loud' } }),
    ).rejects.toMatchObject({ code: -32602 });
  });
});
