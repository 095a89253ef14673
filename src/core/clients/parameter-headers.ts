import { isMapping } from '../mapping.js';
import { headerValue } from './header-value.js';

/** A parameter whose value a client repeats in a header, so that balancers can route by it. */
export interface ParameterHeader {
  /** Names of properties, outermost first. */
  readonly path: readonly string[];
  readonly header: string;
}

/** What the schema of a tool says of headers, or why no client may use a tool that says so. */
export type ParameterHeaders =
  | { readonly isValid: true; readonly declared: readonly ParameterHeader[] }
  | { readonly isValid: false; readonly reason: string };

const KEYWORD = 'x-mcp-header';
/** RFC 9110, "token". */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Keywords of JSON Schema whose values are data and no schemas. */
const DATA: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples', 'required']);
/** Keywords whose values are schemas by names that anyone may choose. */
const NAMED: ReadonlySet<string> = new Set(['$defs', 'definitions', 'dependentSchemas', 'patternProperties']);
/** What is nested deeper is of no use to anyone, and a hostile schema must not exhaust the stack. */
const MAX_DEPTH = 64;

type Schema = Readonly<Record<string, unknown>>;

/** Reads the `x-mcp-header` of a tool's parameters (2026-07-28, "Custom headers from tool parameters"). */
export function readParameterHeaders(inputSchema: unknown): ParameterHeaders {
  const declared: ParameterHeader[] = [];
  const taken = new Set<string>();

  /** @returns what is wrong */
  function visit(
    schema: unknown,
    path: readonly string[],
    isReachable: boolean,
    depth: number,
  ): string | undefined {
    if (!isMapping(schema) || depth > MAX_DEPTH) return undefined;
    if (Object.hasOwn(schema, KEYWORD)) {
      const wrong = declare(schema, path, isReachable);
      if (wrong !== undefined) return wrong;
    }
    for (const [keyword, value] of Object.entries(schema)) {
      if (DATA.has(keyword) || typeof value !== 'object') continue;
      const isProperties = keyword === 'properties';
      const branches = isProperties || NAMED.has(keyword) ? named(value) : [['', value] as const];
      for (const [name, branch] of branches) {
        const parts = Array.isArray(branch) ? branch : [branch];
        for (const part of parts) {
          const wrong = visit(
            part,
            [...path, isProperties ? name : keyword],
            isReachable && isProperties,
            depth + 1,
          );
          if (wrong !== undefined) return wrong;
        }
      }
    }
    return undefined;
  }

  function declare(schema: Schema, path: readonly string[], isReachable: boolean): string | undefined {
    const at = path.join('.');
    const header = schema[KEYWORD];
    if (!isReachable || path.length === 0) return `${at}: only a property may have ${KEYWORD}`;
    if (typeof header !== 'string' || !TOKEN.test(header))
      return `${at}: its ${KEYWORD} is no name of a header`;
    if (!TYPES.has(schema['type'])) return `${at}: only a string, integer or boolean may have ${KEYWORD}`;
    if (taken.has(header.toLowerCase())) return `${at}: another property has the same ${KEYWORD}`;
    taken.add(header.toLowerCase());
    declared.push({ path, header });
    return undefined;
  }

  const reason = visit(inputSchema, [], true, 0);
  return reason === undefined ? { isValid: true, declared } : { isValid: false, reason };
}

/** The headers of one call; a parameter that is absent or null has none. */
export function parameterHeadersOf(
  declared: readonly ParameterHeader[],
  args: unknown,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const { path, header } of declared) {
    const value = path.reduce<unknown>((node, name) => (isMapping(node) ? node[name] : undefined), args);
    const isText = typeof value === 'string' || typeof value === 'boolean';
    // Larger numbers have no one way to be written.
    if (!isText && !Number.isSafeInteger(value)) continue;
    headers[`mcp-param-${header.toLowerCase()}`] = headerValue(String(value));
  }
  return headers;
}

function named(value: unknown): readonly (readonly [string, unknown])[] {
  return isMapping(value) ? Object.entries(value) : [];
}
