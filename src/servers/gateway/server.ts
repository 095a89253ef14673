import {
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  SERVER_INFO_META_KEY,
  type RequestId,
  type ServerContext,
  type StandardSchemaV1,
} from '@modelcontextprotocol/server';
import { readParameterHeaders } from '../../core/clients/parameter-headers.js';
import { readVersion } from '../../core/version.js';
import type { Caller, DirectServer } from '../direct/caller.js';
import type { DirectRequest } from '../direct/request.js';
import type { StatelessRequest, StatelessServer } from '../direct/stateless.js';
import { Answers } from './answers.js';
import type { Gateway } from './gateway.js';
import { LOG_MESSAGE, type LogSession } from './log-messages.js';
import { isPlainRequest, isPlainResult, isPlainStatelessResult } from './plain.js';
import type { Params } from './requests.js';

/** What is inside is the business of the server that gets it. */
const ANY_PARAMS: StandardSchemaV1<unknown, Params> = {
  '~standard': {
    version: 1,
    vendor: 'mcpx',
    validate: (value: unknown) => ({ value: (value ?? {}) as Params }),
  },
};

/** A person may take this long to answer what a server asks. */
const ASK_MS = 10 * 60_000;

type Result = Record<string, unknown>;

/** The SDK's server, which knows the tools that it registered, told of those of the servers behind the gateway. */
class GatewayServer extends McpServer {
  readonly #gateway: Gateway;

  constructor(gateway: Gateway, ...options: ConstructorParameters<typeof McpServer>) {
    super(...options);
    this.#gateway = gateway;
  }

  /** Asked before a call, for what its headers have to repeat; a wrong one gets HTTP 400 (2026-07-28). */
  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    const schema = this.#gateway.known('tools', name)?.entry.value['inputSchema'];
    return typeof schema === 'object' && schema !== null && saysHeaders(schema) ? { ...schema } : undefined;
  }
}

const saying = new WeakMap<object, boolean>();

/** Whether a schema says anything of headers; few do, and the SDK would look through all of them at each call. */
function saysHeaders(schema: object): boolean {
  let says = saying.get(schema);
  if (says === undefined) {
    const read = readParameterHeaders(schema);
    says = !read.isValid || read.declared.length > 0;
    saying.set(schema, says);
  }
  return says;
}

/**
 * One instance for one session or request; all of them stand on the same gateway.
 *
 * @param outcome  what the request of the instance is answered with, where that was asked for already
 */
export function createGatewayServer(
  gateway: Gateway,
  era: 'legacy' | 'modern',
  outcome?: Promise<Result>,
): McpServer {
  const identity = { name: 'mcpx-gateway', title: 'mcpx gateway', version: readVersion() };
  const mcp = new GatewayServer(gateway, identity, {
    capabilities: {
      resources: { listChanged: true, subscribe: true },
      tools: { listChanged: true },
      prompts: { listChanged: true },
      completions: {},
      logging: {},
    },
    instructions: instructions(gateway),
  });
  const { server } = mcp;
  const answers = new Answers(gateway, {
    era,
    project,
  });
  /** Results that were there already when the SDK was given a request. */
  const found = new Map<RequestId, Result>();
  const on = (method: string, handle: (params: Params, context: ServerContext) => Promise<Result>) => {
    server.setRequestHandler(method, { params: ANY_PARAMS }, handle);
  };
  // From 2026-07-28 on a client asks for log messages with each request, and gets those of that request.
  const logSession = era === 'legacy' ? passLogMessages() : undefined;
  for (const method of answers.methods) {
    on(method, async (params, context) => {
      if (outcome !== undefined) return finished(method, await outcome);
      const { mcpReq } = context;
      const known = found.get(mcpReq.id);
      found.delete(mcpReq.id);
      if (known !== undefined) return known;
      return finished(method, await answers.answer(method, withInput(params, mcpReq), callerOf(context)));
    });
  }
  const methods = new Set(answers.methods);
  if (logSession === undefined) {
    return Object.assign(mcp, { answerStateless, writeStateless }) satisfies StatelessServer;
  }
  return Object.assign(mcp, { answerDirectly, answerAtOnce }) satisfies DirectServer;

  function answerAtOnce({ method, params }: DirectRequest): string | undefined {
    return answers.answerAtOnce(method, params, server.getClientVersion()?.name);
  }

  /** The SDK projects by the revision of its request, which an instance for all requests does not have. */
  function project(result: Result, outputSchema: Params | undefined): Result {
    return era === 'modern' ? result : server.projectCallToolResult(result as never, outputSchema);
  }

  function finished(method: string, result: Result): Result {
    if (era !== 'modern' || method !== 'tools/call' || result['resultType'] === 'input_required')
      return result;
    return server.projectCallToolResult(result as never, undefined);
  }

  function answerStateless(request: StatelessRequest, caller: Caller): Promise<Result> | undefined {
    const { method, params } = request;
    if (!methods.has(method) || !isPlainRequest(request)) return undefined;
    // Headers may have to repeat arguments.
    if (method === 'tools/call' && mcp.toolInputSchemaJson(String(params['name'])) !== undefined)
      return undefined;
    return answers.answer(method, params, caller);
  }

  function writeStateless(method: string, result: Params): string | undefined {
    if (result['resultType'] !== undefined || !isPlainStatelessResult(method, result)) return undefined;
    const _meta = { ...(result['_meta'] as Params | undefined), [SERVER_INFO_META_KEY]: identity };
    return JSON.stringify({ ...result, resultType: 'complete', _meta });
  }

  /** What the SDK would check or change is left to it: also a result, which is not asked for twice. */
  async function answerDirectly(request: DirectRequest, caller: Caller): Promise<Result | undefined> {
    const { id, method, params } = request;
    if (!methods.has(method) || !isPlainRequest(request)) return undefined;
    const result = await answers.answer(method, params, { ...caller, logLevel: logSession?.level });
    // Of a cancelled request nobody hears any more: the SDK would never come for its result.
    if (caller.signal.aborted || isPlainResult(method, result)) return result;
    found.set(id, result);
    return undefined;
  }

  function passLogMessages(): LogSession {
    const session = gateway.logMessages.join((params) => {
      // Nobody may be listening yet, or any more.
      server.notification({ method: LOG_MESSAGE, params: { ...params } }).catch(() => undefined);
    });
    on('logging/setLevel', async ({ level }) => {
      if (session.setLevel(String(level))) return {};
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown level: ${String(level)}`);
    });
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's server is no event target
    server.onclose = () => session.leave();
    return session;
  }

  /** Who sent a request that the SDK has taken. */
  function callerOf({ mcpReq, http }: ServerContext): Caller {
    const envelope = (mcpReq.envelope ?? {}) as Params;
    const told = envelope[CLIENT_CAPABILITIES_META_KEY];
    const logLevel = envelope[LOG_LEVEL_META_KEY] ?? logSession?.level;
    return {
      client: mcp,
      requestId: mcpReq.id,
      protocolVersion: server.getNegotiatedProtocolVersion(),
      trace: {
        traceparent: http?.req?.headers.get('traceparent') ?? undefined,
        tracestate: http?.req?.headers.get('tracestate') ?? undefined,
      },
      name: server.getClientVersion()?.name,
      capabilities: (told ?? server.getClientCapabilities() ?? {}) as Caller['capabilities'],
      signal: mcpReq.signal,
      logLevel: typeof logLevel === 'string' ? logLevel : undefined,
      tell: (method, params) => {
        // A client that left meanwhile needs to hear of nothing.
        mcpReq.notify({ method, params: { ...params } }).catch(() => undefined);
      },
      ask:
        era === 'modern'
          ? undefined
          : ({ method, params }, signal) =>
              mcpReq.send({ method, params: { ...params } }, ANY_PARAMS, { signal, timeout: ASK_MS }),
    };
  }
}

/** The parameters with the answers to what a server asked for, which the SDK takes out of them. */
function withInput(params: Params, mcpReq: ServerContext['mcpReq']): Params {
  const requestState = mcpReq.requestState();
  return {
    ...params,
    ...(mcpReq.inputResponses === undefined ? {} : { inputResponses: mcpReq.inputResponses }),
    ...(requestState === undefined ? {} : { requestState }),
  };
}

function instructions({ upstreams }: Gateway): string {
  const servers = upstreams.map(({ server: { id, name, domains } }) => {
    const about = domains.length === 0 ? '' : `: ${domains.join(', ')}`;
    return `${id}${name === id ? '' : ` (${name})`}${about}`;
  });
  return (
    `These servers answer here as one: ${servers.join('; ')}. ` +
    'Who answered stands in _meta as mcpx/server; what one server has and another takes precedence for is read at ' +
    'mcpx://<server>/<percent-encoded uri>, and a tool or prompt is called <server>__<name>.'
  );
}
