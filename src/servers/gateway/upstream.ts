import type { ForwardOptions, ResourceClient } from '../../core/clients/resource-client.js';
import type { ServerConfig } from '../../core/config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../../core/errors.js';
import { withSignal, type Operation } from '../../core/operation.js';
import { createBackoff } from './backoff.js';
import { ttlOf, type Held } from './freshness.js';
import { decodeEntries, KINDS, LIST_KINDS, type ListKind } from './kinds.js';

export type Connect = (server: ServerConfig, op: Operation) => Promise<ResourceClient>;

export interface UpstreamOptions {
  readonly connect: Connect;
  /** How long answers without a hint of their own stay fresh. */
  readonly cacheTtlMs: number;
  /** Called after a list or the state has changed. */
  readonly onChange: () => void;
}

/** How a server stands with one list. */
export type ListOutcome =
  | { readonly status: 'ok' | 'partial'; readonly held: Held; readonly error?: MCPOrchestratorException }
  /** It has not answered yet, and may still. */
  | { readonly status: 'pending'; readonly error: MCPOrchestratorException }
  | { readonly status: 'failed'; readonly error: MCPOrchestratorException };

export type UpstreamState = 'starting' | 'up' | 'down';

interface Load {
  readonly promise: Promise<void>;
  readonly startedAt: number;
}

/** Failures that are about one request; the server itself is there. */
const OF_ONE_REQUEST = new Set(['UPS206', 'UPS209', 'UPS210', 'UPS211', 'UPS217', 'UPS219']);

/**
 * One configured server behind the gateway: its connection, what it lists, and how it fares.
 *
 * A server that is down is asked again in the background, with growing pauses; nobody waits for it meanwhile.
 */
export class Upstream {
  readonly server: ServerConfig;
  readonly #options: UpstreamOptions;
  readonly #op: Operation;
  readonly #closed = new AbortController();
  readonly #lists = new Map<ListKind, Held>();
  readonly #listErrors = new Map<ListKind, MCPOrchestratorException>();
  readonly #loads = new Map<ListKind, Load>();
  readonly #backoff = createBackoff();
  #state: UpstreamState = 'starting';
  #error: MCPOrchestratorException | undefined;
  #attempt: Load | undefined;
  #timer: NodeJS.Timeout | undefined;
  #client: ResourceClient | undefined;

  constructor(server: ServerConfig, options: UpstreamOptions, op: Operation) {
    this.server = server;
    this.#options = options;
    this.#op = withSignal(op, this.#closed.signal);
  }

  get state(): UpstreamState {
    return this.#state;
  }

  /** Why it is down. */
  get error(): MCPOrchestratorException | undefined {
    return this.#error;
  }

  get client(): ResourceClient | undefined {
    return this.#client?.isOpen === true ? this.#client : undefined;
  }

  /** What it listed last, also where that is not fresh any more; nothing while it is down. */
  lastHeld(kind: ListKind): Held | undefined {
    return this.#state === 'up' ? this.#lists.get(kind) : undefined;
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
  async list(kind: ListKind, waitMs: number): Promise<ListOutcome> {
    if (this.#state === 'down' && this.#attempt === undefined) {
      // Whoever asks is a reason to look again, without waiting for it.
      if (this.#backoff.mayTryAt() <= performance.now()) void this.tryNow();
    }
    if (this.#state === 'down') {
      if (waitMs < Infinity) return this.#outcome(kind);
      await this.tryNow();
      return this.#outcome(kind);
    }
    const load =
      this.#state === 'starting'
        ? (this.#attempt ?? { promise: this.tryNow(), startedAt: performance.now() })
        : this.#isFresh(kind)
          ? undefined
          : this.#load(kind);
    if (load === undefined) return this.#outcome(kind);
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
    const held = this.#lists.get(kind);
    if (held !== undefined) this.#lists.set(kind, { ...held, ttlMs: 0 });
  }

  /** Passes a request on, over a new connection where there is none. */
  async forward(
    method: string,
    params: Readonly<Record<string, unknown>>,
    op: Operation,
    options?: ForwardOptions,
  ): Promise<Record<string, unknown>> {
    try {
      const client = await this.#connect(op);
      const result = await client.forward(method, params, op, options);
      if (this.#state !== 'up') void this.tryNow();
      return result;
    } catch (error) {
      if (!op.signal.aborted && isAboutConnection(error) && error.code !== 'UPS204') this.#fail(error);
      throw error;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closed.abort(new MCPConnectionError('UPS219', 'the gateway is closing'));
  }

  async #comeUp(): Promise<void> {
    try {
      await this.#connect(this.#op);
      await Promise.all(LIST_KINDS.map((kind) => this.#fetch(kind)));
      const wasUp = this.#state === 'up';
      this.#state = 'up';
      this.#error = undefined;
      this.#backoff.reset();
      if (!wasUp) this.#op.log('gateway.server_up', { server: this.server.id });
      this.#options.onChange();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#attempt = undefined;
    }
  }

  async #connect(op: Operation): Promise<ResourceClient> {
    const client = await this.#options.connect(this.server, op);
    if (client !== this.#client) {
      this.#client = client;
      void client.closed.then(() => {
        if (this.#client === client && !this.#closed.signal.aborted) this.#onClosed();
      });
    }
    return client;
  }

  /** A connection that ended by itself is opened again at once: a restarted server is back before anyone notices. */
  #onClosed(): void {
    this.#client = undefined;
    if (this.#state === 'up') void this.tryNow();
  }

  #load(kind: ListKind): Load {
    const running = this.#loads.get(kind);
    if (running !== undefined) return running;
    const promise = this.#fetch(kind)
      .then(() => this.#options.onChange())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#loads.delete(kind));
    const load = { promise, startedAt: performance.now() };
    this.#loads.set(kind, load);
    return load;
  }

  /** @throws what is about the connection; what is about this list alone is kept beside the list */
  async #fetch(kind: ListKind): Promise<void> {
    const client = await this.#connect(this.#op);
    const at = performance.now();
    try {
      const { items, ...hints } = await KINDS[kind].list(client, this.#op);
      const { entries, malformed } = decodeEntries(KINDS[kind], this.server, items);
      this.#lists.set(kind, {
        entries,
        at,
        ttlMs: ttlOf(this.server, this.#options.cacheTtlMs, hints),
        scope: hints.cacheScope ?? 'private',
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

  #outcome(kind: ListKind): ListOutcome {
    if (this.#state !== 'up') return { status: 'failed', error: this.#error ?? this.#notYet() };
    const held = this.#lists.get(kind);
    const error = this.#listErrors.get(kind);
    if (held === undefined) return { status: 'failed', error: error ?? this.#notYet() };
    return error === undefined ? { status: 'ok', held } : { status: 'partial', held, error };
  }

  #isFresh(kind: ListKind): boolean {
    const held = this.#lists.get(kind);
    return held !== undefined && held.at + held.ttlMs > performance.now();
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
    this.#error = error;
    const pauseMs = this.#backoff.next();
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

function isAboutConnection(error: unknown): error is MCPOrchestratorException {
  return error instanceof MCPOrchestratorException && !OF_ONE_REQUEST.has(error.code);
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
