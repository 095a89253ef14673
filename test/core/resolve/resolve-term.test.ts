import { describe, expect, it } from 'vitest';
import { buildIndex } from '../../../src/core/resolve/build-index.js';
import { resolveTerm } from '../../../src/core/resolve/resolve-term.js';
import type { Catalogue } from '../../../src/core/resolve/types.js';
import { verifies } from '../../verifies.js';

const WAND = {
  canonical_id: 'PROD_123',
  canonical_name: 'Magic Wand Pro',
  aliases: ['abra', 'cadabra', 'magic_wand'],
  database_references: { 'products.product_name': 'Magic Wand Pro', 'products.product_id': 123 },
  categories: ['toys', 'magic'],
};
const GADGET = { canonical_id: 'PROD_456', canonical_name: 'TechGadget X1', aliases: ['tech_gadget', 'x1'] };

function catalogue(server: string, priority: number, aliases: unknown, mappings?: unknown): Catalogue {
  return {
    server,
    priority,
    aliases: { aliases },
    ...(mappings === undefined ? {} : { mappings: { mappings } }),
  };
}

const shop = buildIndex([
  catalogue(
    'metadata',
    1,
    { abracadabra: WAND, techgadget: GADGET },
    { 'sales amount': 'sales.total_amount', 'this month': 'CURRENT_DATE' },
  ),
]);

describe('a term', () => {
  verifies('resolve:alias', 'is answered with the entity, its references, the match and the winner', () => {
    expect(resolveTerm(shop, 'abra')).toEqual({
      term: 'abra',
      status: 'resolved',
      winner: { server: 'metadata', priority: 1, reason: 'the only server that knows it' },
      entity: {
        canonical_id: 'PROD_123',
        canonical_name: 'Magic Wand Pro',
        database_references: WAND.database_references,
        categories: ['toys', 'magic'],
        match: { method: 'exact', on: 'alias', name: 'abra', score: 1 },
      },
      candidates: [
        {
          canonical_id: 'PROD_123',
          canonical_name: 'Magic Wand Pro',
          score: 1,
          server: 'metadata',
          match: { method: 'exact', on: 'alias', name: 'abra', score: 1 },
        },
      ],
      column_mappings: [],
      near: [],
      conflicts: [],
      warnings: [],
    });
  });

  it.each([
    ['abracadabra', 'exact', 'key', 1],
    ['PROD_123', 'exact', 'canonical_id', 1],
    ['Magic Wand Pro', 'exact', 'canonical_name', 1],
    ['magic wand', 'folded', 'alias', 0.98],
    ['Pro Magic Wand', 'tokens', 'canonical_name', 0.95],
    ['magic wands', 'tokens', 'alias', 0.95],
  ] as const)('%j is found as %s by its %s', (term, method, on, score) => {
    expect(resolveTerm(shop, term).entity?.match).toMatchObject({ method, on, score });
  });

  verifies('resolve:fuzzy', 'with typing errors is found, with a score that falls with each of them', () => {
    const one = resolveTerm(shop, 'magc wand pro').entity?.match;
    const two = resolveTerm(shop, 'magc wnad pro').entity?.match;
    expect([one?.method, two?.method]).toEqual(['fuzzy', 'fuzzy']);
    expect(one?.score).toBeLessThan(0.95);
    expect(two?.score).toBeLessThan(one?.score ?? 0);
    expect(two?.score).toBeGreaterThan(0);
    const models = {
      a: { canonical_id: 'A', canonical_name: 'Pixel Lamp' },
      b: { canonical_id: 'B', canonical_name: 'Pixie Lamp' },
    };
    expect(resolveTerm(buildIndex([catalogue('metadata', 1, models)]), 'pixe lamp').status).toBe('ambiguous');
  });

  it('is accepted only at the score that the caller asks for, else it is suggested', () => {
    expect(resolveTerm(shop, 'abra', { fuzzy: 1 }).status).toBe('resolved');
    expect(resolveTerm(shop, 'ABRA', { fuzzy: 1 })).toMatchObject({
      status: 'unknown',
      candidates: [{ canonical_id: 'PROD_123', score: 0.98 }],
    });
    expect(resolveTerm(shop, 'ABRA', { fuzzy: 0.98 }).status).toBe('resolved');
    expect(resolveTerm(shop, 'magc wand pro', { fuzzy: 0.95 }).status).toBe('unknown');
  });

  it('that is a part of one name stays open and suggests it', () => {
    expect(resolveTerm(shop, 'wand')).toMatchObject({
      status: 'unknown',
      entity: null,
      candidates: [{ canonical_id: 'PROD_123', match: { method: 'partial' } }],
    });
  });

  it('that may be several things comes with a name for each that finds it alone, where there is one', () => {
    const lamp = (canonical_id: string, canonical_name: string) => ({
      canonical_id,
      canonical_name,
      aliases: ['lamp'],
    });
    const index = buildIndex([
      catalogue('metadata', 1, {
        a: lamp('L1', 'Desk Lamp'),
        b: lamp('L2', 'Twin Lamp'),
        c: lamp('L3', 'Twin Lamp'),
        d: lamp('L4', 'L4b'),
        e: lamp('L4b', 'L4'),
      }),
    ]);
    for (const term of ['lamp', 'twin', 'lamps']) {
      const answer = resolveTerm(index, term);
      expect(answer.status).toBe('ambiguous');
      for (const { canonical_id, ask } of answer.candidates) {
        if (ask !== undefined) expect(resolveTerm(index, ask).entity?.canonical_id).toBe(canonical_id);
      }
    }
    expect(resolveTerm(index, 'lamp').candidates.map(({ ask }) => ask)).toEqual([
      'Desk Lamp',
      'L2',
      'L3',
      undefined,
      undefined,
    ]);
  });

  it('that fits nothing names the nearest', () => {
    const answer = resolveTerm(shop, 'magic wind prp');
    expect(answer.status).toBe('unknown');
    expect(answer.near[0]).toMatchObject({ canonical_id: 'PROD_123', canonical_name: 'Magic Wand Pro' });
    expect(resolveTerm(shop, 'espresso machine')).toMatchObject({
      status: 'unknown',
      candidates: [],
      near: [],
    });
  });

  verifies(
    'resolve:mapping',
    'that names a column comes with its expression, and answers only where columns are asked for',
    () => {
      expect(resolveTerm(shop, 'Sales Amount')).toMatchObject({
        status: 'unknown',
        column_mappings: [
          {
            user_term: 'sales amount',
            sql_expression: 'sales.total_amount',
            server: 'metadata',
            match: { score: 0.98 },
          },
        ],
      });
      expect(resolveTerm(shop, 'sales amount', { among: 'columns' })).toMatchObject({
        status: 'resolved',
        entity: null,
        winner: { server: 'metadata' },
        column_mappings: [{ sql_expression: 'sales.total_amount' }],
      });
    },
  );

  verifies(
    'resolve:not-cached',
    'is answered from the catalogues of today, not from an earlier answer',
    () => {
      const before = catalogue('metadata', 1, { wand: WAND });
      const after = catalogue('metadata', 1, { wand: { ...WAND, canonical_id: 'PROD_124' } });
      expect(resolveTerm(buildIndex([before]), 'abra').entity?.canonical_id).toBe('PROD_123');
      expect(resolveTerm(buildIndex([after]), 'abra').entity?.canonical_id).toBe('PROD_124');
      expect(resolveTerm(buildIndex([catalogue('metadata', 1, {})]), 'abra').status).toBe('unknown');
    },
  );

  it('gives the same answer each time', () => {
    for (const term of ['abra', 'wand', 'magic wind', 'nothing'])
      expect(resolveTerm(shop, term)).toEqual(resolveTerm(shop, term));
  });
});

describe('several servers', () => {
  const other = {
    ...WAND,
    canonical_name: 'Magic Wand Professional',
    aliases: ['abra', 'hocus'],
    categories: ['toys'],
  };

  it('that describe one entity give it once, from the best priority, with every difference', () => {
    const index = buildIndex([
      catalogue('legacy', 10, { wand: { ...other, database_references: { 'products.product_id': 7 } } }),
      catalogue('metadata', 1, { abracadabra: WAND }),
    ]);
    const answer = resolveTerm(index, 'abra');
    expect(answer).toMatchObject({
      status: 'resolved',
      entity: { canonical_name: 'Magic Wand Pro' },
      winner: { server: 'metadata', priority: 1, reason: 'priority 1 < 10 (legacy)' },
      warnings: [],
    });
    expect(answer.conflicts).toHaveLength(1);
    expect(answer.conflicts[0]).toMatchObject({
      kind: 'entity',
      key: 'PROD_123',
      winner: 'metadata',
      losers: ['legacy'],
      rule: 'priority 1 < 10',
    });
    expect(
      answer.conflicts[0]?.differences.map(({ field, value, winning_value }) => [
        field,
        value,
        winning_value,
      ]),
    ).toEqual([
      ['key', 'wand', 'abracadabra'],
      ['canonical_name', 'Magic Wand Professional', 'Magic Wand Pro'],
      ['aliases', ['abra', 'hocus'], ['abra', 'cadabra', 'magic_wand']],
      ['database_references.products.product_id', 7, 123],
      ['database_references.products.product_name', null, 'Magic Wand Pro'],
      ['categories', ['toys'], ['magic', 'toys']],
    ]);
  });

  it('share an entity by its key too, and names that only one of them knows find it', () => {
    const index = buildIndex([
      catalogue('a', 1, { wand: WAND }),
      catalogue('b', 2, { wand: { ...other, canonical_id: 'W-9' } }),
    ]);
    expect(resolveTerm(index, 'hocus')).toMatchObject({
      status: 'resolved',
      entity: { canonical_id: 'PROD_123' },
    });
    expect(resolveTerm(index, 'W-9')).toMatchObject({
      status: 'resolved',
      entity: { canonical_id: 'PROD_123' },
    });
  });

  it('never merge two entries of one of them through a third', () => {
    const index = buildIndex([
      catalogue('a', 1, { k1: { canonical_id: '1', canonical_name: 'Alpha Lamp' } }),
      catalogue('b', 2, {
        k1: { canonical_id: '2', canonical_name: 'Beta Lamp' },
        k2: { canonical_id: '1', canonical_name: 'Alpha Lamp' },
      }),
    ]);
    expect(resolveTerm(index, 'Beta Lamp').entity?.canonical_id).toBe('2');
    expect(resolveTerm(index, 'Alpha Lamp').entity?.canonical_id).toBe('1');
    expect(resolveTerm(index, 'k1').status).toBe('ambiguous');
  });

  it('of equal priority go by id, with a warning, whatever the order they come in', () => {
    const a = catalogue('alpha', 5, { abracadabra: WAND });
    const b = catalogue('beta', 5, { abracadabra: other });
    for (const order of [
      [a, b],
      [b, a],
    ]) {
      expect(resolveTerm(buildIndex(order), 'abra')).toMatchObject({
        winner: { server: 'alpha', reason: 'equal priority 5: id alpha before beta (beta)' },
        conflicts: [{ rule: 'equal priority 5: id alpha before beta' }],
        warnings: [{ code: 'RES302', server: 'beta' }],
      });
    }
  });

  it('that use one alias for different products leave it ambiguous: priority does not decide', () => {
    const index = buildIndex([
      catalogue('metadata', 1, { wand: WAND }),
      catalogue('other', 10, {
        spell: { canonical_id: 'BOOK_1', canonical_name: 'Book of Spells', aliases: ['abra'] },
      }),
    ]);
    const answer = resolveTerm(index, 'abra');
    expect(answer).toMatchObject({ status: 'ambiguous', winner: null, entity: null });
    expect(answer.candidates.map(({ canonical_id, server }) => [canonical_id, server])).toEqual([
      ['PROD_123', 'metadata'],
      ['BOOK_1', 'other'],
    ]);
    expect(resolveTerm(index, 'abra', { server: 'other' })).toMatchObject({
      status: 'resolved',
      entity: { canonical_id: 'BOOK_1' },
      winner: { server: 'other', reason: 'the server that was asked for' },
    });
  });

  it('that map a user term differently: the best priority counts, the other is named', () => {
    const index = buildIndex([
      catalogue('a', 1, {}, { revenue: 'SUM(a)' }),
      catalogue('b', 2, {}, { revenue: 'SUM(b)' }),
    ]);
    expect(resolveTerm(index, 'revenue', { among: 'columns' })).toMatchObject({
      status: 'resolved',
      column_mappings: [{ sql_expression: 'SUM(a)', server: 'a' }],
      conflicts: [
        { kind: 'column-mapping', key: 'revenue', winner: 'a', losers: ['b'], rule: 'priority 1 < 2' },
      ],
    });
  });

  it('without aliases are searched by the titles, names and URIs of their resources', () => {
    const index = buildIndex([
      {
        server: 'files',
        priority: 3,
        resources: [
          { uri: 'file:///sales/report.csv', name: 'report.csv', title: 'Quarterly Sales Report' },
          { uri: 'db://orders', name: 'orders' },
        ],
      },
    ]);
    for (const [term, uri] of [
      ['quarterly sales reprot', 'file:///sales/report.csv'],
      ['report.csv', 'file:///sales/report.csv'],
      ['Orders', 'db://orders'],
      ['db://orders', 'db://orders'],
    ] as const) {
      expect(resolveTerm(index, term).entity?.canonical_id).toBe(uri);
    }
    expect(resolveTerm(index, 'orders').entity).toMatchObject({
      canonical_name: 'orders',
      database_references: {},
    });
  });
});

describe('a hostile catalogue', () => {
  it('loses what is malformed, with a warning, and keeps the rest', () => {
    const aliases: unknown = JSON.parse(`{
      "__proto__": {"canonical_id": "P1", "canonical_name": "Proto Toy", "aliases": ["__proto__", "constructor"]},
      "constructor": {"canonical_id": "P2", "canonical_name": "Builder Kit", "database_references": {"__proto__": {"polluted": true}}},
      "text": "no object", "none": null, "list": [], "noname": {"canonical_id": "X"},
      "noid": {"canonical_name": "Nobody"}, "numeric": {"canonical_id": 9, "canonical_name": "Nine"},
      "odd": {"canonical_id": "P3", "canonical_name": "Odd One", "aliases": [1, "fine", null], "categories": "toys"},
      "refs": {"canonical_id": "P4", "canonical_name": "Ref One", "database_references": [1]}
    }`);
    const index = buildIndex([catalogue('evil', 1, aliases)]);
    expect(resolveTerm(index, 'Proto Toy').entity?.canonical_id).toBe('P1');
    expect(resolveTerm(index, '__proto__').entity?.canonical_id).toBe('P1');
    expect(resolveTerm(index, 'constructor').status).toBe('ambiguous');
    expect(resolveTerm(index, 'fine').entity?.canonical_id).toBe('P3');
    expect(resolveTerm(index, 'Nine').entity?.canonical_id).toBe('9');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(index.warnings).toHaveLength(8);
    for (const warning of index.warnings) expect(warning).toMatchObject({ code: 'UPS211', server: 'evil' });
  });

  it.each([null, 'text', [], {}, { aliases: [] }, { aliases: null }, { mappings: {} }])(
    'of the shape %j gives an empty index',
    (aliases) => {
      const index = buildIndex([{ server: 'evil', priority: 1, aliases, mappings: aliases }]);
      expect(resolveTerm(index, 'aliases').status).toBe('unknown');
      expect(index.warnings.length).toBeGreaterThan(0);
    },
  );

  it('of giant strings and lists is bounded', () => {
    const giant = 'x'.repeat(1_000_000);
    const index = buildIndex([
      catalogue('evil', 1, {
        [giant]: { canonical_id: '1', canonical_name: giant },
        a: {
          canonical_id: '2',
          canonical_name: 'Ada Lamp',
          aliases: [giant, ...Array.from({ length: 5000 }, (_, i) => `n${i}`)],
        },
        b: { canonical_id: '3', canonical_name: 'Bea Lamp', database_references: { giant } },
      }),
    ]);
    expect(resolveTerm(index, 'n17').entity?.canonical_id).toBe('2');
    expect(resolveTerm(index, 'n4000').status).toBe('unknown');
    expect(resolveTerm(index, 'Bea Lamp').entity?.database_references).toEqual({});
    for (const warning of index.warnings) expect(warning.message.length).toBeLessThan(300);
  });

  it('warns about many bad entries in few lines', () => {
    const bad = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 0]));
    expect(buildIndex([catalogue('evil', 1, bad)]).warnings).toHaveLength(21);
  });
});
