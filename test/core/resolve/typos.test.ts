import { describe, expect, it } from 'vitest';
import { buildIndex } from '../../../src/core/resolve/build-index.js';
import { editDistance } from '../../../src/core/resolve/distance.js';
import { findMentions } from '../../../src/core/resolve/mentions.js';
import { resolveTerm } from '../../../src/core/resolve/resolve-term.js';

const index = buildIndex([
  {
    server: 'metadata',
    priority: 1,
    aliases: {
      aliases: Object.fromEntries(
        [
          'Steel Kettle',
          'Magic Wand',
          'Quiet Keyboard',
          'Podcast Microphone',
          'Tea Strainers',
          'Tornado Blender',
        ].map((name) => [`key ${name}`, { canonical_id: name, canonical_name: name }]),
      ),
    },
  },
]);

describe('a slip at the first letter of a word', () => {
  it.each([
    ['setel kettle', 'Steel Kettle'],
    ['amgic wand', 'Magic Wand'],
    ['mmagic wand', 'Magic Wand'],
    ['quiet leyboard', 'Quiet Keyboard'],
    ['podcast icrophone', 'Podcast Microphone'],
    ['podcast nmicrophone', 'Podcast Microphone'],
  ])('is found where hardly another word is meant: %s', (term, name) => {
    expect(resolveTerm(index, term).entity?.canonical_name).toBe(name);
  });

  it.each([
    ['steel nettle', 'Steel Kettle'],
    ['magic band', 'Magic Wand'],
    ['tea trainers', 'Tea Strainers'],
    ['tornado lender', 'Tornado Blender'],
    ['quiet heyboard', 'Quiet Keyboard'],
  ])('is only suggested where it may be another word: %s', (term, name) => {
    const answer = resolveTerm(index, term);
    expect(answer.status).toBe('unknown');
    expect(answer.near[0]?.canonical_name).toBe(name);
  });
});

describe('the edit distance', () => {
  it('is that of the whole table, wherever it stops', () => {
    const texts = [
      '',
      'a',
      'ab',
      'ba',
      'abc',
      'acb',
      'bca',
      'aabb',
      'abab',
      'baab',
      'abcabc',
      'acbacb',
      'bcabca',
      'aaaaaaa',
    ];
    for (const one of texts) {
      for (const other of texts) {
        const distance = wholeTable(one, other);
        for (const bound of [0, 1, 2, 3, 7]) {
          expect([one, other, bound, editDistance(one, other, bound)]).toEqual([
            one,
            other,
            bound,
            Math.min(distance, bound + 1),
          ]);
        }
      }
    }
  });
});

describe('a hostile catalogue of long names that are all alike', () => {
  it.each([480, 120])('costs no more than a moment, at %i letters', (length) => {
    const half = length / 2;
    const aliases = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => {
        const at = i % (length - 5);
        const name = `${'a'.repeat(at)}b${'a'.repeat(length - 5 - at + (Math.floor(i / length) % 5))}`;
        return [
          `k${i}`,
          { canonical_id: `P${i}`, canonical_name: `${name.slice(0, half)} ${name.slice(half)}` },
        ];
      }),
    );
    const hostile = buildIndex([{ server: 'evil', priority: 1, aliases: { aliases } }]);
    const term = `${'a'.repeat(half - 1)}c ${'a'.repeat(half - 1)}`;
    const startedAtMs = performance.now();
    resolveTerm(hostile, term);
    findMentions(hostile, `${term} `.repeat(64));
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
  });
});

function wholeTable(one: string, other: string): number {
  const table = [Array.from({ length: other.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = 1; i <= one.length; i++) {
    table.push([i]);
    for (let j = 1; j <= other.length; j++) {
      const substituted = at(i - 1, j - 1) + (one[i - 1] === other[j - 1] ? 0 : 1);
      let cost = Math.min(substituted, at(i - 1, j) + 1, at(i, j - 1) + 1);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        cost = Math.min(cost, at(i - 2, j - 2) + 1);
      table[i]![j] = cost;
    }
  }
  return at(one.length, other.length);
}
