import { replaceWellKnownKeys } from './credential.js';
import type { ExaminedConfig } from './load.js';
import type { Path } from './yaml-document.js';

// Every repetition that something else has to follow is bounded: unbounded ones would start anew at each letter of a
// line that has no end, which takes quadratic time.
/** Words before a value that tell what it is, also where the syntax is too broken to tell by its key. */
const AFTER_A_NAME =
  /((?:authorization|cookie|[\w-]{0,60}(?:token|secret|password|passwd|api[_-]?key|access[_-]?key))["']?[ \t]{0,20}[:=][ \t]{0,20})("[^"\n]*"?|'[^'\n]*'?|(?:\$\{[^}\n]{0,200}\}|[^\s"'])(?:\$\{[^}\n]{0,200}\}|[^\n,}\]])*)/gi;
const AFTER_A_FLAG =
  /(--?(?:token|secret|password|api-?key|access-?key)["']?\s{0,20}[,\s=]\s{0,20}(?:-\s{1,20})?["']?)((?:\$\{[^}\n]{0,200}\}|[^\s"',}\]])+)/gi;
const USER_INFO = /(:\/\/)([^\s/@"']{1,1000})(?=@)/g;
const QUERY_VALUE = /([?&][^=\s&"'#]{1,100}=)([^&\s"'#]+)/g;
const BEARER = /(\b(?:Bearer|Basic)\s{1,20})((?:\$\{[^}\n]{0,200}\}|[^\s"',}\]])+)/gi;

/**
 * The source with `*` for every letter of a credential, so that it can be shown where others read along. Lengths
 * stay, and with them every place. References such as `${TOKEN}` stay too: they are no secret.
 */
export function maskSecrets(text: string, { raw, document }: ExaminedConfig): string {
  const parts: string[] = [];
  let done = 0;
  const ranges = [...secretPaths(raw)].map((path) => document.rangeOf(path));
  ranges.sort((a, b) => a.start.offset - b.start.offset);
  for (const { start, end } of ranges) {
    // A place may hold others, where an alias or a mistake stands for them.
    if (end.offset <= done) continue;
    const from = Math.max(done, start.offset);
    parts.push(text.slice(done, from), stars(text.slice(from, end.offset)));
    done = end.offset;
  }
  let masked = parts.join('') + text.slice(done);
  for (const pattern of [AFTER_A_NAME, AFTER_A_FLAG, BEARER, USER_INFO, QUERY_VALUE]) {
    masked = masked.replace(pattern, (_, before: string, value: string) => before + stars(value));
  }
  return replaceWellKnownKeys(masked, stars);
}

/** Quotes, spaces and references stay, so that the line still reads as what it is. */
function stars(text: string): string {
  return text.replace(/\$\{[^}\n]{0,200}\}|\b(?:Bearer|Basic)\b|[^\s"']/g, (letters) =>
    letters.length > 1 ? letters : '*',
  );
}

function* secretPaths(raw: unknown): Iterable<Path> {
  for (const [id, server] of entries(own(raw, 'mcp_servers'))) {
    const at = ['mcp_servers', id];
    for (const [name] of entries(own(server, 'headers'))) yield [...at, 'headers', name];
    for (const [name] of entries(own(server, 'env'))) yield [...at, 'env', name];
    for (const [name] of entries(own(own(server, 'start'), 'env'))) yield [...at, 'start', 'env', name];
  }
}

function own(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
