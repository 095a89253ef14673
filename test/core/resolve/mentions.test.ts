import { describe, expect, it } from 'vitest';
import { buildIndex } from '../../../src/core/resolve/build-index.js';
import { findMentions } from '../../../src/core/resolve/mentions.js';

const index = buildIndex([
  {
    server: 'metadata',
    priority: 1,
    aliases: {
      aliases: {
        abracadabra: {
          canonical_id: 'P1',
          canonical_name: 'Magic Wand Pro',
          aliases: ['abra', 'magic_wand'],
        },
        x1: { canonical_id: 'P2', canonical_name: 'TechGadget X1', aliases: ['gadget'] },
        boots_m: { canonical_id: 'P3', canonical_name: 'Trail Boots Men', aliases: ['hiking boots'] },
        boots_w: { canonical_id: 'P4', canonical_name: 'Trail Boots Women', aliases: ['hiking boots'] },
        kettle: { canonical_id: 'P5', canonical_name: 'Kettle 1.7 L', aliases: ["L'Eau Kettle"] },
        tea: { canonical_id: 'P6', canonical_name: '西湖龙井茶', aliases: ['龙井'] },
        five: { canonical_id: 'P7', canonical_name: 'Five', aliases: ['1.7'] },
        set: { canonical_id: 'P8', canonical_name: 'Dice (Set of 6)', aliases: ['C++'] },
      },
    },
    mappings: { mappings: { 'sales amount': 'sales.total_amount', 'last month': "INTERVAL '1 month'" } },
  },
]);

function found(sentence: string): readonly (readonly [string, string | undefined])[] {
  return findMentions(index, sentence).map((mention) => {
    expect(sentence.slice(mention.start, mention.end)).toBe(mention.text);
    return [
      mention.text,
      mention.entity?.canonical_id ?? mention.column_mappings[0]?.sql_expression ?? mention.status,
    ];
  });
}

describe('mentions in a sentence', () => {
  it('are whole words as they stand, longest first, without overlap', () => {
    expect(found('Show the sales amount of MAGIC Wand Pro and of abra last month!')).toEqual([
      ['sales amount', 'sales.total_amount'],
      ['MAGIC Wand Pro', 'P1'],
      ['abra', 'P1'],
      ['last month', "INTERVAL '1 month'"],
    ]);
    expect(found('abrasive magic_wand_pro_table labracadabra')).toEqual([]);
    expect(found('magic_wand, x1.')).toEqual([
      ['magic_wand', 'P1'],
      ['x1', 'P2'],
    ]);
  });

  it('keep their offsets behind letters that fold to other lengths', () => {
    const sentence = '👩‍👩‍👧 Große ﬁne ½ straße: ABRA’s İ';
    const [mention] = findMentions(index, sentence);
    expect(mention).toMatchObject({ text: 'ABRA', start: sentence.indexOf('ABRA'), status: 'resolved' });
  });

  it('may be ambiguous, and then name all candidates', () => {
    const [mention] = findMentions(index, 'who bought hiking boots?');
    expect(mention).toMatchObject({ text: 'hiking boots', status: 'ambiguous', entity: null, winner: null });
    expect(mention?.candidates.map(({ canonical_id }) => canonical_id)).toEqual(['P3', 'P4']);
  });

  it('have typing errors, plurals, numbers and scripts without spaces', () => {
    expect(found('two magic wands and a techgadgt x1')).toEqual([
      ['magic wands', 'P1'],
      ['techgadgt x1', 'P2'],
    ]);
    expect(found('a kettle 1.7l or a kettle 1.5 l')).toEqual([
      ['kettle 1.7l', 'P5'],
      ['kettle', 'P5'],
    ]);
    expect(found("one l'eau kettle")).toEqual([["l'eau kettle", 'P5']]);
    expect(found('我要买西湖龙井茶和龙井')).toEqual([
      ['西湖龙井茶', 'P6'],
      ['龙井', 'P6'],
    ]);
    expect(found('dice (set of 6) in C++, not C')).toEqual([
      ['dice (set of 6', 'P8'],
      ['C++', 'P8'],
    ]);
    expect(found('version 11.75')).toEqual([]);
  });

  it('do not reach across the end of a clause', () => {
    expect(found('buy magic, wand or pro')).toEqual([]);
  });

  it('obey the least score and the server', () => {
    expect(findMentions(index, 'ABRA abra', { fuzzy: 1 }).map(({ start }) => start)).toEqual([5]);
    expect(findMentions(index, 'abra', { server: 'other' })).toEqual([]);
  });

  it.each([
    '',
    ' ',
    '\ud800',
    '…',
    'a'.repeat(10_000),
    '龙'.repeat(10_000),
    'abra '.repeat(4000),
    '😀'.repeat(5000),
    '1.'.repeat(5000),
  ])('are looked for in any text quickly (%#)', (sentence) => {
    const startedAtMs = performance.now();
    expect(findMentions(index, sentence).length).toBeLessThanOrEqual(4000);
    expect(performance.now() - startedAtMs).toBeLessThan(5000);
  });
});
