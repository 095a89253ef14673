import type { ErrorCode } from '../errors.js';
import { transportOf } from './config.js';
import type { Problem, Replacement } from './problem.js';
import type { ConfigFile } from './schema.js';
import type { Places } from './yaml-document.js';

/** What else is known of a file. */
interface Known {
  /** A file of an editor or assistant. */
  readonly foreign: boolean;
  /** Whether one of these settings of a server is there and cannot be read. */
  isBroken(id: string, ...keys: readonly string[]): boolean;
  /** Whether a server has keys of which nobody knows what they mean. */
  hasUnknownKeys(id: string): boolean;
}

/** What the shape cannot tell: addresses that fit their transport, and priorities that decide. */
export function meaningProblems(
  file: ConfigFile,
  places: Places,
  name: string,
  { foreign, isBroken, hasUnknownKeys }: Known,
): Problem[] {
  const problems: Problem[] = [];
  const servers = Object.entries(file.mcp_servers);
  const add = (
    severity: Problem['severity'],
    code: ErrorCode,
    path: readonly string[],
    message: string,
    hint: string,
    atKey = false,
    replacement?: Replacement,
  ) => {
    const range = atKey ? places.keyRangeOf(path) : places.rangeOf(path);
    const base = { severity, code, message, hint, path: path.join('.'), file: name, range };
    const isSafe = replacement !== undefined && places.standsAt(path);
    problems.push({ ...base, ...(isSafe ? { replacement } : {}) });
  };

  if (servers.length === 0) {
    add('error', 'CFG114', ['mcp_servers'], 'no server is configured', 'add one below mcp_servers', true);
  }
  for (const [id, server] of servers) {
    const at = ['mcp_servers', id];
    if (isUnsafeId(id)) {
      add('error', 'CFG106', at, 'this cannot be the id of a server', 'use letters, digits, _ and -', true);
    }
    // What hangs on a setting that cannot be read is told when it can; and an unknown key may be the missing one.
    if (isBroken(id, 'transport', 'url', 'command')) continue;
    const wantsCommand =
      server.transport === 'stdio' || (server.transport === undefined && server.command !== undefined);
    const isMissing = wantsCommand ? server.command === undefined : server.url === undefined;
    if (isMissing && hasUnknownKeys(id)) continue;
    if (wantsCommand && server.command === undefined) {
      add('error', 'CFG107', at, `server "${id}" has transport stdio and no command`, 'add "command"', true);
    } else if (!wantsCommand && server.url === undefined) {
      add(
        'error',
        'CFG107',
        at,
        `server "${id}" has neither url nor command`,
        'add "url" or "command"',
        true,
      );
    }
    if (wantsCommand && server.url !== undefined) {
      add(
        'error',
        'CFG113',
        [...at, 'url'],
        'a stdio server has no url',
        'remove "url" or set another transport',
      );
    }
    if (!wantsCommand && server.command !== undefined) {
      const hint = 'write transport: stdio, or start: { command: … } for a server that mcpx shall start';
      add(
        'error',
        'CFG113',
        [...at, 'command'],
        `transport ${server.transport} takes a url, no command`,
        hint,
      );
    }
    if (wantsCommand && server.start !== undefined) {
      add(
        'error',
        'CFG113',
        [...at, 'start'],
        'a stdio server is started by its own command',
        'remove "start"',
        true,
      );
    }
    if (server.protocol === '2026-07-28' && transportOf(server) === 'sse') {
      add(
        'error',
        'CFG113',
        [...at, 'protocol'],
        'revision 2026-07-28 has no transport sse',
        'remove "protocol", or write transport: streamable-http with the url of that endpoint',
      );
    }
    if (
      server.transport === 'sse' &&
      server.url !== undefined &&
      new URL(server.url).pathname.endsWith('/mcp')
    ) {
      const hint = 'write transport: streamable-http, or a url that ends in /sse';
      add(
        'warning',
        'CFG113',
        [...at, 'transport'],
        'a url that ends in /mcp is rarely an SSE endpoint',
        hint,
        false,
        foreign ? undefined : { kind: 'word', text: 'streamable-http' },
      );
    }
  }
  if (!foreign) priorityProblems();
  return problems;

  function priorityProblems(): void {
    const first = new Map<string, string>();
    const sharing = new Map<string, { readonly otherId: string; readonly ids: string[] }>();
    for (const [id, { priority, domains }] of servers) {
      if (isBroken(id, 'priority', 'domains')) continue;
      const keys = [`${priority}`, ...domains.map((domain) => `${priority} ${domain}`)];
      const shared = domains.find((domain) => first.has(`${priority} ${domain}`));
      const otherId = first.get(shared === undefined ? `${priority}` : `${priority} ${shared}`);
      for (const key of keys) if (!first.has(key)) first.set(key, id);
      if (otherId === undefined) continue;
      if (shared === undefined) {
        const group = sharing.get(`${priority}`) ?? { otherId, ids: [] };
        group.ids.push(id);
        sharing.set(`${priority}`, group);
        continue;
      }
      add(
        'error',
        'CFG111',
        ['mcp_servers', id, 'priority'],
        `"${id}" and "${otherId}" both have priority ${priority} in domain "${shared}"`,
        'give one of them another priority, so that it is clear who wins',
      );
    }
    // Told once however many they are: a file without any priority has them all at the same.
    for (const [priority, { otherId, ids }] of sharing) {
      const [id = '', ...more] = ids;
      const message =
        more.length === 0
          ? `"${id}" and "${otherId}" both have priority ${priority}`
          : `"${id}" and ${more.length} more have the priority ${priority} of "${otherId}"`;
      const hint = 'ties go by id; give one another priority to decide it yourself';
      add('warning', 'CFG112', ['mcp_servers', id, 'priority'], message, hint);
    }
  }
}

/** Ids stand in log lines, tables and object keys. */
function isUnsafeId(id: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return id === '__proto__' || id === '<<' || id.length > 100 || /[\u0000-\u001f\u007f-\u009f]/.test(id);
}
