import { ruleBetween, tieWarnings } from './conflicts.js';
import type { ResolutionWarning, Winner } from './types.js';

/** A server that handles a domain, and how it fared. Only `ok` and `partial` can answer. */
export interface DomainServer {
  readonly id: string;
  readonly priority: number;
  readonly status: string;
  /** Why it cannot answer. */
  readonly error?: string;
}

interface PassedOverServer {
  readonly server: string;
  readonly priority: number;
  readonly status: string;
  /** Why it was passed over: `priority 1 < 10`, or its failure. */
  readonly rule: string;
  readonly error?: string;
}

export interface ServerSelection {
  /** `undefined` when no server can answer, or when the first cannot and no other may. */
  readonly winner: Winner | undefined;
  /** The winner is not the server of the best priority. */
  readonly fallbackUsed: boolean;
  /** All servers but the winner, best priority first. */
  readonly passedOver: readonly PassedOverServer[];
  readonly warnings: readonly ResolutionWarning[];
}

/**
 * Selects who answers for a domain: the lowest priority number, ties by id. Where that server cannot answer, the next
 * one does if `fallback` is allowed, and the reason says so.
 */
export function selectServer(
  candidates: readonly DomainServer[],
  options: { readonly fallback: boolean },
): ServerSelection {
  const sorted = [...candidates].sort(
    (a, b) => a.priority - b.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  const first = sorted[0];
  const chosen = options.fallback
    ? sorted.find(isUsable)
    : first !== undefined && isUsable(first)
      ? first
      : undefined;
  const others = sorted.filter((server) => server !== chosen);
  const usable = sorted.filter(isUsable).map(ranked);
  return {
    winner:
      chosen === undefined
        ? undefined
        : { server: chosen.id, priority: chosen.priority, reason: reasonFor(chosen, others) },
    fallbackUsed: chosen !== undefined && chosen !== first,
    passedOver: others.map((server) => ({
      server: server.id,
      priority: server.priority,
      status: server.status,
      rule: ruleAgainst(server, chosen),
      ...(server.error === undefined ? {} : { error: server.error }),
    })),
    warnings: chosen === undefined ? [] : tieWarnings(usable),
  };
}

/** What one server gave, as `resolveEntityWithPriority` looks at it. */
export interface GatheredServer {
  /** 999, the last one, unless told. */
  readonly priority?: number;
  readonly domains?: readonly string[];
  /** By resource name. */
  readonly resources?: Readonly<Record<string, unknown>>;
}

export interface PrioritizedEntity {
  readonly server: string;
  readonly entity: unknown;
  readonly priority: number;
}

/**
 * Looks a named entity up among the resources of the servers that handle a domain, best priority first. The name is
 * taken letter by letter; `resolveTerm` is for what people type.
 *
 * @see orchestrator guide (document 003), Task 7
 */
export function resolveEntityWithPriority(
  entityName: string,
  resourceType: string,
  gathered: Readonly<Record<string, GatheredServer>>,
): PrioritizedEntity | undefined {
  const servers = Object.entries(gathered)
    .map(([server, { priority = 999, domains = [], resources = {} }]) => ({
      server,
      priority,
      domains,
      resources,
    }))
    .filter(({ domains }) => domains.includes(resourceType))
    .sort((a, b) => a.priority - b.priority || (a.server < b.server ? -1 : a.server > b.server ? 1 : 0));
  const found = servers.find(({ resources }) => Object.hasOwn(resources, entityName));
  if (found === undefined) return undefined;
  return { server: found.server, entity: found.resources[entityName], priority: found.priority };
}

function isUsable(server: DomainServer): boolean {
  return server.status === 'ok' || server.status === 'partial';
}

function ranked({ id, priority }: DomainServer): { server: string; priority: number } {
  return { server: id, priority };
}

function reasonFor(chosen: DomainServer, others: readonly DomainServer[]): string {
  if (others.length === 0) return 'the only server of the domain';
  const before = others.filter((server) => !isUsable(server) && ruleOrder(server, chosen) < 0);
  const failed = before.map((server) => `${server.id} (priority ${server.priority}) is ${server.status}`);
  const next = others.find((server) => isUsable(server) && server !== chosen);
  const beaten = next === undefined ? [] : [`${ruleBetween(ranked(chosen), ranked(next))} (${next.id})`];
  return [...failed, ...beaten].join('; ') || `priority ${chosen.priority} is the best that answers`;
}

function ruleAgainst(server: DomainServer, chosen: DomainServer | undefined): string {
  if (!isUsable(server)) return `status ${server.status}`;
  if (chosen === undefined) return 'fallback is off';
  return ruleBetween(ranked(chosen), ranked(server));
}

function ruleOrder(one: DomainServer, other: DomainServer): number {
  return one.priority - other.priority || (one.id < other.id ? -1 : 1);
}
