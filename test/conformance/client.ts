// What the suite starts for each of its scenarios: `node client.mjs sdk|orchestrator|gateway|nobody <url>`.
import { connectOrchestrator, connectThroughGateway } from './peer-mcpx.js';
import { connectSdk } from './peer-sdk.js';
import type { ConnectPeer, Peer } from './peer.js';

const PEERS: Readonly<Record<string, ConnectPeer>> = {
  sdk: connectSdk,
  orchestrator: connectOrchestrator,
  gateway: connectThroughGateway,
};

interface Context {
  readonly toolCalls?: readonly {
    readonly name: string;
    readonly arguments: Readonly<Record<string, unknown>>;
  }[];
}

type Script = (peer: Peer, context: Context) => Promise<unknown>;

const listTools: Script = (peer) => peer.listTools();

/** What a client does in each scenario, to bring about what the suite looks at. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  tools_call: (peer) => peer.callTool('add_numbers', { a: 2, b: 3 }),
  'elicitation-sep1034-client-defaults': (peer) => peer.callTool('test_client_elicitation_defaults', {}),
  'sse-retry': (peer) => peer.callTool('test_reconnection', {}),
  'sep-2322-client-request-state': async (peer) => {
    await Promise.all([peer.callTool('test_mrtr_echo_state', {}), peer.callTool('test_mrtr_unrelated', {})]);
    await peer.callTool('test_mrtr_no_state', {});
    // A result without its type may be refused; what must not happen is that anybody is asked.
    await peer.callTool('test_mrtr_no_result_type', {}).catch(() => undefined);
  },
  'http-standard-headers': async (peer) => {
    for (const { name } of await peer.listTools()) await peer.callTool(name, {});
    for (const { uri } of await peer.listResources()) await peer.readResource(uri);
    for (const { name } of await peer.listPrompts()) await peer.getPrompt(name);
  },
  'http-custom-headers': async (peer, { toolCalls = [] }) => {
    await peer.listTools();
    for (const { name, arguments: args } of toolCalls) await peer.callTool(name, args);
  },
  'http-invalid-tool-headers': async (peer) => {
    for (const { name } of await peer.listTools()) await peer.callTool(name, { region: 'us', value: 'x' });
  },
  'json-schema-2020-12-preservation': async (peer) => {
    const tools = await peer.listTools();
    const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
    await peer.callTool('json_schema_echo', { schema });
  },
};

const [kind = '', url = ''] = process.argv.slice(2);
const { MCP_CONFORMANCE_SCENARIO: scenario = '', MCP_CONFORMANCE_CONTEXT: context = '{}' } = process.env;
const { MCP_CONFORMANCE_PROTOCOL_VERSION: revision = '' } = process.env;
const connect = PEERS[kind];
if (connect === undefined && kind !== 'nobody') throw new Error(`no such client: ${kind}`);
if (connect !== undefined) {
  await using peer = await connect(url, revision);
  await (SCRIPTS[scenario] ?? listTools)(peer, JSON.parse(context) as Context);
}
// Whoever reads the results knows by this that the script came to its end.
process.stdout.write('finished\n');
