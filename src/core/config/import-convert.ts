import { isMapping } from '../mapping.js';
import { variableFor } from './editor-variables.js';
import { posix, win32 } from 'node:path';
import type { EditorInput } from './import-read.js';
import type { System } from './import-locations.js';
import { checkConfig } from './load.js';

/** One server in the words of our file, or the reason why it cannot be one. */
export type Converted =
  | { readonly entry: Readonly<Record<string, unknown>>; readonly notes: readonly string[] }
  | { readonly reason: string };

export interface ConvertOptions {
  readonly inputs: ReadonlyMap<string, EditorInput>;
  /** What `${workspaceFolder}` stands for. */
  readonly project: string;
  readonly system: System;
}

const TRANSPORTS: ReadonlyMap<unknown, string> = new Map([
  ['http', 'streamable-http'],
  ['streamable-http', 'streamable-http'],
  ['streamableHttp', 'streamable-http'],
  ['sse', 'sse'],
  ['stdio', 'stdio'],
]);

/** What our stdio servers see of the environment without being told. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'];

class NotConvertible extends Error {}

/** Turns a server of an editor into an entry of `mcp_servers`: priority 100, no domains, references kept. */
export function convertServer(id: string, raw: unknown, options: ConvertOptions): Converted {
  try {
    return convert(id, raw, options);
  } catch (error) {
    if (error instanceof NotConvertible) return { reason: error.message };
    throw error;
  }
}

function convert(id: string, raw: unknown, options: ConvertOptions): Converted {
  if (!isMapping(raw)) throw new NotConvertible('its entry is no mapping');
  const source = new Source(raw);
  const notes: string[] = [];
  const text = (value: string) => withOurReferences(value, options, notes);

  if (source.take('disabled') === true || source.take('enabled') === false) {
    throw new NotConvertible('it is switched off there');
  }
  const type = source.take('type') ?? source.take('transport');
  const transport = TRANSPORTS.get(type);
  if (type !== undefined && transport === undefined) {
    throw new NotConvertible(
      `mcpx has no transport ${typeof type === 'string' ? `"${type.slice(0, 40)}"` : 'of this kind'}`,
    );
  }
  const isStdio = transport === 'stdio' || (transport === undefined && source.has('command'));
  const entry: Record<string, unknown> = isStdio
    ? stdioEntry(source, text)
    : httpEntry(source, text, transport);
  // Codex tells the unit of its limits in their names.
  const limits = [
    ['timeout', source.seconds('tool_timeout_sec')],
    ['connect_timeout', source.seconds('startup_timeout_sec') ?? source.seconds('startup_timeout_ms', 1000)],
  ] as const;
  for (const [key, value] of limits) if (value !== undefined) entry[key] = value;
  const required = source.take('required');
  if (typeof required === 'boolean') entry['required'] = required;
  entry['priority'] = 100;
  entry['domains'] = [];

  if (source.has('envFile')) {
    source.take('envFile');
    notes.push('its envFile is not read: put the variables into env, or set them before mcpx runs');
  }
  const { rest } = source;
  if (rest.length > 0) notes.push(`not taken over: ${rest.join(', ')}`);
  refuseWrong(id, entry);
  return { entry, notes };
}

function stdioEntry(source: Source, text: (value: string) => string): Record<string, unknown> {
  const command = source.text('command');
  if (command === undefined || command === '') throw new NotConvertible('it has no command');
  const args = source.take('args') ?? [];
  if (!Array.isArray(args) || !args.every(isScalar))
    throw new NotConvertible('its args are no list of texts');
  const env = source.texts('env');
  const names = source.take('env_vars');
  const inherited = Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  const cwd = source.text('cwd');
  return {
    command: text(command),
    ...(args.length === 0 ? {} : { args: args.map((arg) => text(String(arg))) }),
    ...(Object.keys(env).length === 0 ? {} : { env: mapValues(env, text) }),
    ...(inherited.length === 0 ? {} : { inherit_env: [...new Set([...INHERITED, ...inherited])] }),
    ...(cwd === undefined ? {} : { cwd: text(cwd) }),
  };
}

function httpEntry(
  source: Source,
  text: (value: string) => string,
  transport: string | undefined,
): Record<string, unknown> {
  const url = source.text('url');
  if (url === undefined || url === '') throw new NotConvertible('it has neither url nor command');
  const headers = mapValues({ ...source.texts('headers'), ...source.texts('http_headers') }, text);
  for (const [name, variable] of Object.entries(source.texts('env_http_headers'))) {
    headers[name] = `\${${variable}}`;
  }
  const token = source.text('bearer_token_env_var');
  if (token !== undefined) headers['Authorization'] = `Bearer \${${token}}`;
  return {
    url: text(url),
    ...(transport === undefined ? {} : { transport }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

/** An entry of an editor, of which it is known what has been looked at. */
class Source {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #taken = new Set<string>();

  constructor(raw: Readonly<Record<string, unknown>>) {
    this.#raw = raw;
  }

  /** The keys that nobody took. */
  get rest(): readonly string[] {
    return Object.keys(this.#raw).filter((key) => !this.#taken.has(key));
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#raw, key);
  }

  take(key: string): unknown {
    this.#taken.add(key);
    return this.has(key) ? this.#raw[key] : undefined;
  }

  text(key: string): string | undefined {
    const value = this.take(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw new NotConvertible(`its ${key} is no text`);
    return value;
  }

  /** A mapping of texts; a null takes a variable away in VS Code, which has nothing to take away from here. */
  texts(key: string): Record<string, string> {
    const value = this.take(key) ?? {};
    if (!isMapping(value)) throw new NotConvertible(`its ${key} is no mapping`);
    const entries = Object.entries(value).filter(([, each]) => each !== null);
    if (!entries.every(([, each]) => isScalar(each)))
      throw new NotConvertible(`its ${key} holds more than texts`);
    return Object.fromEntries(entries.map(([name, each]) => [name, String(each)]));
  }

  seconds(key: string, parts = 1): number | undefined {
    const value = this.take(key);
    return typeof value === 'number' && value > 0 ? value / parts : undefined;
  }
}

/** `${…}` of an editor as our file writes it. References to the environment stay as they are. */
function withOurReferences(text: string, options: ConvertOptions, notes: string[]): string {
  const { inputs, project, system } = options;
  const { basename, sep } = system.platform === 'win32' ? win32 : posix;
  return text.replace(/\$\{([^{}]*)\}/g, (whole, name: string) => {
    if (name.startsWith('input:')) return inputReference(name.slice('input:'.length), inputs, notes);
    switch (name) {
      case 'workspaceFolder':
      case 'workspaceRoot':
        return project;
      case 'workspaceFolderBasename':
        return basename(project);
      case 'userHome':
        return system.platform === 'win32' ? '${USERPROFILE}' : '${HOME}';
      case 'pathSeparator':
      case '/':
        return sep;
      default:
    }
    if (/^(?:env:)?[A-Za-z_]\w*$|^(?:env:)?[A-Za-z_]\w*:-/.test(name)) return whole;
    addOnce(notes, `mcpx does not know ${whole}: write its value`);
    // As the text that it is; as a reference it would keep the whole file from loading.
    return `$${whole}`;
  });
}

/** What VS Code asks people for comes from the environment here. */
function inputReference(id: string, inputs: ReadonlyMap<string, EditorInput>, notes: string[]): string {
  const variable = variableFor(id);
  const input = inputs.get(id);
  const what = input?.description === undefined ? '' : ` (${input.description})`;
  addOnce(notes, `set ${variable} in the environment: the editor asks for it${what}`);
  const fallback = input?.default?.replaceAll('}', '\\}');
  return fallback === undefined ? `\${${variable}}` : `\${${variable}:-${fallback}}`;
}

function addOnce(notes: string[], note: string): void {
  if (!notes.includes(note)) notes.push(note);
}

/** What our own file would refuse is not written into it. */
function refuseWrong(id: string, entry: Readonly<Record<string, unknown>>): void {
  const { problems } = checkConfig('import', JSON.stringify({ mcp_servers: { [id]: entry } }), {});
  const wrong = problems.find(({ severity, code, path }) => {
    if (severity !== 'error' || code === 'CFG109') return false;
    // What a reference stands for is known only when the file is used.
    return code !== 'CFG108' || !path.endsWith('.url') || !String(entry['url']).includes('${');
  });
  if (wrong !== undefined) throw new NotConvertible(wrong.message);
}

function mapValues(
  values: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
