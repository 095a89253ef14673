/** What ends a step of a URI: a path, a query, a part of a document. */
const STEPS = /[/?#]/g;
/** A URI of more steps is not taken apart. */
const MAX_STEPS = 100;
/** Each whole is a text of its own. */
const MAX_LENGTH = 8192;

/**
 * Whether a resource is part of another one: servers may tell of the change of a part to who subscribed to the whole
 * (2025-11-25, "Resources", `notifications/resources/updated`).
 */
export function isPartOf(uri: string, whole: string): boolean {
  if (uri.length <= whole.length || !uri.startsWith(whole)) return false;
  return whole.endsWith('/') || /[/?#]/.test(uri[whole.length] ?? '');
}

/**
 * A URI, and every one that it may be part of.
 *
 * @returns `undefined` where these are more than anybody means
 */
export function wholesOf(uri: string): readonly string[] | undefined {
  if (uri.length > MAX_LENGTH) return undefined;
  const wholes = new Set([uri]);
  for (const { index } of uri.matchAll(STEPS)) {
    wholes.add(uri.slice(0, index)).add(uri.slice(0, index + 1));
    if (wholes.size > 2 * MAX_STEPS) return undefined;
  }
  return [...wholes];
}
