import {
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  type StandardSchemaV1,
} from '@modelcontextprotocol/server';
import type { Freshness } from '../../core/cache/lifetime.js';
import { readParameterHeaders } from '../../core/clients/parameter-headers.js';
import { createOperationId, type Operation } from '../../core/operation.js';
import type { Span } from '../../core/telemetry/span.js';
import { readVersion } from '../../core/version.js';
import { toProtocolError } from './failure.js';
import { combinedHints } from './freshness.js';
import type { Gateway } from './gateway.js';
import { KINDS, LIST_KINDS, type ListKind } from './kinds.js';
import { LOG_MESSAGE, type LogSession } from './log-messages.js';
import type { RequestOutcome } from './measures.js';
import { describeEntry, describeList, passedOn } from './meta.js';
import { pageOf } from './paging.js';
import type { Relay } from './relays.js';
import { askedIn, startRequestSpan } from './tracing.js';
import { callTool, complete, getPrompt, readResource, type Params, type Passage } from './requests.js';

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

const METHODS: Readonly<Record<ListKind, string>> = {
  resources: 'resources/list',
  templates: 'resources/templates/list',
  tools: 'tools/list',
  prompts: 'prompts/list',
};

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

/** One instance for one session or request; all of them stand on the same gateway. */
export function createGatewayServer(gateway: Gateway, era: 'legacy' | 'modern'): McpServer {
  const mcp = new GatewayServer(
    gateway,
    { name: 'mcpx-gateway', title: 'mcpx gateway', version: readVersion() },
    {
      capabilities: {
        resources: { listChanged: true, subscribe: true },
        tools: { listChanged: true },
        prompts: { listChanged: true },
        completions: {},
        logging: {},
      },
      instructions: instructions(gateway),
    },
  );
  const { server } = mcp;
  const on = (method: string, handle: (params: Params, context: ServerContext) => Promise<Result>) => {
    server.setRequestHandler(method, { params: ANY_PARAMS }, handle);
  };

  for (const kind of LIST_KINDS) on(METHODS[kind], (params, context) => list(kind, params, context));
  on('resources/read', (params, context) =>
    pass(params, context, (passed, passage) => readResource(gateway, passed, passage)),
  );
  on('prompts/get', (params, context) =>
    pass(params, context, (passed, passage) => getPrompt(gateway, passed, passage)),
  );
  on('completion/complete', (params, context) =>
    pass(params, context, (passed, passage) => complete(gateway, passed, passage)),
  );
  on('tools/call', (params, context) =>
    pass(params, context, async (passed, passage) => {
      const { tool, result } = await callTool(gateway, passed, passage);
      if (result['resultType'] === 'input_required') return result;
      // Revisions before 2026-07-28 want structured results to be objects; the SDK knows how to make them so.
      const schema = tool.entry.value['outputSchema'] as Readonly<Record<string, unknown>> | undefined;
      return server.projectCallToolResult(result as never, schema);
    }),
  );
  // From 2026-07-28 on a client asks for log messages with each request, and gets those of that request.
  const logSession = era === 'legacy' ? passLogMessages() : undefined;
  return mcp;

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

  async function list(kind: ListKind, params: Params, context: ServerContext): Promise<Result> {
    const started = performance.now();
    const span = startSpan(params, context, createOperationId());
    const record = (outcome: RequestOutcome) =>
      gateway.measures.record({ method: METHODS[kind], outcome, durationMs: performance.now() - started });
    try {
      const merged = await gateway.list(kind, span);
      span.set({
        'mcpx.complete': merged.isComplete,
        'mcpx.servers.failed': merged.outcomes.filter(({ outcome }) => outcome.status === 'failed').length,
      });
      const page = pageOf(kind, merged.listed, params['cursor'], gateway.config.gateway.pageSize);
      const parts = merged.outcomes.flatMap(({ outcome }) => ('held' in outcome ? [outcome.held] : []));
      const isWhole = parts.length === merged.outcomes.length;
      record('ok');
      return {
        [KINDS[kind].resultKey]: page.entries.map(describeEntry),
        ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }),
        ...(era === 'modern' ? combinedHints(parts, isWhole) : {}),
        _meta: describeList(merged),
      };
    } catch (error) {
      record('error');
      const told = toProtocolError(error);
      span.fail(told);
      throw told;
    } finally {
      span.end();
    }
  }

  function startSpan(params: Params, { mcpReq, http }: ServerContext, operationId: string): Span {
    return startRequestSpan(gateway.tracing, {
      method: mcpReq.method,
      params,
      id: mcpReq.id,
      protocolVersion: server.getNegotiatedProtocolVersion(),
      operationId,
      parent: gateway.tracing === undefined ? undefined : askedIn(params, http),
    });
  }

  /** The way back to the client, for what a server asks while it works on a request. */
  function relayOf(mcpReq: ServerContext['mcpReq']): Relay {
    const envelope = (mcpReq.envelope ?? {}) as Params;
    const told = envelope[CLIENT_CAPABILITIES_META_KEY];
    const logLevel = envelope[LOG_LEVEL_META_KEY] ?? logSession?.level;
    return {
      client: mcp,
      logLevel: typeof logLevel === 'string' ? logLevel : undefined,
      tell: (method, params) => {
        // A client that left meanwhile needs to hear of nothing.
        mcpReq.notify({ method, params: { ...params } }).catch(() => undefined);
      },
      capabilities: (told ?? server.getClientCapabilities() ?? {}) as Relay['capabilities'],
      ask:
        era === 'modern'
          ? undefined
          : ({ method, params }, signal) =>
              mcpReq.send({ method, params: { ...params } }, ANY_PARAMS, { signal, timeout: ASK_MS }),
    };
  }

  /** Sends a request on, and writes into the log who asked whom for what, and how that went; never any contents. */
  async function pass(
    params: Params,
    context: ServerContext,
    send: (params: Params, passage: Passage) => Promise<Result>,
  ): Promise<Result> {
    const started = performance.now();
    const uri = typeof params['uri'] === 'string' ? params['uri'] : undefined;
    const { mcpReq } = context;
    const id = createOperationId();
    const span = startSpan(params, context, id);
    const op = operationOf(gateway.op, id, mcpReq.signal, span);
    let answering: string | undefined;
    let freshness: Freshness | undefined;
    const tell = (outcome: string, measured: RequestOutcome) => {
      const { name } = params;
      const durationMs = performance.now() - started;
      const isKept = freshness?.hit === true;
      gateway.measures.record({
        method: mcpReq.method,
        server: answering,
        outcome: measured,
        durationMs,
        isKept,
      });
      op.log('gateway.request', {
        method: mcpReq.method,
        ...(typeof name === 'string' ? { name } : {}),
        ...(uri === undefined ? {} : { uri }),
        server: answering ?? null,
        ...(freshness === undefined ? {} : { source: freshness.hit ? 'cache' : 'live' }),
        client: server.getClientVersion()?.name ?? null,
        outcome,
        duration_ms: Math.round(durationMs),
      });
    };
    try {
      const result = await send(passedParams(params, context), {
        op,
        options: { ...progressOf(mcpReq), relay: relayOf(mcpReq) },
        hasHints: era === 'modern',
        onServer: (id) => {
          answering = id;
          span.set({ 'mcpx.server.id': id });
        },
        onRead: (found) => {
          freshness = found;
          span.set({ 'mcpx.cache.hit': found.hit, 'mcpx.cache.stale': found.stale === true });
          if (found.hit) gateway.measures.readHits += 1;
          else gateway.measures.readMisses += 1;
        },
      });
      if (result['isError'] === true) span.set({ 'error.type': 'tool_error' });
      tell(result['isError'] === true ? 'tool_error' : 'ok', result['isError'] === true ? 'error' : 'ok');
      return result;
    } catch (caught) {
      const error = toProtocolError(caught, uri);
      if (mcpReq.signal.aborted) tell('cancelled', 'cancelled');
      else tell(error instanceof ProtocolError ? `error ${error.code}` : 'bug', 'error');
      span.fail(error);
      if (error instanceof ProtocolError) throw error;
      op.log('gateway.bug', { message: String(error) }, 'error');
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error');
    } finally {
      span.end();
    }
  }
}

/** The parameters as they go on: answers to what a server asked for come with them, what was for us alone does not. */
function passedParams(params: Params, { mcpReq, http }: ServerContext): Params {
  const { progressToken: _ours, ...meta } = passedOn(params['_meta']);
  const requestState = mcpReq.requestState();
  return {
    ...params,
    ...(mcpReq.inputResponses === undefined ? {} : { inputResponses: mcpReq.inputResponses }),
    ...(requestState === undefined ? {} : { requestState }),
    _meta: { ...meta, ...askedIn(params, http) },
  };
}

function progressOf({ _meta, notify }: ServerContext['mcpReq']): Pick<Passage['options'], 'onProgress'> {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return {};
  return {
    onProgress: (progress) => {
      // A client that left meanwhile needs to hear of no progress.
      notify({ method: 'notifications/progress', params: { ...progress, progressToken } }).catch(
        () => undefined,
      );
    },
  };
}

function operationOf(op: Operation, id: string, signal: AbortSignal, span: Span): Operation {
  return {
    id,
    signal,
    span,
    log: (event, fields, level) => op.log(event, { operation_id: id, ...fields }, level),
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
