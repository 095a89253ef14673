/** A word, and what makes it visible: colours have no width. */
export interface Word {
  readonly text: string;
  readonly ink?: (text: string) => string;
}

/**
 * Words in lines of at most `width` columns; none is broken, so one that is longer stands alone.
 *
 * @param indent  what every line but the first begins with
 * @param first  what the first line begins with
 */
export function wrapWords(words: readonly Word[], width = Infinity, indent = '', first = ''): string {
  const lines: string[] = [];
  let line = first;
  let columns = first.length;
  let isEmpty = true;
  for (const { text, ink } of words) {
    if (!isEmpty && columns + 1 + text.length > width) {
      lines.push(line);
      line = indent;
      columns = indent.length;
      isEmpty = true;
    }
    const gap = isEmpty ? '' : ' ';
    line += gap + (ink === undefined ? text : ink(text));
    columns += gap.length + text.length;
    isEmpty = false;
  }
  return [...lines, line].map((each) => `${each}\n`).join('');
}

export function wordsOf(text: string, ink?: (text: string) => string): readonly Word[] {
  return text.split(' ').map((word) => (ink === undefined ? { text: word } : { text: word, ink }));
}
