import type { Problem } from './problem.js';
import { findNoBreakSpaces } from './no-break-space.js';

/** Replaces what stands between two offsets. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A source with its byte order mark apart, as the places of problems count. */
export interface Source {
  readonly text: string;
  readonly hasByteOrderMark: boolean;
}

export interface Fixed extends Source {
  /** What is no longer wrong. */
  readonly fixed: readonly Problem[];
}

/** Correcting one mistake may bring up the next one, which it hid. */
const MAX_ROUNDS = 6;
/** Checking a large file takes a while. */
const MAX_CHECKS = 60;

/**
 * Applies the corrections that come with the problems of a file, and keeps everything else byte for byte. A correction
 * stays only when its problem is gone afterwards and no other error came up in its place.
 *
 * @param check  finds the problems of a source
 */
export function fixSource(source: Source, check: (source: Source) => readonly Problem[]): Fixed {
  let current = source;
  let problems = check(current);
  let checks = 0;
  const fixed: Problem[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = fixed.length;
    const waiting = [problems.filter((problem) => correctionOf(problem, current) !== undefined).map(keyOf)];
    for (let keys = waiting.pop(); keys !== undefined && checks < MAX_CHECKS; keys = waiting.pop()) {
      // Looked up anew, since what was corrected before may have moved them.
      const wanted = new Set(keys);
      const group = problems.filter((problem) => wanted.has(keyOf(problem)));
      const next = apply(current, group);
      if (next.text === current.text && next.hasByteOrderMark === current.hasByteOrderMark) continue;
      const left = check(next);
      checks += 1;
      if (isBetter(group, problems, left)) {
        fixed.push(...group);
        current = next;
        problems = left;
      } else if (keys.length > 1) {
        // One of them does not work out; the others should not suffer from it.
        const half = Math.ceil(keys.length / 2);
        waiting.push(keys.slice(half), keys.slice(0, half));
      }
    }
    if (fixed.length === before) break;
  }
  return { ...current, fixed };
}

/** The edits that correct a problem alone; `undefined` where there is no safe one. */
export function editsFor(problem: Problem, text: string): readonly Edit[] | undefined {
  const { replacement, range } = problem;
  if (replacement === undefined) return undefined;
  const { start, end } = { start: range.start.offset, end: range.end.offset };
  const old = text.slice(start, end);
  switch (replacement.kind) {
    case 'indentation':
      return tabsOfLines(text);
    case 'spaces': {
      const offsets = findNoBreakSpaces(text);
      return offsets.length === 0 ? undefined : offsets.map((at) => ({ start: at, end: at + 1, text: ' ' }));
    }
    case 'no-byte-order-mark':
      return undefined;
    default:
  }
  // A block of several lines, a reference to the environment or to an anchor: not ours to write over.
  if (old === '' || old.includes('\n') || old.includes('${') || /^[*&!|>]/.test(old)) return undefined;
  const quote = /^(["']).*\1$/.exec(old)?.[1] ?? '';
  if (replacement.kind === 'list') return [{ start, end, text: `[${old}]` }];
  const inserted = replacement.kind === 'bare' ? replacement.text : `${quote}${replacement.text}${quote}`;
  return [{ start, end, text: inserted }];
}

/** @param edits  in any order; of two that overlap the later one is left out */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, text: inserted } of [...edits].sort((a, b) => a.start - b.start)) {
    if (start < done) continue;
    parts.push(text.slice(done, start), inserted);
    done = end;
  }
  return parts.join('') + text.slice(done);
}

function correctionOf(problem: Problem, source: Source): readonly Edit[] | 'mark' | undefined {
  if (problem.replacement?.kind === 'no-byte-order-mark') return source.hasByteOrderMark ? 'mark' : undefined;
  return editsFor(problem, source.text);
}

function apply(source: Source, problems: readonly Problem[]): Source {
  const corrections = problems.map((problem) => correctionOf(problem, source));
  const edits = corrections.flatMap((correction) =>
    correction === undefined || correction === 'mark' ? [] : correction,
  );
  return {
    text: edits.length === 0 ? source.text : applyEdits(source.text, edits),
    hasByteOrderMark: source.hasByteOrderMark && !corrections.includes('mark'),
  };
}

/** Whether the corrected problems are gone, and the file reads at least as far as before. */
function isBetter(group: readonly Problem[], before: readonly Problem[], after: readonly Problem[]): boolean {
  const left = new Set(after.map(keyOf));
  if (group.some((problem) => left.has(keyOf(problem)))) return false;
  const unreadable = (problems: readonly Problem[]) => problems.some(({ code }) => code === 'CFG103');
  // Only now can the contents be looked at, so whatever is wrong there is no consequence.
  if (unreadable(before) || group.some(({ code, path }) => code === 'CFG104' && !path.includes('.'))) {
    // Of several mistakes of syntax each hides the next one, which lies behind it.
    return !unreadable(after) || (unreadable(before) && firstUnreadable(after) > firstUnreadable(before));
  }
  const known = new Set(before.map(keyOf));
  const isError = ({ severity, code }: Problem) => severity === 'error' && code !== 'CFG111';
  const isBelow = (path: string) =>
    group.some((problem) => path === problem.path || path.startsWith(parentOf(problem.path)));
  return !after.some((problem) => isError(problem) && !known.has(keyOf(problem)) && !isBelow(problem.path));
}

function firstUnreadable(problems: readonly Problem[]): number {
  return Math.min(...problems.filter(({ code }) => code === 'CFG103').map(({ range }) => range.start.offset));
}

function keyOf({ code, path, message }: Problem): string {
  return `${code} ${path} ${message}`;
}

function parentOf(path: string): string {
  return path.split('.').slice(0, 2).join('.');
}

/** Each tab at the beginning of a line as spaces. */
function tabsOfLines(text: string): readonly Edit[] | undefined {
  const edits: Edit[] = [];
  const tab = ' '.repeat(tabWidth(text));
  for (const match of text.matchAll(/^[ \t]*\t[ \t]*/gm)) {
    const [indent] = match;
    edits.push({ start: match.index, end: match.index + indent.length, text: indent.replaceAll('\t', tab) });
  }
  return edits.length === 0 ? undefined : edits;
}

/**
 * Two spaces, which is what most configurations are indented by, unless more are needed for lines that stand deeper
 * than the key above them: of tabs among spaces only the editor knew how wide they are.
 */
function tabWidth(text: string): number {
  const lines = text.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  const opened = lines.flatMap((line, index): (readonly [above: string, below: string])[] => {
    const above = lines[index - 1];
    const below = indentOf(line);
    return above !== undefined && below.includes('\t') && /:\s*$/.test(above)
      ? [[indentOf(above), below]]
      : [];
  });
  const deeper = (width: number) =>
    opened.filter(([above, below]) => columns(below, width) > columns(above, width)).length;
  return [4, 8].reduce((best, width) => (deeper(width) > deeper(best) ? width : best), 2);
}

function indentOf(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function columns(indent: string, width: number): number {
  return indent.replaceAll('\t', ' '.repeat(width)).length;
}
