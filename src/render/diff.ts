import { plain, type View } from './terminal.js';
import { paint } from './paint.js';

/** Unchanged lines around a change. */
const CONTEXT = 3;

/**
 * A unified diff that `patch -p1` and `git apply` take.
 *
 * @param before  of as many lines as `after`: corrections change lines, they neither add nor remove any
 */
export function renderDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  const [old, changedTo] = [linesOf(before), linesOf(after)];
  const changed = old.flatMap((line, index) => (line === changedTo[index] ? [] : [index]));
  const hunks: { start: number; end: number }[] = [];
  for (const index of changed) {
    const last = hunks.at(-1);
    const start = Math.max(0, index - CONTEXT);
    const end = Math.min(old.length, index + CONTEXT + 1);
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  const name = file.replace(/^\/+/, '');
  const parts = [`--- a/${name}\n+++ b/${name}\n`];
  for (const { start, end } of hunks) {
    const length = end - start;
    parts.push(`@@ -${start + 1},${length} +${start + 1},${length} @@\n`);
    for (let index = start; index < end;) {
      if (old[index] === changedTo[index]) {
        parts.push(marked(' ', old[index]));
        index += 1;
        continue;
      }
      // Lines that changed one after the other stand together, those before the change first.
      let next = index;
      while (next < end && old[next] !== changedTo[next]) next += 1;
      for (const line of old.slice(index, next)) parts.push(marked('-', line));
      for (const line of changedTo.slice(index, next)) parts.push(marked('+', line));
      index = next;
    }
  }
  return parts.join('');
}

/** The same for eyes: coloured, and without what could drive a terminal. */
export function showDiff(diff: string, view: View): string {
  const ink = paint(view.color);
  return diff
    .split('\n')
    .map((line) => {
      const text = plain(line);
      if (line.startsWith('+') && !line.startsWith('+++')) return ink.green(text);
      if (line.startsWith('-') && !line.startsWith('---')) return ink.red(text);
      return line.startsWith('@@') ? ink.dim(text) : text;
    })
    .join('\n');
}

/** Each with its line break, so that a changed one shows as well. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function marked(mark: string, line = ''): string {
  return line.endsWith('\n') ? `${mark}${line}` : `${mark}${line}\n\\ No newline at end of file\n`;
}
