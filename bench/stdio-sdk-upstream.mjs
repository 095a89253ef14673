// The stdio upstream as people write it: on the MCP SDK's server. What it is asked it writes to a file at once.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { Server } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';

const { createContent } = createRequire(import.meta.url)('./content.cjs');

const options = JSON.parse(process.argv[2]);
const { answer } = createContent(options);
const log = fs.openSync(options.logFile, 'a');
const note = (method, uri) => fs.writeSync(log, `${JSON.stringify({ method, uri })}\n`);

const server = new Server({ name: options.server, version: '1.0.0' }, { capabilities: { resources: {} } });
for (const method of ['resources/list', 'resources/templates/list', 'resources/read']) {
  server.setRequestHandler(method, async ({ params }) => {
    note(method, params?.uri);
    const { result, error } = answer(method, params);
    if (error !== undefined) throw new Error(error);
    if (options.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    return JSON.parse(result);
  });
}
server.oninitialized = () => {
  // The SDK answers the handshake itself; that it happened is what counts.
  note('initialize');
  note('notifications/initialized');
};
process.stdin.on('end', () => process.exit());
await server.connect(new StdioServerTransport());
