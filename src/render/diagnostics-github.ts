import type { Problem } from '../core/config/problem.js';
import type { ValidatedFile } from '../core/config/validate.js';
import { ERROR_CODES } from '../core/errors.js';
import { plain } from './terminal.js';

/**
 * Workflow commands that GitHub shows as annotations of the changed lines.
 *
 * @see https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
export function renderGithub(files: readonly ValidatedFile[]): string {
  return files
    .flatMap(({ problems }) => problems)
    .map((problem) => `${commandOf(problem)}\n`)
    .join('');
}

function commandOf({ severity, code, message, hint, file, range: { start, end } }: Problem): string {
  const properties: [string, string | number][] = [
    ['file', file],
    ['line', start.line],
    ['endLine', end.line],
    ['title', `${code} ${ERROR_CODES[code].name}`],
  ];
  // Columns of a place of several lines are ignored there, with a warning.
  if (end.line === start.line) {
    properties.splice(2, 0, ['col', start.column], ['endColumn', Math.max(start.column, end.column)]);
  }
  const text = plain(message) + (hint === undefined ? '' : `\n${plain(hint)}`);
  const list = properties.map(([name, value]) => `${name}=${escapeProperty(plain(String(value)))}`);
  return `::${severity === 'note' ? 'notice' : severity} ${list.join(',')}::${escapeData(text)}`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
