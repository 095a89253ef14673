import type { GatewayConfig, ServerConfig } from '../../core/config/config.js';
import { addressOf, prefixedName } from './address.js';
import type { Entry, ListKind } from './kinds.js';
import { KINDS } from './kinds.js';

/** What one server has of a kind. */
export interface Offer {
  readonly server: ServerConfig;
  readonly entries: readonly Entry[];
}

/** One thing that clients may ask for. */
export interface Offered {
  readonly kind: ListKind;
  readonly server: ServerConfig;
  readonly entry: Entry;
  /** The URI, template or name that clients use for it. */
  readonly exposed: string;
  readonly isListed: boolean;
  /** Set where several servers have it. */
  readonly conflict?: CatalogueConflict;
}

/** Several servers have the same URI, template or name; who wins, why, and how the others are reached. */
export interface CatalogueConflict {
  readonly kind: ListKind;
  readonly key: string;
  readonly winner: string;
  readonly rule: string;
  readonly others: readonly {
    readonly server: string;
    readonly priority: number;
    readonly address: string;
  }[];
}

/** A merged list: what is in it, and what every URI or name stands for. */
export interface Catalogue {
  /** Best server first, and within a server by key. */
  readonly listed: readonly Offered[];
  readonly conflicts: readonly CatalogueConflict[];
  /** By exposed name; among them such as are not listed, but answer. */
  readonly byName: ReadonlyMap<string, Offered>;
}

/**
 * Merges what servers offer, by priority.
 *
 * A URI belongs to the best server that has it; the others answer at `mcpx://<server>/…`. A name keeps as it is
 * where one server has it; else `onConflict` decides who is listed under it. Whoever is not listed under a name
 * answers to `<server>__<name>`, and the bare name always answers for the best server.
 *
 * @param offers  best server first: that order decides, not the order in which servers came up
 */
export function mergeOffers(
  kind: ListKind,
  offers: readonly Offer[],
  onConflict: GatewayConfig['onConflict'],
): Catalogue {
  const owners = new Map<string, { server: ServerConfig; entry: Entry }[]>();
  for (const { server, entries } of offers) {
    for (const entry of entries) owners.set(entry.key, [...(owners.get(entry.key) ?? []), { server, entry }]);
  }
  const { isNamed } = KINDS[kind];
  const isPrefixed = isNamed && onConflict === 'prefix';
  const byName = new Map<string, Offered>();
  const prefixed: { offered: Offered; base: string }[] = [];
  const conflicts: CatalogueConflict[] = [];

  for (const [key, [winner, ...losers]] of owners) {
    if (winner === undefined) continue;
    const conflict = losers.length === 0 ? undefined : describe(kind, key, winner.server, losers);
    if (conflict !== undefined) conflicts.push(conflict);
    const shared = conflict === undefined ? {} : { conflict };
    byName.set(key, {
      ...winner,
      ...shared,
      kind,
      exposed: key,
      isListed: conflict === undefined || !isPrefixed,
    });
    // Addresses `mcpx://…` are taken apart, not looked up.
    for (const owner of isNamed ? [winner, ...losers] : []) {
      const base = prefixedName(owner.server.id, key);
      const isListed = conflict !== undefined && isPrefixed;
      prefixed.push({ base, offered: { ...owner, ...shared, kind, exposed: base, isListed } });
    }
  }
  // Last, since a name that a server itself has comes before one that is made up.
  for (const { base, offered } of prefixed) {
    let exposed = base;
    for (let count = 2; byName.has(exposed); count += 1) exposed = `${base}__${count}`;
    byName.set(exposed, { ...offered, exposed });
  }

  const rank = new Map(offers.map(({ server }, index) => [server.id, index]));
  const listed = [...byName.values()].filter(({ isListed }) => isListed).sort(byRankAndName);
  return { listed, conflicts, byName };

  function byRankAndName(a: Offered, b: Offered): number {
    const difference = (rank.get(a.server.id) ?? 0) - (rank.get(b.server.id) ?? 0);
    if (difference !== 0) return difference;
    return a.exposed < b.exposed ? -1 : 1;
  }
}

function describe(
  kind: ListKind,
  key: string,
  winner: ServerConfig,
  losers: readonly { readonly server: ServerConfig }[],
): CatalogueConflict {
  const best = losers[0]?.server ?? winner;
  const rule =
    winner.priority === best.priority
      ? `equal priority ${winner.priority}, "${winner.id}" before "${best.id}"`
      : `priority ${winner.priority} < ${best.priority}`;
  const others = losers.map(({ server }) => ({
    server: server.id,
    priority: server.priority,
    address: KINDS[kind].isNamed ? prefixedName(server.id, key) : addressOf(server.id, key),
  }));
  return { kind, key, winner: winner.id, rule, others };
}
