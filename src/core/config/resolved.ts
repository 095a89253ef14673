import { createRedactor, type Config } from './config.js';
import { isCredentialArgument, isCredentialName } from './credential.js';
import type { ExaminedConfig } from './load.js';
import { parseDuration } from './units.js';
import { getIn } from './path.js';
import type { Path } from './yaml-document.js';

/** Where a value comes from; the first of them that says something counts. */
export type ValueSource =
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | {
      readonly kind: 'file';
      readonly line: number;
      readonly column: number;
      /** Variables whose values stand in it. */
      readonly variables: readonly string[];
    }
  | { readonly kind: 'default' };

export interface ResolvedValue {
  readonly path: readonly string[];
  /** As it could stand in the file; `***` for a credential. */
  readonly value: unknown;
  readonly source: ValueSource;
  /** The setting that stands in for one that the server does not have. */
  readonly inheritedFrom?: string;
}

/** What the command line says, by the path of the setting that it stands in for. */
export interface FlagValue {
  readonly path: Path;
  readonly flag: string;
  readonly value: string | number | boolean;
}

const HIDDEN = '***';

/**
 * Every setting that is in effect, in the order of the schema, with the source of its value: a flag, an environment
 * variable, the file, or the default.
 *
 * @param text  the source, in which references to the environment stand
 */
export function resolveSettings(
  config: Config,
  examined: ExaminedConfig,
  text: string,
  flags: readonly FlagValue[],
): readonly ResolvedValue[] {
  const { settings, raw, overrides, document } = examined;
  if (settings === undefined) return [];
  const found: ResolvedValue[] = [];
  for (const [key, value] of Object.entries(settings.defaults)) add(['defaults', key], value);
  for (const [id, server] of Object.entries(settings.mcp_servers)) {
    const at = ['mcp_servers', id];
    const isCommand = server.command !== undefined;
    const transport = config.servers.find((one) => one.id === id)?.transport;
    add([...at, 'name'], server.name ?? id);
    if (server.url !== undefined) add([...at, 'url'], safeUrl(server.url));
    if (isCommand) {
      add([...at, 'command'], server.command);
      add([...at, 'args'], safeArguments(server.args));
      addAll([...at, 'env'], hidden(server.env));
      add([...at, 'inherit_env'], server.inherit_env);
      add([...at, 'cwd'], server.cwd);
    }
    add([...at, 'priority'], server.priority);
    add([...at, 'domains'], server.domains);
    add([...at, 'capabilities'], server.capabilities);
    add([...at, 'transport'], transport);
    add([...at, 'protocol'], server.protocol);
    for (const key of ['timeout', 'connect_timeout', 'required'] as const) {
      if (server[key] !== undefined) add([...at, key], server[key]);
      // A command may have to download first, so its connection may take as long as an answer.
      else if (key === 'connect_timeout' && transport === 'stdio') {
        inherit([...at, key], server.timeout === undefined ? ['defaults', 'timeout'] : [...at, 'timeout']);
      } else inherit([...at, key], ['defaults', key]);
    }
    if (!isCommand) addAll([...at, 'headers'], hidden(server.headers));
    addAll([...at, 'resources'], server.resources);
    addAll([...at, 'tools'], server.tools);
    addAll([...at, 'cache'], server.cache);
    if (server.retry.max_retries === undefined) {
      inherit([...at, 'retry', 'max_retries'], ['orchestration', 'max_retries']);
    }
    addAll([...at, 'retry'], server.retry);
    addAll([...at, 'circuit_breaker'], server.circuit_breaker);
    add([...at, 'rate_limit'], server.rate_limit);
    if (server.start !== undefined) {
      const { env, args, ...rest } = server.start;
      addAll([...at, 'start'], { command: rest.command, args: safeArguments(args) });
      addAll([...at, 'start', 'env'], hidden(env));
      addAll([...at, 'start'], { cwd: rest.cwd, ready_timeout: rest.ready_timeout });
    }
  }
  for (const [key, value] of Object.entries(settings.gateway)) add(['gateway', key], value);
  for (const [key, value] of Object.entries(settings.orchestration)) add(['orchestration', key], value);
  // What ${…} brought in is nobody's to see, wherever it stands.
  const redact = createRedactor(config.secrets ?? []);
  return found.map((one) => ({ ...one, value: redacted(one.value, redact) }));

  function addAll(at: readonly string[], values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) add([...at, key], value);
  }

  function add(path: readonly string[], value: unknown): void {
    if (value === undefined) return;
    const flag = flags.find((one) => startsWith(path, one.path));
    const source = sourceOf(path);
    // MCPX_DEADLINE stands in for the flag and for the setting: it is named as what it is.
    const isSame =
      flag !== undefined &&
      source.kind === 'environment' &&
      parseDuration(String(flag.value)) === parseDuration(typeof value === 'string' ? value : Number(value));
    if (flag === undefined || isSame) found.push({ path, value: safe(value, source), source });
    else found.push({ path, value: flag.value, source: { kind: 'flag', flag: flag.flag } });
  }

  function inherit(path: readonly string[], from: readonly string[]): void {
    const origin = found.find((one) => startsWith(one.path, from)) ?? {
      value: getIn(settings, from),
      source: sourceOf(from),
    };
    const { value, source } = origin;
    found.push({ path, value, source, inheritedFrom: from.join('.') });
  }

  function sourceOf(path: readonly string[]): ValueSource {
    const override = overrides.find((one) => startsWith(path, one.path));
    if (override !== undefined) return { kind: 'environment', variable: override.variable };
    if (getIn(raw, path) === undefined) return { kind: 'default' };
    const { start, end } = document.rangeOf(path);
    const variables = [
      ...new Set(
        [...text.slice(start.offset, end.offset).matchAll(/(?<!\$)\$\{(?:env:)?([A-Za-z_]\w*)/g)].map(
          ([, name = '']) => name,
        ),
      ),
    ];
    return { kind: 'file', line: start.line, column: start.column, variables };
  }
}

function startsWith(path: readonly string[], beginning: Path): boolean {
  return beginning.every((step, index) => String(step) === path[index]);
}

/** A credential may come in anywhere by a variable; what it is called tells. */
function safe(value: unknown, source: ValueSource): unknown {
  if (source.kind !== 'file' || !source.variables.some(isCredentialName)) return value;
  return Array.isArray(value) ? [HIDDEN] : HIDDEN;
}

function hidden(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(values).map((key) => [key, HIDDEN]));
}

function safeArguments(args: readonly string[]): readonly string[] {
  return args.map((arg, index) => {
    if (!isCredentialArgument(args, index)) return arg;
    const flag = /^--?[\w-]+=/.exec(arg)?.[0] ?? '';
    return `${flag}${HIDDEN}`;
  });
}

/** The URL as it was written, unless its user info or query may carry credentials. */
function safeUrl(text: string): string {
  const url = new URL(text);
  if (url.username === '' && url.password === '' && url.search === '') return text;
  if (url.username !== '') url.username = HIDDEN;
  if (url.password !== '') url.password = HIDDEN;
  for (const key of new Set(url.searchParams.keys())) url.searchParams.set(key, HIDDEN);
  return url.href;
}

function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value);
  return Array.isArray(value) ? value.map((item: unknown) => redacted(item, redact)) : value;
}
