import type { Edit } from '../core/config/fix.js';
import type { Position, Problem } from '../core/config/problem.js';
import type { ValidatedFile } from '../core/config/validate.js';
import { ERROR_CODES } from '../core/errors.js';
import { countProblems, lineAt } from './diagnostics.js';

/** A place in the form of `terraform validate -json`; bytes count from 0, with a byte order mark. */
export interface JsonPosition {
  readonly line: number;
  readonly column: number;
  readonly byte: number;
}

/** @param editsFor  the edits that correct a problem */
export function diagnosticsJson(
  files: readonly ValidatedFile[],
  options: {
    readonly valid: boolean;
    readonly editsFor: (problem: Problem, text: string) => readonly Edit[] | undefined;
    /** What `--fix` corrected. */
    readonly fixed?: readonly Problem[];
    /** The corrections that `--dry-run` did not write. */
    readonly diff?: string;
    /** What `--connect` adds. */
    readonly connected?: Readonly<Record<string, unknown>>;
  },
): Readonly<Record<string, unknown>> {
  const { errors, warnings, notes } = countProblems(files);
  return {
    format_version: '1.0',
    valid: options.valid,
    error_count: errors,
    warning_count: warnings,
    ...(options.connected === undefined ? {} : { note_count: notes }),
    ...(options.fixed === undefined
      ? {}
      : {
          fixed: options.fixed.map(({ code, message, path, file, range: { start } }) => ({
            code,
            summary: message,
            path,
            filename: file,
            line: start.line,
            column: start.column,
          })),
        }),
    ...(options.diff === undefined ? {} : { diff: options.diff }),
    diagnostics: files.flatMap((file) => {
      const bytes = new ByteOffsets(file.text ?? '', file.hasByteOrderMark);
      return file.problems.map((problem) => {
        const edits = file.text === undefined ? undefined : options.editsFor(problem, file.text);
        return {
          severity: problem.severity,
          code: problem.code,
          summary: problem.message,
          detail: ERROR_CODES[problem.code].meaning,
          path: problem.path,
          range: {
            filename: problem.file,
            start: bytes.at(problem.range.start),
            end: bytes.at(problem.range.end),
          },
          snippet: file.shown === undefined ? null : snippetOf(file.shown, problem),
          hint: problem.hint ?? null,
          fix:
            problem.replacement?.kind === 'no-byte-order-mark'
              ? { edits: [{ start_byte: 0, end_byte: 3, new_text: '' }] }
              : edits === undefined
                ? null
                : {
                    edits: edits.map(({ start, end, text }) => ({
                      start_byte: bytes.of(start),
                      end_byte: bytes.of(end),
                      new_text: text,
                    })),
                  },
        };
      });
    }),
    ...options.connected,
  };
}

/** A line of a file that is one long line is cut around the place. */
const MOST_LETTERS = 400;

function snippetOf(text: string, { range: { start, end } }: Problem): Readonly<Record<string, unknown>> {
  const line = lineAt(text, start.offset);
  const column = Math.min(start.column - 1, line.length);
  const from = line.length <= MOST_LETTERS ? 0 : Math.max(0, column - MOST_LETTERS / 2);
  const code = line.slice(from, from + MOST_LETTERS);
  const length = end.line === start.line ? end.column - start.column : line.length - column;
  const highlightStart = column - from;
  return {
    code,
    start_line: start.line,
    highlight_start_offset: highlightStart,
    highlight_end_offset: Math.min(code.length, highlightStart + Math.max(0, length)),
  };
}

/** Offsets in UTF-16 units as bytes of UTF-8; asked in any order, fast where they rise. */
class ByteOffsets {
  #units = 0;
  #bytes = 0;

  constructor(
    private readonly text: string,
    private readonly hasByteOrderMark: boolean,
  ) {}

  of(offset: number): number {
    if (offset < this.#units) {
      this.#units = 0;
      this.#bytes = 0;
    }
    this.#bytes += Buffer.byteLength(this.text.slice(this.#units, offset));
    this.#units = offset;
    return this.#bytes + (this.hasByteOrderMark ? 3 : 0);
  }

  at({ line, column, offset }: Position): JsonPosition {
    return { line, column, byte: this.of(offset) };
  }
}
