import { ProtocolErrorCode } from '@modelcontextprotocol/server';
import { LRUCache } from 'lru-cache';
import type { Answer } from '../../core/cache/cache.js';
import { rpcErrorOf } from '../../core/clients/translate.js';
import { hintsOf } from '../../core/clients/resource-client.js';
import type { ServerConfig } from '../../core/config/config.js';
import { MCPOrchestratorException } from '../../core/errors.js';
import { readQuestion } from '../../core/gather/answers.js';
import type { Operation } from '../../core/operation.js';
import { attributed, isTraceContext } from './meta.js';
import type { ForwardedFor, Upstream } from './upstream.js';

type Params = Readonly<Record<string, unknown>>;
type Result = Record<string, unknown>;

const READ = 'resources/read';

/** Failures that hang on what the client could answer when it was asked. */
const OF_ONE_CLIENT = new WeakSet<object>();

/**
 * Reads from a server; what it answered before will do while that is fresh. Whoever asks for the same at the same time
 * shares one request.
 *
 * Servers know the gateway alone, so an answer is the same for all of its clients, unless a client tells the server
 * more than the URI, or is asked for something by it: such answers are nobody else's.
 *
 * @returns what the server sent, without its hints; not to be changed, since others are given the same
 */
export async function read(
  upstream: Upstream,
  params: Params,
  op: Operation,
  options: ForwardedFor,
): Promise<Answer<Result>> {
  const kept = upstream.kept;
  const isPlain = saysNothingElse(params);
  const question = readQuestion(isPlain ? kept : { ...kept, mode: 'off' }, String(params['uri']));
  let isOwn = false;
  const load = async (inner: Operation) => {
    isOwn = true;
    const failure = upstream.whyDown;
    // Nobody waits for a server that is down where an older answer is as good as any that will come.
    if (failure !== undefined && question.mayBeStale?.(failure) === true) {
      if (kept.cache.peek(question.shelf, question.name) !== undefined) throw failure;
    }
    const questions = upstream.questions;
    const wasAsked = () => questions !== upstream.questions;
    let result: Result;
    try {
      result = await upstream.forward(READ, params, inner, options);
    } catch (error) {
      if (wasAsked() || isIncapable(error)) OF_ONE_CLIENT.add(error as object);
      throw error;
    }
    const { ttlMs: _ttlMs, cacheScope: _cacheScope, ...value } = result;
    const { ttlMs, cacheScope } = hintsOf(result);
    return {
      value,
      isForKeeping: result['resultType'] !== 'input_required' && !wasAsked(),
      ...(ttlMs === undefined ? {} : { hintMs: ttlMs }),
      ...(cacheScope === undefined ? {} : { scope: cacheScope }),
    };
  };
  try {
    const answer = await kept.cache.load<Result>(question, load, op);
    if (isOwn || answer.freshness.source !== 'none') return answer;
  } catch (error) {
    if (isOwn || !OF_ONE_CLIENT.has(error as object)) throw error;
  }
  // What somebody else was asked, or could not be asked, is no answer for this client.
  return kept.cache.load<Result>({ ...question, mode: 'off' }, load, op);
}

/** What was read before, where that is fresh and the same for every client. */
export function keptRead({ kept }: Upstream, params: Params): Answer<Result> | undefined {
  return saysNothingElse(params) ? kept.cache.fresh(readQuestion(kept, String(params['uri']))) : undefined;
}

/** Texts of what is read again and again, up to the age of it: writing them anew costs more than everything else. */
const texts = new LRUCache<Result, { readonly server: ServerConfig; readonly text: string }>({
  maxSize: 8 * 1024 * 1024,
  sizeCalculation: ({ text }) => text.length + 1,
});

/** The same as JSON of `describeRead`, of an answer that was kept, for a client whose revision knows no hints. */
export function writeRead(
  { server }: Pick<Upstream, 'server'>,
  { value, freshness }: Answer<Result>,
): string {
  let known = texts.get(value);
  if (known?.server !== server) {
    const { _meta, ...rest } = value;
    // Without the ends of the result and of its `_meta`.
    const text = JSON.stringify({ ...rest, _meta: attributed(_meta, server) }).slice(0, -2);
    texts.set(value, (known = { server, text }));
  }
  const { ageMs, ttlMs } = freshness;
  return `${known.text},"mcpx/cache":{"source":"cache","age_ms":${ageMs},"ttl_ms":${ttlMs}}}}`;
}

/**
 * The result of a read for a client: whose it is, where it came from, and for how long it is good.
 *
 * @param hasHints  whether the client's revision knows how to say the last
 */
export function describeRead(
  { server, scopeOf }: Pick<Upstream, 'server' | 'scopeOf'>,
  { value, freshness, failure }: Answer<Result>,
  hasHints: boolean,
): Result {
  const { hit, ttlMs, ageMs, scope, stale } = freshness;
  const because =
    failure instanceof MCPOrchestratorException
      ? { error: { code: failure.code, message: failure.message } }
      : {};
  const _meta = {
    ...attributed(value['_meta'], server),
    'mcpx/cache': {
      source: hit ? 'cache' : 'live',
      age_ms: ageMs,
      ttl_ms: ttlMs,
      ...(stale === true ? { stale, ...because } : {}),
    },
  };
  // What asks for input is a question, and questions are not kept.
  if (!hasHints || value['resultType'] === 'input_required') return { ...value, _meta };
  const leftMs = stale === true ? 0 : Math.max(0, Math.floor(ttlMs - ageMs));
  return { ...value, ttlMs: leftMs, cacheScope: scopeOf(scope), _meta };
}

/** Whether a server would have asked a client that cannot be asked (2026-07-28). */
function isIncapable(error: unknown): boolean {
  return rpcErrorOf(error)?.code === ProtocolErrorCode.MissingRequiredClientCapability;
}

/** Whether a request names a URI and nothing that another client may see otherwise. */
function saysNothingElse(params: Params): boolean {
  for (const name in params) {
    if (name === '_meta') {
      if (!Object.keys(params[name] as object).every(isTraceContext)) return false;
    } else if (name !== 'uri') return false;
  }
  return true;
}
