import { Client, StreamableHTTPClientTransport, type ClientOptions } from '@modelcontextprotocol/client';
import type { Peer } from './peer.js';

/** The plain SDK's client, which negotiates the era. */
export const connectSdk = (url: string): Promise<Peer> => connectClient(url, { mode: 'auto' });

/** A client of the SDK with a person and a model behind it, who say yes to everything. */
export async function connectClient(
  url: string,
  versionNegotiation: NonNullable<ClientOptions['versionNegotiation']>,
): Promise<Peer> {
  const client = new Client(
    { name: 'conformance-client', version: '1.0.0' },
    {
      versionNegotiation,
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
    },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }));
  client.setRequestHandler('sampling/createMessage', () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'yes' },
  }));
  client.setRequestHandler('roots/list', () => ({ roots: [] }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args) => client.callTool({ name, arguments: { ...args } }),
    listResources: async () => (await client.listResources()).resources,
    readResource: (uri) => client.readResource({ uri }),
    listPrompts: async () => (await client.listPrompts()).prompts,
    getPrompt: (name) => client.getPrompt({ name }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
