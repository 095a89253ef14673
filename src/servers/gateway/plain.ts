import type { DirectRequest } from '../direct/request.js';
import { isMapping } from '../../core/mapping.js';

type Fields = Readonly<Record<string, unknown>>;

/** What a call of a tool holds, as long as it asks for nothing that only the SDK knows. */
const CALL: ReadonlySet<string> = new Set(['name', 'arguments', '_meta']);
/** Fields of a result of a tool that the SDK does not look into. */
const OPEN: ReadonlySet<string> = new Set(['_meta', 'content', 'isError', 'structuredContent']);
const CONTENT: ReadonlySet<string> = new Set(['type', 'text']);

/** Whether the SDK would find nothing amiss in a request of the revisions up to 2025-11-25. */
export function isPlainRequest({ method, params }: DirectRequest): boolean {
  if (method !== 'tools/call') return true;
  const { name, arguments: given } = params;
  return typeof name === 'string' && (given === undefined || isMapping(given)) && hasOnly(params, CALL);
}

/** Whether the SDK would give a result to a client of these revisions as it is. */
export function isPlainResult(method: string, result: Fields): boolean {
  if (result['resultType'] === 'input_required') return false;
  switch (method) {
    case 'tools/call':
      return isPlainToolResult(result);
    case 'tools/list':
      return (result['tools'] as readonly Fields[]).every(({ outputSchema }) => isOfObjects(outputSchema));
    default:
      return true;
  }
}

/** Whether the SDK would send a result to a client of 2026-07-28 with nothing but what it adds to each. */
export function isPlainStatelessResult(method: string, result: Fields): boolean {
  switch (method) {
    case 'tools/call':
      return isPlainToolResult(result);
    case 'tools/list':
      // It takes out what the revision does not have.
      return (
        (result['tools'] as readonly Fields[]).every((tool) => !('execution' in tool)) && hasHints(result)
      );
    case 'prompts/get':
    case 'completion/complete':
      return true;
    default:
      return hasHints(result);
  }
}

function hasHints({ ttlMs, cacheScope }: Fields): boolean {
  return (
    Number.isSafeInteger(ttlMs) && Number(ttlMs) >= 0 && (cacheScope === 'public' || cacheScope === 'private')
  );
}

/** Texts and nothing else, which is what most tools answer; whatever has more to it is for the SDK to check. */
function isPlainToolResult(result: Fields): boolean {
  const { content, isError, structuredContent } = result;
  return (
    hasOnly(result, OPEN) &&
    (isError === undefined || typeof isError === 'boolean') &&
    (structuredContent === undefined || isMapping(structuredContent)) &&
    Array.isArray(content) &&
    content.every(
      (item: unknown) =>
        isMapping(item) &&
        item['type'] === 'text' &&
        typeof item['text'] === 'string' &&
        hasOnly(item, CONTENT),
    )
  );
}

/** The SDK wraps schemas of anything but objects, for these revisions know no other. */
function isOfObjects(schema: unknown): boolean {
  return schema === undefined || (isMapping(schema) && schema['type'] === 'object');
}

function hasOnly(value: Fields, names: ReadonlySet<string>): boolean {
  for (const name in value) if (!names.has(name)) return false;
  return true;
}
