import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paint } from '../../src/render/paint.js';
import { libraryLines, tableLines, type PrintedCell } from '../../src/render/table-lines.js';
import { isNarrow, plain } from '../../src/render/terminal.js';

const INKS = ['bold', 'cyan', 'dim', 'green', 'red', 'yellow'] as const;

/** Rows of as many cells as there are columns, some of them coloured, of texts as a table gets them from anywhere. */
function tablesOf(unit: fc.Arbitrary<string>) {
  const cell = fc.record({
    text: fc.string({ unit, maxLength: 30 }).map(plain),
    ink: fc.option(fc.constantFrom(...INKS), { nil: undefined }),
  });
  const column = fc.constantFrom('left' as const, 'right' as const);
  return fc.array(column, { minLength: 1, maxLength: 6 }).chain((aligns) =>
    fc.record({
      aligns: fc.constant(aligns),
      color: fc.boolean(),
      rows: fc.array(fc.array(cell, { minLength: aligns.length, maxLength: aligns.length }), {
        minLength: 1,
        maxLength: 40,
      }),
    }),
  );
}

function printed(
  rows: readonly (readonly { text: string; ink: (typeof INKS)[number] | undefined }[])[],
  color: boolean,
): PrintedCell[][] {
  const inks = paint(color);
  return rows.map((row) =>
    row.map(({ text, ink }) => ({ text, inked: ink === undefined ? text : inks[ink](text) })),
  );
}

const NARROW = fc.constantFrom(' ', '-', '~', 'a', 'Z', '0', '9', '|', ':', '_', '…', 'é', 'ß');
const ODD = ['e\u0301', '世', 'ｗ', '🎉', '👩\u200d👧', '©', '\u00a0', '‥', '\u200d', 'ก', '\u001b[1m', '\n'];

describe('a table', () => {
  const isSame = (
    rows: Parameters<typeof printed>[0],
    aligns: Parameters<typeof tableLines>[1],
    color: boolean,
  ) => {
    const cells = printed(rows, color);
    expect(tableLines(cells, aligns)).toEqual(libraryLines(cells, aligns));
  };

  it.each([
    ['one column each', NARROW],
    [
      'any kind',
      fc.oneof(NARROW, fc.constantFrom(...ODD), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
    ],
  ])('of characters of %s is the same whether or not the library makes it', (_, unit) => {
    fc.assert(
      fc.property(tablesOf(unit), ({ rows, aligns, color }) => isSame(rows, aligns, color)),
      { numRuns: 150 },
    );
  });

  it('counts one column for each character that needs no library', () => {
    const characters = Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code)).filter(
      isNarrow,
    );
    expect(characters.length).toBeGreaterThan(400);
    // Beside a second column, so that a character of another width would show.
    const cells = ['', ...characters].map((text) => [text, 'x'].map((each) => ({ text: each, inked: each })));
    expect(tableLines(cells, ['left', 'left'])).toEqual(libraryLines(cells, ['left', 'left']));
    expect(characters.map(plain)).toEqual(characters);
  });

  it.each(ODD)('with %j in one place is the same, too', (odd) => {
    fc.assert(
      fc.property(tablesOf(NARROW), fc.nat(), ({ rows, aligns, color }, place) => {
        const [row, column] = [place % rows.length, place % aligns.length];
        const changed = rows.map((cells, index) =>
          cells.map((cell, at) =>
            index === row && at === column ? { ...cell, text: plain(cell.text + odd) } : cell,
          ),
        );
        isSame(changed, aligns, color);
      }),
      { numRuns: 30 },
    );
  });
});
