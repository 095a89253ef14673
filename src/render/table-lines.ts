import Table from 'cli-table3';
import { isNarrow } from './terminal.js';

/** A cell as it is printed: cut to its column and without anything that could break a line. */
export interface PrintedCell {
  readonly text: string;
  /** The same with its colour. */
  readonly inked: string;
}

export type Align = 'left' | 'right';

export const GAP = 2;
/** Without lines between them nobody sees where a cell ends, and most of the library's work is by cell. */
const LINES_OF_A_CELL = 16;

/** The lines of a table, each cell as wide as the widest of its column, without what is blank at their ends. */
export function tableLines(
  rows: readonly (readonly PrintedCell[])[],
  aligns: readonly Align[],
): readonly string[] {
  const areNarrow = rows.every((row) => row.every(({ text }) => isNarrow(text)));
  return areNarrow ? narrowLines(rows, aligns) : libraryLines(rows, aligns);
}

/** The same for characters of one column each, which takes no library: it would cost a short run a tenth of its time. */
function narrowLines(rows: readonly (readonly PrintedCell[])[], aligns: readonly Align[]): readonly string[] {
  const widths = aligns.map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.text.length ?? 0), 0),
  );
  return rows.map((row) => {
    const cells = row.map(({ text, inked }, column) => {
      const blank = ' '.repeat((widths[column] ?? 0) - text.length);
      return aligns[column] === 'right' ? blank + inked : inked + blank;
    });
    return cells.join(' '.repeat(GAP)).trimEnd();
  });
}

/** The same for any text. */
export function libraryLines(
  rows: readonly (readonly PrintedCell[])[],
  aligns: readonly Align[],
): readonly string[] {
  const table = new Table({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
    colAligns: [...aligns],
  });
  for (let from = 0; from < rows.length; from += LINES_OF_A_CELL) {
    const some = rows.slice(from, from + LINES_OF_A_CELL);
    table.push(aligns.map((_, column) => some.map((row) => row[column]?.inked ?? '').join('\n')));
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
