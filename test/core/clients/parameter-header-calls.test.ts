import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createOperation } from '../../../src/core/operation.js';
import { MCPOrchestrator } from '../../../src/core/orchestrator.js';
import { startEverythingServer } from '../../conformance/everything-server.js';
import { serve } from '../../../src/servers/serve.js';
import { configOf } from '../../fixtures/configuration.js';
import { startTestGateway } from '../../fixtures/gateway.js';

const CALL = ['test_parameter_headers', { region: 'Grüße', limit: 3 }] as const;
const modern = (url: string) => ({ url, transport: 'streamable-http', protocol: '2026-07-28' });

describe('a tool whose parameters belong into headers', () => {
  it('can be called, and the server finds them there', async () => {
    await using server = await startEverythingServer();
    await using orchestrator = new MCPOrchestrator(configOf({ a: modern(server.url) }));
    const { result } = await orchestrator.callTool(...CALL);
    expect(result.content).toEqual([{ type: 'text', text: JSON.stringify(CALL[1]) }]);
  });

  it('can be called although nobody has listed it: the server says what is missing', async () => {
    await using server = await startEverythingServer();
    await using orchestrator = new MCPOrchestrator(configOf({ a: modern(server.url) }));
    const op = createOperation();
    const called = await orchestrator.use('a', (client) => client.callTool(...CALL, op), op, false);
    expect(called).toMatchObject({ isError: false });
  });

  for (const kind of ['sse', 'legacy', 'modern'] as const) {
    it(`can be called through the gateway by a client over ${kind}`, async () => {
      await using server = await startEverythingServer();
      await using gateway = await startTestGateway({ a: modern(server.url) });
      const client = await gateway.client(kind);
      await client.listTools();
      const { content } = await client.callTool({ name: CALL[0], arguments: { ...CALL[1] } });
      expect(content).toEqual([{ type: 'text', text: JSON.stringify(CALL[1]) }]);
    });
  }

  it('is refused by the gateway where the headers say something else, and not called', async () => {
    await using server = await startEverythingServer();
    await using gateway = await startTestGateway({ a: { ...modern(server.url), protocol: 'legacy' } });
    const client = await gateway.client('modern');
    await client.listTools();
    const post = (region: Record<string, string>) =>
      fetch(gateway.served.urls!.mcp, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': CALL[0],
          ...region,
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: {
            name: CALL[0],
            arguments: { region: 'eu' },
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      });
    for (const headers of [{}, { 'mcp-param-region': 'us' }]) {
      const response = await post(headers as Record<string, string>);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: -32020 } });
    }
    expect((await post({ 'mcp-param-region': 'eu' })).status).toBe(200);
  });
});

describe('a tool that says wrongly what belongs into headers', () => {
  it('is left out over HTTP from 2026-07-28 on, and the log tells why', async () => {
    const tool = (header: string) => ({
      description: 'Has a header',
      inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': header }) }),
    });
    const answer = () => ({ content: [] });
    let bad = 'bad';
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: 'wrong', version: '1.0.0' });
      server.registerTool('good', tool('Region'), answer);
      server.registerTool(bad, tool('Not a name'), answer);
      return server;
    });
    const http = createServer((request, response) => void toNodeHandler(handler)(request, response));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
    const config = configOf({
      modern: { ...modern(url), priority: 1 },
      legacy: { ...modern(url), protocol: 'legacy', priority: 2 },
    });
    const events: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
    const op = createOperation({
      logger: { log: (_level, event, fields = {}) => events.push({ event, fields }) },
    });
    try {
      await using orchestrator = new MCPOrchestrator(config);
      const toolsOf = async (server: string) => {
        const { items } = await orchestrator.use(server, (client) => client.listTools(op), op, true);
        return items.map((item) => (item as { name: string }).name);
      };
      expect(await toolsOf('modern')).toEqual(['good']);
      expect(events.find(({ event }) => event === 'server.tool_left_out')?.fields).toMatchObject({
        server: 'modern',
        tool: 'bad',
        reason: 'region: its x-mcp-header is no name of a header',
      });
      expect(await toolsOf('legacy')).toEqual(['good', 'bad']);
      // Each once for as long as it is listed: a server that finds new names each time must not fill the memory.
      const toldOf = () =>
        events.filter(({ event }) => event === 'server.tool_left_out').map(({ fields }) => fields['tool']);
      for (bad of ['bad', 'worse', 'worse', 'bad']) await toolsOf('modern');
      expect(toldOf()).toEqual(['bad', 'worse', 'bad']);
    } finally {
      http.close();
      http.closeAllConnections();
    }
  });

  it('is left out whatever it calls itself', async () => {
    const a = await serve(
      () => {
        const mcp = new McpServer({ name: 'a', version: '1.0.0' }, { capabilities: { tools: {} } });
        const properties = { region: { type: 'string', 'x-mcp-header': 'Not a name' } };
        const inputSchema = { type: 'object', properties };
        // What has no text at all.
        const tools = [{ name: { toString: 1 }, inputSchema }, null];
        mcp.server.setRequestHandler('tools/list', () => ({ tools }) as never);
        return mcp;
      },
      { host: '127.0.0.1', port: 0, transport: 'http' },
      createOperation(),
    );
    try {
      await using orchestrator = new MCPOrchestrator(configOf({ a: modern(a.urls!.mcp) }));
      const op = createOperation();
      const { items } = await orchestrator.use('a', (client) => client.listTools(op), op, true);
      expect(items).toEqual([null]);
    } finally {
      await a.close(0);
    }
  });
});
