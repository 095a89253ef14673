import { describe, expect, it } from 'vitest';
import { Connections } from '../../../src/core/clients/connections.js';
import { rpcErrorOf } from '../../../src/core/clients/translate.js';
import { createOperation } from '../../../src/core/operation.js';
import { configOf } from '../../fixtures/configuration.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { failureOf } from '../../fixtures/gathering.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

const op = createOperation();

/** A client of one server, as a configuration names it. */
async function clientOf(settings: object, redact: (text: string) => string = (text) => text) {
  const connections = new Connections({ redact, maxBytes: 1024 * 1024 }, { command: 'mcpx', args: [] });
  const client = await connections.get(configOf({ a: { ...settings } }).servers[0]!, op);
  return { client, [Symbol.asyncDispose]: () => connections.close() };
}

describe('forwarding requests as they are', () => {
  for (const era of ['legacy', '2026-07-28']) {
    it(`gives the result as it came (${era})`, async () => {
      await using upstream = await startToolUpstream();
      await using connected = await clientOf({
        url: upstream.mcpUrl,
        transport: 'streamable-http',
        protocol: era,
      });
      const { client } = connected;
      expect((await client.listPrompts(op)).items).toMatchObject([{ name: 'greet' }]);
      const prompt = { name: 'greet', arguments: { who: 'Ada' } };
      expect(await client.forward('prompts/get', prompt, op)).toMatchObject({
        messages: [{ content: { text: 'Greet Ada from tools' } }],
      });
      const ref = { type: 'ref/resource', uri: 'city://{city}' };
      const asked = { ref, argument: { name: 'city', value: 'B' } };
      expect(await client.forward('completion/complete', asked, op)).toMatchObject({
        completion: { values: ['Bern', 'Bonn'] },
      });
    });

    it(`tells of progress (${era})`, async () => {
      await using upstream = await startToolUpstream();
      await using connected = await clientOf({
        url: upstream.mcpUrl,
        transport: 'streamable-http',
        protocol: era,
      });
      const seen: unknown[] = [];
      await connected.client.forward('tools/call', { name: 'count', arguments: {} }, op, {
        onProgress: (progress) => seen.push(progress),
      });
      expect(seen).toEqual([1, 2, 3].map((n) => ({ progress: n, total: 3, message: `step ${n}` })));
    });
  }

  it('tells the strictest hints of all pages', async () => {
    await using upstream = await startFakeUpstream({ pageSize: 1, ttlMs: 5000, cacheScope: 'public' });
    await using connected = await clientOf({ url: upstream.mcpUrl, transport: 'streamable-http' });
    expect(await connected.client.listResources(op)).toMatchObject({ ttlMs: 5000, cacheScope: 'public' });
  });

  it('tells what a server answered with an error word for word, without secrets of ours', async () => {
    const data = { uri: 'item://1', token: 'hunter22' };
    await using upstream = await startFakeUpstream({
      failReads: { 'item://1': { code: -32099, message: 'no\nhunter22', data } },
    });
    const redact = (text: string) => text.replaceAll('hunter22', '***');
    await using connected = await clientOf({ url: upstream.mcpUrl, transport: 'streamable-http' }, redact);
    const error = await failureOf(connected.client.forward('resources/read', { uri: 'item://1' }, op));
    expect(error.code).toBe('UPS217');
    expect(rpcErrorOf(error)).toEqual({
      code: -32099,
      message: 'no\n***',
      data: { uri: 'item://1', token: '***' },
    });
    expect(JSON.stringify(error)).not.toContain('hunter22');
  });
});
