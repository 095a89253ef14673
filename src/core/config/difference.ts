import { isDeepStrictEqual } from 'node:util';
import type { Config, ServerConfig } from './config.js';

/** What another configuration means for the servers of the one before. Ids, in the order of the files. */
export interface ConfigDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** They have another address, other credentials or limits: their connections are opened anew. */
  readonly reconnected: readonly string[];
  /** They are the same servers under another name, priority, domain or filter: their connections stay. */
  readonly relabelled: readonly string[];
  /** Whether anything differs at all, servers or not. */
  readonly isChange: boolean;
}

/** What mcpx thinks of a server, and the server never hears of. */
const LABELS: readonly (keyof ServerConfig)[] = [
  'name',
  'priority',
  'domains',
  'capabilities',
  'required',
  'include',
  'exclude',
  'tools',
  'cacheTtlMs',
  'honorServerHints',
];

export function differenceOf(before: Config, after: Config): ConfigDifference {
  const old = new Map(before.servers.map((server) => [server.id, server]));
  const kept = after.servers.filter(({ id }) => old.has(id));
  const differing = kept.filter((server) => !isDeepStrictEqual(server, old.get(server.id)));
  const relabelled = differing.filter((server) => isSameServer(server, old.get(server.id) ?? server));
  const ids = (servers: readonly ServerConfig[]) => servers.map(({ id }) => id);
  return {
    added: ids(after.servers.filter(({ id }) => !old.has(id))),
    removed: ids(before.servers.filter(({ id }) => !after.servers.some((server) => server.id === id))),
    reconnected: ids(differing.filter((server) => !relabelled.includes(server))),
    relabelled: ids(relabelled),
    isChange: !isDeepStrictEqual(before, after),
  };
}

/** Whether a connection to the one serves for the other: they differ at most in what the server never hears of. */
export function isSameServer(one: ServerConfig, other: ServerConfig): boolean {
  return one === other || isDeepStrictEqual(withoutLabels(one), withoutLabels(other));
}

function withoutLabels(server: ServerConfig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(server).filter(([key]) => !(LABELS as readonly string[]).includes(key)),
  );
}
