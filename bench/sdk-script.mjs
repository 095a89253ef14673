// What a user would write on the SDK's client, run as it is: the yardstick that mcpx has to beat.
import { readFileSync } from 'node:fs';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const READS_AT_ONCE = 8;
const { transport, servers } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function createTransport({ url, command, args }) {
  if (transport === 'sse') return new SSEClientTransport(new URL(url));
  if (transport === 'streamable-http') return new StreamableHTTPClientTransport(new URL(url));
  return new StdioClientTransport({ command, args });
}

async function gather(server) {
  const client = new Client({ name: 'sdk-script', version: '1.0.0' });
  await client.connect(createTransport(server));
  const [{ resources }, { resourceTemplates }] = await Promise.all([
    client.listResources(),
    client.listResourceTemplates(),
  ]);
  const queue = [...resources.keys()];
  const worker = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const { contents } = await client.readResource({ uri: resources[index].uri });
      resources[index] = { ...resources[index], contents };
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, worker));
  await client.close();
  return [server.id, { resources, templates: resourceTemplates }];
}

const gathered = await Promise.all(servers.map(gather));
process.stdout.write(JSON.stringify({ servers: Object.fromEntries(gathered) }));
