import { parse } from 'yaml';
import { configFileSchema, settings } from './schema.js';
import type { Path } from './yaml-document.js';

export interface Override {
  readonly variable: string;
  readonly path: Path;
  readonly value: unknown;
}

/**
 * Environment variables that override a setting of the file.
 *
 * `MCPX_FAIL_FAST` and its like stand for the `orchestration` section; every other setting has the name of its
 * path, `MCPX_DEFAULTS__TIMEOUT`, `MCPX_SERVERS__<ID>__URL`, `MCPX_SERVERS__<ID>__RETRY__INITIAL`, where an id
 * is written in capitals with `_` for everything but letters and digits. A value is read as it would be in the
 * file, so `[a, b]` is a list.
 */
export function overridesFrom(
  env: Readonly<Record<string, string | undefined>>,
  raw: unknown,
): readonly Override[] {
  const sections = configFileSchema.shape;
  const overrides: Override[] = [];
  for (const [key, field] of Object.entries(sections.orchestration.unwrap().shape)) {
    const variable = String(settings.get(field)?.env);
    add(variable, ['orchestration', key]);
  }
  for (const key of Object.keys(sections.defaults.unwrap().shape)) {
    add(`MCPX_DEFAULTS__${key.toUpperCase()}`, ['defaults', key]);
  }
  // Only servers of the file can be overridden: a variable never adds one.
  const servers = (raw as { mcp_servers?: unknown } | null)?.mcp_servers;
  if (typeof servers === 'object' && servers !== null) {
    const names = Object.keys(env).filter((name) => name.startsWith('MCPX_SERVERS__'));
    for (const id of names.length === 0 ? [] : Object.keys(servers)) {
      const prefix = `MCPX_SERVERS__${id.toUpperCase().replace(/[^A-Z0-9]/g, '_')}__`;
      for (const name of names) {
        if (name.startsWith(prefix)) {
          add(name, ['mcp_servers', id, ...name.slice(prefix.length).toLowerCase().split('__')]);
        }
      }
    }
  }
  return overrides;

  function add(variable: string, path: Path): void {
    const text = env[variable];
    if (text !== undefined && text !== '') overrides.push({ variable, path, value: valueOf(text) });
  }
}

function valueOf(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return text;
  }
}

/** Sets a value below a mapping, making the mappings on the way; a non-mapping in the way is left as it is. */
export function setIn(root: unknown, path: Path, value: unknown): void {
  let node = root;
  for (const [index, step] of path.entries()) {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const mapping = node as Record<PropertyKey, unknown>;
    if (step === '__proto__') return;
    if (index === path.length - 1) {
      mapping[step] = value;
      return;
    }
    if (!Object.hasOwn(mapping, step)) mapping[step] = {};
    node = mapping[step];
  }
}
