import { parse } from 'yaml';
import { configFileSchema, settings } from './schema.js';
import type { Path } from './yaml-document.js';

export interface Override {
  readonly variable: string;
  readonly path: Path;
  readonly value: unknown;
}

/** The overrides, and the variables that look like one of a server and are none. */
interface Overrides {
  readonly overrides: readonly Override[];
  readonly unknown: readonly string[];
}

const SERVERS = 'MCPX_SERVERS__';

/**
 * Environment variables that override a setting of the file.
 *
 * `MCPX_FAIL_FAST` and its like stand for the `orchestration` section; every other setting has the name of its
 * path, `MCPX_DEFAULTS__TIMEOUT`, `MCPX_GATEWAY__PAGE_SIZE`, `MCPX_SERVERS__<ID>__URL`, `MCPX_SERVERS__<ID>__RETRY__INITIAL`, where an id
 * is written in capitals with `_` for everything but letters and digits. Below `ENV` and `HEADERS` stands a name
 * as it is. A setting that takes a text takes the value letter by letter; for a list it is written `[a, b]`, and
 * anything else is read as it would be in the file.
 */
export function overridesFrom(env: Readonly<Record<string, string | undefined>>, raw: unknown): Overrides {
  const sections = configFileSchema.shape;
  const overrides: Override[] = [];
  const unknown: string[] = [];
  for (const [key, field] of Object.entries(sections.orchestration.unwrap().shape)) {
    const variable = String(settings.get(field)?.env);
    add(variable, ['orchestration', key]);
  }
  for (const section of ['defaults', 'gateway'] as const) {
    for (const key of Object.keys(sections[section].unwrap().shape)) {
      add(`MCPX_${section}__${key}`.toUpperCase(), [section, key]);
    }
  }
  // Only servers of the file can be overridden: a variable never adds one.
  const servers = (raw as { mcp_servers?: unknown } | null)?.mcp_servers;
  if (typeof servers === 'object' && servers !== null) {
    const names = Object.keys(env).filter((name) => name.startsWith(SERVERS));
    for (const name of names) {
      const ids = idsOf(name, Object.keys(servers));
      if (ids.length === 0 && env[name] !== '') unknown.push(name);
      for (const id of ids) {
        const path = settingPath(name.slice(prefixOf(id).length), (servers as Record<string, unknown>)[id]);
        add(name, ['mcp_servers', id, ...path]);
      }
    }
  }
  return { overrides, unknown };

  function add(variable: string, path: Path): void {
    const text = env[variable];
    if (text !== undefined && text !== '') overrides.push({ variable, path, value: valueOf(text, path) });
  }
}

function prefixOf(id: string): string {
  return `${SERVERS}${id.toUpperCase().replace(/[^A-Z0-9]/g, '_')}__`;
}

/** Of ids that both begin the name, such as `a` and `a__b`, the longer one is meant. */
function idsOf(name: string, ids: readonly string[]): readonly string[] {
  const fitting = ids.filter((id) => name.startsWith(prefixOf(id)));
  const longest = Math.max(0, ...fitting.map((id) => id.length));
  return fitting.filter((id) => id.length === longest);
}

/** `START__ENV__MyName` as `['start', 'env', 'MyName']`. */
function settingPath(rest: string, server: unknown): readonly string[] {
  const [, section, name] = /^(HEADERS|ENV|START__ENV)__(.+)$/i.exec(rest) ?? [];
  const path = (section ?? rest).toLowerCase().split('__');
  if (name === undefined) return path;
  return [...path, section?.toUpperCase() === 'HEADERS' ? headerName(name, server) : name];
}

/** A header of the file is meant however its name is written there: most shells take no `-` in a variable. */
function headerName(name: string, server: unknown): string {
  const headers = (server as { headers?: unknown } | null)?.headers;
  const plain = (text: string) => text.toLowerCase().replaceAll('-', '_');
  const existing = typeof headers === 'object' && headers !== null ? Object.keys(headers) : [];
  return existing.find((header) => plain(header) === plain(name)) ?? name;
}

const TEXTS = new Set(['command', 'cwd', 'name', 'url']);
const LISTS = new Set(['args', 'capabilities', 'domains', 'exclude', 'include', 'inherit_env']);
const NAMED_TEXTS = new Set(['env', 'headers']);

function valueOf(text: string, path: Path): unknown {
  const last = String(path.at(-1));
  const isServers = path[0] === 'mcp_servers';
  if (isServers && (NAMED_TEXTS.has(String(path.at(-2))) || TEXTS.has(last))) return text;
  if (isServers && (LISTS.has(last) || NAMED_TEXTS.has(last))) {
    // Of texts, so that 007 and true stay what they are.
    return /^\s*[[{]/.test(text) ? parsed(text, 'failsafe') : text;
  }
  return parsed(text, 'core');
}

function parsed(text: string, schema: 'core' | 'failsafe'): unknown {
  try {
    return parse(text, { maxAliasCount: 0, schema });
  } catch {
    return text;
  }
}

/**
 * Sets a value below a mapping, making the mappings on the way.
 *
 * @returns whether there was a place for it: something else than a mapping in the way is left as it is
 */
export function setIn(root: unknown, path: Path, value: unknown): boolean {
  let node = root;
  for (const [index, step] of path.entries()) {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return false;
    const mapping = node as Record<PropertyKey, unknown>;
    if (step === '__proto__') return false;
    if (index === path.length - 1) {
      mapping[step] = value;
      return true;
    }
    const inner = Object.hasOwn(mapping, step) ? mapping[step] : {};
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return false;
    // A copy, since an alias lets several servers share one mapping.
    node = mapping[step] = { ...inner };
  }
  return false;
}
