import pLimit from 'p-limit';
import { ResourceCache, type CacheMode } from './cache/cache.js';
import type { Freshness } from './cache/lifetime.js';
import { DiskStore } from './cache/disk-store.js';
import type { Shelf } from './cache/entry.js';
import { Connections } from './clients/connections.js';
import { DEFAULT_MAX_MESSAGE_BYTES } from './clients/transport.js';
import type { ResourceClient, ToolResult } from './clients/resource-client.js';
import type { ServerRequests } from './clients/server-requests.js';
import type { OwnExecutable } from './clients/start-server.js';
import { toolOf, unknownTool, withSignature, type ListedTool } from './clients/tool-arguments.js';
import { toolFailure, tooManyRows } from './clients/tool-failure.js';
import { attribute, quote, type Phase } from './clients/circumstances.js';
import { createRedactor, secretsOf, type Config, type ServerConfig } from './config/config.js';
import { differenceOf, isSameServer, type ConfigDifference } from './config/difference.js';
import { loadConfig } from './config/load.js';
import {
  logFieldsOf,
  MCPConnectionError,
  MCPOrchestratorException,
  NoMCPAvailableError,
  ResourceFetchError,
} from './errors.js';
import { Answers, dropRead, LIST_NAMES, type ServerCache } from './gather/answers.js';
import { gather } from './gather/gather.js';
import type { Selection } from './gather/select.js';
import type { Gathered, GatheredResource, Outcome } from './gather/outcome.js';
import type { Inspection } from './inspect/inspection.js';
import { Listening, type Forget } from './gather/listening.js';
import { policyOf, shelfOf } from './gather/shelf-of.js';
import { createOperation, inSpan, withSignal, type Operation } from './operation.js';
import { packageExecutable } from './package-root.js';
import { Registry } from './registry/registry.js';
import { createDeadline, type Deadline } from './resilience/deadline.js';
import type { PrioritizedEntity } from './resolve/domain.js';
import type { DomainQuestion, DomainResolution, DomainResolver } from './resolve/resolve-domain.js';

export interface OrchestratorOptions {
  /** How `start.command: mcpx` is run; that of this package when left out. */
  readonly ownExecutable?: OwnExecutable;
  /**
   * Where answers are kept between processes, if the configuration's `cache_store` is `disk`; private to the user.
   * Without it they are kept in memory, which is what a long-running process wants.
   */
  readonly cacheFolder?: string;
  /**
   * Listens to the servers that it is connected to, and forgets what they say has changed, so that the next gather asks
   * for it: for a process that lives longer than a gather. Connections stay open for that, and servers that tell of
   * changes of a resource are asked to (at most 100 of them each).
   */
  readonly listens?: boolean;
  /**
   * Who answers what servers ask of their client.
   *
   * @internal
   */
  readonly serverRequests?: ServerRequests;
}

/** What a server knows, as the documents' `gather_all_resources` returns it. */
export interface ServerResources {
  readonly priority: number;
  readonly domains: readonly string[];
  readonly capabilities: readonly string[];
  /** By resource name: parsed JSON, else text, else base64; a list where a resource has several contents. */
  readonly resources: Readonly<Record<string, unknown>>;
}

export interface ServerState {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  readonly priority: number;
  readonly domains: readonly string[];
  /** Why it is not connected, where an attempt failed. */
  readonly error: string | null;
}

export interface OrchestratorStatus {
  readonly initialized: boolean;
  /** Best priority first. */
  readonly servers: readonly ServerState[];
  readonly cache: { readonly hits: number; readonly misses: number; readonly hit_rate: number };
}

export interface GatherRequest {
  /** Ids of the servers to ask; all when left out. */
  readonly servers?: readonly string[];
  /** Overrides `fail_fast` of the configuration. */
  readonly failFast?: boolean;
  readonly listOnly?: boolean;
  /** Which of the resources that the configuration lets through; all when left out. */
  readonly selection?: Selection;
  /** Largest contents of one resource; a larger one fails with UPS209. 64 MiB bound it in any case. */
  readonly maxBytes?: number;
  /** Lets go of each connection as soon as its server is done with, since no other request follows. */
  readonly oneShot?: boolean;
  readonly deadlineMs?: number;
  readonly concurrency?: number;
  /** `use` fresh answers, `refresh` them all, or neither use nor keep any (`off`). */
  readonly cache?: CacheMode;
  readonly onPhase?: (server: ServerConfig, phase: Phase | 'done') => void;
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** What `resolve` is asked; nothing but the domain asks who answers for it. */
export interface ResolveRequest
  extends
    DomainQuestion,
    Pick<GatherRequest, 'failFast' | 'oneShot' | 'deadlineMs' | 'concurrency' | 'cache' | 'onPhase'> {}

export interface ReadRequest extends Pick<GatherRequest, 'deadlineMs' | 'cache'> {
  /** The id of the one to ask. */
  readonly server?: string;
}

/** What a tool gave, and whose it is. */
export interface ToolAnswer {
  readonly server: string;
  readonly result: ToolResult;
}

/** The tools of one server, or why they cannot be told. */
export interface ServerTools {
  readonly server: string;
  readonly tools: readonly ListedTool[];
  readonly error?: MCPOrchestratorException;
}

/** What a resource holds, as the server sent it, and who sent it when. */
export interface ReadAnswer {
  readonly server: ServerConfig;
  readonly contents: readonly unknown[];
  readonly freshness: Freshness;
}

/** What `inspect` may be told. */
export interface InspectRequest extends Pick<GatherRequest, 'deadlineMs' | 'onPhase'> {
  /** How much of the deadline has gone already, where it bounds more than this. */
  readonly spentMs?: number;
}

/** The connected server that runs queries. */
export interface Executor {
  readonly server: string;
  /**
   * Runs one SQL query over its `execute_query` tool; the result is what the tool gives.
   *
   * @param limits  what the server goes by when left out
   * @throws MCPOrchestratorException SQL501-505 with `sqlstate` and `position` in `context`, where the server tells
   */
  executeQuery(query: string, op?: Operation, limits?: { readonly maxRows?: number }): Promise<unknown>;
}

/** The tool that makes a server the executor (document 001, `get_executor_mcp`). */
const EXECUTE_QUERY = 'execute_query';

/**
 * Knows the configured servers, keeps the connections to them, and gathers what they know.
 *
 * ```ts
 * await using orchestrator = await MCPOrchestrator.fromFile('config/mcp_config.yaml');
 * const resources = await orchestrator.gatherAllResources();
 * ```
 *
 * @see documents 000 to 003, "Orchestrator Interface"
 */
export class MCPOrchestrator implements AsyncDisposable {
  readonly #connections: Connections;
  readonly #options: OrchestratorOptions;
  /** Of every configuration that was ever in use: an old one's secrets may still turn up. */
  readonly #secrets = new Set<string>();
  readonly #redact = (text: string) => this.#redactor(text);
  readonly #errors = new Map<string, MCPOrchestratorException>();
  readonly #ending = new AbortController();
  readonly #listening = new Listening(
    (server, changed) => this.#forget(server, changed),
    this.#ending.signal,
  );
  readonly #follow = this.#listening.follow.bind(this.#listening);
  readonly #shelves = new WeakMap<ServerConfig, Shelf>();
  #config: Config;
  #registry: Registry;
  #redactor: (text: string) => string;
  #cache: ResourceCache;
  #cacheTrouble: Error | undefined;
  #resolver: DomainResolver | undefined;
  #initialized = false;

  constructor(config: Config, options: OrchestratorOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#registry = new Registry(config.servers);
    this.#redactor = this.#createRedactor(config);
    this.#cache = this.#createCache(config);
    this.#connections = new Connections(
      {
        redact: this.#redact,
        maxBytes: DEFAULT_MAX_MESSAGE_BYTES,
        ...(options.serverRequests === undefined ? {} : { serverRequests: options.serverRequests }),
      },
      options.ownExecutable ?? packageExecutable(),
      (server) => {
        const current = this.#registry.find(server.id);
        return current !== undefined && isSameServer(server, current);
      },
    );
  }

  /** What is in use now; `reconfigure` replaces it. */
  get config(): Config {
    return this.#config;
  }

  get registry(): Registry {
    return this.#registry;
  }

  /** @throws ConfigurationError with every problem of the file in `context.problems` */
  static async fromFile(file: string, options?: OrchestratorOptions): Promise<MCPOrchestrator> {
    return new MCPOrchestrator(await loadConfig(file), options);
  }

  /**
   * Connects to all servers side by side.
   *
   * @throws MCPConnectionError  fail-fast: the first required server that cannot be reached, at once
   * @throws NoMCPAvailableError  degraded: none can
   */
  async initialize(op: Operation = createOperation()): Promise<void> {
    if (this.#initialized) return;
    using stop = this.#deadline(this.config.deadlineMs, op);
    const inner = withSignal(op, stop.signal);
    const limit = pLimit(this.config.maxConnections);
    let first: unknown;
    const connected = await Promise.all(
      this.registry.servers.map((server) =>
        limit(async () => {
          try {
            await this.#connect(server, inner);
            return true;
          } catch (error) {
            if (this.config.failFast && server.required && first === undefined) {
              first = error;
              stop.abort(new MCPOrchestratorException('UPS219', `stopped, since ${server.id} failed`));
            }
            return false;
          }
        }),
      ),
    );
    if (first !== undefined) throw first;
    if (op.signal.aborted) throw op.signal.reason;
    if (!connected.includes(true)) throw this.#nobody();
    this.#initialized = true;
    op.log('orchestrator.initialized', {
      connected: connected.filter(Boolean).length,
      servers: connected.length,
    });
  }

  /**
   * Gathers all resources of all servers, keyed by server name and resource name as in the documents.
   *
   * Where two servers bear one name, the later one's key is its id; where that is the name of another, with its
   * priority behind it.
   *
   * @throws MCPConnectionError | ResourceFetchError | NoMCPAvailableError  as `gather` does
   */
  async gatherAllResources(op?: Operation): Promise<Readonly<Record<string, ServerResources>>> {
    const { outcomes } = await this.gather({}, op);
    const byName = new Map<string, ServerResources>();
    for (const outcome of outcomes) {
      if (outcome.status === 'failed') continue;
      const { server } = outcome;
      const keys = [
        server.name,
        server.id,
        `${server.id} (priority ${server.priority})`,
        `${server.name} (${server.id})`,
      ];
      byName.set(keys.find((key) => !byName.has(key)) ?? `${server.id} ${byName.size}`, {
        priority: server.priority,
        domains: server.domains,
        capabilities: server.capabilities,
        resources: resourcesOf(outcome),
      });
    }
    return Object.fromEntries(byName);
  }

  /**
   * Gathers, and tells for each server how it fared.
   *
   * @throws MCPConnectionError | ResourceFetchError  fail-fast: the first failure
   * @throws NoMCPAvailableError  degraded: every server failed
   * @throws ResourceFetchError RES306 for a server that is not configured
   */
  async gather(request: GatherRequest = {}, op: Operation = createOperation()): Promise<Gathered> {
    const servers = request.servers === undefined ? this.registry.servers : this.#chosen(request.servers);
    const listens = this.#options.listens === true && request.oneShot !== true;
    const gathered = await gather(
      servers,
      this.#connections,
      {
        failFast: request.failFast ?? this.config.failFast,
        listOnly: request.listOnly ?? false,
        ...(request.selection === undefined ? {} : { selection: request.selection }),
        ...(request.maxBytes === undefined ? {} : { maxBytes: request.maxBytes }),
        oneShot: request.oneShot ?? false,
        deadlineMs: request.deadlineMs ?? this.config.deadlineMs,
        concurrency: request.concurrency ?? this.config.maxConnections,
        redact: this.#redact,
        cacheOf: (server) => ({
          ...this.cacheOf(server, request.cache ?? 'use'),
          ...(listens ? { follow: this.#follow } : {}),
        }),
        ...(request.onPhase === undefined ? {} : { onPhase: request.onPhase }),
        onOutcome: (outcome) => {
          this.#remember(outcome);
          request.onOutcome?.(outcome);
        },
      },
      op,
    );
    this.#initialized = true;
    this.#flushCache(op);
    if (listens) {
      const deadlineMs = request.deadlineMs ?? this.config.deadlineMs;
      const withinMs = Math.max(0, deadlineMs - gathered.durationMs);
      // The answers are there, whatever comes of it.
      await this.#followKept(gathered, withinMs, op).catch(() => undefined);
    }
    return gathered;
  }

  /** Hears of changes of what was kept before there was a connection to hear of them on. */
  async #followKept({ outcomes }: Gathered, withinMs: number, op: Operation): Promise<void> {
    using deadline = this.#deadline(withinMs, op);
    const inner = withSignal(op, deadline.signal);
    await Promise.all(
      outcomes.map(async ({ server, resources }) => {
        const client = this.#connections.find(server.id);
        if (client === undefined) return;
        const uris = resources.filter(({ error }) => error === undefined).map(({ uri }) => uri);
        await Promise.all([undefined, ...uris].map((uri) => this.#listening.follow(client, uri, inner)));
      }),
    );
  }

  #forget(server: ServerConfig, changed: Parameters<Forget>[1]): void {
    if (this.#ending.signal.aborted) return;
    const shelf = this.#shelfOf(server);
    if (changed === 'anything') return this.#cache.expire(shelf);
    if (changed !== 'lists') return dropRead(this.#cache, shelf, changed.uri);
    for (const name of LIST_NAMES) this.#cache.drop(shelf, name);
  }

  /**
   * The resources of the best server of a domain: the one of lowest priority number. Where that one is down and
   * fail-fast is off, or does not require it, the next one answers.
   *
   * @returns empty for a domain that no server handles
   * @throws the failure of the best server in fail-fast mode, of the last one otherwise
   */
  async getResourcesForDomain(
    domain: string,
    op: Operation = createOperation(),
  ): Promise<Readonly<Record<string, unknown>>> {
    let failure: unknown;
    const asked: Outcome[] = [];
    // One deadline for all of them: each server that is asked leaves less time for the next.
    using deadline = this.#deadline(this.config.deadlineMs, op);
    const inner = withSignal(op, deadline.signal);
    for (const server of this.registry.forDomain(domain)) {
      try {
        const { outcomes } = await this.gather({ servers: [server.id] }, inner);
        asked.push(...outcomes);
      } catch (error) {
        if (inner.signal.aborted || (this.config.failFast && server.required)) throw error;
        failure = error;
      }
      const { selectAmong } = await this.#resolveStep();
      const { winner } = selectAmong(asked, true);
      const answering = asked.find((outcome) => outcome.server.id === winner?.server);
      if (winner !== undefined && answering !== undefined) {
        op.log('domain.answered', { domain, server: winner.server, priority: winner.priority });
        return resourcesOf(answering);
      }
      op.log('domain.fallback', { domain, server: server.id }, 'warn');
    }
    if (failure !== undefined) throw failure;
    return {};
  }

  /**
   * Says who answers for a domain, and what terms or the mentions of a sentence mean there.
   *
   * For terms all servers of the domain are read, so that conflicts between them are seen; without terms they are
   * only listed. In fail-fast mode each required one must answer. Nothing of an answer is kept for the next one.
   *
   * @throws ResourceFetchError RES301 for a domain that no server handles, or not the one that was asked for;
   *   RES306 for a server that is not configured
   * @throws MCPConnectionError | ResourceFetchError | NoMCPAvailableError  as `gather` does, and the failure of the
   *   best server where no other may answer
   */
  async resolve(
    domain: string,
    request: ResolveRequest = {},
    op: Operation = createOperation(),
  ): Promise<DomainResolution> {
    const servers = this.#serversOf(domain, request.server);
    const { asksForNames, resolver } = await this.#resolveStep();
    const attributes = { 'mcpx.domain': domain, 'mcpx.terms': request.terms?.length ?? 0 };
    return inSpan(op, 'resolve', { attributes, redact: this.#redact }, async (inner) => {
      const gathered = await this.gather(
        { ...request, servers: servers.map(({ id }) => id), listOnly: !asksForNames(request) },
        inner,
      );
      return resolver.answer(domain, this.registry.forDomain(domain), gathered, request, inner);
    });
  }

  /**
   * Looks an entity up among the servers of a domain, best priority first: a resource of exactly that name, else
   * what `resolve` finds under it.
   *
   * @returns `undefined` where no server knows it
   * @throws ResourceFetchError RES303 where it may be several, with them in `context.candidates`
   * @throws what `gather` throws
   * @see document 003, Task 7
   */
  async resolveEntityWithPriority(
    entityName: string,
    resourceType: string,
    op: Operation = createOperation(),
  ): Promise<PrioritizedEntity | undefined> {
    const servers = this.registry.forDomain(resourceType);
    if (servers.length === 0) return undefined;
    const { outcomes } = await this.gather({ servers: servers.map(({ id }) => id) }, op);
    const byId = new Map(
      outcomes.map((outcome) => [
        outcome.server.id,
        {
          priority: outcome.server.priority,
          domains: outcome.server.domains,
          resources: resourcesOf(outcome),
        },
      ]),
    );
    const [{ resolveEntityWithPriority }, { resolver }] = await Promise.all([
      import('./resolve/domain.js'),
      this.#resolveStep(),
    ]);
    return (
      resolveEntityWithPriority(entityName, resourceType, Object.fromEntries(byId)) ??
      resolver.findEntity(resourceType, entityName, outcomes)
    );
  }

  /**
   * Calls a tool of the named server, else of the best server that has it: first those that claim its name as a
   * capability, then the others, in priority order.
   *
   * @throws MCPOrchestratorException what the tool says when it fails: SQL501-505 of a query, else UPS217
   * @throws ResourceFetchError RES306 for a server that is not configured, RES309 where none has the tool
   */
  async callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    request: Pick<ReadRequest, 'server' | 'deadlineMs'> = {},
    caller: Operation = createOperation(),
  ): Promise<ToolAnswer> {
    using deadline = this.#deadline(request.deadlineMs ?? this.config.deadlineMs, caller);
    const op = withSignal(caller, deadline.signal);
    const servers = request.server === undefined ? this.registry.servers : this.#chosen([request.server]);
    const claims = ({ capabilities }: ServerConfig): boolean => capabilities.includes(name);
    const known: string[] = [];
    let failure: unknown;
    for (const server of [...servers.filter(claims), ...servers.filter((other) => !claims(other))]) {
      try {
        const client = await this.#connect(server, op);
        const tools = await toolsOf(client, op);
        known.push(...tools.map((tool) => tool.name));
        const tool = tools.find((each) => each.name === name);
        if (tool === undefined) continue;
        try {
          const result = await client.callTool(name, args, op);
          if (result.isError) throw toolFailure(name, server.id, result, this.#redact);
          return { server: server.id, result };
        } catch (error) {
          throw withSignature(error, tool, args);
        } finally {
          // A tool that failed may have written something before.
          if (tool.mayWrite) this.#forgetContents(server, op);
        }
      } catch (error) {
        const isDown = error instanceof MCPConnectionError && !op.signal.aborted;
        if (!isDown || (this.config.failFast && server.required)) throw error;
        failure ??= error;
      }
    }
    // Nobody can say that a tool does not exist while a server is silent.
    if (failure !== undefined) throw failure;
    throw unknownTool(name, known);
  }

  /**
   * The tools of all servers, or of one, with what they take.
   *
   * @returns for each server in priority order its tools, or why they cannot be told: in fail-fast mode that of servers
   *   that are not required, else of any
   * @throws MCPConnectionError | ResourceFetchError  fail-fast: the first failure of a required server
   * @throws NoMCPAvailableError  degraded: every server failed
   */
  async listTools(
    request: Pick<ReadRequest, 'server' | 'deadlineMs'> = {},
    caller: Operation = createOperation(),
  ): Promise<readonly ServerTools[]> {
    using deadline = this.#deadline(request.deadlineMs ?? this.config.deadlineMs, caller);
    const op = withSignal(caller, deadline.signal);
    const servers = request.server === undefined ? this.registry.servers : this.#chosen([request.server]);
    const limit = pLimit(this.config.maxConnections);
    const found = await Promise.all(
      servers.map((server) =>
        limit(async (): Promise<ServerTools> => {
          try {
            const client = await this.#connect(server, op);
            return { server: server.id, tools: await toolsOf(client, op) };
          } catch (error) {
            if (caller.signal.aborted) throw caller.signal.reason;
            const isFailure = error instanceof MCPOrchestratorException;
            if (!isFailure || (this.config.failFast && server.required)) throw error;
            return { server: server.id, tools: [], error };
          }
        }),
      ),
    );
    if (found.length > 0 && found.every(({ error }) => error !== undefined)) throw this.#nobody();
    return found;
  }

  /**
   * The server that runs queries: the best of those that claim `execute_query` and have the tool.
   *
   * @throws NoMCPAvailableError UPS218 where there is none
   */
  async getExecutor(op: Operation = createOperation()): Promise<Executor> {
    const claiming = this.registry.servers.filter(({ capabilities }) => capabilities.includes(EXECUTE_QUERY));
    let cause: unknown;
    for (const server of claiming) {
      try {
        const client = await this.#connect(server, op);
        const tools = await toolsOf(client, op);
        if (tools.some(({ name }) => name === EXECUTE_QUERY)) return this.#executor(server);
      } catch (error) {
        if (this.config.failFast || !(error instanceof MCPOrchestratorException)) throw error;
        cause = error;
      }
    }
    throw new NoMCPAvailableError('UPS218', 'no server can execute queries', {
      context: { claiming: claiming.map(({ id }) => id) },
      hint: `Give the server with the tool ${EXECUTE_QUERY} that name under "capabilities".`,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /**
   * Reads one resource by its URI: from the named server, else from the servers in priority order, those that
   * list the URI first, then any that knows it by a template.
   *
   * @throws ResourceFetchError RES305 where no server has it, RES306 for a server that is not configured
   * @throws the failure of a server that could not be asked, where none of the others has it
   */
  async readResource(
    uri: string,
    request: ReadRequest = {},
    caller: Operation = createOperation(),
  ): Promise<ReadAnswer> {
    using deadline = this.#deadline(request.deadlineMs ?? this.config.deadlineMs, caller);
    const op = withSignal(caller, deadline.signal);
    const servers = request.server === undefined ? this.registry.servers : this.#chosen([request.server]);
    // A server that is down matters only where it would have come first.
    const { outcomes } = await this.gather(
      {
        servers: servers.map(({ id }) => id),
        listOnly: true,
        failFast: false,
        ...(request.cache === undefined ? {} : { cache: request.cache }),
      },
      op,
    );
    const usable = outcomes.filter(({ status }) => status !== 'failed');
    const listing = usable.filter(({ resources }) => resources.some((resource) => resource.uri === uri));
    const others = usable.filter((outcome) => !listing.includes(outcome) && outcome.templates.length > 0);
    const refusals = new Map<string, MCPOrchestratorException>();
    for (const { server } of [...listing, ...others]) {
      if (this.config.failFast) this.#assertNoneFailedBefore(server, outcomes);
      try {
        const answers = new Answers(this.cacheOf(server, request.cache ?? 'use'), async (call, inner) =>
          call(await this.#connect(server, inner), inner),
        );
        const { value, freshness } = await answers.read(uri, op);
        this.#flushCache(op);
        return { server, contents: value.contents, freshness };
      } catch (error) {
        if (op.signal.aborted) throw op.signal.reason;
        // A server that only has templates may well not know this URI; one that lists it must.
        const isUnknown = error instanceof MCPOrchestratorException && error.code === 'UPS217';
        if (!isUnknown || listing.some((outcome) => outcome.server.id === server.id)) throw error;
        refusals.set(server.id, error);
      }
    }
    // Nobody can say that a resource does not exist while a server is silent.
    const silent = outcomes.find(({ status }) => status === 'failed');
    if (silent?.status === 'failed') throw silent.error;
    throw await this.#unknownResource(uri, usable, refusals, op);
  }

  /** RES305, with the URI that may have been meant, and what a server said that has a template for it. */
  async #unknownResource(
    uri: string,
    asked: readonly Outcome[],
    refusals: ReadonlyMap<string, MCPOrchestratorException>,
    op: Operation,
  ): Promise<ResourceFetchError> {
    const [{ fitsTemplate }, { nearListed, nearUri }] = await Promise.all([
      import('./clients/uri-template.js'),
      import('./clients/near-uri.js'),
    ]);
    const [fitting] = asked.flatMap(({ server, templates }) => {
      const template = templates.find(({ uriTemplate }) => fitsTemplate(uriTemplate, uri))?.uriTemplate;
      return template === undefined ? [] : [{ server, template }];
    });
    const client = fitting === undefined ? undefined : this.#connections.find(fitting.server.id);
    const near =
      client === undefined || fitting === undefined
        ? undefined
        : await nearUri(client, fitting.template, uri, op).catch(() => undefined);
    const known = asked.flatMap(({ resources }) => resources.map((resource) => resource.uri));
    const meant = nearListed(uri, near === undefined ? known : [near, ...known]);
    const cause = fitting === undefined ? undefined : refusals.get(fitting.server.id);
    // Whatever servers list may be long, and hold what was told to them.
    const shown = (text: string) => quote(text, this.#redact);
    return new ResourceFetchError('RES305', `no server has the resource ${uri}`, {
      context: { uri, asked: asked.map(({ server }) => server.id) },
      hint:
        meant !== undefined
          ? `Did you mean ${shown(meant)}?`
          : fitting === undefined
            ? 'No server lists it, and none has a template for it.'
            : `No server lists it; ${fitting.server.id} has the template ${shown(fitting.template)} for it, and refused it.`,
      fix: 'mcpx gather --list-only',
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** Fail-fast: while a server of higher priority is silent, nobody knows whether it would have answered. */
  #assertNoneFailedBefore(server: ServerConfig, outcomes: readonly Outcome[]): void {
    const position = outcomes.findIndex((outcome) => outcome.server.id === server.id);
    for (const outcome of outcomes.slice(0, position)) {
      if (outcome.status === 'failed' && outcome.server.required) throw outcome.error;
    }
  }

  /**
   * Asks every server what it has, without reading any of it: what connects, what is claimed and not there, what
   * several servers have, and what a gather would come to. Failures of servers are part of the answer.
   */
  async inspect(request: InspectRequest = {}, op: Operation = createOperation()): Promise<Inspection> {
    const { inspect } = await import('./inspect/inspect.js');
    return inspect(
      this.registry,
      this.#connections,
      {
        failFast: this.config.failFast,
        deadlineMs: request.deadlineMs ?? this.config.deadlineMs,
        spentMs: request.spentMs ?? 0,
        concurrency: this.config.maxConnections,
        redact: this.#redact,
        ...(request.onPhase === undefined ? {} : { onPhase: request.onPhase }),
      },
      op,
    );
  }

  /**
   * Uses the connection to a server, opened where it is not open, under the breaker and the retries of the server:
   * what the gateway passes requests over.
   *
   * @param isRepeatable  false for what must not be done twice: it is tried once
   * @throws ResourceFetchError RES306 for a server that is not configured
   * @throws what connecting throws, and what `call` throws
   * @internal
   */
  async use<T>(
    id: string,
    call: (client: ResourceClient) => Promise<T>,
    op: Operation,
    isRepeatable: boolean,
  ): Promise<T> {
    const [server] = this.#chosen([id]);
    if (server === undefined) throw new Error(`${id} was chosen and is not there`);
    const attempt = async () => call(await this.#connections.get(server, op));
    return this.#connections.policyOf(server).run(attempt, op, { isRepeatable });
  }

  /**
   * What is kept of a server's answers, and how it may be used by the configuration of now: what the gateway answers
   * reads from.
   *
   * @internal
   */
  cacheOf(server: ServerConfig, mode: CacheMode): ServerCache {
    return {
      cache: this.#cache,
      shelf: this.#shelfOf(server),
      policy: policyOf(server, this.config),
      mode,
      serveStaleOnError: this.config.serveStaleOnError,
    };
  }

  /**
   * Takes another configuration over. Connections to servers that did not change stay open; those to servers that are
   * gone or have another address, other credentials or other limits are closed, and the processes that were started for
   * them are stopped.
   *
   * @returns what is different, when all of that is done
   */
  async reconfigure(config: Config): Promise<ConfigDifference> {
    const difference = differenceOf(this.#config, config);
    const needsCache =
      config.cacheMaxBytes !== this.config.cacheMaxBytes || config.cacheStore !== this.config.cacheStore;
    this.#config = config;
    this.#registry = new Registry(config.servers);
    this.#redactor = this.#createRedactor(config);
    if (needsCache) this.#cache = this.#createCache(config);
    const gone = [...difference.removed, ...difference.reconnected];
    for (const id of gone) this.#errors.delete(id);
    await Promise.all(gone.map((id) => this.#connections.retire(id)));
    return difference;
  }

  getStatus(): OrchestratorStatus {
    const { hits, misses } = this.#cache.counts;
    return {
      initialized: this.#initialized,
      servers: this.registry.servers.map((server) => {
        const connected = this.#connections.find(server.id) !== undefined;
        return {
          id: server.id,
          name: server.name,
          connected,
          priority: server.priority,
          domains: server.domains,
          error: connected ? null : (this.#errors.get(server.id)?.message ?? null),
        };
      }),
      cache: { hits, misses, hit_rate: hits === 0 ? 0 : hits / (hits + misses) },
    };
  }

  /**
   * Forgets what servers listed and what was read from them, so that the next gather asks again.
   *
   * @param server  its id; every server when left out
   * @throws ResourceFetchError RES306 for a server that is not configured
   */
  invalidate(server?: string): void {
    const servers = server === undefined ? this.registry.servers : this.#chosen([server]);
    for (const each of servers) this.#cache.drop(this.#shelfOf(each));
    this.#cache.flush();
  }

  /** Closes every connection and stops every process that was started. Safe to call twice. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#initialized = false;
    await this.#connections.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #createRedactor(config: Config): (text: string) => string {
    for (const secret of secretsOf(config)) this.#secrets.add(secret);
    return createRedactor([...this.#secrets].sort((a, b) => b.length - a.length));
  }

  #createCache({ cacheMaxBytes: maxBytes, cacheStore }: Config): ResourceCache {
    const folder = cacheStore === 'disk' ? this.#options.cacheFolder : undefined;
    const onTrouble = (error: Error) => (this.#cacheTrouble = error);
    return new ResourceCache({
      maxBytes,
      ...(folder === undefined ? {} : { disk: new DiskStore({ folder, maxBytes, onTrouble }) }),
    });
  }

  #shelfOf(server: ServerConfig): Shelf {
    const known = this.#shelves.get(server) ?? shelfOf(server, process.env);
    this.#shelves.set(server, known);
    return known;
  }

  /** What was read of a server may be different now. */
  #forgetContents(server: ServerConfig, op: Operation): void {
    this.#cache.drop(this.#shelfOf(server));
    this.#flushCache(op);
  }

  #flushCache(op: Operation): void {
    this.#cache.flush();
    if (this.#cacheTrouble === undefined) return;
    op.log('cache.unwritable', { message: this.#cacheTrouble.message }, 'warn');
    this.#cacheTrouble = undefined;
  }

  #deadline(ms: number, op: Operation): Deadline {
    return createDeadline(
      ms,
      () =>
        new MCPConnectionError('UPS208', `not finished within the deadline of ${ms / 1000} s`, {
          context: { deadline_ms: ms },
          hint: 'Look at the slow servers, or give a longer --deadline.',
        }),
      op.signal,
    );
  }

  async #connect(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    const started = performance.now();
    try {
      const client = await this.#connections
        .policyOf(server)
        .run(() => this.#connections.get(server, op), op);
      this.#errors.delete(server.id);
      return client;
    } catch (error) {
      const failure = attribute(error, {
        server,
        phase: this.#connections.phaseOf(server.id),
        elapsedMs: performance.now() - started,
        timeoutMs: server.connectTimeoutMs,
        redact: this.#redact,
      });
      this.#errors.set(server.id, failure);
      const elapsed = { duration_ms: Math.round(performance.now() - started) };
      const fields = {
        server: server.id,
        phase: failure.context['phase'],
        ...logFieldsOf(failure),
        ...elapsed,
      };
      op.log('server.failed', fields, 'warn');
      throw failure;
    }
  }

  #remember(outcome: Outcome): void {
    if (outcome.status === 'failed') this.#errors.set(outcome.server.id, outcome.error);
    else this.#errors.delete(outcome.server.id);
  }

  #serversOf(domain: string, only: string | undefined): readonly ServerConfig[] {
    const servers = this.registry.handling(domain);
    if (only === undefined) return servers;
    const [asked] = this.#chosen([only]);
    if (asked !== undefined && servers.includes(asked)) return [asked];
    throw new ResourceFetchError('RES301', `${only} does not handle the domain "${domain}"`, {
      context: { server: only, handling: servers.map(({ id }) => id) },
      hint: `Servers of the domain: ${servers.map(({ id }) => id).join(', ')}.`,
      fix: 'mcpx servers list',
    });
  }

  #chosen(ids: readonly string[]): readonly ServerConfig[] {
    for (const id of ids) this.registry.named(id);
    return this.registry.servers.filter(({ id }) => ids.includes(id));
  }

  /** The resolve step, loaded when something is resolved: a plain gather needs none of it. */
  async #resolveStep() {
    const { asksForNames, DomainResolver, selectAmong } = await import('./resolve/resolve-domain.js');
    return { asksForNames, selectAmong, resolver: (this.#resolver ??= new DomainResolver()) };
  }

  #executor(server: ServerConfig): Executor {
    return {
      server: server.id,
      executeQuery: async (query, op = createOperation(), { maxRows } = {}) => {
        const client = await this.#connect(server, op);
        const args = { query, ...(maxRows === undefined ? {} : { max_rows: maxRows }) };
        const result = await client.callTool(EXECUTE_QUERY, args, op);
        if (result.isError) {
          // What the query failed with is known; that its tool cannot be looked at is no reason to lose it.
          const tools = maxRows === undefined ? [] : await toolsOf(client, op).catch(() => []);
          const tool = tools.find(({ name }) => name === EXECUTE_QUERY);
          const limit = tooManyRows(server.id, tool, result, maxRows);
          throw limit ?? toolFailure(EXECUTE_QUERY, server.id, result, this.#redact);
        }
        return result.structuredContent ?? result.content;
      },
    };
  }

  #nobody(): NoMCPAvailableError {
    const [first] = this.#errors.values();
    return new NoMCPAvailableError('UPS214', 'no server is usable', {
      context: { servers: this.registry.servers.map(({ id }) => id) },
      hint: 'Start the servers, or check their addresses.',
      ...(first === undefined ? {} : { cause: first }),
    });
  }
}

async function toolsOf(client: ResourceClient, op: Operation): Promise<readonly ListedTool[]> {
  const { items } = await client.listTools(op);
  return items.flatMap((each) => toolOf(each) ?? []);
}

function resourcesOf(outcome: Outcome): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    outcome.resources
      .filter(({ error }) => error === undefined)
      .map((resource) => [resource.key, dataOf(resource)]),
  );
}

function dataOf({ contents }: GatheredResource): unknown {
  const values = contents.map((content) => {
    if (content.kind === 'json') return content.data;
    return content.kind === 'text' ? content.text : content.blob;
  });
  return values.length === 1 ? values[0] : values;
}
