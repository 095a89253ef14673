import type { ServerConfig } from '../core/config/config.js';
import type { Problem } from '../core/config/problem.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';

const HIDDEN = '***';

/** Takes values that came from the environment out of a text. */
type Redact = (text: string) => string;
const keep: Redact = (text) => text;

/** `mcpx servers list` for programs. */
export function serverList(
  servers: readonly ServerConfig[],
  redact: Redact = keep,
  unset: readonly Problem[] = [],
): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'ServerList',
    servers: servers.map((server) => describeServer(server, redact)),
    ...whatIsUnset(unset),
  };
}

/** `mcpx servers show` for programs. */
export function oneServer(
  server: ServerConfig,
  redact: Redact = keep,
  unset: readonly Problem[] = [],
): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'Server',
    ...describeServer(server, redact),
    ...whatIsUnset(unset),
  };
}

function whatIsUnset(unset: readonly Problem[]) {
  return unset.length === 0 ? {} : { unset: unset.map(({ path, message }) => ({ path, message })) };
}

/** One configured server with its durations in milliseconds and its secrets as `***`. */
export function describeServer(
  server: ServerConfig,
  redact: Redact = keep,
): Readonly<Record<string, unknown>> {
  return {
    id: server.id,
    name: server.name,
    priority: server.priority,
    domains: server.domains,
    capabilities: server.capabilities,
    transport: server.transport,
    protocol: server.protocol,
    ...(server.url === undefined ? {} : { url: safeUrl(server.url, redact) }),
    ...(server.command === undefined ? {} : { command: server.command, args: server.args.map(redact) }),
    ...(Object.keys(server.env).length === 0 ? {} : { env: hidden(server.env) }),
    ...(Object.keys(server.headers).length === 0 ? {} : { headers: hidden(server.headers) }),
    required: server.required,
    timeout_ms: server.timeoutMs,
    connect_timeout_ms: server.connectTimeoutMs,
    ...(server.include === undefined ? {} : { include: server.include }),
    ...(server.exclude.length === 0 ? {} : { exclude: server.exclude }),
    ...(server.start === undefined
      ? {}
      : {
          start: {
            command: server.start.command,
            args: server.start.args.map(redact),
            ...(Object.keys(server.start.env).length === 0 ? {} : { env: hidden(server.start.env) }),
            ready_timeout_ms: server.start.readyTimeoutMs,
          },
        }),
  };
}

export function renderServers(servers: readonly ServerConfig[], view: View, redact: Redact = keep): string {
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'PRI', align: 'right' as const },
    { title: 'TRANSPORT', drop: 2 },
    { title: 'ADDRESS', least: 16 },
    { title: 'DOMAINS', least: 12, drop: 1 },
    { title: 'START', least: 8, drop: 3 },
  ];
  const rows = servers.map((server): Cell[] => [
    { text: server.id, ink: 'bold' },
    { text: String(server.priority) },
    { text: server.transport },
    {
      text: server.url === undefined ? commandLine(server.command, server.args) : safeUrl(server.url, redact),
    },
    { text: server.domains.length === 0 ? '-' : server.domains.join(', ') },
    { text: server.start === undefined ? '-' : commandLine(server.start.command, server.start.args) },
  ]);
  return renderTable(columns, rows, view);

  function commandLine(command: string | undefined, args: readonly string[]): string {
    return [command, ...args.map(redact)].join(' ');
  }
}

export function renderServer(server: ServerConfig, view: View, redact: Redact = keep): string {
  const ink = paint(view.color);
  const entries = Object.entries(describeServer(server, redact));
  const width = Math.max(...entries.map(([key]) => key.length));
  return entries
    .map(([key, value]) => `${ink.dim(key.padEnd(width))}  ${plain(valueText(value))}\n`)
    .join('');
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(', ');
  return JSON.stringify(value);
}

/** User info and query may carry credentials. */
function safeUrl(text: string, redact: Redact): string {
  // A variable that is not set may stand where a port should.
  if (!URL.canParse(text))
    return redact(text.replace(/\/\/.*@/, `//${HIDDEN}@`).replace(/\?.*$/, `?${HIDDEN}`));
  const url = new URL(text);
  if (url.username !== '') url.username = HIDDEN;
  if (url.password !== '') url.password = HIDDEN;
  for (const key of new Set(url.searchParams.keys())) url.searchParams.set(key, HIDDEN);
  return redact(url.href);
}

function hidden(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(values).map((key) => [key, HIDDEN]));
}
