import { describe, expect, it } from 'vitest';
import { buildIndex } from '../../src/core/resolve/build-index.js';
import { findMentions } from '../../src/core/resolve/mentions.js';
import type { DomainResolution } from '../../src/core/resolve/resolve-domain.js';
import { resolveTerm } from '../../src/core/resolve/resolve-term.js';
import { renderResolve } from '../../src/render/resolve.js';

const WAND = {
  canonical_id: 'PROD_123',
  canonical_name: 'Magic Wand Pro',
  aliases: ['abra', 'magic_wand', 'gift'],
  database_references: { 'products.product_name': 'Magic Wand Pro', 'products.product_id': 123 },
  categories: ['entertainment', 'magic', 'toys'],
};
const index = buildIndex([
  {
    server: 'product_metadata_mcp',
    priority: 1,
    aliases: {
      aliases: {
        wand: WAND,
        hat: { canonical_id: 'PROD_9', canonical_name: '$HOME `hat`', aliases: ['gift', 'top hat'] },
        evil: { canonical_id: 'E', canonical_name: '\u001b[2Jred\u0007 \u202etxt', aliases: ['evil'] },
      },
    },
    mappings: { mappings: { 'last month': "DATE_TRUNC('month', {date_column}) = 'x'" } },
  },
  {
    server: 'legacy_catalogue',
    priority: 10,
    aliases: { aliases: { wand: { ...WAND, canonical_name: 'Wand, Magic, Professional' } } },
  },
]);

function resolution(part: Partial<DomainResolution>): DomainResolution {
  return {
    domain: 'products',
    mode: 'degraded',
    complete: true,
    winner: { server: 'product_metadata_mcp', priority: 1, reason: 'priority 1 < 10 (legacy_catalogue)' },
    fallbackUsed: false,
    candidates: [
      {
        server: 'product_metadata_mcp',
        priority: 1,
        status: 'ok',
        reason: 'priority 1 < 10 (legacy_catalogue)',
      },
      { server: 'legacy_catalogue', priority: 10, status: 'ok', reason: 'priority 1 < 10' },
    ],
    resources: [],
    templates: [],
    items: [],
    mentions: undefined,
    warnings: [],
    durationMs: 1,
    ...part,
  };
}

function terms(...asked: readonly string[]): DomainResolution {
  return resolution({
    items: asked.map((term) => ({ ...resolveTerm(index, term), fallback_used: false })),
  });
}

const plainView = { color: false, all: false };
const ALL = terms('abra', 'magic wnad', 'gift', 'wand', 'nothing', 'last month', 'evil', 'top hat');
const sentence = 'abra and gift and last month';
const SHOWN: readonly DomainResolution[] = [
  ALL,
  resolution({
    resources: [
      {
        key: 'Product Aliases',
        uri: 'product-aliases://list',
        name: 'Product Aliases',
        description: 'word '.repeat(30),
      },
    ],
  }),
  resolution({ mentions: findMentions(index, sentence) }),
  resolution({
    complete: false,
    warnings: [{ code: 'UPS211', message: 'x: alias entry "a" is not an object' }],
    candidates: [
      {
        server: 'product_metadata_mcp',
        priority: 1,
        status: 'failed',
        reason: 'status failed',
        error: {
          code: 'UPS202',
          message: 'nothing listens at http://127.0.0.1:8002, and the reason is long',
        },
      },
    ],
  }),
];

// eslint-disable-next-line no-control-regex -- colours are what is taken out
const COLORS = /\u001b\[\d+m/g;
// eslint-disable-next-line no-control-regex -- what must not get through, but for the line break
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u202e]/;

describe('a resolution for people', () => {
  it('says what the term means, where, and who lost with what', () => {
    expect(renderResolve(terms('abra'), plainView)).toBe(
      [
        'abra → Magic Wand Pro  PROD_123',
        '  match       exact, alias "abra"',
        '  server      product_metadata_mcp (priority 1): priority 1 < 10 (legacy_catalogue)',
        '  data        products.product_name = "Magic Wand Pro"',
        '              products.product_id = 123',
        '  categories  entertainment, magic, toys',
        '  lost        legacy_catalogue (priority 1 < 10)',
        '              canonical_name: "Wand, Magic, Professional" instead of "Magic Wand Pro"',
        '',
      ].join('\n'),
    );
  });

  it('says that a near match is one', () => {
    expect(renderResolve(terms('magic wnad'), plainView)).toMatch(
      /\(near match\)\n {2}match {7}fuzzy 0\.\d\d, /,
    );
  });

  it('gives command lines that a shell takes as they are meant', () => {
    expect(renderResolve(terms('$HOME `bat`'), plainView)).toContain("mcpx resolve products '$HOME `hat`'");
  });

  it.each([60, 80, 200])('fits %i columns', (width) => {
    for (const shown of SHOWN) {
      const lines = renderResolve(shown, { ...plainView, width }).split('\n');
      // A command to copy is never broken.
      const tooLong = lines.filter((line) => line.length > width && !line.includes('  mcpx resolve '));
      expect(tooLong).toEqual([]);
    }
  });

  it('has the same text with and without colour', () => {
    for (const shown of SHOWN) {
      const colored = renderResolve(shown, { color: true, all: true, width: 100 });
      expect(colored).toContain('\u001b[');
      expect(colored.replace(COLORS, '')).toBe(renderResolve(shown, { color: false, all: true, width: 100 }));
    }
  });

  it('lets nothing from outside move the cursor', () => {
    expect(renderResolve(terms('evil', '\u001b[31mred', 'a\nb'), plainView)).not.toMatch(CONTROLS);
  });

  it('counts where there are several terms', () => {
    expect(renderResolve(ALL, plainView)).toMatch(/\n8 terms: 5 resolved, 1 ambiguous, 2 unknown\n$/);
  });

  it('shows at most twenty of a long list, and all with --all', () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [
        `k${i}`,
        { canonical_id: `P${i}`, canonical_name: `Lamp ${i}`, aliases: ['lamp'] },
      ]),
    );
    const lamps = buildIndex([{ server: 's', priority: 1, aliases: { aliases: many } }]);
    const shown = resolution({ items: [{ ...resolveTerm(lamps, 'lamp'), fallback_used: false }] });
    expect(renderResolve(shown, plainView)).toContain('… and 10 more');
    expect(renderResolve(shown, { ...plainView, all: true })).toContain('Lamp 29');
  });
});
