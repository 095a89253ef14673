import { setTimeout as sleep } from 'node:timers/promises';
import {
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  type RequestOptions,
} from '@modelcontextprotocol/client';
import type { ServerConfig, TransportKind } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException, ResourceFetchError } from '../errors.js';
import { inSpan, type Operation } from '../operation.js';
import { abortable, createDeadline } from '../resilience/deadline.js';
import { noSpan, type Span } from '../telemetry/span.js';
import type { Child } from './child-process.js';
import { createOrigin, createTransport } from './create-transport.js';
import { ANY_OBJECT, LeanClient } from './lean-client.js';
import { attribute, SESSION_EXPIRED, timedOut, type Phase } from './circumstances.js';
import { addressOf, requestSpan, TracedRequests } from './traced-requests.js';
import { parameterHeadersOf, readParameterHeaders, type ParameterHeader } from './parameter-headers.js';
import { rpcErrorOf, translate } from './translate.js';
import type { ConnectOptions, LeanTransport } from './transport.js';
import { startWatch, type Watch, type WatchListener } from './watch.js';

/** What a connection turned out to be. */
export interface Connection {
  readonly transport: Exclude<TransportKind, 'auto'>;
  readonly protocolVersion: string;
  /** legacy: 2025-11-25 and before, with `initialize`; modern: 2026-07-28 and later, stateless. */
  readonly era: 'legacy' | 'modern';
  readonly serverName?: string;
  readonly serverVersion?: string;
  readonly capabilities: readonly string[];
  /** What the capabilities are in detail, as the server declared them. */
  readonly declared: Readonly<Record<string, unknown>>;
}

/** What a server says of how long an answer may be kept (2026-07-28, "Caching"); nothing where it says nothing. */
export interface CacheHints {
  readonly ttlMs?: number;
  readonly cacheScope?: 'public' | 'private';
}

/** All pages of a list as the server sent them, the entries not yet looked at; of the hints the strictest. */
export interface RawList extends CacheHints {
  readonly items: readonly unknown[];
}

export interface RawRead extends CacheHints {
  readonly contents: readonly unknown[];
}

export interface ForwardOptions {
  /** Called with each `notifications/progress` of the request; the timeout counts from the last one. */
  readonly onProgress?: (progress: Readonly<Record<string, unknown>>) => void;
  /** What the one who asks can do, which servers of 2026-07-28 are told with each request. */
  readonly clientCapabilities?: Readonly<Record<string, unknown>>;
  /** The least level of log messages that the one who asks wants of this request; those servers are told that too. */
  readonly logLevel?: string;
  /** Instead of the server's `timeout`. */
  readonly timeoutMs?: number;
}

export interface ToolResult {
  readonly isError: boolean;
  readonly content: readonly unknown[];
  readonly structuredContent?: unknown;
  readonly _meta?: unknown;
}

/** Our end of a connection to one server. Errors are MCPConnectionError or ResourceFetchError, naming the server. */
export interface ResourceClient {
  readonly server: ServerConfig;
  readonly connection: Connection;
  /** False once the connection has ended, for whatever reason. */
  readonly isOpen: boolean;
  /** Resolves once it has ended. */
  readonly closed: Promise<void>;
  /** All pages; empty where the server has no resources at all. */
  listResources(op: Operation): Promise<RawList>;
  listResourceTemplates(op: Operation): Promise<RawList>;
  listTools(op: Operation): Promise<RawList>;
  listPrompts(op: Operation): Promise<RawList>;
  readResource(uri: string, op: Operation): Promise<RawRead>;
  callTool(name: string, args: Readonly<Record<string, unknown>>, op: Operation): Promise<ToolResult>;
  /**
   * Sends a request as it is, and gives the result as it came, also one that asks for input (2026-07-28). What the
   * server answers with a JSON-RPC error, `rpcErrorOf` tells word for word.
   */
  forward(
    method: string,
    params: Readonly<Record<string, unknown>>,
    op: Operation,
    options?: ForwardOptions,
  ): Promise<Record<string, unknown>>;
  /** Listens to what the server tells unasked, until the connection ends. To be called once. */
  watch(listener: WatchListener): Watch;
  close(): Promise<void>;
}

/** A list that has not ended by then never will. */
const MAX_PAGES = 10_000;
const METHOD_NOT_FOUND = -32601;
const HEADER_MISMATCH = -32020;

/** HTTP statuses that a server of the older HTTP+SSE transport answers to a POST (2025-11-25, "Backwards compatibility"). */
const SSE_ONLY_STATUSES: ReadonlySet<unknown> = new Set([400, 404, 405, 406, 415]);

/**
 * Connects to a server and agrees with it on a protocol version, within `connectTimeoutMs`.
 *
 * Transport `auto` tries Streamable HTTP and falls back to SSE where the server knows no POST there.
 *
 * @param child  the process of a stdio server, where it was started already
 * @throws MCPConnectionError  UPS201 too slow, UPS202 nothing listens, UPS207 refused, …
 */
export async function connect(
  server: ServerConfig,
  options: ConnectOptions,
  op: Operation,
  child?: Promise<Child>,
): Promise<ResourceClient> {
  op.signal.throwIfAborted();
  if (server.transport !== 'auto') return connectOver(server, server.transport, options, op, child);
  try {
    return await connectOver(server, 'streamable-http', options, op);
  } catch (error) {
    const status = error instanceof MCPOrchestratorException ? error.context['status'] : undefined;
    if (!SSE_ONLY_STATUSES.has(status)) throw error;
    op.log('server.fallback', { server: server.id, status, transport: 'sse' }, 'debug');
    return connectOver(server, 'sse', options, op);
  }
}

/** What one attempt to connect came to. */
interface Attempt {
  readonly client: LeanClient;
  readonly transport: LeanTransport;
  readonly traced: TracedRequests;
}

/** How long a server may think about `server/discover` before it is asked to `initialize` as well. */
const DISCOVER_HEAD_START_MS = 100;

async function connectOver(
  server: ServerConfig,
  kind: Exclude<TransportKind, 'auto'>,
  options: ConnectOptions,
  op: Operation,
  child?: Promise<Child>,
): Promise<ResourceClient> {
  const started = performance.now();
  const transports: LeanTransport[] = [];
  // Of two attempts the one that came further tells more.
  const phase = () =>
    PHASES.findLast((step) => transports.some((transport) => transport.phase === step)) ??
    (kind === 'stdio' ? 'start' : 'connect');
  options.onConnecting?.(phase);
  const circumstances = () => ({
    server,
    phase: phase(),
    elapsedMs: performance.now() - started,
    timeoutMs: server.connectTimeoutMs,
    redact: options.redact,
  });
  const createLimit = () =>
    createDeadline(server.connectTimeoutMs, () => timedOut(circumstances()), op.signal);
  using whole = options.limit === undefined ? createLimit() : undefined;
  const signal = whole?.signal ?? op.signal;
  const failureOf = (error: unknown) =>
    signal.aborted ? attribute(signal.reason, circumstances()) : translate(error, circumstances());
  // Finding out the era takes two attempts with most servers, and one socket.
  const origin = mustNegotiate(server, kind) ? createOrigin(server) : undefined;
  const attempt = async (mode: Mode) => {
    const begin = (within: AbortSignal) => {
      const transport = createTransport(server, kind, options, child, origin);
      transports.push(transport);
      return traceHandshake(mode, server, kind, options, op, failureOf, (span) =>
        connectWith(mode, transport, server, options, within, span),
      );
    };
    if (options.limit === undefined) return begin(signal);
    // Waiting for a turn is no fault of the server: its time begins when it is asked.
    await options.limit.take(op.signal);
    using own = createLimit();
    return await begin(own.signal);
  };
  try {
    const connected = await (mustNegotiate(server, kind)
      ? negotiate(attempt, signal)
      : attempt(kind === 'sse' || server.protocol !== MODERN ? 'legacy' : { pin: MODERN }));
    return new SdkResourceClient(server, kind, connected, options);
  } catch (error) {
    throw failureOf(error);
  } finally {
    origin?.close();
  }
}

/** Makes a span of the first request to a server. */
async function traceHandshake(
  mode: Mode,
  server: ServerConfig,
  kind: Exclude<TransportKind, 'auto'>,
  { redact }: ConnectOptions,
  op: Operation,
  failureOf: (error: unknown) => Error,
  handshake: (span: Span) => Promise<Attempt>,
): Promise<Attempt> {
  const method = mode === 'legacy' ? 'initialize' : 'server/discover';
  const { name, options } = requestSpan(method, {}, addressOf(server, kind), redact);
  const span = op.span.child(name, options);
  try {
    return await handshake(span);
  } catch (error) {
    // An answer as good as any other: the server is of the older era.
    if (isOlderServer(error)) throw error;
    const failure = failureOf(error);
    span.fail(failure);
    throw failure;
  } finally {
    span.end();
  }
}

const MODERN = '2026-07-28';
const PHASES = ['start', 'resolve', 'connect', 'negotiate'] as const;
type Mode = 'legacy' | { readonly pin: string };

function mustNegotiate(server: ServerConfig, kind: TransportKind): boolean {
  // SSE belongs to the older revisions. Over stdio the question would start the server a second time and may wait
  // for its whole timeout.
  return kind === 'streamable-http' && server.protocol === 'auto';
}

async function connectWith(
  mode: Mode,
  transport: LeanTransport,
  server: ServerConfig,
  options: ConnectOptions,
  signal: AbortSignal,
  span: Span,
): Promise<Attempt> {
  const { serverRequests: requests } = options;
  const client = new LeanClient(mode, requests === undefined ? undefined : { serverId: server.id, requests });
  const traced = new TracedRequests();
  traced.follow(transport, span);
  try {
    await abortable(client.connect(transport, { signal, timeout: server.connectTimeoutMs }), signal);
    return { client, transport, traced };
  } catch (error) {
    void transport.close();
    throw transport.failure ?? error;
  }
}

/**
 * Finds out the protocol era: the modern one where the server offers it.
 *
 * A server that is slow to say so is asked to `initialize` meanwhile, so that an older one does not cost a round trip
 * more than it must, and one that never answers a method which it does not know does not hang.
 */
async function negotiate(attempt: (mode: Mode) => Promise<Attempt>, signal: AbortSignal): Promise<Attempt> {
  const modern = attempt({ pin: MODERN });
  const verdict = modern.then(
    () => 'modern' as const,
    (error: unknown) => (isOlderServer(error) ? ('legacy' as const) : ('failed' as const)),
  );
  const early = await Promise.race([
    verdict,
    sleep(DISCOVER_HEAD_START_MS, 'undecided' as const, { signal, ref: false }).catch(
      () => 'failed' as const,
    ),
  ]);
  if (early === 'modern' || early === 'failed') return modern;
  const legacy = attempt('legacy');
  if (early === 'legacy') return legacy;

  const first = await Promise.race([
    verdict,
    legacy.then(
      () => 'legacy-ready' as const,
      () => verdict,
    ),
  ]);
  const [chosen, other] = first === 'modern' || first === 'failed' ? [modern, legacy] : [legacy, modern];
  // Whichever is not used is closed as soon as it is there.
  other.then(({ client }) => client.close()).catch(() => undefined);
  return chosen;
}

/** The SDK's word for "answered, and offers no modern revision"; a failure of the network has a cause. */
function isOlderServer(error: unknown): boolean {
  return (
    error instanceof SdkError &&
    !(error instanceof SdkHttpError) &&
    error.code === SdkErrorCode.EraNegotiationFailed &&
    error.cause === undefined
  );
}

class SdkResourceClient implements ResourceClient {
  readonly server: ServerConfig;
  readonly connection: Connection;
  readonly #client: LeanClient;
  readonly #transport: LeanTransport;
  readonly #traced: TracedRequests;
  readonly #options: ConnectOptions;
  /** Of the tools that were listed last, by name. */
  readonly #parameterHeaders = new Map<unknown, readonly ParameterHeader[]>();
  /** Of the tools that were listed last those that no client may use: the log has told of them. */
  #leftOut: ReadonlySet<unknown> = new Set();
  readonly closed: Promise<void>;
  #open = true;
  #expired = false;
  #resolveClosed: () => void = () => undefined;

  constructor(
    server: ServerConfig,
    kind: Exclude<TransportKind, 'auto'>,
    { client, transport, traced }: Attempt,
    options: ConnectOptions,
  ) {
    this.server = server;
    this.#client = client;
    this.#transport = transport;
    this.#traced = traced;
    this.#options = options;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's client is no event target
    client.onclose = () => {
      this.#open = false;
      this.#resolveClosed();
    };
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const { name, version } = client.getServerVersion() ?? {};
    this.connection = {
      transport: kind,
      protocolVersion: client.getNegotiatedProtocolVersion() ?? 'unknown',
      era: client.getProtocolEra() ?? 'legacy',
      ...(name === undefined ? {} : { serverName: name }),
      ...(version === undefined ? {} : { serverVersion: version }),
      capabilities: Object.keys(client.getServerCapabilities() ?? {}).sort(),
      declared: client.getServerCapabilities() ?? {},
    };
  }

  get isOpen(): boolean {
    return this.#open;
  }

  listResources(op: Operation): Promise<RawList> {
    return this.#list('resources/list', 'resources', 'resources', op);
  }

  listResourceTemplates(op: Operation): Promise<RawList> {
    return this.#list('resources/templates/list', 'resourceTemplates', 'resources', op);
  }

  async listTools(op: Operation): Promise<RawList> {
    const list = await this.#list('tools/list', 'tools', 'tools', op);
    if (!this.#repeatsParameters) return list;
    this.#parameterHeaders.clear();
    const leftOut = new Set<unknown>();
    const items = list.items.filter((tool) => this.#isUsable(tool, leftOut, op));
    this.#leftOut = leftOut;
    return { ...list, items };
  }

  listPrompts(op: Operation): Promise<RawList> {
    return this.#list('prompts/list', 'prompts', 'prompts', op);
  }

  async readResource(uri: string, op: Operation): Promise<RawRead> {
    const result = await this.#request('resources/read', { uri }, 'read', op, uri);
    if (!Array.isArray(result['contents'])) {
      throw new ResourceFetchError('UPS211', `${this.server.id} returned no contents for ${uri}`, {
        context: { server: this.server.id, phase: 'decode', uri },
        hint: 'This is a fault of the server; report it to its authors.',
      });
    }
    return { contents: result['contents'], ...hintsOf(result) };
  }

  async callTool(name: string, args: Readonly<Record<string, unknown>>, op: Operation): Promise<ToolResult> {
    const result = await this.#call({ name, arguments: args }, op);
    return {
      isError: result['isError'] === true,
      content: Array.isArray(result['content']) ? result['content'] : [],
      ...(result['structuredContent'] === undefined
        ? {}
        : { structuredContent: result['structuredContent'] }),
      ...(result['_meta'] === undefined ? {} : { _meta: result['_meta'] }),
    };
  }

  forward(
    method: string,
    params: Readonly<Record<string, unknown>>,
    op: Operation,
    { onProgress, clientCapabilities, logLevel, timeoutMs }: ForwardOptions = {},
  ): Promise<Record<string, unknown>> {
    const uri = typeof params['uri'] === 'string' ? params['uri'] : undefined;
    const phase = method === 'resources/read' ? 'read' : 'call';
    const envelope = {
      ...(clientCapabilities === undefined ? {} : { [CLIENT_CAPABILITIES_META_KEY]: clientCapabilities }),
      ...(logLevel === undefined ? {} : { [LOG_LEVEL_META_KEY]: logLevel }),
    };
    const told =
      this.connection.era === 'modern'
        ? { ...params, _meta: { ...(params['_meta'] as object), ...envelope } }
        : params;
    const more: RequestOptions = {
      allowInputRequired: true,
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
      ...(onProgress === undefined
        ? {}
        : { onprogress: (progress) => onProgress({ ...progress }), resetTimeoutOnProgress: true }),
    };
    if (method === 'tools/call') return this.#call(told, op, more);
    return this.#request(method, told, phase, op, uri, more);
  }

  watch(listener: WatchListener): Watch {
    const ended = new AbortController();
    void this.closed.then(() => ended.abort());
    const watch = startWatch(this.#client, this.#transport, listener, ended.signal);
    return {
      ready: watch.ready,
      subscribe: async (uri, signal) => {
        const started = performance.now();
        try {
          await watch.subscribe(uri, signal);
        } catch (error) {
          const { server } = this;
          const elapsedMs = performance.now() - started;
          const at = { server, phase: 'call' as const, elapsedMs, timeoutMs: server.timeoutMs, uri };
          throw translate(this.#transport.failure ?? error, { ...at, redact: this.#options.redact });
        }
      },
      unsubscribe: (uri) => watch.unsubscribe(uri),
    };
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#resolveClosed();
    await this.#client.close().catch(() => undefined);
    // The client lets go of a transport that failed before; what it started must end all the same.
    await this.#transport.close();
  }

  /** Walks all pages. A server without the capability or the method has an empty list, and is not dead. */
  async #list(method: string, key: string, capability: string, op: Operation): Promise<RawList> {
    if (!this.connection.capabilities.includes(capability)) return { items: [] };
    const items: unknown[] = [];
    const cursors = new Set<string>();
    let size = 0;
    let hints: CacheHints = {};
    let cursor: string | undefined;
    for (let page = 1; ; page += 1) {
      let result: Record<string, unknown>;
      try {
        result = await this.#request(method, cursor === undefined ? {} : { cursor }, 'list', op);
      } catch (error) {
        const code = error instanceof MCPOrchestratorException ? error.context['rpc_code'] : undefined;
        if (page === 1 && code === METHOD_NOT_FOUND) return { items: [] };
        throw error;
      }
      const entries = result[key];
      if (!Array.isArray(entries)) throw this.#invalidList(method, `its "${key}" is not a list`);
      // One at a time: spreading a huge page into push() would overflow the stack.
      for (const entry of entries) {
        items.push(entry);
        size += sizeOf(entry);
      }
      if (size > this.#options.maxBytes) {
        throw new ResourceFetchError(
          'UPS209',
          `${this.server.id}: ${method} is larger than ${MIB(this.#options.maxBytes)} MiB`,
          {
            context: { server: this.server.id, phase: 'list', method, pages: page },
            hint: 'This is a fault of the server; report it to its authors.',
          },
        );
      }
      hints = stricter(hints, hintsOf(result));
      const next = result['nextCursor'];
      if (next === undefined || next === null) return { items, ...hints };
      if (typeof next !== 'string') throw this.#invalidList(method, 'its cursor is not a text');
      if (cursors.has(next)) throw this.#endless(method, 'repeats a cursor', page);
      if (page >= MAX_PAGES) throw this.#endless(method, `has more than ${MAX_PAGES} pages`, page);
      cursors.add(next);
      cursor = next;
    }
  }

  /** From 2026-07-28 on, calls over HTTP repeat in headers what the tool's schema says. */
  get #repeatsParameters(): boolean {
    return this.connection.era === 'modern' && this.connection.transport === 'streamable-http';
  }

  /** Remembers what calls of a tool have to repeat; a tool that says so wrongly must not be used by any client. */
  #isUsable(entry: unknown, leftOut: Set<unknown>, op: Operation): boolean {
    const { name, inputSchema } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    const read = readParameterHeaders(inputSchema);
    if (read.isValid) {
      if (read.declared.length > 0) this.#parameterHeaders.set(name, read.declared);
      return true;
    }
    const { reason } = read;
    if (!this.#leftOut.has(name)) {
      const tool = typeof name === 'string' ? name : null;
      op.log('server.tool_left_out', { server: this.server.id, tool, reason }, 'warn');
    }
    leftOut.add(name);
    return false;
  }

  async #call(
    params: Record<string, unknown>,
    op: Operation,
    more?: RequestOptions,
  ): Promise<Record<string, unknown>> {
    const send = () => {
      const declared = this.#parameterHeaders.get(params['name']);
      const headers =
        declared === undefined ? {} : { headers: parameterHeadersOf(declared, params['arguments']) };
      return this.#request('tools/call', params, 'call', op, undefined, { ...more, ...headers });
    };
    try {
      return await send();
    } catch (error) {
      // The tool is not the one that was listed last, if it was: the server has refused before calling it.
      if (!this.#repeatsParameters || rpcErrorOf(error)?.code !== HEADER_MISMATCH) throw error;
      await this.listTools(op);
      return send();
    }
  }

  #invalidList(method: string, why: string): ResourceFetchError {
    return new ResourceFetchError(
      'UPS211',
      `${this.server.id} answered ${method} with something else: ${why}`,
      {
        context: { server: this.server.id, phase: 'decode', method },
        hint: 'This is a fault of the server; report it to its authors.',
      },
    );
  }

  #endless(method: string, why: string, pages: number): ResourceFetchError {
    return new ResourceFetchError('UPS210', `${this.server.id}: ${method} ${why}`, {
      context: { server: this.server.id, phase: 'list', method, pages },
      hint: 'This is a fault of the server; report it to its authors.',
    });
  }

  #request(
    method: string,
    params: Record<string, unknown>,
    phase: Phase,
    op: Operation,
    uri?: string,
    more?: RequestOptions,
  ): Promise<Record<string, unknown>> {
    // The usual case, which is to cost nothing.
    if (op.span === noSpan) return this.#send(method, params, phase, op, uri, more);
    const { transport, protocolVersion } = this.connection;
    const attributes = { ...addressOf(this.server, transport), 'mcp.protocol.version': protocolVersion };
    const { name, options } = requestSpan(method, params, attributes, this.#options.redact);
    return inSpan(op, name, options, async (inner) => {
      try {
        const stamped = this.#traced.stamp(params, inner.span);
        const result = await this.#send(method, stamped, phase, inner, uri, more);
        if (method === 'tools/call' && result['isError'] === true)
          inner.span.set({ 'error.type': 'tool_error' });
        return result;
      } finally {
        this.#traced.done(inner.span);
      }
    });
  }

  async #send(
    method: string,
    params: Record<string, unknown>,
    phase: Phase,
    op: Operation,
    uri?: string,
    more?: RequestOptions,
  ): Promise<Record<string, unknown>> {
    let started = performance.now();
    const { timeoutMs } = this.server;
    try {
      // Waiting for a turn is no fault of the server: its time begins when it is asked.
      if (this.#options.limit !== undefined) {
        await this.#options.limit.take(op.signal);
        started = performance.now();
      }
      if (more === undefined && this.connection.era === 'legacy')
        return await this.#client.ask(method, params, timeoutMs, op.signal);
      return await this.#client.request({ method, params }, ANY_OBJECT, {
        timeout: timeoutMs,
        ...more,
        signal: op.signal,
      });
    } catch (error) {
      const circumstances = {
        server: this.server,
        phase,
        elapsedMs: performance.now() - started,
        timeoutMs,
        redact: this.#options.redact,
        ...(uri === undefined ? {} : { uri }),
      };
      // A session that the server has forgotten is over; the next request opens another one.
      const isForgotten =
        error instanceof SdkHttpError && error.status === 404 && this.#transport.sessionId !== undefined;
      if (isForgotten || (this.#expired && !op.signal.aborted)) {
        // What else was under way ends with it, for the same reason.
        this.#expired = true;
        await this.close();
        throw translate(
          new MCPConnectionError('UPS203', 'the session has expired', {
            context: { [SESSION_EXPIRED]: isForgotten ? 'refused' : 'ended' },
            hint: 'The server forgot it twice: look at its log.',
          }),
          circumstances,
        );
      }
      // Whoever stopped the operation gave the reason; the broken connection is only its echo.
      if (op.signal.aborted) throw attribute(op.signal.reason, circumstances);
      throw translate(this.#transport.failure ?? error, circumstances);
    }
  }
}

/** The hints of one answer; what is none is left out. */
export function hintsOf(result: Readonly<Record<string, unknown>>): CacheHints {
  const { ttlMs, cacheScope } = result;
  return {
    ...(typeof ttlMs === 'number' && ttlMs >= 0 ? { ttlMs } : {}),
    ...(cacheScope === 'public' || cacheScope === 'private' ? { cacheScope } : {}),
  };
}

function stricter(a: CacheHints, b: CacheHints): CacheHints {
  const ttls = [a.ttlMs, b.ttlMs].filter((ttl) => ttl !== undefined);
  const scopes = [a.cacheScope, b.cacheScope];
  const scope = scopes.includes('private') ? 'private' : scopes.find((given) => given !== undefined);
  return {
    ...(ttls.length === 0 ? {} : { ttlMs: Math.min(...ttls) }),
    ...(scope === undefined ? {} : { cacheScope: scope }),
  };
}

/** About how much of an entry is kept: its texts, which are what can be large. */
function sizeOf(entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return 64;
  return Object.values(entry).reduce<number>(
    (sum, value) => sum + (typeof value === 'string' ? value.length : typeof value === 'object' ? 256 : 16),
    64,
  );
}

const MIB = (bytes: number) => Math.round(bytes / 1024 ** 2);
