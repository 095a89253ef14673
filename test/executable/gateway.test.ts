import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as V1StdioTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { environment, EXECUTABLE } from '../fixtures/executable.js';
import { processesWith } from '../fixtures/processes.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { startToolUpstream } from '../fixtures/tool-upstream.js';

describe('the gateway over stdio, as editors and assistants start it', () => {
  for (const kind of ['v1', 'legacy', 'modern'] as const) {
    it(`serves a ${kind} client from an HTTP and a stdio server, and leaves nothing behind`, async () => {
      await using tools = await startToolUpstream({ name: 'tools' });
      using items = stdioUpstream({ resources: 2 });
      using folder = temporaryFolder();
      const { command, args, marker } = items;
      const file = folder.write(
        'c.json',
        configText({
          tools: { url: tools.mcpUrl, transport: 'streamable-http', priority: 1 },
          items: { command, args, priority: 2 },
        }),
      );
      const parameters = {
        command: process.execPath,
        args: [EXECUTABLE, 'serve', 'gateway', '--transport', 'stdio', '-c', file],
        env: environment(),
        stderr: 'ignore' as const,
      };
      const client =
        kind === 'v1'
          ? new V1Client({ name: 'v1', version: '1.0.0' })
          : new Client(
              { name: kind, version: '1.0.0' },
              { versionNegotiation: { mode: kind === 'modern' ? { pin: '2026-07-28' } : 'legacy' } },
            );
      if (client instanceof V1Client) await client.connect(new V1StdioTransport(parameters));
      else await client.connect(new StdioClientTransport(parameters));
      try {
        const { resources } = await client.listResources();
        expect(resources.map(({ uri }) => uri)).toEqual(['note://tools', 'item://1', 'item://2']);
        const { contents } = await client.readResource({ uri: 'item://2' });
        expect(contents).toMatchObject([{ uri: 'item://2' }]);
        const echoed = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
        expect(echoed).toMatchObject({ content: [{ text: 'tools: hi' }] });
        expect(processesWith(marker).length).toBeGreaterThan(0);
      } finally {
        await client.close();
      }
      await expect.poll(() => processesWith(marker)).toEqual([]);
    });
  }
});
