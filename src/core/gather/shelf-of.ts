import path from 'node:path';
import type { CachePolicy } from '../cache/lifetime.js';
import type { Shelf } from '../cache/entry.js';
import type { Config, ServerConfig, StartConfig } from '../config/config.js';
import { digest } from '../digest.js';

/** They differ from shell to shell and change nothing for a server. */
export const SHELL_VARIABLES: ReadonlySet<string> = new Set(['_', 'SHLVL', 'PWD', 'OLDPWD']);
/** What our own servers go by: the database's address, what libpq takes for parts of it, and settings of the metadata. */
export const READ_BY_OWN_SERVERS = /^(?:DATABASE_URL$|PG[A-Z]|PRODUCT_MCP_)/;

/** Whether a `start` block runs a server of ours that reads no other variables. */
export function startsOwnServer({ command, args }: StartConfig): boolean {
  return command === 'mcpx' && args[0] === 'serve' && (args[1] === 'metadata' || args[1] === 'database');
}

/**
 * Where the answers of a server are kept: by its address and by everything that could make it answer somebody else,
 * so that no answer crosses credentials. Only a digest of them leaves this function.
 */
export function shelfOf(server: ServerConfig, env: Readonly<Record<string, string | undefined>>): Shelf {
  // A server that is not ours to start inherits nothing.
  const inherited = server.command === undefined ? [] : server.inheritEnv.map((name) => [name, env[name]]);
  const { start } = server;
  const identity = [
    server.transport,
    server.protocol,
    server.url,
    sorted(server.headers, (name) => name.toLowerCase()),
    server.command,
    server.args,
    // A relative program or argument means another one in another folder.
    server.command === undefined ? undefined : path.resolve(server.cwd ?? '.'),
    sorted(server.env),
    inherited,
    // Where nobody answers at the address, this says who will, and about what.
    start && [
      start.command,
      start.args,
      path.resolve(start.cwd ?? '.'),
      sorted(start.env),
      environmentFor(start, env),
    ],
  ];
  let key: string | undefined;
  return {
    // A first digest loads `node:crypto`; a server that is asked in any case is asked before that.
    get key() {
      return (key ??= digest(JSON.stringify(identity)).slice(0, 32));
    },
    server: server.id,
    address: addressOf(server),
  };
}

/** What is started gets the whole environment: a variable may name its database, or whose credentials it has. */
function environmentFor(start: StartConfig, env: Readonly<Record<string, string | undefined>>) {
  const isOwn = startsOwnServer(start);
  const names = Object.keys(env).filter((name) =>
    isOwn ? READ_BY_OWN_SERVERS.test(name) : !SHELL_VARIABLES.has(name),
  );
  return names.sort().map((name) => [name, env[name]]);
}

export function policyOf(server: ServerConfig, config: Pick<Config, 'cacheTtlMs'>): CachePolicy {
  return {
    ttlMs: server.cacheTtlMs ?? config.cacheTtlMs,
    isOwn: server.cacheTtlMs !== undefined,
    honorServerHints: server.honorServerHints,
  };
}

/** The order of keys in the file makes no other server. */
function sorted(
  record: Readonly<Record<string, string>>,
  toKey = (name: string) => name,
): readonly (readonly [string, string])[] {
  return Object.entries(record)
    .map(([name, value]) => [toKey(name), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** For people: the path of a URL or an argument may already hold a token. */
function addressOf({ url, command }: ServerConfig): string {
  return url === undefined ? path.basename(command ?? '') : new URL(url).origin;
}
