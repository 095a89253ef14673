import { distance } from 'fastest-levenshtein';
import type { ErrorCode } from '../errors.js';
import type { ExaminedConfig } from './load.js';
import type { Problem, Replacement } from './problem.js';
import { parseDuration } from './units.js';
import { getIn } from './path.js';
import type { Path } from './yaml-document.js';

/** Capabilities that mcpx itself asks for; any other word is the user's own. */
const KNOWN_CAPABILITIES = ['execute_query', 'list_resources'];

/** Names of variables that hold a credential. */
export const CREDENTIAL_NAME =
  /(?:^|[_-])(?:token|secret|pass(?:word|wd|phrase)?|pwd|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)(?:$|[_-])/i;
const CREDENTIAL_HEADER = /^(?:proxy-)?authorization$|cookie|token|secret|password|api-?key|auth-?key/i;
const CREDENTIAL_FLAG = /^--?(?:token|secret|password|api-?key|access-?key)(?:=|$)/i;
const CREDENTIAL_PARAMETER = /^(?:.*[_-])?(?:token|secret|password|key|api-?key|apikey|sig|signature|auth)$/i;
/** Forms in which well-known services hand out their keys. */
const CREDENTIAL_VALUE = /\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16})\b/;

/**
 * What a configuration that loads should better not say: warnings all of them, looked for only where somebody asks
 * for a check.
 *
 * @param text  the source, which tells a reference to the environment from its value
 */
export function adviceOn(examined: ExaminedConfig, text: string, file: string): Problem[] {
  const { settings, document, foreign, overrides, raw } = examined;
  const problems: Problem[] = [];
  if (settings === undefined) return problems;
  const servers = Object.entries(settings.mcp_servers);
  const addresses = new Map<string, string>();
  const deadline = settings.orchestration.deadline;

  for (const [id, server] of servers) {
    const at = ['mcp_servers', id];
    checkCredentials(at, server);
    if (server.url !== undefined && server.transport !== 'stdio') checkUrl(id, server.url);
    if (!foreign && server.domains.length === 0) {
      const hint = 'add domains, as in domains: [products]';
      add('CFG119', at, `server "${id}" has no domains, so no domain is ever asked of it`, hint, true);
    }
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
  // A server with a mistake elsewhere may hold credentials all the same.
  for (const [id, server] of Object.entries(mappingOf(getIn(raw, ['mcp_servers'])))) {
    if (!Object.hasOwn(settings.mcp_servers, id)) checkCredentials(['mcp_servers', id], server);
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
      ...(replacement === undefined ? {} : { replacement }),
    });
  }

  function checkCredentials(at: readonly string[], server: unknown): void {
    for (const [name, value] of Object.entries(textsOf(getIn(server, ['headers'])))) {
      if (CREDENTIAL_HEADER.test(name) || CREDENTIAL_VALUE.test(value)) {
        clearText([...at, 'headers', name], value, `header ${name}`);
      }
    }
    for (const below of [[], ['start']]) {
      checkEnvironment([...at, ...below, 'env'], textsOf(getIn(server, [...below, 'env'])));
      const args = getIn(server, [...below, 'args']);
      if (Array.isArray(args)) checkArguments([...at, ...below, 'args'], args.map(String));
    }
  }

  function clearText(path: Path, value: string, what: string): void {
    if (value === '' || !isLiteral(path)) return;
    add(
      'CFG116',
      path,
      `${what} holds a credential in clear text`,
      'write ${VARIABLE} and set it in the environment',
    );
  }

  function checkEnvironment(path: Path, variables: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(variables)) {
      if (CREDENTIAL_NAME.test(name) || CREDENTIAL_VALUE.test(value)) {
        clearText([...path, name], value, `variable ${name}`);
      }
    }
  }

  function checkArguments(path: Path, args: readonly string[]): void {
    for (const [index, arg] of args.entries()) {
      if (isCredentialArgument(args, index)) {
        clearText([...path, index], arg, 'an argument, which every process list shows,');
      }
    }
  }

  function checkUrl(id: string, text: string): void {
    const url = new URL(text);
    const path = ['mcp_servers', id, 'url'];
    const carries =
      url.password !== '' ||
      [...url.searchParams].some(([name, value]) => value !== '' && CREDENTIAL_PARAMETER.test(name));
    if (carries && isLiteral(path)) {
      const hint = 'put it into headers, as ${VARIABLE}; URLs end up in logs';
      add('CFG117', path, 'the url carries a credential', hint);
    }
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

  function checkWait(path: Path, value: string | number | undefined): void {
    // A default that is longer than a short deadline is nobody's mistake.
    if (value === undefined || getIn(raw, path) === undefined) return;
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

/** Whether an argument of a command carries a credential, by its flag, by the flag before it or by its own form. */
export function isCredentialArgument(args: readonly string[], index: number): boolean {
  const arg = args[index] ?? '';
  const before = args[index - 1] ?? '';
  const follows = CREDENTIAL_FLAG.test(before) && !before.includes('=') && !arg.startsWith('-');
  const carries = CREDENTIAL_FLAG.test(arg) && /=./.test(arg);
  return carries || follows || CREDENTIAL_VALUE.test(arg);
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

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts = Object.entries(mappingOf(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(texts);
}

function durationText(value: string | number): string {
  return typeof value === 'number' ? `${value}s` : value;
}
