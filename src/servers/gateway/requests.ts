import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { Answer } from '../../core/cache/cache.js';
import type { Freshness } from '../../core/cache/lifetime.js';
import { mayWrite } from '../../core/clients/tool-arguments.js';
import { fitsTemplate } from '../../core/clients/uri-template.js';
import { selects } from '../../core/gather/select.js';
import type { Operation } from '../../core/operation.js';
import type { Span } from '../../core/telemetry/span.js';
import { parseAddress } from './address.js';
import type { Offered } from './catalogue.js';
import { isNotFound, unknownName, unknownResource } from './failure.js';
import type { Gateway } from './gateway.js';
import { attributed } from './meta.js';
import { completeAddress, isOwnTemplate } from './own-template.js';
import { describeRead, keptRead, read } from './reads.js';
import type { ForwardedFor, Upstream } from './upstream.js';

export type Params = Readonly<Record<string, unknown>>;
type Result = Record<string, unknown>;

/** How a request of a client travels on. */
export interface Passage {
  readonly op: Operation;
  readonly options: ForwardedFor;
  /** Whether the client's revision has hints for its cache. */
  readonly hasHints: boolean;
  /** Told which server answers, as soon as that is known. */
  readonly onServer: (serverId: string) => void;
  /** Told where the answer to a read came from. */
  readonly onRead: (freshness: Freshness) => void;
}

/** Reads from the server that lists the URI, else from the best one with a template for it that knows it. */
export async function readResource(gateway: Gateway, params: Params, passage: Passage): Promise<Result> {
  const uri = textOf(params, 'uri');
  const address = parseAddress(uri);
  if (address !== undefined) {
    const upstream = gateway.find(address.serverId);
    if (upstream === undefined || !selects(upstream.server, address.uri)) throw unknownResource(uri, []);
    const result = await readFrom(upstream, { ...params, uri: address.uri }, passage);
    return { ...result, contents: readdressed(result['contents'], address.uri, uri) };
  }
  const { span } = passage.op;
  const { offered, missing } = await gateway.lookUp('resources', uri, span);
  if (offered !== undefined) {
    gateway.assertUndisputed(offered);
    return readFrom(gateway.upstreamOf(offered), params, passage);
  }
  for (const upstream of await withTemplateFor(gateway, uri, span)) {
    try {
      return await readFrom(upstream, params, passage);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  throw unknownResource(uri, missing);
}

/** What was read before and is still fresh, where every list that says whose it is is known; nobody is asked. */
export function readNow(gateway: Gateway, params: Params): KnownRead | undefined {
  const { uri } = params;
  const offered = typeof uri === 'string' ? gateway.mergedNow('resources')?.byName.get(uri) : undefined;
  // A server may list what looks like an address of ours: that is taken apart, not looked up.
  if (offered === undefined || parseAddress(offered.exposed) !== undefined) return undefined;
  if (gateway.disputeOf(offered) !== undefined) return undefined;
  const upstream = gateway.upstreamOf(offered);
  const answer = keptRead(upstream, params);
  return answer === undefined ? undefined : { upstream, answer };
}

interface KnownRead {
  readonly upstream: Upstream;
  readonly answer: Answer<Result>;
}

/** Which server has a resource, and under which URI. */
export interface Owner {
  readonly upstream: Upstream;
  readonly uri: string;
}

/** The server that a read of a URI would ask first. @throws ProtocolError where there is none */
export async function ownerOf(gateway: Gateway, exposed: string): Promise<Owner> {
  const address = parseAddress(exposed);
  if (address !== undefined) {
    const upstream = gateway.find(address.serverId);
    if (upstream === undefined || !selects(upstream.server, address.uri)) throw unknownResource(exposed, []);
    return { upstream, uri: address.uri };
  }
  const { offered, missing } = await gateway.lookUp('resources', exposed);
  if (offered !== undefined) {
    gateway.assertUndisputed(offered);
    return { upstream: gateway.upstreamOf(offered), uri: exposed };
  }
  const [first] = await withTemplateFor(gateway, exposed);
  if (first === undefined) throw unknownResource(exposed, missing);
  return { upstream: first, uri: exposed };
}

async function withTemplateFor(gateway: Gateway, uri: string, span?: Span): Promise<readonly Upstream[]> {
  const all = await gateway.templates(span);
  return all
    .filter(
      ({ upstream, entries }) =>
        selects(upstream.server, uri) && entries.some(({ key }) => fitsTemplate(key, uri)),
    )
    .map(({ upstream }) => upstream);
}

export async function callTool(gateway: Gateway, params: Params, passage: Passage): Promise<CalledTool> {
  const offered = await findNamed(gateway, 'tools', textOf(params, 'name'), passage.op.span);
  const named = { ...params, name: offered.entry.key };
  const upstream = gateway.upstreamOf(offered);
  try {
    return { tool: offered, result: await forward(upstream, 'tools/call', named, passage) };
  } finally {
    // Also after a failure: nobody knows how far it came.
    if (mayWrite(offered.entry.value)) upstream.forgetContents();
  }
}

export interface CalledTool {
  readonly tool: Offered;
  readonly result: Result;
}

export async function getPrompt(gateway: Gateway, params: Params, passage: Passage): Promise<Result> {
  const offered = await findNamed(gateway, 'prompts', textOf(params, 'name'), passage.op.span);
  return forward(gateway.upstreamOf(offered), 'prompts/get', { ...params, name: offered.entry.key }, passage);
}

/** Completes an argument at the server that has the prompt or template; one without completions knows none. */
export async function complete(gateway: Gateway, params: Params, passage: Passage): Promise<Result> {
  const ref = (params['ref'] ?? {}) as Params;
  if (isOwnTemplate(ref)) return completeAddress(gateway, params);
  const [upstream, ownRef] = await whereToComplete(gateway, ref, passage.op.span);
  const client = upstream.client;
  if (client !== undefined && !client.connection.capabilities.includes('completions')) {
    passage.onServer(upstream.server.id);
    return { completion: { values: [] }, _meta: attributed({}, upstream.server) };
  }
  return forward(upstream, 'completion/complete', { ...params, ref: ownRef }, passage);
}

async function whereToComplete(
  gateway: Gateway,
  ref: Params,
  span: Span,
): Promise<readonly [Upstream, Params]> {
  if (ref['type'] === 'ref/prompt') {
    const offered = await findNamed(gateway, 'prompts', textOf(ref, 'name'), span);
    return [gateway.upstreamOf(offered), { ...ref, name: offered.entry.key }];
  }
  if (ref['type'] !== 'ref/resource') {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'ref.type must be ref/prompt or ref/resource');
  }
  const uri = textOf(ref, 'uri');
  const address = parseAddress(uri);
  if (address !== undefined) {
    const upstream = gateway.find(address.serverId);
    if (upstream === undefined) throw unknownName('templates', uri, []);
    return [upstream, { ...ref, uri: address.uri }];
  }
  return [gateway.upstreamOf(await findNamed(gateway, 'templates', uri, span)), ref];
}

async function findNamed(
  gateway: Gateway,
  kind: 'tools' | 'prompts' | 'templates',
  name: string,
  span: Span,
): Promise<Offered> {
  const { offered, missing } = await gateway.lookUp(kind, name, span);
  if (offered === undefined) throw unknownName(kind, name, missing);
  gateway.assertUndisputed(offered);
  return offered;
}

async function readFrom(upstream: Upstream, params: Params, passage: Passage): Promise<Result> {
  passage.onServer(upstream.server.id);
  const answer = await read(upstream, params, passage.op, passage.options);
  passage.onRead(answer.freshness);
  return describeRead(upstream, answer, passage.hasHints);
}

async function forward(
  upstream: Upstream,
  method: string,
  params: Params,
  passage: Passage,
): Promise<Result> {
  passage.onServer(upstream.server.id);
  const result = await upstream.forward(method, params, passage.op, passage.options);
  return { ...result, _meta: attributed(result['_meta'], upstream.server) };
}

/** Contents under the address that was asked for, so that the client recognises its question. */
function readdressed(contents: unknown, from: string, to: string): unknown {
  if (!Array.isArray(contents)) return contents;
  return contents.map((content: unknown) =>
    (content as { uri?: unknown } | null)?.uri === from ? { ...(content as object), uri: to } : content,
  );
}

/** @throws ProtocolError -32602 where the parameter is no text */
function textOf(params: Params, name: string): string {
  const value = params[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, `"${name}" must be a text`);
}
