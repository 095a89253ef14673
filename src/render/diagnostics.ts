import { describeProblem, type Problem } from '../core/config/problem.js';
import type { ValidatedFile } from '../core/config/validate.js';
import { excerptOf } from './excerpt.js';
import { paint } from './paint.js';
import { plain, type View } from './terminal.js';
import { wordsOf, wrapWords } from './wrap.js';

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
  const column = Math.min(start.column - 1, line.length);
  const length = end.line === start.line ? end.column - start.column : line.length - column;
  return excerptOf({ line, number: start.line, column, length }, ink[INK[problem.severity]], view);
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
