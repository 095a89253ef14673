import type { LogLevel } from '../logging/logger.js';
import type { ConfigFile, ServerFile } from './schema.js';
import { parseBytes, parseDuration } from './units.js';

export type TransportKind = 'sse' | 'streamable-http' | 'stdio' | 'auto';
export type ProtocolChoice = 'auto' | 'legacy' | '2026-07-28';

/** What a configuration says of one server. Times in milliseconds. */
export interface ServerConfig {
  readonly id: string;
  readonly name: string;
  readonly transport: TransportKind;
  readonly protocol: ProtocolChoice;
  /** For sse, streamable-http and auto. */
  readonly url?: string;
  /** For stdio. */
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly inheritEnv: readonly string[];
  readonly cwd?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** 1 to 999; the lower number wins. */
  readonly priority: number;
  readonly domains: readonly string[];
  readonly capabilities: readonly string[];
  readonly required: boolean;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly include?: readonly string[];
  readonly exclude: readonly string[];
  /** Which tools the gateway offers. */
  readonly tools: { readonly include?: readonly string[]; readonly exclude: readonly string[] };
  readonly cacheTtlMs?: number;
  readonly honorServerHints: boolean;
  readonly retry: { readonly maxRetries: number; readonly initialMs: number; readonly maxMs: number };
  readonly circuitBreaker: { readonly failures: number; readonly resetMs: number };
  /** Requests per second. */
  readonly rateLimit?: number;
  readonly start?: StartConfig;
}

export interface StartConfig {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly readyTimeoutMs: number;
}

/** How the gateway offers the servers as one. */
export interface GatewayConfig {
  readonly onConflict: 'prefix' | 'priority' | 'error';
  readonly pageSize: number;
  readonly maxInFlight: number;
  readonly listTimeoutMs: number;
}

/** A whole configuration as mcpx uses it: camelCase, milliseconds, bytes, every default filled in. */
export interface Config {
  /** The file it came from, as the user named it; absent for one made in code. */
  readonly file?: string;
  readonly servers: readonly ServerConfig[];
  readonly cacheTtlMs: number;
  readonly cacheMaxBytes: number;
  readonly cacheStore: 'disk' | 'memory';
  readonly serveStaleOnError: boolean;
  readonly failFast: boolean;
  readonly logging: {
    readonly enabled: boolean;
    readonly level: LogLevel;
    /** Nobody has named the level, so that a command may choose what fits where it runs. */
    readonly isDefault?: boolean;
  };
  readonly maxConnections: number;
  readonly deadlineMs: number;
  readonly gateway: GatewayConfig;
  /** Values that `${VAR}` put into the file and that have to be taken for credentials; longest first. */
  readonly secrets?: readonly string[];
  /** The file belongs to an editor or assistant, so its servers have priority 100 and no domains of their own. */
  readonly foreign?: boolean;
}

/** Where a configuration comes from, and what is known of that. */
type ConfigSource = Pick<Config, 'file' | 'secrets' | 'foreign'> & {
  /** Whether somebody has chosen the level of the log. */
  readonly namesLogLevel?: boolean;
};

const LEVELS: Readonly<Record<string, LogLevel>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  // The documents' loggers know CRITICAL; nothing here is logged above error.
  CRITICAL: 'error',
};

/**
 * Turns a checked file into the `Config` that the rest of mcpx knows; no other code knows both.
 *
 * @internal
 */
export function toConfig(file: ConfigFile, source: ConfigSource = {}): Config {
  const { file: fileName, secrets = [], foreign = false, namesLogLevel = true } = source;
  const { orchestration: o } = file;
  return {
    ...(fileName === undefined ? {} : { file: fileName }),
    servers: Object.entries(file.mcp_servers).map(([id, server]) => toServer(id, server, file)),
    cacheTtlMs: ms(o.resource_cache_ttl),
    cacheMaxBytes: parseBytes(o.cache_max_bytes) ?? 0,
    cacheStore: o.cache_store,
    serveStaleOnError: o.serve_stale_on_error,
    failFast: o.fail_fast,
    logging: {
      enabled: o.enable_logging,
      level: LEVELS[o.log_level.toUpperCase()] ?? 'info',
      ...(namesLogLevel ? {} : { isDefault: true }),
    },
    maxConnections: o.max_connections,
    deadlineMs: ms(o.deadline),
    gateway: {
      onConflict: file.gateway.on_conflict,
      pageSize: file.gateway.page_size,
      maxInFlight: file.gateway.max_in_flight,
      listTimeoutMs: ms(file.gateway.list_timeout),
    },
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(foreign ? { foreign } : {}),
  };
}

function toServer(id: string, s: ServerFile, file: ConfigFile): ServerConfig {
  const transport = transportOf(s);
  const timeout = s.timeout ?? file.defaults.timeout;
  // The default is meant for sockets; a stdio server is often a command that downloads first.
  const connectTimeout =
    s.connect_timeout ?? (transport === 'stdio' ? timeout : file.defaults.connect_timeout);
  return {
    id,
    name: s.name ?? id,
    transport,
    protocol: s.protocol,
    ...(s.url === undefined ? {} : { url: s.url }),
    ...(s.command === undefined ? {} : { command: s.command }),
    args: s.args,
    env: s.env,
    inheritEnv: s.inherit_env,
    ...(s.cwd === undefined ? {} : { cwd: s.cwd }),
    headers: s.headers,
    priority: s.priority,
    domains: s.domains,
    capabilities: s.capabilities,
    required: s.required ?? file.defaults.required,
    timeoutMs: ms(timeout),
    connectTimeoutMs: ms(connectTimeout),
    ...(s.resources.include === undefined ? {} : { include: s.resources.include }),
    exclude: s.resources.exclude,
    tools: s.tools,
    ...(s.cache.ttl === undefined ? {} : { cacheTtlMs: ms(s.cache.ttl) }),
    honorServerHints: s.cache.honor_server_hints,
    retry: {
      maxRetries: s.retry.max_retries ?? file.orchestration.max_retries,
      initialMs: ms(s.retry.initial),
      maxMs: ms(s.retry.max),
    },
    circuitBreaker: { failures: s.circuit_breaker.failures, resetMs: ms(s.circuit_breaker.reset) },
    ...(s.rate_limit === undefined ? {} : { rateLimit: s.rate_limit }),
    ...(s.start === undefined
      ? {}
      : {
          start: {
            command: s.start.command,
            args: s.start.args,
            env: s.start.env,
            ...(s.start.cwd === undefined ? {} : { cwd: s.start.cwd }),
            readyTimeoutMs: ms(s.start.ready_timeout),
          },
        }),
  };
}

/**
 * The transport that a server without `transport` gets: what its address makes plain, else found out.
 *
 * @internal
 */
export function transportOf(s: ServerFile): TransportKind {
  if (s.transport !== undefined) return s.transport;
  if (s.command !== undefined) return 'stdio';
  return isAddress(s.url) && new URL(s.url).pathname.endsWith('/sse') ? 'sse' : 'auto';
}

/** False also for one that a variable would complete, in a configuration that is only shown. */
function isAddress(url: string | undefined): url is string {
  return url !== undefined && URL.canParse(url);
}

function ms(value: string | number): number {
  return parseDuration(value) ?? 0;
}

/** Words that stand before a credential, or instead of one. */
const NO_CREDENTIAL = /^(?:bearer|basic|digest|token|apikey|negotiate|true|false|yes|no|on|off)$/i;

/**
 * The credentials that a configuration holds: header values, environment values, user info and query values
 * of URLs, and what `${VAR}` put in. Whatever text leaves mcpx other than the data itself is searched for them.
 */
export function secretsOf(config: Config): readonly string[] {
  const secrets = new Set<string>();
  // Shorter values are words such as "info" or "8080": they would blank out ordinary text.
  const add = (value: string, leastLength = 6) => {
    if (value.length >= leastLength && !NO_CREDENTIAL.test(value)) secrets.add(value);
  };
  // Headers and user info hold hardly anything else than credentials.
  const addShort = (value: string) => add(value, 3);
  for (const server of config.servers) {
    for (const value of Object.values(server.headers)) {
      addShort(value);
      // "Bearer abc" leaks as much as "abc" alone.
      const parts = value.split(/\s+/);
      const hasScheme = parts.length === 2 && NO_CREDENTIAL.test(parts[0] ?? '');
      for (const part of parts) add(part, hasScheme ? 3 : 6);
    }
    for (const value of Object.values({ ...server.env, ...server.start?.env })) add(value);
    if (isAddress(server.url)) {
      const url = new URL(server.url);
      const userInfo = [url.username, url.password].map(decodeURIComponentSafely);
      for (const raw of [url.username, url.password, ...userInfo]) addShort(raw);
      // As the header that the user info becomes.
      if (userInfo.join('') !== '') addShort(Buffer.from(userInfo.join(':')).toString('base64'));
      for (const value of url.searchParams.values()) {
        add(value);
        add(encodeURIComponent(value));
      }
    }
  }
  for (const value of config.secrets ?? []) add(value);
  return [...secrets].sort((a, b) => b.length - a.length);
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces every secret by `***`; longest first, so that no part of a longer one stays. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  // JSON writes quotes and backslashes escaped, so a secret that holds them is looked for in both forms.
  const forms = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))];
  return (text) => forms.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}
