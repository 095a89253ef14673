import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Exchange, type ExchangeOptions } from '../../src/servers/direct/exchange.js';

const ANSWER = { jsonrpc: '2.0', id: 1, result: { ok: true } } as const;

/** One request, answered by an exchange; it ends with the test. */
async function exchange(use: (exchange: Exchange) => void, options?: ExchangeOptions) {
  const server = createServer((_request, response) => use(new Exchange(response, { 'x-of': 'us' }, options)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return Object.assign(response, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

describe('the answer to one POST', () => {
  it.each(['plain', 'naïve', '日本 🎉', '\ud800'])(
    'is a stream of one event where nothing else is to be said: %j',
    async (text) => {
      const answer = { jsonrpc: '2.0', id: 1, result: { text } } as const;
      await using response = await exchange((to) => to.send(answer));
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      expect(response.headers.get('x-of')).toBe('us');
      expect(await response.text()).toBe(`event: message\ndata: ${JSON.stringify(answer)}\n\n`);
    },
  );

  it('begins before the answer when that is long in coming', async () => {
    let give: () => void = () => undefined;
    await using response = await exchange((to) => (give = () => to.send(ANSWER)), { streamAfterMs: 10 });
    // The head is here, and the answer is still to be given.
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('x-of')).toBe('us');
    give();
    expect(await response.text()).toBe(`event: message\ndata: ${JSON.stringify(ANSWER)}\n\n`);
  });

  it('ends without one when it is given up, and nothing comes after that', async () => {
    await using response = await exchange((to) => {
      to.giveUp();
      to.giveUp();
      to.send(ANSWER);
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('is cut off where nobody reads it', async () => {
    const notification = { jsonrpc: '2.0', method: 'x', params: { text: 'x'.repeat(1e6) } } as const;
    const flood = (to: Exchange) => {
      for (let count = 0; count < 100; count += 1) to.send(notification);
    };
    await using response = await exchange(flood, { maxUnreadBytes: 5e6 });
    await expect(response.text()).rejects.toThrow('terminated');
  });
});
