import { isMapping } from '../mapping.js';
import type { Catalogue, NameKind, ResolutionWarning } from './types.js';

/** What one server says about one entity. */
export interface Description {
  readonly catalogue: Catalogue;
  /** `undefined` for a resource. */
  readonly key: string | undefined;
  readonly canonicalId: string;
  readonly canonicalName: string;
  readonly aliases: readonly string[];
  readonly databaseReferences: Readonly<Record<string, unknown>>;
  readonly categories: readonly string[];
  /** Every name under which it is found, the most telling kind first. */
  readonly names: readonly Name[];
}

interface Name {
  readonly kind: NameKind;
  readonly text: string;
}

export interface Mapping {
  readonly catalogue: Catalogue;
  readonly userTerm: string;
  readonly sqlExpression: string;
}

export interface CatalogueContent {
  readonly descriptions: readonly Description[];
  readonly mappings: readonly Mapping[];
  readonly warnings: readonly ResolutionWarning[];
}

// Bounds on what a hostile server can make us keep; real catalogues are far below.
const MAX_NAME_LENGTH = 512;
const MAX_EXPRESSION_LENGTH = 20_000;
const MAX_REFERENCES_LENGTH = 20_000;
const MAX_LIST_LENGTH = 1_000;
const MAX_ENTRIES = 200_000;
const MAX_WARNINGS = 20;

/** Takes what is well formed in a server's catalogue; the rest is left out, each with a warning. */
export function readCatalogue(catalogue: Catalogue): CatalogueContent {
  const warnings = new Warnings(catalogue.server);
  const descriptions =
    catalogue.aliases === undefined
      ? readResources(catalogue, warnings)
      : entriesOf(catalogue.aliases, 'aliases', warnings).flatMap(([key, value]) =>
          readProduct(catalogue, key, value, warnings),
        );
  const mappings =
    catalogue.mappings === undefined
      ? []
      : entriesOf(catalogue.mappings, 'mappings', warnings).flatMap(([term, value]) =>
          readMapping(catalogue, term, value, warnings),
        );
  return { descriptions, mappings, warnings: warnings.all() };
}

/** The longest name that an index holds: a longer term fits nothing. */
export const LONGEST_NAME = MAX_NAME_LENGTH;

function readProduct(
  catalogue: Catalogue,
  key: string,
  value: unknown,
  warnings: Warnings,
): readonly Description[] {
  const place = `alias entry ${quote(key)}`;
  if (!isMapping(value)) return warnings.skip(`${place} is not an object`);
  const canonicalId =
    typeof value['canonical_id'] === 'number' ? String(value['canonical_id']) : value['canonical_id'];
  const canonicalName = value['canonical_name'];
  if (!isName(canonicalId)) return warnings.skip(`${place} has no usable canonical_id`);
  if (!isName(canonicalName)) return warnings.skip(`${place} has no usable canonical_name`);
  const aliases = readNames(value['aliases'], `the aliases of ${place}`, warnings);
  const names: Name[] = [
    { kind: 'canonical_name', text: canonicalName },
    { kind: 'canonical_id', text: canonicalId },
    ...(isName(key) ? [{ kind: 'key' as const, text: key }] : []),
    ...aliases.map((text) => ({ kind: 'alias' as const, text })),
  ];
  return [
    {
      catalogue,
      key,
      canonicalId,
      canonicalName,
      aliases,
      databaseReferences: readReferences(value['database_references'], place, warnings),
      categories: readNames(value['categories'], `the categories of ${place}`, warnings),
      names,
    },
  ];
}

function readResources(catalogue: Catalogue, warnings: Warnings): readonly Description[] {
  return (catalogue.resources ?? []).slice(0, MAX_ENTRIES).flatMap((resource) => {
    const { uri, name, title } = resource;
    if (!isName(uri)) return warnings.skip(`a resource has no usable URI`);
    const names: Name[] = [
      ...(isName(title) ? [{ kind: 'title' as const, text: title }] : []),
      ...(isName(name) ? [{ kind: 'name' as const, text: name }] : []),
      { kind: 'uri', text: uri },
    ];
    return [
      {
        catalogue,
        key: undefined,
        canonicalId: uri,
        canonicalName: names[0]?.text ?? uri,
        aliases: [],
        databaseReferences: {},
        categories: [],
        names,
      },
    ];
  });
}

function readMapping(
  catalogue: Catalogue,
  userTerm: string,
  value: unknown,
  warnings: Warnings,
): readonly Mapping[] {
  if (!isName(userTerm) || typeof value !== 'string' || value.length > MAX_EXPRESSION_LENGTH) {
    return warnings.skip(`column mapping ${quote(userTerm)} is not usable`);
  }
  return [{ catalogue, userTerm, sqlExpression: value }];
}

function readNames(value: unknown, place: string, warnings: Warnings): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return warnings.skip(`${place} are not a list`);
  const names = value.filter(isName).slice(0, MAX_LIST_LENGTH);
  if (names.length < value.length) warnings.add(`${value.length - names.length} of ${place} are not usable`);
  return names;
}

function readReferences(
  value: unknown,
  place: string,
  warnings: Warnings,
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (!isMapping(value) || isTooLong(value)) {
    warnings.add(`the database_references of ${place} are not usable`);
    return {};
  }
  return value;
}

/** The own entries of the object under `key`, whatever their names; empty, with a warning, where there is none. */
function entriesOf(
  document: unknown,
  key: string,
  warnings: Warnings,
): readonly (readonly [string, unknown])[] {
  const entries = isMapping(document) && Object.hasOwn(document, key) ? document[key] : undefined;
  if (!isMapping(entries)) {
    warnings.add(`the document has no object "${key}"`);
    return [];
  }
  const all = Object.entries(entries);
  if (all.length > MAX_ENTRIES)
    warnings.add(`only the first ${MAX_ENTRIES} of ${all.length} entries of "${key}" count`);
  return all.slice(0, MAX_ENTRIES);
}

class Warnings {
  readonly #server: string;
  readonly #messages: string[] = [];
  #more = 0;

  constructor(server: string) {
    this.#server = server;
  }

  add(message: string): void {
    if (this.#messages.length < MAX_WARNINGS) this.#messages.push(message);
    else this.#more++;
  }

  skip(message: string): readonly [] {
    this.add(message);
    return [];
  }

  all(): readonly ResolutionWarning[] {
    const messages =
      this.#more === 0 ? this.#messages : [...this.#messages, `and ${this.#more} more like these`];
    return messages.map((message) => ({
      code: 'UPS211',
      server: this.#server,
      message: `${this.#server}: ${message}`,
    }));
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && value.trim() !== '';
}

function isTooLong(value: unknown): boolean {
  try {
    return JSON.stringify(value).length > MAX_REFERENCES_LENGTH;
  } catch {
    return true;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
