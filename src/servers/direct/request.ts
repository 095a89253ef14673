import type { IncomingHttpHeaders } from 'node:http';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import { isMapping } from '../../core/mapping.js';

/** A request whose frame is as it should be. */
export interface DirectRequest {
  readonly id: string | number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Nothing else stands in the frame of a request. */
const FRAME: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params']);
const VERSIONS: ReadonlySet<unknown> = new Set([undefined, ...SUPPORTED_PROTOCOL_VERSIONS]);
/** What the SDK takes out of parameters before anyone sees them. */
const LIFTED = ['inputResponses', 'requestState'];
/** What begins so in `_meta` is the protocol's own. */
export const RESERVED = 'io.modelcontextprotocol/';

/**
 * The request in a body, or `undefined` for whatever else it is: the SDK knows what to say to that, and to a request
 * that carries something of a later revision.
 */
export function readDirectRequest(body: unknown): DirectRequest | undefined {
  const request = readFrame(body);
  const meta = request?.params['_meta'];
  if (request === undefined || meta === undefined) return request;
  if (!isMapping(meta) || Object.keys(meta).some((key) => key.startsWith(RESERVED))) return undefined;
  const { progressToken: token } = meta;
  return token === undefined || isId(token) ? request : undefined;
}

/** The request in a body where nothing stands in its frame that does not belong there. */
export function readFrame(body: unknown): DirectRequest | undefined {
  if (!isMapping(body) || body['jsonrpc'] !== '2.0') return undefined;
  const { id, method, params = {} } = body;
  if (typeof method !== 'string' || !isId(id) || !isMapping(params)) return undefined;
  // A session has its handshake behind it; the SDK's transport refuses another one.
  if (method === 'initialize') return undefined;
  for (const key in body) if (!FRAME.has(key)) return undefined;
  if (LIFTED.some((key) => key in params)) return undefined;
  return { id, method, params };
}

/** Whether the headers of a POST are those of a client of these revisions that takes both kinds of answers. */
export function areDirectHeaders(headers: IncomingHttpHeaders): boolean {
  return (
    takesBothKinds(headers) &&
    VERSIONS.has(headers['mcp-protocol-version']) &&
    headers['mcp-method'] === undefined &&
    headers['mcp-name'] === undefined
  );
}

/** Whether an answer may be JSON and may be an event stream. */
export function takesBothKinds({ accept = '' }: IncomingHttpHeaders): boolean {
  return accept.includes('application/json') && accept.includes('text/event-stream');
}

function isId(value: unknown): value is string | number {
  return typeof value === 'string' || Number.isSafeInteger(value);
}
