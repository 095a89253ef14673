import { describe, expect, it } from 'vitest';
import { buildIndex } from '../../../src/core/resolve/build-index.js';
import { resolveTerm } from '../../../src/core/resolve/resolve-term.js';
import type { TermResolution } from '../../../src/core/resolve/types.js';
import { lintMetadata } from '../../../src/servers/metadata/lint.js';
import type { Metadata } from '../../../src/servers/metadata/schema.js';
import { catalogueOf } from '../../../src/servers/metadata/store.js';

// Spellings that collide in every way there is: exactly, by case, accent, umlaut, spacing, number, sign.
const POOL =
  'light|Light|Li-ght|LIGHT lamp|lamp light|grün|gruen|grun|Straße|strasse|P1|P 1|p_1|P2|C++|C#|C|torch|Torches|' +
  'Café 2.0|cafe 2.0|cafe 2|½ set|1⁄2 set|!!!|???|ΟΔΟΣ|οδός|Smørrebrød|smorrebrod|smoerrebroed| light|Ångström';
const NAMES = POOL.split('|');
// Exact and folded: what lint is about. A near name or another word order still finds its own product first.
const SPELLING_ONLY = { fuzzy: 0.98 };

/** mulberry32: the same catalogues in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function someMetadata(seed: number): Metadata {
  const random = randomFrom(seed);
  const pick = () => NAMES[random(NAMES.length)] ?? '';
  const list = (most: number) => Array.from({ length: random(most + 1) }, pick);
  // Most catalogues have few collisions, so that both sides of the property occur.
  const own = (what: string, number: number) => (random(4) === 0 ? pick() : `${what} ${'xyz'[number]}`);
  const products = Array.from({ length: 1 + random(3) }, (_, number) => {
    const names = { canonical_id: own('id', number), canonical_name: own('name', number), aliases: list(2) };
    const product: MetadataProduct = { ...names, database_references: {}, categories: [] };
    return [own('key', number), product] as const;
  });
  const mappings = list(2).map((term) => [term, 'sales.amount'] as const);
  return {
    lastUpdated: '2024-01-01',
    version: '1',
    products: new Map(products),
    mappings: new Map(mappings),
  };
}

/** Another spelling of the same name, which no product and no column has as it stands. */
function respelled(name: string): readonly string[] {
  return /[\p{L}\p{N}]/u.test(name) ? [name, `${name} !`] : [name];
}

function namesOf([key, { canonical_id, canonical_name, aliases }]: [string, MetadataProduct]): string[] {
  return [key, canonical_id, canonical_name, ...aliases].flatMap(respelled);
}
type MetadataProduct = Metadata['products'] extends ReadonlyMap<string, infer Product> ? Product : never;

describe('lint and resolver', () => {
  const seen = { warned: 0, silent: 0, columns: 0, twins: 0 };

  it('agree about which catalogues make names ambiguous', () => {
    for (let seed = 0; seed < 3000; seed++) {
      const metadata = someMetadata(seed);
      const index = buildIndex([catalogueOf(metadata)]);
      const findings = lintMetadata(metadata);
      const about = (root: string, ...codes: readonly string[]) =>
        findings.filter(({ code, path }) => path[0] === root && codes.includes(code));

      const misleads = (answer: TermResolution, product: MetadataProduct) =>
        answer.status !== 'resolved' ||
        answer.entity?.canonical_id !== product.canonical_id ||
        answer.conflicts.length > 0;
      const misleading = [...metadata.products].flatMap((entry) =>
        namesOf(entry).filter((name) => misleads(resolveTerm(index, name, SPELLING_ONLY), entry[1])),
      );
      const warnings = about('product_aliases', 'CFG121', 'CFG122', 'CFG124');
      expect([seed, warnings.length > 0], describeCase(metadata, misleading)).toEqual([
        seed,
        misleading.length > 0,
      ]);

      const columns = [...metadata.products]
        .flatMap(namesOf)
        .filter((name) => resolveTerm(index, name, SPELLING_ONLY).column_mappings.length > 0);
      expect([seed, about('product_aliases', 'CFG123').length > 0], describeCase(metadata, columns)).toEqual([
        seed,
        columns.length > 0,
      ]);

      const twins = [...metadata.mappings.keys()]
        .flatMap(respelled)
        .filter(
          (term) => resolveTerm(index, term, { ...SPELLING_ONLY, among: 'columns' }).status !== 'resolved',
        );
      expect([seed, about('column_mappings', 'CFG124').length > 0], describeCase(metadata, twins)).toEqual([
        seed,
        twins.length > 0,
      ]);
      seen[warnings.length > 0 ? 'warned' : 'silent']++;
      if (columns.length > 0) seen.columns++;
      if (twins.length > 0) seen.twins++;
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});

function describeCase({ products, mappings }: Metadata, names: readonly string[]): string {
  return JSON.stringify({ products: [...products], mappings: [...mappings.keys()], names });
}
