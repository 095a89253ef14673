import { paint, type Ink } from './paint.js';
import { GAP, tableLines, type PrintedCell } from './table-lines.js';
import { columnsOf, cut, plain, type View } from './terminal.js';
import { wordsOf, wrapWords } from './wrap.js';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** Columns of the highest number leave first where the terminal is narrow; those of 0 stay. */
  readonly drop?: number;
  /** May be cut to this width to make room, before columns leave. */
  readonly least?: number;
}

/** Cells are plain text from anywhere; `ink` names the colour that a whole cell gets. */
export interface Cell {
  readonly text: string;
  readonly ink?: Ink;
}

/**
 * A table without lines that fits its terminal: long cells are cut first, then the least columns leave, and a line below
 * names them.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  view: View,
): string {
  const ink = paint(view.color);
  const texts = rows.map((row) => row.map((cell) => plain(cell.text)));
  const natural = columns.map((column, index) =>
    Math.max(column.title.length, ...texts.map((row) => columnsOf(row[index] ?? ''))),
  );
  const { kept, widths } = fit(columns, natural, view.width);
  const heads = kept.map((index): PrintedCell => {
    const text = columns[index]?.title ?? '';
    return { text, inked: ink.bold(text) };
  });
  const cells = texts.map((row, rowIndex) =>
    kept.map((index): PrintedCell => {
      const text = cut(row[index] ?? '', widths[index] ?? 0);
      const name = rows[rowIndex]?.[index]?.ink;
      return { text, inked: name === undefined ? text : ink[name](text) };
    }),
  );
  const lines = tableLines(
    [heads, ...cells],
    kept.map((index) => columns[index]?.align ?? 'left'),
  );
  const hidden = columns.flatMap(({ title }, index) => (kept.includes(index) ? [] : [title.trim()]));
  return `${lines.join('\n')}\n${hidden.length === 0 ? '' : hiddenNote(hidden, view)}`;
}

function hiddenNote(titles: readonly string[], { color, width }: View): string {
  const what = titles.length === 1 ? '1 column' : `${titles.length} columns`;
  const words = wordsOf(`${what} hidden (${titles.join(', ')}); -o json has all`, paint(color).dim);
  return wrapWords(words, width);
}

function fit(
  columns: readonly Column[],
  natural: readonly number[],
  width: number | undefined,
): { kept: readonly number[]; widths: readonly number[] } {
  let kept = columns.map((_, index) => index);
  const widths = [...natural];
  if (width === undefined) return { kept, widths };
  const total = () => kept.reduce((sum, index) => sum + (widths[index] ?? 0) + GAP, -GAP);
  for (;;) {
    // The widest cell that may shrink gives way first.
    while (total() > width) {
      const shrinkable = kept.filter((index) => (widths[index] ?? 0) > (columns[index]?.least ?? Infinity));
      const [widest] = shrinkable.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
      if (widest === undefined) break;
      widths[widest] = Math.max(columns[widest]?.least ?? 0, (widths[widest] ?? 0) - (total() - width));
    }
    if (total() <= width) return { kept, widths };
    const least = Math.max(...kept.map((index) => columns[index]?.drop ?? 0));
    if (least === 0) return { kept, widths };
    kept = kept.filter((index) => (columns[index]?.drop ?? 0) < least);
    // What was cut before may have room again.
    for (const index of kept) widths[index] = natural[index] ?? 0;
  }
}
