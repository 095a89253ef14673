import { describe, expect, it } from 'vitest';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { failureOf, orchestratorOf } from '../../fixtures/gathering.js';

describe('a request that is never answered', () => {
  it.each([
    ['sse', 'legacy'],
    ['streamable-http', 'legacy'],
    ['streamable-http', 'modern'],
  ] as const)('holds no socket for longer than it is waited for, over %s, %s', async (transport, era) => {
    await using upstream = await startFakeUpstream({ transport, era, resources: 1 });
    await using orchestrator = orchestratorOf(
      { a: { url: upstream.url, transport, timeout: '200ms' } },
      { resource_cache_ttl: 0 },
    );
    await orchestrator.gather();
    // What tells the server that nobody waits any more is not accepted either.
    upstream.change({ hangAt: 'headers' });
    expect(await failureOf(orchestrator.gather())).toMatchObject({ code: 'UPS204' });
    expect(upstream.hungSockets).toBeGreaterThan(0);
    await expect.poll(() => upstream.hangingSockets, { timeout: 20_000 }).toBe(0);

    upstream.change({ hangAt: undefined });
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
  });
});
