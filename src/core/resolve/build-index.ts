import { NameTable } from './name-table.js';
import { readCatalogue, type Description, type Mapping } from './read-catalogue.js';
import type { Catalogue, ResolutionWarning } from './types.js';

/** One product, or one resource, with all that the servers say about it, best priority first. */
export interface Entity {
  readonly descriptions: readonly [Description, ...Description[]];
}

/** One user term with what the servers map it to, best priority first. */
export interface MappedTerm {
  readonly mappings: readonly [Mapping, ...Mapping[]];
}

/** The names of all catalogues, ready to be looked up. Made by `buildIndex`; its parts are not for others. */
export interface ResolverIndex {
  readonly entities: NameTable<Entity>;
  readonly columns: NameTable<MappedTerm>;
  /** What was left out of the catalogues, and why. */
  readonly warnings: readonly ResolutionWarning[];
}

/**
 * Reads the catalogues of a domain's servers into one index. Build it once for each state of the catalogues:
 * looking up changes nothing in it. Descriptions with the same canonical id are one entity, and so are those of
 * different servers with the same key; nothing else joins two of them.
 */
export function buildIndex(catalogues: readonly Catalogue[]): ResolverIndex {
  const contents = [...catalogues].sort(byPriority).map(readCatalogue);
  const groups = groupDescriptions(contents.map(({ descriptions }) => descriptions));
  const entities = new NameTable<Entity>();
  for (const descriptions of groups) {
    const entity: Entity = { descriptions };
    for (const { catalogue, names } of descriptions) {
      for (const { kind, text } of names)
        entities.add({ target: entity, server: catalogue.server, kind, text });
    }
  }
  const columns = new NameTable<MappedTerm>();
  for (const mappings of groupMappings(contents.flatMap(({ mappings }) => mappings))) {
    const term: MappedTerm = { mappings };
    for (const { catalogue, userTerm } of mappings) {
      columns.add({ target: term, server: catalogue.server, kind: 'user_term', text: userTerm });
    }
  }
  return { entities, columns, warnings: contents.flatMap(({ warnings }) => warnings) };
}

type Group<Item> = [Item, ...Item[]];

function groupDescriptions(servers: readonly (readonly Description[])[]): readonly Group<Description>[] {
  const groups: Group<Description>[] = [];
  const byId = new Map<string, Group<Description>>();
  const byKey = new Map<string, Group<Description>>();
  for (const descriptions of servers) {
    const withoutGroup: Description[] = [];
    for (const description of descriptions) {
      const group = byId.get(description.canonicalId);
      if (group === undefined) withoutGroup.push(description);
      else group.push(description);
    }
    // The id is the stronger bond: a key joins only what no id has joined, and never two entries of one server.
    for (const description of withoutGroup) {
      const { key, canonicalId, catalogue } = description;
      const sameKey = key === undefined ? undefined : byKey.get(key);
      const known = byId.get(canonicalId);
      if (known !== undefined) known.push(description);
      else if (
        sameKey !== undefined &&
        sameKey.every((other) => other.catalogue.server !== catalogue.server)
      ) {
        sameKey.push(description);
        byId.set(canonicalId, sameKey);
      } else {
        const group: Group<Description> = [description];
        groups.push(group);
        byId.set(canonicalId, group);
      }
    }
    for (const description of descriptions) {
      const group = byId.get(description.canonicalId);
      if (description.key !== undefined && group !== undefined && !byKey.has(description.key)) {
        byKey.set(description.key, group);
      }
    }
  }
  return groups;
}

function groupMappings(mappings: readonly Mapping[]): Iterable<Group<Mapping>> {
  const groups = new Map<string, Group<Mapping>>();
  for (const mapping of mappings) {
    const group = groups.get(mapping.userTerm);
    if (group === undefined) groups.set(mapping.userTerm, [mapping]);
    else group.push(mapping);
  }
  return groups.values();
}

/** Ties go by id, so that the order of the catalogues never decides who wins. */
function byPriority(a: Catalogue, b: Catalogue): number {
  return a.priority - b.priority || (a.server < b.server ? -1 : a.server > b.server ? 1 : 0);
}
