import { describe, expect, it, vi } from 'vitest';
import { connect, type ResourceClient } from '../../../src/core/clients/resource-client.js';
import { MCPOrchestrator } from '../../../src/core/orchestrator.js';
import { createOperation } from '../../../src/core/operation.js';
import { Relays } from '../../../src/servers/gateway/relays.js';
import { Upstream } from '../../../src/servers/gateway/upstream.js';
import { configOf } from '../../fixtures/configuration.js';
import { over } from '../../fixtures/gateway.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

describe('a server behind the gateway', () => {
  it('is not down because of what failed over a connection that has been replaced', async () => {
    await using tools = await startToolUpstream();
    const config = configOf({ a: over(tools, 1, { protocol: 'legacy' }) });
    const [server] = config.servers;
    const op = createOperation();
    await using orchestrator = new MCPOrchestrator(config);
    const open = () => connect(server!, { redact: (text) => text, maxBytes: 1e6 }, op);
    const first = await open();
    let current: ResourceClient = first;
    let tell = () => {};
    const isTold = new Promise<void>((resolve) => (tell = resolve));
    const relays = new Relays();
    const upstream = new Upstream(
      server!,
      {
        relays,
        // A failure may be told late: after a pause, say, in which nothing was asked again.
        use: async (_server, call) => {
          const client = current;
          try {
            return await call(client);
          } catch (error) {
            if (client === first) await isTold;
            throw error;
          }
        },
        cacheOf: (asked) => orchestrator.cacheOf(asked, 'off'),
        isGuarded: false,
        nextJoin: () => 1,
        onListAsked: () => undefined,
        onChange: () => undefined,
        onNotification: () => undefined,
        logLevel: () => undefined,
      },
      op,
    );
    await upstream.tryNow();
    const relay = {
      client: {},
      capabilities: {},
      ask: undefined,
      logLevel: undefined,
      tell: () => undefined,
    };
    const failure = upstream
      .forward('tools/call', { name: 'wait' }, op, { relay })
      .catch((error: unknown) => error);
    await tools.until(() => tools.calls.length === 1);
    current = await open();
    await first.close();
    await vi.waitFor(() => expect(upstream.client).toBe(current));
    tell();
    expect(await failure).toMatchObject({ code: 'UPS203' });
    expect(upstream.state).toBe('up');

    // What fails over the connection of now does count.
    await tools.served.close(0);
    const now = upstream.forward('tools/call', { name: 'wait' }, op, { relay });
    await expect(now).rejects.toMatchObject({ code: expect.stringMatching(/UPS20[23]/) });
    expect(upstream.state).toBe('down');
    upstream.close();
    await current.close();
  });
});
