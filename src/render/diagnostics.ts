import { describeProblem, type Problem } from '../core/config/problem.js';
import type { ValidatedFile } from '../core/config/validate.js';
import { paint } from './paint.js';
import { plain, type View } from './terminal.js';
import { wordsOf, wrapWords } from './wrap.js';

/** Columns of source that are shown of a long line. */
const MOST_COLUMNS = 100;

/** Every problem with its line of the source and a caret, and a count at the end. */
export function renderDiagnostics(files: readonly ValidatedFile[], view: View): string {
  return `${renderProblems(files, view)}${renderCount(files)}\n`;
}

export function renderProblems(files: readonly ValidatedFile[], view: View): string {
  return files
    .flatMap((file) =>
      file.problems.map((problem) => heading(problem, view) + excerpt(problem, file.shown, view)),
    )
    .join('');
}

/** What was corrected, a line each. */
export function renderFixed(problems: readonly Problem[], view: View): string {
  const ink = paint(view.color);
  return problems
    .map(({ file, range: { start }, code, message }) => {
      const where = plain(`${file}:${start.line}:${start.column}`);
      return `${where} ${ink.green('fixed')} ${ink.bold(code)} ${plain(message)}\n`;
    })
    .join('');
}

/** `config/mcp_config.yaml: 2 errors, 1 warning`, and notes where there are some. */
export function renderCount(files: readonly ValidatedFile[]): string {
  const { errors, warnings, notes } = countProblems(files);
  const where = files.length === 1 ? plain(files[0]?.file ?? '') : `${files.length} files`;
  return `${where}: ${plural(errors, 'error')}, ${plural(warnings, 'warning')}${notes === 0 ? '' : `, ${plural(notes, 'note')}`}`;
}

export function countProblems(files: readonly ValidatedFile[]): {
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
} {
  const count = (wanted: Problem['severity']) =>
    files.reduce((sum, file) => sum + file.problems.filter(({ severity }) => severity === wanted).length, 0);
  return { errors: count('error'), warnings: count('warning'), notes: count('note') };
}

/** The line of the source that a place is on, without its line break. */
export function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '');
}

const INK = { error: 'red', warning: 'yellow', note: 'cyan' } as const;

/** In one line, for whoever looks for places in it, unless a terminal would break that in the middle of a word. */
function heading(problem: Problem, view: View): string {
  const ink = paint(view.color);
  const { severity, code } = problem;
  const text = plain(describeProblem(problem));
  const mark = ` ${severity} ${code} `;
  const at = text.indexOf(mark);
  const words = [
    ...wordsOf(text.slice(0, at)),
    ...wordsOf(severity, ink[INK[severity]]),
    ...wordsOf(code, ink.bold),
    ...wordsOf(text.slice(at + mark.length)),
  ];
  return wrapWords(words, view.width, '  ');
}

function excerpt(problem: Problem, text: string | undefined, view: View): string {
  if (text === undefined || text === '') return '';
  const ink = paint(view.color);
  const { start, end } = problem.range;
  const line = lineAt(text, start.offset);
  const number = String(start.line);
  const room = Math.max(20, Math.min(view.width ?? MOST_COLUMNS, MOST_COLUMNS) - number.length - 5);
  const column = Math.min(start.column - 1, line.length);
  // Of a line that is too long the part around the caret is shown.
  const from =
    line.length <= room ? 0 : Math.max(0, Math.min(column - Math.floor(room / 2), line.length - room));
  const shown = line.slice(from, from + room);
  const length = end.line === start.line ? end.column - start.column : line.length - column;
  const marked = Math.max(1, Math.min(length, shown.length - (column - from)));
  const before = shown.slice(0, column - from);
  const carets = '^'.repeat(Math.max(1, widthOf(shown.slice(before.length, before.length + marked))));
  const gutter = ' '.repeat(number.length);
  const caret = ink[INK[problem.severity]](carets);
  return (
    `  ${ink.dim(`${number} |`)} ${visible(shown)}\n` +
    `  ${ink.dim(`${gutter} |`)} ${' '.repeat(widthOf(before))}${caret}\n`
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

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
