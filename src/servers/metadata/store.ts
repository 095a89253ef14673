import { buildIndex, type ResolverIndex } from '../../core/resolve/build-index.js';
import { fold } from '../../core/resolve/fold.js';
import { resolveTerm } from '../../core/resolve/resolve-term.js';
import type { Catalogue, TermResolution } from '../../core/resolve/types.js';
import type { Metadata, Product } from './schema.js';

export const ALIASES_URI = 'product-aliases://list';
export const MAPPINGS_URI = 'column-mappings://list';
export const SUMMARY_URI = 'metadata-summary://info';
const RESOURCE_URIS = [ALIASES_URI, MAPPINGS_URI, SUMMARY_URI] as const;
export type ResourceUri = (typeof RESOURCE_URIS)[number];

/** One state of the metadata, with the texts of its resources made once. */
export interface Snapshot {
  readonly metadata: Metadata;
  /** When the file that holds it was written, ISO 8601. */
  readonly modified: string;
  readonly texts: Readonly<Record<ResourceUri, string>>;
}

export interface Found {
  readonly key: string;
  readonly product: Product;
}

export interface Change {
  /** The fixed resources whose text differs. */
  readonly resources: readonly ResourceUri[];
  /** Products that came, went or differ, by every name they had or have. */
  readonly names: ReadonlySet<string>;
}

/** The metadata that every session of the server reads; replaced as a whole. */
export class MetadataStore {
  #snapshot: Snapshot;
  #exact: ReadonlyMap<string, readonly Found[]>;
  #folded: ReadonlyMap<string, readonly Found[]>;
  /** Of the snapshot; built when it is first asked for, as a server that is only read never needs it. */
  #resolver: ResolverIndex | undefined;

  constructor(metadata: Metadata, modified: string) {
    this.#snapshot = { metadata, modified, texts: textsOf(metadata) };
    [this.#exact, this.#folded] = indexesOf(metadata);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Takes other metadata over. @returns what differs, `undefined` where nothing does */
  replace(metadata: Metadata, modified: string): Change | undefined {
    const before = this.#snapshot;
    const texts = textsOf(metadata);
    const resources = RESOURCE_URIS.filter((uri) => texts[uri] !== before.texts[uri]);
    if (resources.length === 0) return undefined;
    const names = changedNames(before.metadata, metadata);
    this.#snapshot = { metadata, modified, texts };
    this.#resolver = undefined;
    [this.#exact, this.#folded] = indexesOf(metadata);
    return { resources, names };
  }

  /**
   * The products that a name stands for: by key, canonical id, canonical name or alias as it is written, else by
   * any of them in another spelling. Several where the name is ambiguous.
   */
  find(name: string): readonly Found[] {
    return this.#exact.get(name) ?? this.#folded.get(fold(name)) ?? [];
  }

  /** What a term means, near names too: the same as `mcpx resolve` says about this server alone. */
  resolve(term: string, fuzzy?: number): TermResolution {
    this.#resolver ??= buildIndex([catalogueOf(this.#snapshot.metadata)]);
    return resolveTerm(this.#resolver, term, fuzzy === undefined ? {} : { fuzzy });
  }

  /** Every name of every product that begins like `start`, whatever its spelling, in alphabetical order. */
  namesLike(start: string): readonly string[] {
    const folded = fold(start);
    return [...this.#exact.keys()].filter((name) => fold(name).startsWith(folded)).sort();
  }
}

/** What the resolver reads of the metadata. There is one server here, so its name and rank say nothing. */
export function catalogueOf({ products, mappings }: Metadata): Catalogue {
  return {
    server: 'metadata',
    priority: 1,
    aliases: { aliases: Object.fromEntries(products) },
    mappings: { mappings: Object.fromEntries(mappings) },
  };
}

/** How a product stands in the resources. */
export function productJson({
  canonical_id,
  canonical_name,
  aliases,
  database_references,
  categories,
}: Product): Product {
  return { canonical_id, canonical_name, aliases, database_references, categories };
}

function textsOf({ products, mappings, lastUpdated, version }: Metadata): Snapshot['texts'] {
  return {
    [ALIASES_URI]: JSON.stringify({
      aliases: Object.fromEntries([...products].map(([key, product]) => [key, productJson(product)])),
    }),
    [MAPPINGS_URI]: JSON.stringify({ mappings: Object.fromEntries(mappings) }),
    [SUMMARY_URI]: JSON.stringify({
      total_products: products.size,
      total_mappings: mappings.size,
      last_updated: lastUpdated,
      version,
    }),
  };
}

function indexesOf(
  metadata: Metadata,
): [ReadonlyMap<string, readonly Found[]>, ReadonlyMap<string, readonly Found[]>] {
  const exact = new Map<string, Found[]>();
  const folded = new Map<string, Found[]>();
  for (const [key, product] of metadata.products) {
    const found = { key, product };
    for (const name of namesOf(key, product)) {
      add(exact, name, found);
      add(folded, fold(name), found);
    }
  }
  return [exact, folded];
}

function add(index: Map<string, Found[]>, name: string, found: Found): void {
  const list = index.get(name);
  if (list === undefined) index.set(name, [found]);
  else if (!list.includes(found)) list.push(found);
}

function namesOf(key: string, product: Product): readonly string[] {
  return [key, product.canonical_id, product.canonical_name, ...product.aliases];
}

function changedNames(before: Metadata, after: Metadata): ReadonlySet<string> {
  const names = new Set<string>();
  for (const key of new Set([...before.products.keys(), ...after.products.keys()])) {
    const [old, now] = [before.products.get(key), after.products.get(key)];
    if (JSON.stringify(old) === JSON.stringify(now)) continue;
    for (const product of [old, now])
      if (product !== undefined) namesOf(key, product).forEach((name) => names.add(name));
  }
  return names;
}
