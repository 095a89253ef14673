import type { IncomingHttpHeaders } from 'node:http';
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  type McpServer,
} from '@modelcontextprotocol/server';
import { isMapping } from '../../core/mapping.js';
import type { Caller } from './caller.js';
import { readFrame, RESERVED, takesBothKinds, type DirectRequest } from './request.js';

type Fields = Readonly<Record<string, unknown>>;

/** The revision whose requests stand alone: each says who asks. */
export const STATELESS_REVISION = '2026-07-28';

/** A request of 2026-07-28, without what it says of its client. */
export interface StatelessRequest extends DirectRequest {
  readonly clientName: string | undefined;
  readonly capabilities: Fields;
}

/** A server that answers some requests of 2026-07-28 itself, so that they need not go through the SDK. */
export interface StatelessServer extends McpServer {
  /** What a handler of the SDK would give; `undefined` for a request that the SDK is to take from the start. */
  answerStateless(request: StatelessRequest, caller: Caller): Promise<Record<string, unknown>> | undefined;
  /** A result as the SDK would send it, as JSON; `undefined` for one that the SDK would check or change. */
  writeStateless(method: string, result: Fields): string | undefined;
}

export function isStatelessServer(server: McpServer): server is StatelessServer {
  return 'answerStateless' in server;
}

/** What a header repeats of the parameters (2026-07-28, "Streamable HTTP", standard headers). */
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};
/** Printable, without spaces around, and not in the encoding that such headers have for the rest. */
const PLAIN_HEADER = /^(?!=\?)[!-~](?:[ -~]*[!-~])?$/;
const ENVELOPE: ReadonlySet<string> = new Set([
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
]);
const OF_A_CLIENT: ReadonlySet<string> = new Set(['name', 'version', 'title', 'description', 'websiteUrl']);

/**
 * The request in a body, where headers and body agree and nothing is said beyond what every request of the revision
 * says. The SDK knows what to answer to everything else, and sends progress and log messages where a client asks for them.
 */
export function readStatelessRequest(
  headers: IncomingHttpHeaders,
  body: unknown,
): StatelessRequest | undefined {
  if (headers['mcp-protocol-version'] !== STATELESS_REVISION || !takesBothKinds(headers)) return undefined;
  if (headers['mcp-session-id'] !== undefined) return undefined;
  const request = readFrame(body);
  if (request === undefined || headers['mcp-method'] !== request.method) return undefined;
  const { id, method, params } = request;
  if (!isNamedAs(headers['mcp-name'], method, params)) return undefined;
  const { _meta: meta, ...rest } = params;
  if (!isMapping(meta) || meta[PROTOCOL_VERSION_META_KEY] !== STATELESS_REVISION) return undefined;
  const { [CLIENT_INFO_META_KEY]: client, [CLIENT_CAPABILITIES_META_KEY]: capabilities } = meta;
  if (!isPlainClient(client) || !arePlainCapabilities(capabilities)) return undefined;
  const own: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(meta)) {
    if (ENVELOPE.has(key)) continue;
    if (key === 'progressToken' || key.startsWith(RESERVED)) return undefined;
    own[key] = value;
  }
  const passed = Object.keys(own).length === 0 ? rest : { ...rest, _meta: own };
  return { id, method, params: passed, clientName: client?.['name'] as string | undefined, capabilities };
}

function isNamedAs(header: string | string[] | undefined, method: string, params: Fields): boolean {
  const field = NAMED_BY[method];
  if (field === undefined) return header === undefined;
  return typeof header === 'string' && PLAIN_HEADER.test(header) && header === params[field];
}

function isPlainClient(client: unknown): client is Fields | undefined {
  if (client === undefined) return true;
  if (!isMapping(client) || client['name'] === undefined || client['version'] === undefined) return false;
  return Object.entries(client).every(([key, value]) => OF_A_CLIENT.has(key) && typeof value === 'string');
}

/** Capabilities as most clients say them: with nothing inside that would have to be checked. */
function arePlainCapabilities(capabilities: unknown): capabilities is Fields {
  if (!isMapping(capabilities)) return false;
  return Object.entries(capabilities).every(([name, value]) => {
    if (!isMapping(value)) return false;
    const inner = Object.entries(value);
    switch (name) {
      case 'roots':
        return inner.every(([key, flag]) => key === 'listChanged' && typeof flag === 'boolean');
      case 'elicitation':
        return inner.every(([key, mode]) => (key === 'form' || key === 'url') && isEmpty(mode));
      case 'sampling':
        return inner.every(([key, part]) => (key === 'tools' || key === 'context') && isEmpty(part));
      default:
        return false;
    }
  });
}

function isEmpty(value: unknown): boolean {
  return isMapping(value) && Object.keys(value).length === 0;
}
