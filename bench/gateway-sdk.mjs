// A gateway as people write it in an hour on the MCP SDK, `fork`ed with its servers in argv[2]: a client for each
// server, a server for each session, lists read once.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { Server } from '@modelcontextprotocol/server';

const { servers } = JSON.parse(process.argv[2]);
const owners = new Map();
const resources = [];
const tools = [];

for (const { url } of servers) {
  const client = new Client({ name: 'sdk-gateway', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const [listed, offered] = await Promise.all([client.listResources(), client.listTools()]);
  for (const resource of listed.resources) owners.set(resource.uri, client);
  for (const tool of offered.tools) owners.set(tool.name, client);
  resources.push(...listed.resources);
  tools.push(...offered.tools);
}

function createGateway() {
  const server = new Server(
    { name: 'sdk-gateway', version: '1.0.0' },
    { capabilities: { resources: {}, tools: {} } },
  );
  server.setRequestHandler('resources/list', async () => ({ resources }));
  server.setRequestHandler('tools/list', async () => ({ tools }));
  server.setRequestHandler('resources/read', ({ params }) => owners.get(params.uri).readResource(params));
  server.setRequestHandler('tools/call', ({ params }) => owners.get(params.name).callTool(params));
  return server;
}

const sessions = new Map();
const listener = createServer(async (request, response) => {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined) {
    await known.handleRequest(request, response);
    return;
  }
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  await createGateway().connect(transport);
  await transport.handleRequest(request, response);
});
listener.listen(0, '127.0.0.1', () =>
  process.send({ url: `http://127.0.0.1:${listener.address().port}/mcp` }),
);
process.on('disconnect', () => process.exit());
