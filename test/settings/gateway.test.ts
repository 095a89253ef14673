import { expect } from 'vitest';
import { exercises } from '../exercises.js';
import type { FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { startTestGateway } from '../fixtures/gateway.js';
import { startToolUpstream } from '../fixtures/tool-upstream.js';

const TOOLS = { tools: [{ name: 'search' }, { name: 'sell' }] };

/** The tools of two servers with the same ones, as a client of the gateway sees them. */
async function toolsBy(server: FileSettings, gateway: FileSettings = {}): Promise<string[]> {
  await using a = await startFakeUpstream(TOOLS);
  await using b = await startFakeUpstream(TOOLS);
  const both = { transport: 'streamable-http', ...server };
  const servers = { a: { url: a.mcpUrl, priority: 1, ...both }, b: { url: b.mcpUrl, priority: 2, ...both } };
  await using running = await startTestGateway(servers, { gateway });
  const { tools } = await (await running.client()).listTools();
  return tools.map(({ name }) => name).sort((one, other) => (one < other ? -1 : 1));
}

const ALL = ['a__search', 'a__sell', 'b__search', 'b__sell'];

exercises('mcp_servers.*.tools.include', 'chooses what the gateway offers', async () => {
  expect(await toolsBy({})).toEqual(ALL);
  expect(await toolsBy({ tools: { include: ['sea*'] } })).toEqual(['a__search', 'b__search']);
});

exercises('mcp_servers.*.tools.exclude', 'leaves out what the gateway offers', async () => {
  expect(await toolsBy({ tools: { exclude: ['sea*'] } })).toEqual(['a__sell', 'b__sell']);
});

exercises('gateway.on_conflict', 'says which of several are listed', async () => {
  expect(await toolsBy({}, { on_conflict: 'prefix' })).toEqual(ALL);
  expect(await toolsBy({}, { on_conflict: 'priority' })).toEqual(['search', 'sell']);
});

exercises('gateway.page_size', 'bounds a page of a merged list', async () => {
  await using a = await startFakeUpstream({ resources: 5 });
  const servers = { a: { url: a.mcpUrl, transport: 'streamable-http' } };
  for (const [page_size, count] of [
    [2, 2],
    [100, 5],
  ] as const) {
    await using running = await startTestGateway(servers, { gateway: { page_size } });
    const client = await running.client('legacy');
    const { resources } = await client.request({ method: 'resources/list', params: {} });
    expect(resources).toHaveLength(count);
  }
});

exercises('gateway.list_timeout', 'bounds the wait for one server in degraded mode', async () => {
  await using a = await startFakeUpstream({ resources: 1 });
  await using slow = await startFakeUpstream({ resources: [{ uri: 'slow://1' }], listDelayMs: 700 });
  const servers = {
    a: { url: a.mcpUrl, transport: 'streamable-http', priority: 1 },
    slow: { url: slow.mcpUrl, transport: 'streamable-http', priority: 2 },
  };
  for (const [list_timeout, count] of [
    ['200ms', 1],
    ['20s', 2],
  ] as const) {
    const settings = { gateway: { list_timeout }, orchestration: { fail_fast: false } };
    await using running = await startTestGateway(servers, settings);
    expect((await (await running.client()).listResources()).resources).toHaveLength(count);
  }
});

exercises('gateway.max_in_flight', 'bounds the requests that are answered at once', async () => {
  for (const [max_in_flight, status] of [
    [1, 429],
    [50, 200],
  ] as const) {
    await using a = await startToolUpstream({ name: 'a' });
    const servers = { a: { url: a.mcpUrl, transport: 'streamable-http' } };
    await using running = await startTestGateway(servers, { gateway: { max_in_flight } });
    const client = await running.client();
    const waiting = client.callTool({ name: 'wait' });
    await a.until(() => a.calls.length === 1);
    const response = await fetch(running.served.urls!.mcp, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      }),
    });
    await response.body?.cancel();
    expect(response.status).toBe(status);
    a.release();
    await waiting;
  }
});
