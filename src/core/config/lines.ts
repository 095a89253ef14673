import type { Position, Range } from './problem.js';

/**
 * Tells the places of a text by their offsets. A line ends at a line feed, as editors, GitHub and SARIF count; the
 * parsers' own counts differ where the syntax is broken.
 */
export class Lines {
  readonly #starts: number[] = [0];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** An offset beyond the text is taken for its end, one within a character of two units for its beginning. */
  position(offset: number): Position {
    const bounded = Math.max(0, Math.min(offset, this.#text.length));
    const at = (this.#text.codePointAt(bounded - 1) ?? 0) > 0xffff ? bounded - 1 : bounded;
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: at - (this.#starts[low] ?? 0) + 1, offset: at };
  }

  /** @param end  not before `start` */
  range(start: number, end: number): Range {
    return { start: this.position(start), end: this.position(Math.max(start, end)) };
  }
}
