import type { ServerNotification } from '../../core/clients/watch.js';
import type { Config, ServerConfig } from '../../core/config/config.js';
import type { ConfigDifference } from '../../core/config/difference.js';
import { ServeError } from '../../core/errors.js';
import type { ServerCache } from '../../core/gather/answers.js';
import type { Operation } from '../../core/operation.js';
import type { Span } from '../../core/telemetry/span.js';
import { Registry } from '../../core/registry/registry.js';
import type { Notifier } from '../changes.js';
import {
  mergeOffers,
  type Catalogue,
  type CatalogueConflict,
  type Offer,
  type Offered,
} from './catalogue.js';
import { LIST_KINDS, type Entry, type ListKind } from './kinds.js';
import { LogMessages } from './log-messages.js';
import { Measures } from './measures.js';
import type { Relays } from './relays.js';
import { GatewaySubscriptions } from './subscriptions.js';
import type { Tracing } from './tracing.js';
import { Upstream, type ListOutcome, type UpstreamOptions, type UseServer } from './upstream.js';

/** How one server fared with a merged list. */
export interface ServerOutcome {
  readonly upstream: Upstream;
  readonly outcome: ListOutcome;
}

export interface MergedList extends Catalogue {
  readonly outcomes: readonly ServerOutcome[];
  /** Whether nothing is missing that is required. */
  readonly isComplete: boolean;
}

/** What a gateway stands on. */
export interface GatewayOptions {
  readonly use: UseServer;
  readonly relays: Relays;
  /** What is kept of a server's answers. */
  readonly cacheOf: (server: ServerConfig) => ServerCache;
  /** Whether callers need a token. */
  readonly isGuarded: boolean;
  readonly tracing?: Tracing | undefined;
}

/** What stands behind a name, and which servers could not be asked. */
export interface Found {
  readonly offered: Offered | undefined;
  readonly missing: readonly ServerOutcome[];
}

const CHANGED: Readonly<Record<ListKind, 'resourcesChanged' | 'toolsChanged' | 'promptsChanged'>> = {
  resources: 'resourcesChanged',
  templates: 'resourcesChanged',
  tools: 'toolsChanged',
  prompts: 'promptsChanged',
};

/** All configured servers as one: merged lists, and who answers for what. */
export class Gateway {
  readonly op: Operation;
  readonly #options: GatewayOptions;
  #config: Config;
  #upstreams: readonly Upstream[];
  /** The same, best first; `undefined` when the order may have changed. */
  #ordered: readonly Upstream[] | undefined;
  #joins = 0;
  readonly subscriptions: GatewaySubscriptions;
  readonly measures = new Measures();
  readonly logMessages = new LogMessages((level) => {
    for (const upstream of this.#upstreams) upstream.setLogLevel(level);
  });
  /** Who is told that a merged list has changed. */
  notify: Notifier | undefined;
  readonly #merged = new Map<
    ListKind,
    { readonly offers: readonly Offer[]; readonly catalogue: Catalogue }
  >();
  /** What clients were last given, or told of, by list. */
  readonly #announced = new Map<ListKind, string>();
  #announcing: NodeJS.Immediate | undefined;

  constructor(config: Config, options: GatewayOptions, op: Operation) {
    this.#config = config;
    this.#options = options;
    this.op = op;
    this.#upstreams = this.#servers().map(
      (server) => new Upstream(server, this.#upstreamOptions(server), op),
    );
    this.subscriptions = new GatewaySubscriptions(this, op);
  }

  get tracing(): Tracing | undefined {
    return this.#options.tracing;
  }

  get config(): Config {
    return this.#config;
  }

  /**
   * Best server first: by priority; of equal ones those that were there first, so that nobody who joins later takes a
   * name from them; then by id.
   */
  get upstreams(): readonly Upstream[] {
    return (this.#ordered ??= this.#upstreams.toSorted(
      (a, b) => a.server.priority - b.server.priority || a.joined - b.joined,
    ));
  }

  /** Connects to every server in the background. */
  start(): void {
    for (const upstream of this.upstreams) void upstream.tryNow();
  }

  /**
   * Takes another configuration over: servers that did not change go on as they are.
   *
   * @param reconnect  makes the connections follow; called when those that are to end are not used any more
   */
  async reconfigure(
    config: Config,
    difference: ConfigDifference,
    reconnect: () => Promise<unknown>,
  ): Promise<void> {
    const { removed, reconnected, relabelled } = difference;
    const before = new Map(this.#upstreams.map((upstream) => [upstream.server.id, upstream]));
    for (const id of [...removed, ...reconnected]) before.get(id)?.close();
    await reconnect();
    const hasOtherTimes = config.cacheTtlMs !== this.#config.cacheTtlMs;
    this.#config = config;
    // Whatever was merged was merged by other rules.
    this.#merged.clear();
    this.#upstreams = this.#servers().map((server) => {
      const known = before.get(server.id);
      const options = this.#upstreamOptions(server);
      if (known === undefined) return this.#added(new Upstream(server, options, this.op, (this.#joins += 1)));
      if (reconnected.includes(server.id)) {
        return this.#added(new Upstream(server, options, this.op, known.joined));
      }
      if (relabelled.includes(server.id)) known.relabel(server, options);
      else if (hasOtherTimes) known.invalidateAll();
      return known;
    });
    this.#ordered = undefined;
    this.subscriptions.reconfigured();
    this.#changed();
  }

  find(serverId: string): Upstream | undefined {
    return this.#upstreams.find(({ server }) => server.id === serverId);
  }

  /**
   * Asks every server for a list, side by side, and merges what is there. In degraded mode no server is waited for
   * longer than `gateway.list_timeout`, and one that is down not at all.
   *
   * @throws MCPOrchestratorException  fail-fast: the failure of the best required server that has one
   */
  async list(kind: ListKind, span?: Span): Promise<MergedList> {
    const merged = await this.#gather(kind, span);
    if (this.config.failFast) assertNoneMissing(merged.outcomes);
    if (this.config.gateway.onConflict === 'error' && merged.conflicts.length > 0) {
      throw conflictError(merged.conflicts);
    }
    if (!this.#announced.has(kind)) this.#announced.set(kind, fingerprint(merged));
    return merged;
  }

  /**
   * What stands behind a URI, template or name that clients use, by the lists that clients were given; where nothing
   * does, servers whose lists are out of date are asked again.
   *
   * @throws MCPOrchestratorException  fail-fast: the failure of a required server that may come before the one found
   */
  async lookUp(kind: ListKind, exposed: string, span?: Span): Promise<Found> {
    if (!this.config.failFast && !this.#upstreams.some(({ state }) => state === 'starting')) {
      const known = this.known(kind, exposed);
      if (known !== undefined) return { offered: known, missing: [] };
    }
    const { byName, outcomes } = await this.#gather(kind, span);
    const offered = byName.get(exposed);
    if (this.config.failFast) assertNoneMissing(outcomes, offered?.server.id);
    const missing = outcomes.filter(
      ({ outcome }) => outcome.status === 'pending' || outcome.status === 'failed',
    );
    return { offered, missing };
  }

  /**
   * The same where every server's part of it is known, whole and fresh: nobody is asked.
   */
  mergedNow(kind: ListKind): Catalogue | undefined {
    const merged = this.#merged.get(kind);
    if (merged === undefined) return undefined;
    const { offers, catalogue } = merged;
    const { upstreams } = this;
    if (offers.length !== upstreams.length) return undefined;
    for (const [index, upstream] of upstreams.entries()) {
      const { server, entries } = offers[index] as Offer;
      if (server !== upstream.server || upstream.heldNow(kind)?.entries !== entries) return undefined;
    }
    return catalogue;
  }

  /** What stands behind a name by the lists that servers gave last, without asking any of them. */
  known(kind: ListKind, exposed: string): Offered | undefined {
    return this.#merge(kind, this.#heldOffers(kind)).byName.get(exposed);
  }

  upstreamOf({ server }: Offered): Upstream {
    const upstream = this.find(server.id);
    if (upstream === undefined) throw new Error(`${server.id} offers something and is not configured`);
    return upstream;
  }

  /** @throws MCPOrchestratorException SRV411 where a conflict is an error, and the name stands for several things */
  assertUndisputed(offered: Offered): void {
    const dispute = this.disputeOf(offered);
    if (dispute !== undefined) throw conflictError([dispute]);
  }

  /** The conflict for which a name is refused. */
  disputeOf({ conflict, exposed }: Offered): CatalogueConflict | undefined {
    return this.config.gateway.onConflict === 'error' && exposed === conflict?.key ? conflict : undefined;
  }

  /** The servers that list a template, best first, with what they list. */
  async templates(
    span?: Span,
  ): Promise<readonly { readonly upstream: Upstream; readonly entries: readonly Entry[] }[]> {
    const { outcomes } = await this.#gather('templates', span);
    return outcomes.flatMap(({ upstream, outcome }) =>
      'held' in outcome ? [{ upstream, entries: outcome.held.entries }] : [],
    );
  }

  /** @param span  of the request that wants it; what it makes servers be asked hangs below that */
  async #gather(kind: ListKind, span?: Span): Promise<MergedList> {
    const { failFast, gateway } = this.config;
    const { upstreams } = this;
    const asked = upstreams.map((upstream) => {
      const mustWait = failFast && upstream.server.required;
      return upstream.list(kind, mustWait ? Infinity : gateway.listTimeoutMs, span);
    });
    // Mostly all of them are known, and waiting for what is there costs more than looking.
    const answers = asked.some((answer) => answer instanceof Promise)
      ? await Promise.all(asked.map((answer) => Promise.resolve(answer)))
      : (asked as readonly ListOutcome[]);
    const outcomes = zip(upstreams, answers);
    const offers: Offer[] = [];
    let isComplete = true;
    for (const { upstream, outcome } of outcomes) {
      const { server } = upstream;
      if (server.required && !isWhole(outcome)) isComplete = false;
      if ('held' in outcome) offers.push({ server, entries: outcome.held.entries });
    }
    return { ...this.#merge(kind, offers), outcomes, isComplete };
  }

  #heldOffers(kind: ListKind): readonly Offer[] {
    const offers: Offer[] = [];
    for (const upstream of this.upstreams) {
      const held = upstream.lastHeld(kind);
      if (held !== undefined) offers.push({ server: upstream.server, entries: held.entries });
    }
    return offers;
  }

  stop(): void {
    clearImmediate(this.#announcing);
    for (const upstream of this.upstreams) upstream.close();
  }

  #servers(): readonly ServerConfig[] {
    return new Registry(this.#config.servers).servers;
  }

  #upstreamOptions({ id }: ServerConfig): UpstreamOptions {
    return {
      ...this.#options,
      nextJoin: () => {
        this.#ordered = undefined;
        return (this.#joins += 1);
      },
      onChange: () => this.#changed(),
      onListAsked: (isFresh) => {
        if (isFresh) this.measures.listHits += 1;
        else this.measures.listMisses += 1;
      },
      onNotification: (notification) => this.#told(id, notification),
      logLevel: () => this.logMessages.level,
    };
  }

  #added(upstream: Upstream): Upstream {
    void upstream.tryNow();
    return upstream;
  }

  #changed(): void {
    this.#announcing ??= setImmediate(() => this.#announce());
  }

  #told(serverId: string, { method, params }: ServerNotification): void {
    if (method === 'notifications/message') {
      const isOfRequest = this.find(serverId)?.client?.connection.era === 'modern';
      this.logMessages.tell(serverId, params, isOfRequest, this.#options.relays.current(serverId));
    }
    if (method !== 'notifications/resources/updated' || typeof params['uri'] !== 'string') return;
    for (const { exposed, part } of this.subscriptions.toldBy(serverId, params['uri'])) {
      this.notify?.resourceUpdated(exposed, part);
    }
  }

  /** Merging thousands of entries takes longer than looking whether any of them is new. */
  #merge(kind: ListKind, offers: readonly Offer[]): Catalogue {
    const known = this.#merged.get(kind);
    if (known !== undefined && areSame(known.offers, offers)) return known.catalogue;
    const catalogue = mergeOffers(kind, offers, this.config.gateway.onConflict);
    this.#merged.set(kind, { offers, catalogue });
    return catalogue;
  }

  /** Tells clients of merged lists that are no longer what they were. */
  #announce(): void {
    this.#announcing = undefined;
    const changed = new Set<'resourcesChanged' | 'toolsChanged' | 'promptsChanged'>();
    for (const kind of LIST_KINDS) {
      const now = fingerprint(this.#merge(kind, this.#heldOffers(kind)));
      const before = this.#announced.get(kind);
      // Nobody has seen this list yet, so nobody is told.
      if (before === undefined || before === now) continue;
      this.#announced.set(kind, now);
      changed.add(CHANGED[kind]);
    }
    for (const name of changed) this.notify?.[name]();
    if (changed.has('resourcesChanged')) this.subscriptions.follow();
  }
}

function areSame(some: readonly Offer[], others: readonly Offer[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ server, entries }, index) => {
      const other = others[index];
      return server === other?.server && entries === other.entries;
    })
  );
}

function zip(upstreams: readonly Upstream[], outcomes: readonly ListOutcome[]): readonly ServerOutcome[] {
  return upstreams.map((upstream, index) => ({ upstream, outcome: outcomes[index] as ListOutcome }));
}

function conflictError(conflicts: readonly CatalogueConflict[]): ServeError {
  const [first] = conflicts;
  const servers = [first?.winner, ...(first?.others ?? []).map(({ server }) => server)].join(' and ');
  const more = conflicts.length > 1 ? ` (and ${conflicts.length - 1} more)` : '';
  return new ServeError('SRV411', `${servers} both have "${first?.key}"${more}`, {
    context: { conflicts: conflicts.length },
    hint: 'Leave one out by resources.exclude or tools.exclude, or set gateway.on_conflict to priority or prefix.',
  });
}

/** @param before  the id of the server that comes after all that matter */
function assertNoneMissing(outcomes: readonly ServerOutcome[], before?: string): void {
  for (const { upstream, outcome } of outcomes) {
    if (upstream.server.id === before) return;
    if (upstream.server.required && !isWhole(outcome)) throw outcome.error;
  }
}

function isWhole({ status }: ListOutcome): boolean {
  return status === 'ok' || status === 'stale';
}

function fingerprint({ listed }: Catalogue): string {
  return JSON.stringify(listed.map(({ server, exposed, entry }) => [server.id, exposed, entry.value]));
}
