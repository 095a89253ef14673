/** Spaces that keep words together: they look like the one that YAML knows and are letters to it. */
const NO_BREAK = /[\u00a0\u2007\u202f\u3000]/;

/**
 * Where no-break spaces stand in the structure of a YAML file: in an indentation, and beside `:`, `-`, other
 * spaces and the ends of lines. Those between two words are text, and so are those in quotes and comments.
 *
 * @returns offsets, in order
 */
export function findNoBreakSpaces(text: string): readonly number[] {
  const offsets: number[] = [];
  if (!NO_BREAK.test(text)) return offsets;
  let start = 0;
  for (const line of text.split('\n')) {
    offsets.push(...inLine(line).map((column) => start + column));
    start += line.length + 1;
  }
  return offsets;
}

function inLine(line: string): number[] {
  const found: number[] = [];
  let quote = '';
  let previous = '';
  for (let index = 0; index < line.length; index += 1) {
    const letter = line[index] ?? '';
    if (quote !== '') {
      if (letter === '\\' && quote === '"') index += 1;
      else if (letter === quote) quote = '';
      continue;
    }
    const isSpace = letter === ' ' || letter === '\t' || NO_BREAK.test(letter);
    if (letter === '#' && (index === 0 || /\s/.test(line[index - 1] ?? ''))) break;
    if ((letter === '"' || letter === "'") && (previous === '' || ':,[{-'.includes(previous))) quote = letter;
    if (NO_BREAK.test(letter)) {
      const next = line.slice(index + 1).trimStart()[0] ?? '';
      if (previous === '' || ':,[{-'.includes(previous) || next === '' || ':,]}#'.includes(next))
        found.push(index);
    }
    if (!isSpace) previous = letter;
  }
  return found;
}

/** The text with ordinary spaces there; every place keeps its offset. */
export function withPlainSpaces(text: string, offsets: readonly number[]): string {
  if (offsets.length === 0) return text;
  const parts: string[] = [];
  let done = 0;
  for (const offset of offsets) {
    parts.push(text.slice(done, offset), ' ');
    done = offset + 1;
  }
  return parts.join('') + text.slice(done);
}
