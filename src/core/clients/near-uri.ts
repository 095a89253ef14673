import { isMapping } from '../mapping.js';
import { nearest } from '../nearest.js';
import type { Operation } from '../operation.js';
import type { ResourceClient } from './resource-client.js';

/** Nobody waits longer than this to hear what was meant. */
const PATIENCE_MS = 2000;
/** Values that a completion may have (MCP, "Completion"). */
export const MOST_VALUES = 100;
const MOST_LETTERS = 200;

/**
 * The URI that a mistyped one of a template probably means, by what the server completes its variable to. It is one
 * request, and none where the template has several variables or the server completes nothing.
 *
 * @throws what the server answers
 */
export async function nearUri(
  client: ResourceClient,
  template: string,
  uri: string,
  op: Operation,
): Promise<string | undefined> {
  const [, before = '', operator = '', name, after = ''] =
    /^([^{}]*)\{(\+?)([\w.]+)\}([^{}]*)$/s.exec(template) ?? [];
  if (name === undefined || !client.connection.capabilities.includes('completions')) return undefined;
  const word = decoded(uri.slice(before.length, uri.length - after.length));
  // A slip is seldom in the first letter, and of more values than fit into a completion the others would be missing.
  const argument = { name, value: Array.from(word)[0] ?? '' };
  const { completion } = await client.forward(
    'completion/complete',
    { ref: { type: 'ref/resource', uri: template }, argument },
    op,
    { timeoutMs: PATIENCE_MS },
  );
  const values: unknown = isMapping(completion) ? completion['values'] : [];
  // Whoever sends more is not listened to.
  const known = (Array.isArray(values) ? values.slice(0, MOST_VALUES) : []).filter(
    (value): value is string => typeof value === 'string' && value.length <= MOST_LETTERS,
  );
  const near = nearest(word, known);
  if (near === undefined || near === word) return undefined;
  return `${before}${operator === '+' ? encodeURI(near) : encodeURIComponent(near)}${after}`;
}

/** The URI that a mistyped one probably means, among those that are listed. */
export function nearListed(uri: string, listed: readonly string[]): string | undefined {
  const near = nearest(uri, listed);
  if (near === undefined) return undefined;
  // That both have the same scheme and folder does not make the rest alike.
  let same = 0;
  while (same < uri.length && uri[same] === near[same]) same += 1;
  const begin = Math.max(uri.lastIndexOf('/', same - 1), uri.lastIndexOf(':', same - 1)) + 1;
  return nearest(uri.slice(begin), [near.slice(begin)]) === undefined ? undefined : near;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
