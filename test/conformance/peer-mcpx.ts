import type { ResourceClient } from '../../src/core/clients/resource-client.js';
import { createOperation } from '../../src/core/operation.js';
import { MCPOrchestrator } from '../../src/core/orchestrator.js';
import { startGateway } from '../../src/servers/gateway/start.js';
import { configOf } from '../fixtures/configuration.js';
import type { ListedTool, Peer } from './peer.js';
import { connectClient } from './peer-sdk.js';

/**
 * The revision that a scenario is about is named where it is the modern one: unnamed, a server that is slow to answer
 * `server/discover` is asked to `initialize` as well, and how slow it is depends on the machine.
 */
const configFor = (url: string, revision: string) =>
  configOf(
    {
      suite: {
        url,
        transport: 'streamable-http',
        protocol: revision < '2026' ? 'auto' : revision,
        priority: 1,
        domains: ['conformance'],
      },
    },
    // A server that asks whom nobody listens to never answers.
    { deadline: '10s' },
  );

/** The orchestrator, as a library and as `mcpx call` use it. */
export async function connectOrchestrator(url: string, revision: string): Promise<Peer> {
  const orchestrator = new MCPOrchestrator(configFor(url, revision));
  await orchestrator.initialize();
  const op = createOperation();
  const use = <T>(call: (client: ResourceClient) => Promise<T>) => orchestrator.use('suite', call, op, false);
  return {
    listTools: async () => (await use((client) => client.listTools(op))).items as readonly ListedTool[],
    callTool: (name, args) => orchestrator.callTool(name, args),
    listResources: async () =>
      (await use((client) => client.listResources(op))).items as readonly { readonly uri: string }[],
    readResource: (uri) => use((client) => client.readResource(uri, op)),
    listPrompts: async () =>
      (await use((client) => client.listPrompts(op))).items as readonly { readonly name: string }[],
    getPrompt: (name) => use((client) => client.forward('prompts/get', { name }, op)),
    [Symbol.asyncDispose]: () => orchestrator.close(),
  };
}

/** The gateway, with a client of the SDK before it: for the person and the model that mcpx itself does not have. */
export async function connectThroughGateway(url: string, revision: string): Promise<Peer> {
  const served = await startGateway(
    configFor(url, revision),
    {
      host: '127.0.0.1',
      port: 0,
      transport: 'http',
      ownExecutable: { command: process.execPath, args: ['bin/mcpx.js'] },
    },
    createOperation(),
  );
  const mode = revision < '2026' ? 'legacy' : { pin: revision };
  const client = await connectClient(served.urls!.mcp, { mode });
  return {
    ...client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await served.close(0);
    },
  };
}
