import { paint } from './paint.js';
import { plain, type View } from './terminal.js';

/** Columns of source that are shown of a long line. */
const MOST_COLUMNS = 100;

/** A place in a source; of a line that is too long the part around it is shown. */
export interface Place {
  readonly line: string;
  /** 1-based number of the line. */
  readonly number: number;
  /** 0-based UTF-16 offset in the line. */
  readonly column: number;
  readonly length: number;
}

/** The line of a place, and carets in some colour below what is meant. */
export function excerptOf(
  { line, number: lineNumber, column, length }: Place,
  ink: (text: string) => string,
  view: View,
): string {
  const { dim } = paint(view.color);
  const number = String(lineNumber);
  const room = Math.max(20, Math.min(view.width ?? MOST_COLUMNS, MOST_COLUMNS) - number.length - 5);
  const from =
    line.length <= room ? 0 : Math.max(0, Math.min(column - Math.floor(room / 2), line.length - room));
  const shown = line.slice(from, from + room);
  const marked = Math.max(1, Math.min(length, shown.length - (column - from)));
  const before = shown.slice(0, column - from);
  const carets = '^'.repeat(Math.max(1, widthOf(shown.slice(before.length, before.length + marked))));
  return (
    `  ${dim(`${number} |`)} ${visible(shown)}\n` +
    `  ${dim(`${' '.repeat(number.length)} |`)} ${' '.repeat(widthOf(before))}${ink(carets)}\n`
  );
}

/** A line of the source as a terminal may see it, each character in a place of its own. */
function visible(text: string): string {
  return Array.from(text, (letter) => (letter === '\t' ? ' ' : plain(letter) === '' ? '·' : letter)).join('');
}

/** Columns on a terminal: characters of East Asia and pictures take two. */
function widthOf(text: string): number {
  return Array.from(text).reduce(
    (sum, letter) => sum + (WIDE.test(letter) ? 2 : COMBINING.test(letter) ? 0 : 1),
    0,
  );
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mn}/u;
