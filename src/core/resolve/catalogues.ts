import type { GatheredResource, Outcome } from '../gather/outcome.js';
import { isMapping } from '../mapping.js';
import type { Catalogue } from './types.js';

/**
 * What a gathered server can be looked up by: its documents of aliases and of column mappings, known by their shape,
 * since no URI is fixed; its resources themselves where it has no aliases. A server with several documents of a kind
 * gives a catalogue for each.
 */
export function cataloguesOf({ server, resources }: Outcome): readonly Catalogue[] {
  const from = { server: server.id, priority: server.priority };
  const documents = resources.flatMap(documentsOf);
  const aliases = documents.filter(isAliases).map((document) => ({ ...from, aliases: document }));
  const mappings = documents.filter(isMappings).map((document) => ({ ...from, mappings: document }));
  if (aliases.length > 0) return [...aliases, ...mappings];
  const named = resources.map(({ uri, name, title }) => ({
    uri,
    name,
    ...(title === undefined ? {} : { title }),
  }));
  return [{ ...from, resources: named }, ...mappings];
}

function documentsOf({ contents }: GatheredResource): readonly unknown[] {
  return contents.flatMap((content) => (content.kind === 'json' ? [content.data] : []));
}

/** `{aliases: {key: {canonical_id, …}}}`; one entry that looks like it is enough, the others get their warnings. */
function isAliases(document: unknown): boolean {
  const entries = recordUnder(document, 'aliases');
  return entries !== undefined && holds(entries, (entry) => isMapping(entry) && 'canonical_id' in entry);
}

/** `{mappings: {user_term: sql_expression}}`. */
function isMappings(document: unknown): boolean {
  const entries = recordUnder(document, 'mappings');
  return entries !== undefined && holds(entries, (entry) => typeof entry === 'string');
}

/** An empty catalogue is one too. */
function holds(entries: Readonly<Record<string, unknown>>, isEntry: (entry: unknown) => boolean): boolean {
  const values = Object.values(entries);
  return values.length === 0 || values.some(isEntry);
}

function recordUnder(document: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  const value = isMapping(document) && Object.hasOwn(document, key) ? document[key] : undefined;
  return isMapping(value) ? value : undefined;
}
