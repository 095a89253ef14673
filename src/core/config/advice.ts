import { distance } from 'fastest-levenshtein';
import type { ErrorCode } from '../errors.js';
import { findClearText } from './clear-text.js';
import type { ExaminedConfig } from './load.js';
import type { Problem, Replacement } from './problem.js';
import { parseDuration } from './units.js';
import { getIn } from './path.js';
import type { Path } from './yaml-document.js';

/** Capabilities that mcpx itself asks for; any other word is the user's own. */
const KNOWN_CAPABILITIES = ['execute_query', 'list_resources'];

/**
 * What a configuration that loads should better not say: warnings all of them, looked for only where somebody asks
 * for a check.
 *
 * @param text  the source, which tells a reference to the environment from its value
 */
export function adviceOn(examined: ExaminedConfig, text: string, file: string): Problem[] {
  const { settings, document, foreign, overrides, raw, isBroken, hasUnknownKeys } = examined;
  const problems: Problem[] = [];
  if (settings === undefined) return problems;
  const servers = Object.entries(settings.mcp_servers);
  const addresses = new Map<string, string>();
  const deadline = settings.orchestration.deadline;

  for (const [id, server] of servers) {
    const at = ['mcp_servers', id];
    if (server.url !== undefined && server.transport !== 'stdio') checkUrl(id, server.url);
    // An unknown key may be the missing one.
    const hasNone = server.domains.length === 0 && !isBroken(...at, 'domains') && !hasUnknownKeys(...at);
    if (!foreign && hasNone) {
      const hint = 'add domains, as in domains: [products]';
      add('CFG119', at, `server "${id}" has no domains, so no domain is ever asked of it`, hint, true);
    }
    checkEffect(id);
    checkWait([...at, 'timeout'], server.timeout);
    checkWait([...at, 'connect_timeout'], server.connect_timeout);
    if (server.start !== undefined) checkWait([...at, 'start', 'ready_timeout'], server.start.ready_timeout);
    for (const [index, capability] of server.capabilities.entries()) {
      const near = KNOWN_CAPABILITIES.find((known) => known !== capability && resembles(capability, known));
      if (near === undefined || server.capabilities.includes(near)) continue;
      add(
        'CFG129',
        [...at, 'capabilities', index],
        `nothing asks for "${capability}"`,
        `did you mean "${near}"?`,
        false,
        {
          kind: 'word',
          text: near,
        },
      );
    }
  }
  // As they stand there: a server with a mistake elsewhere may hold credentials all the same.
  for (const [id, server] of Object.entries(mappingOf(getIn(raw, ['mcp_servers'])))) {
    checkCredentials(['mcp_servers', id], server);
  }
  checkWait(['defaults', 'timeout'], settings.defaults.timeout);
  checkWait(['defaults', 'connect_timeout'], settings.defaults.connect_timeout);
  return problems;

  function add(
    code: ErrorCode,
    path: Path,
    message: string,
    hint: string,
    atKey = false,
    replacement?: Replacement,
  ): void {
    const range = atKey ? document.keyRangeOf(path) : document.rangeOf(path);
    problems.push({
      severity: 'warning',
      code,
      message,
      hint,
      path: path.map(String).join('.'),
      file,
      range,
      ...(replacement === undefined || !document.standsAt(path) ? {} : { replacement }),
    });
  }

  function checkCredentials(at: readonly string[], server: unknown): void {
    for (const below of [[], ['start']]) {
      const entry = getIn(server, below);
      if (typeof entry !== 'object' || entry === null) continue;
      const told = new Set<string>();
      for (const { path, what } of findClearText(entry as Record<string, unknown>)) {
        const place: Path = [...at, ...below, ...path];
        // A URL may hold two of them.
        if (told.has(place.join('.')) || !isLiteral(place)) continue;
        told.add(place.join('.'));
        if (path[0] === 'url') {
          const hint = 'put it into headers, as ${VARIABLE}; URLs end up in logs';
          add('CFG117', place, 'the url carries a credential', hint);
          continue;
        }
        const message =
          path[0] === 'args'
            ? `${what}, which every process list shows, holds a credential in clear text`
            : `${what} holds a credential in clear text`;
        add('CFG116', place, message, 'write ${VARIABLE} and set it in the environment');
      }
    }
  }

  function checkUrl(id: string, text: string): void {
    const url = new URL(text);
    const path = ['mcp_servers', id, 'url'];
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      add('CFG118', path, `http to ${url.hostname} can be read and changed on its way`, 'use https');
    }
    const other = addresses.get(url.href);
    if (other === undefined) addresses.set(url.href, id);
    else {
      const message = `"${id}" and "${other}" have the same url, so everything is asked twice`;
      add('CFG128', path, message, 'remove one of the two, or correct its url');
    }
  }

  /** What is set and belongs to a server of the other kind; an empty one is nobody's mistake. */
  function checkEffect(id: string): void {
    const at = ['mcp_servers', id];
    const { url, command, start } = settings?.mcp_servers[id] ?? {};
    if (isBroken(...at, 'url') || isBroken(...at, 'command') || hasUnknownKeys(...at)) return;
    if ((url === undefined) === (command === undefined)) return;
    const [keys, kind] =
      command === undefined
        ? [['args', 'env', 'inherit_env', 'cwd'], 'with a url']
        : [['headers'], 'that is started by a command'];
    for (const key of keys) {
      const value: unknown = getIn(raw, [...at, key]);
      if (isBroken(...at, key)) continue;
      if (value === undefined || value === null || Object.keys(Object(value)).length === 0) continue;
      const belongsToStart = command === undefined && start !== undefined && key !== 'inherit_env';
      const hint = belongsToStart ? 'move it below "start"' : 'remove it';
      add('CFG131', [...at, key], `"${key}" does nothing for a server ${kind}`, hint, true);
    }
  }

  function checkWait(path: Path, value: string | number | undefined): void {
    // A default that is longer than a short deadline is nobody's mistake.
    if (value === undefined || getIn(raw, path) === undefined) return;
    if (isBroken(...path.map(String)) || isBroken('orchestration', 'deadline')) return;
    if ((parseDuration(value) ?? 0) <= (parseDuration(deadline) ?? Infinity)) return;
    const message = `${String(path.at(-1))} is longer than the deadline of the whole (${durationText(deadline)})`;
    add('CFG120', path, message, 'shorten it, or raise orchestration.deadline');
  }

  /** Whether the value stands in the file as it is, neither taken from the environment nor overridden by it. */
  function isLiteral(path: Path): boolean {
    const { start, end } = document.rangeOf(path);
    return (
      !text.slice(start.offset, end.offset).includes('${') &&
      !overrides.some((override) =>
        override.path.every((step, index) => String(step) === String(path[index])),
      )
    );
  }
}

function resembles(word: string, known: string): boolean {
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');
  return distance(letters(word), letters(known)) <= 2;
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
}

function mappingOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function durationText(value: string | number): string {
  return typeof value === 'number' ? `${value}s` : value;
}
