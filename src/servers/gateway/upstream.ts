import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import { SESSION_EXPIRED } from '../../core/clients/circumstances.js';
import type { ForwardOptions, ResourceClient } from '../../core/clients/resource-client.js';
import type { ServerNotification, Watch } from '../../core/clients/watch.js';
import type { ServerConfig } from '../../core/config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../../core/errors.js';
import { withSignal, type Operation } from '../../core/operation.js';
import { dropRead, mayBeStale, type ServerCache } from '../../core/gather/answers.js';
import { SUBSCRIPTIONS_AT_ONCE } from '../../core/gather/listening.js';
import type { Span } from '../../core/telemetry/span.js';
import { createBackoff } from './backoff.js';
import { createCallLimit } from './call-limit.js';
import { ttlOf, type Held } from './freshness.js';
import { decodeEntries, KINDS, LIST_KINDS, type Entry, type ListKind } from './kinds.js';
import type { Relay, Relays } from './relays.js';

/** Does something over the connection to a server, opening it where it is not open. */
export type UseServer = <T>(
  server: ServerConfig,
  call: (client: ResourceClient) => Promise<T>,
  op: Operation,
  isRepeatable: boolean,
) => Promise<T>;

export interface UpstreamOptions {
  readonly use: UseServer;
  readonly relays: Relays;
  /** What is kept of a server's answers, and how long that is fresh. */
  readonly cacheOf: (server: ServerConfig) => ServerCache;
  /** Whether callers need a token: then no cache may share answers between them, whatever a server says. */
  readonly isGuarded: boolean;
  /** Numbers servers that come up after having been down, in order. */
  readonly nextJoin: () => number;
  /** Called whenever a list is asked for. */
  readonly onListAsked: (isFresh: boolean) => void;
  /** Called after a list or the state has changed. */
  readonly onChange: () => void;
  /** Called with what the server tells unasked, other than that a list has changed. */
  readonly onNotification: (notification: ServerNotification) => void;
  /** The level that clients want log messages from; `undefined` where none has said so. */
  readonly logLevel: () => string | undefined;
}

/** For whom a request is passed on. */
export interface ForwardedFor extends Pick<ForwardOptions, 'onProgress'> {
  readonly relay: Relay;
}

/** How a server stands with one list. */
export type ListOutcome =
  | { readonly status: 'ok' | 'partial'; readonly held: Held; readonly error?: MCPOrchestratorException }
  /** It is down, and what it listed before stands in for it (`serve_stale_on_error`). */
  | { readonly status: 'stale'; readonly held: Held; readonly error: MCPOrchestratorException }
  /** It has not answered yet, and may still. */
  | { readonly status: 'pending'; readonly error: MCPOrchestratorException }
  | { readonly status: 'failed'; readonly error: MCPOrchestratorException };

export type UpstreamState = 'starting' | 'up' | 'down';

interface Load {
  readonly promise: Promise<void>;
  readonly startedAt: number;
}

const MAX_TOOLS = 10_000;
/** However often a server says that a list has changed, it is asked no more often than this on its account. */
const RELOAD_MS = 200;
/** What has been up for so long has not come up in vain; more than so many that were not are no restarts. */
const STEADY_MS = 10_000;
const MOST_SHORT_LIVES = 3;
const LONGEST_TIMER_MS = 2_147_483_647;
const UPDATED = 'notifications/resources/updated';
const CHANGED_LISTS: Readonly<Record<string, readonly ListKind[]>> = {
  'notifications/resources/list_changed': ['resources', 'templates'],
  'notifications/tools/list_changed': ['tools'],
  'notifications/prompts/list_changed': ['prompts'],
};

const TOLD_BY_TOOLS = ['title', 'description', 'inputSchema', 'outputSchema', 'annotations'];

/** Failures that are about one request; the server itself is there. */
const OF_ONE_REQUEST = new Set(['UPS206', 'UPS209', 'UPS210', 'UPS211', 'UPS217', 'UPS219']);

/**
 * One configured server behind the gateway: its connection, what it lists, and how it fares.
 *
 * A server that is down is asked again in the background, with growing pauses; nobody waits for it meanwhile.
 */
export class Upstream {
  #server: ServerConfig;
  #options: UpstreamOptions;
  readonly #op: Operation;
  readonly #closed = new AbortController();
  readonly #lists = new Map<ListKind, Held>();
  readonly #listErrors = new Map<ListKind, MCPOrchestratorException>();
  /** How often the server said that a list has changed. */
  readonly #changes = new Map<ListKind, number>();
  /** Every tool as it was listed last, also one that has left since. */
  readonly #tools = new Map<string, Entry['value']>();
  readonly #loads = new Map<ListKind, Load>();
  /** When each list was asked for last, and what waits to be asked for because it has changed. */
  readonly #loadedAt = new Map<ListKind, number>();
  readonly #reloads = new Map<ListKind, NodeJS.Timeout>();
  readonly #backoff = createBackoff();
  #state: UpstreamState = 'starting';
  #upSince = -Infinity;
  /** How often in a row its connection ended soon after it came up. */
  #shortLives = 0;
  #error: MCPOrchestratorException | undefined;
  #joined: number;
  #attempt: Load | undefined;
  #timer: NodeJS.Timeout | undefined;
  #client: ResourceClient | undefined;
  #watch: Watch | undefined;
  readonly #subscribed = new Set<string>();

  /** @param joined  as the property: above 0 for a server that others were there before */
  constructor(server: ServerConfig, options: UpstreamOptions, op: Operation, joined = 0) {
    this.#joined = joined;
    this.#server = server;
    this.#options = options;
    this.#op = withSignal(op, this.#closed.signal);
  }

  get server(): ServerConfig {
    return this.#server;
  }

  get state(): UpstreamState {
    return this.#state;
  }

  /** Why it is down, or was before it came up. */
  get error(): MCPOrchestratorException | undefined {
    return this.#error;
  }

  /** Why it cannot be asked now; whoever wants to know is a reason to look again. */
  get whyDown(): MCPOrchestratorException | undefined {
    if (this.#state !== 'down') return undefined;
    this.#lookAgain();
    return this.#error;
  }

  /** What is kept of its answers, by the configuration of now. */
  get kept(): ServerCache {
    return this.#options.cacheOf(this.#server);
  }

  /** How often it has asked its clients for something. */
  get questions(): number {
    return this.#options.relays.questionsOf(this.#server.id);
  }

  /** 0 for a server that was there from the start; else the later it came, the higher. */
  get joined(): number {
    return this.#joined;
  }

  get client(): ResourceClient | undefined {
    return this.#client?.isOpen === true ? this.#client : undefined;
  }

  /** Who may share an answer for which the server gave this scope. */
  readonly scopeOf = (said: unknown): 'public' | 'private' =>
    said === 'public' && !this.#options.isGuarded ? 'public' : 'private';

  /** Takes over what the configuration thinks of it now: its connection stays, its lists are read again. */
  relabel(server: ServerConfig, options: UpstreamOptions): void {
    this.#server = server;
    this.#options = options;
    for (const kind of LIST_KINDS) {
      const held = this.#lists.get(kind);
      // What is not offered any more is gone at once; what is new comes with the next answer.
      const entries = held?.entries.filter(({ key }) => KINDS[kind].isOffered(server, key)) ?? [];
      if (held !== undefined) this.#lists.set(kind, { ...held, entries });
      this.invalidate(kind);
    }
    void this.tryNow();
  }

  /**
   * What it listed last, also where that is not fresh any more; nothing while it is down, unless that may be answered
   * from all the same.
   */
  lastHeld(kind: ListKind): Held | undefined {
    return this.#state === 'up' || this.#mayBeStale(kind) ? this.#lists.get(kind) : undefined;
  }

  /** Connects and lists everything, unless that is being done. Never rejects. */
  tryNow(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve();
    clearTimeout(this.#timer);
    this.#attempt ??= { promise: this.#comeUp(), startedAt: performance.now() };
    return this.#attempt.promise;
  }

  /**
   * What it lists now: what is held where that is fresh, else what it answers within `waitMs` from the moment it was
   * first asked. An answer that comes later is held for the next one.
   */
  list(kind: ListKind, waitMs: number, span?: Span): ListOutcome | Promise<ListOutcome> {
    if (this.#state !== 'up' || !this.#isFresh(kind)) return this.#ask(kind, waitMs, span);
    this.#options.onListAsked(true);
    return this.#outcome(kind);
  }

  /** What it lists now where that is known, whole and fresh; nobody is asked. */
  heldNow(kind: ListKind): Held | undefined {
    if (this.#state !== 'up' || this.#listErrors.has(kind)) return undefined;
    const held = this.#lists.get(kind);
    return held !== undefined && isFresh(held) ? held : undefined;
  }

  async #ask(kind: ListKind, waitMs: number, span?: Span): Promise<ListOutcome> {
    // Whoever asks is a reason to look again, without waiting for it.
    if (this.#state === 'down') this.#lookAgain();
    if (this.#state === 'down') {
      if (waitMs < Infinity || this.#mayBeStale(kind)) return this.#outcome(kind);
      await this.tryNow();
      return this.#outcome(kind);
    }
    this.#options.onListAsked(false);
    const load = this.#state === 'starting' ? this.#starting() : this.#load(kind, span);
    const isDone = await endsWithin(load.promise, load.startedAt + waitMs - performance.now());
    if (isDone) return this.#outcome(kind);
    const { id } = this.server;
    const { noun } = KINDS[kind];
    const error = new MCPConnectionError(
      'UPS204',
      `${id} has not listed its ${noun}s within ${waitMs / 1000} s`,
      {
        context: { server: id, phase: 'list', list: kind, timeout_ms: waitMs },
        hint: 'A slow server needs a larger gateway.list_timeout.',
      },
    );
    return { status: 'pending', error };
  }

  /** What it listed is out of date: the next one to ask it gets a new answer. */
  invalidate(kind: ListKind): void {
    this.#changes.set(kind, this.#changesOf(kind) + 1);
    const held = this.#lists.get(kind);
    if (held !== undefined) this.#lists.set(kind, { ...held, ttlMs: 0 });
  }

  invalidateAll(): void {
    for (const kind of LIST_KINDS) this.invalidate(kind);
  }

  /** What was read from it is asked for anew; where it does not tell of changes of its lists, those too. */
  forgetContents(): void {
    const { cache, shelf } = this.kept;
    cache.drop(shelf);
    const { listChanged } = (this.client?.connection.declared['resources'] ?? {}) as {
      listChanged?: unknown;
    };
    if (listChanged === true) return;
    this.invalidate('resources');
    this.invalidate('templates');
  }

  /** Passes a request of a client on, over a new connection where there is none. */
  async forward(
    method: string,
    params: Readonly<Record<string, unknown>>,
    op: Operation,
    { onProgress, relay }: ForwardedFor,
  ): Promise<Record<string, unknown>> {
    let used: ResourceClient | undefined;
    const send = (client: ResourceClient) => {
      used = client;
      return this.#options.relays.run(this.server.id, relay, async (isAsking) => {
        using limit = createCallLimit(this.server, op.signal, isAsking);
        return await client.forward(method, params, withSignal(op, limit.signal), {
          // The limit counts, which knows when the server waits for the client.
          timeoutMs: LONGEST_TIMER_MS,
          clientCapabilities: relay.capabilities,
          ...(relay.logLevel === undefined ? {} : { logLevel: relay.logLevel }),
          ...(onProgress === undefined
            ? {}
            : {
                onProgress: (progress) => {
                  limit.touch();
                  onProgress(progress);
                },
              }),
        });
      });
    };
    try {
      const result = await this.#use(send, op, method !== 'tools/call');
      if (this.#state !== 'up') void this.tryNow();
      return result;
    } catch (error) {
      // What comes late over a connection that has been replaced tells nothing of the new one.
      const isOld = used !== undefined && this.#client !== undefined && used !== this.#client;
      const isOfNow = !op.signal.aborted && !isOld;
      if (isOfNow && isAboutConnection(error) && error.code !== 'UPS204') this.#fail(error);
      throw error;
    }
  }

  /** Asks to be told of changes of a resource, also over later connections. @throws what the server answers */
  async subscribe(uri: string, op: Operation): Promise<void> {
    await this.#use(async () => this.#watch?.subscribe(uri, op.signal), op);
    this.#subscribed.add(uri);
  }

  async unsubscribe(uri: string): Promise<void> {
    this.#subscribed.delete(uri);
    await this.#watch?.unsubscribe(uri);
  }

  /** Asks for log messages from a level on; one that has none, or whose revision asks by request, is let be. */
  setLogLevel(level: string): void {
    const { client } = this;
    if (client?.connection.era !== 'legacy' || !client.connection.capabilities.includes('logging')) return;
    client.forward('logging/setLevel', { level }, this.#op).catch((error: unknown) => {
      this.#op.log('gateway.log_level_refused', { server: this.server.id, message: String(error) }, 'debug');
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const timer of this.#reloads.values()) clearTimeout(timer);
    const { cache, shelf } = this.kept;
    cache.drop(shelf);
    this.#closed.abort(new MCPConnectionError('UPS219', 'the gateway is closing'));
  }

  #starting(): Load {
    return this.#attempt ?? { promise: this.tryNow(), startedAt: performance.now() };
  }

  async #comeUp(): Promise<void> {
    try {
      await this.#use((client) => Promise.resolve(client), this.#op);
      await Promise.all(LIST_KINDS.map((kind) => this.#fetch(kind, this.#op)));
      const wasUp = this.#state === 'up';
      if (this.#state === 'down') this.#joined = this.#options.nextJoin();
      this.#state = 'up';
      this.#error = undefined;
      this.#upSince = performance.now();
      if (this.#shortLives === 0) this.#backoff.reset();
      if (!wasUp) this.#op.log('gateway.server_up', { server: this.server.id });
      this.#options.onChange();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#attempt = undefined;
    }
  }

  #use<T>(call: (client: ResourceClient) => Promise<T>, op: Operation, isRepeatable = true): Promise<T> {
    return this.#options.use(
      this.server,
      (client) => {
        if (client !== this.#client) this.#took(client);
        return call(client);
      },
      op,
      isRepeatable,
    );
  }

  #took(client: ResourceClient): void {
    this.#client = client;
    this.#watch = client.watch({
      onNotification: (notification) => this.#onNotification(notification),
      // Whatever was told meanwhile is lost: everything is asked again.
      onGap: () => {
        this.#expireContents();
        void this.tryNow();
      },
    });
    const limit = pLimit(SUBSCRIPTIONS_AT_ONCE);
    for (const uri of this.#subscribed) {
      void limit(async () => {
        if (this.#client === client && this.#subscribed.has(uri)) await this.#renewSubscription(uri);
      });
    }
    const level = this.#options.logLevel();
    if (level !== undefined) this.setLogLevel(level);
    void client.closed.then(() => {
      this.#expireContents();
      if (this.#client === client && !this.#closed.signal.aborted) this.#onClosed();
    });
  }

  async #renewSubscription(uri: string): Promise<void> {
    try {
      await this.#watch?.subscribe(uri, this.#closed.signal);
      // It may have changed while nobody listened.
      this.#options.onNotification({ method: UPDATED, params: { uri } });
    } catch (error) {
      this.#op.log(
        'gateway.subscription_lost',
        { server: this.server.id, uri, message: String(error) },
        'warn',
      );
    }
  }

  #onNotification(notification: ServerNotification): void {
    const { method, params } = notification;
    const kinds = CHANGED_LISTS[method];
    if (kinds === undefined) {
      // Before clients are told, who may ask for it at once.
      if (method === UPDATED && typeof params['uri'] === 'string') this.#forgetContent(params['uri']);
      this.#options.onNotification(notification);
    } else {
      // What is not listed any more is not to be read either.
      if (kinds.includes('resources')) {
        const { cache, shelf } = this.kept;
        cache.drop(shelf);
      }
      for (const kind of kinds) {
        this.invalidate(kind);
        this.#reload(kind);
      }
    }
  }

  /**
   * A connection that ended by itself is opened again at once: a restarted server is back before anyone notices. One that
   * ends again and again soon after it came up is a server that crashes, and gets pauses.
   */
  #onClosed(): void {
    this.#op.log('gateway.connection_lost', { server: this.server.id }, 'warn');
    this.#client = undefined;
    this.#watch = undefined;
    if (this.#state !== 'up') return;
    const wasShort = performance.now() - this.#upSince < STEADY_MS;
    this.#shortLives = wasShort ? this.#shortLives + 1 : 0;
    if (this.#shortLives <= MOST_SHORT_LIVES) void this.tryNow();
    else this.#fail(this.#keepsEnding());
  }

  #keepsEnding(): MCPConnectionError {
    const { id } = this.server;
    return new MCPConnectionError('UPS203', `${id} ends again and again soon after it has come up`, {
      context: { server: id },
      hint: 'The server may crash after it has listed what it has; look at its log.',
    });
  }

  #load(kind: ListKind, span = this.#op.span): Load {
    const running = this.#loads.get(kind);
    if (running !== undefined) return running;
    const changes = this.#changesOf(kind);
    const promise = this.#fetch(kind, { ...this.#op, span })
      .then(() => this.#options.onChange())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#loads.delete(kind);
        if (changes !== this.#changesOf(kind)) this.#reload(kind);
      });
    this.#loadedAt.set(kind, performance.now());
    const load = { promise, startedAt: performance.now() };
    this.#loads.set(kind, load);
    return load;
  }

  /**
   * Lists anew what has changed, so that clients hear of it; one that is under way asks again when it has ended. A server
   * that says so without end, perhaps whenever it is asked, is not asked without end.
   */
  #reload(kind: ListKind): void {
    if (this.#loads.has(kind) || this.#reloads.has(kind) || this.#closed.signal.aborted) return;
    const pauseMs = (this.#loadedAt.get(kind) ?? -Infinity) + RELOAD_MS - performance.now();
    if (pauseMs <= 0) void this.#load(kind);
    else {
      const timer = setTimeout(() => {
        this.#reloads.delete(kind);
        if (this.#state === 'up') void this.#load(kind);
      }, pauseMs);
      this.#reloads.set(kind, timer.unref());
    }
  }

  /** @throws what is about the connection; what is about this list alone is kept beside the list */
  async #fetch(kind: ListKind, op: Operation): Promise<void> {
    const at = performance.now();
    const changes = this.#changesOf(kind);
    try {
      const { items, ...hints } = await this.#use((client) => KINDS[kind].list(client, op), op);
      const { entries, malformed } = decodeEntries(KINDS[kind], this.server, items);
      if (kind === 'tools') this.#logChangedTools(entries);
      this.#lists.set(kind, {
        entries,
        at,
        // What changed while it was being read is out of date already.
        ttlMs: changes === this.#changesOf(kind) ? ttlOf(this.kept, hints) : 0,
        scope: this.scopeOf(hints.cacheScope),
      });
      const [first] = malformed;
      if (first === undefined) this.#listErrors.delete(kind);
      else {
        this.#listErrors.set(kind, first);
        this.#op.log(
          'gateway.malformed',
          { server: this.server.id, list: kind, count: malformed.length },
          'warn',
        );
      }
    } catch (error) {
      if (!(error instanceof MCPOrchestratorException) || isAboutConnection(error)) throw error;
      this.#lists.delete(kind);
      this.#listErrors.set(kind, error);
    }
  }

  /** Models act on what tools say of themselves: one that says something else than before is worth a look. */
  #logChangedTools(tools: readonly Entry[]): void {
    for (const { key: tool, value } of tools) {
      const before = this.#tools.get(tool);
      const changed =
        before === undefined
          ? []
          : TOLD_BY_TOOLS.filter((name) => !isDeepStrictEqual(before[name], value[name]));
      if (changed.length > 0) {
        this.#op.log('gateway.tool_changed', { server: this.server.id, tool, changed }, 'warn');
      }
      this.#tools.set(tool, value);
    }
    // A server that names its tools anew each time must not fill the memory.
    if (this.#tools.size > MAX_TOOLS) this.#tools.clear();
  }

  #changesOf(kind: ListKind): number {
    return this.#changes.get(kind) ?? 0;
  }

  #outcome(kind: ListKind): ListOutcome {
    const stale = this.#state === 'down' ? this.lastHeld(kind) : undefined;
    if (stale !== undefined) return { status: 'stale', held: stale, error: this.#error ?? this.#notYet() };
    if (this.#state !== 'up') return { status: 'failed', error: this.#error ?? this.#notYet() };
    const held = this.#lists.get(kind);
    const error = this.#listErrors.get(kind);
    if (held === undefined) return { status: 'failed', error: error ?? this.#notYet() };
    return error === undefined ? { status: 'ok', held } : { status: 'partial', held, error };
  }

  /** Only of resources are answers of then any good: a tool that is down cannot be called. */
  #mayBeStale(kind: ListKind): boolean {
    if (this.#state !== 'down' || (kind !== 'resources' && kind !== 'templates')) return false;
    return this.#lists.has(kind) && mayBeStale(this.kept, this.#error);
  }

  #lookAgain(): void {
    if (this.#attempt === undefined && this.#backoff.mayTryAt() <= performance.now()) void this.tryNow();
  }

  #forgetContent(uri: string): void {
    const { cache, shelf } = this.kept;
    dropRead(cache, shelf, uri);
  }

  /** It may have changed without our hearing of it. */
  #expireContents(): void {
    const { cache, shelf } = this.kept;
    cache.expire(shelf);
  }

  #isFresh(kind: ListKind): boolean {
    const held = this.#lists.get(kind);
    return held !== undefined && isFresh(held);
  }

  #fail(caught: unknown): void {
    if (this.#closed.signal.aborted) return;
    if (!(caught instanceof MCPOrchestratorException)) {
      this.#op.log('gateway.bug', { server: this.server.id, message: String(caught) }, 'error');
    }
    const error =
      caught instanceof MCPOrchestratorException
        ? caught
        : new MCPConnectionError('UPS206', `${this.server.id}: unexpected failure`, { cause: caught });
    const wasDown = this.#state === 'down';
    this.#state = 'down';
    // Not that it is left alone, nor for how long by the time that somebody looks, but why.
    this.#error =
      error.code === 'UPS223' && error.cause instanceof MCPOrchestratorException ? error.cause : error;
    // Who knows whether the one that comes back is the same.
    if (!wasDown) this.#expireContents();
    // One that is being left alone is not asked before its time.
    const leftAloneMs = Number(error.context['retry_after_ms'] ?? 0);
    const pauseMs = Math.max(this.#backoff.next(), leftAloneMs);
    this.#op.log(
      'gateway.server_down',
      { server: this.server.id, code: error.code, message: error.message, retry_ms: Math.round(pauseMs) },
      wasDown ? 'debug' : 'warn',
    );
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.tryNow(), pauseMs);
    this.#timer.unref();
    if (!wasDown) this.#options.onChange();
  }

  #notYet(): MCPConnectionError {
    return new MCPConnectionError('UPS201', `${this.server.id} is not connected yet`, {
      context: { server: this.server.id },
    });
  }
}

function isFresh({ at, ttlMs }: Held): boolean {
  return at + ttlMs > performance.now();
}

function isAboutConnection(error: unknown): error is MCPOrchestratorException {
  if (!(error instanceof MCPOrchestratorException) || OF_ONE_REQUEST.has(error.code)) return false;
  // A server that forgot a session is there; the next request opens another one.
  return error.context[SESSION_EXPIRED] === undefined;
}

/** Whether a promise that never rejects settles within a time. */
async function endsWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  if (ms === Infinity) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
