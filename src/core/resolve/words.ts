// Words in front of a name that say nothing about which product is meant.
const STOP_WORDS = new Set(['the', 'my', 'our', 'your', 'this', 'that', 'these', 'those']);

const NUMBER_WORDS: ReadonlyMap<string, string> = new Map(
  ['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'].map(
    (word, index) => [word, String(index + 2)],
  ),
);

const SYMBOL_WORDS: ReadonlyMap<string, string> = new Map([
  ['$', 'dollar'],
  ['€', 'euro'],
  ['£', 'pound'],
  ['¥', 'yen'],
]);

const IRREGULAR_PLURALS: ReadonlyMap<string, string> = new Map([
  ['knives', 'knife'],
  ['scarves', 'scarf'],
  ['shelves', 'shelf'],
  ['leaves', 'leaf'],
  ['halves', 'half'],
  ['loaves', 'loaf'],
  ['wolves', 'wolf'],
  ['feet', 'foot'],
  ['teeth', 'tooth'],
  ['mice', 'mouse'],
  ['geese', 'goose'],
  ['children', 'child'],
]);

const PICTURE = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator})/u;
const NUMBER = /^[-+]?\d/;

/** A letter of a script that writes no spaces between words. */
export const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;

export function isNumber(word: string): boolean {
  return NUMBER.test(word);
}

export function isPicture(word: string): boolean {
  return PICTURE.test(word);
}

/** One letter, counted as people count, so that a letter outside of the basic plane is one too. */
export function isSingleLetter(word: string): boolean {
  return word.length === 1 || (word.length === 2 && word.codePointAt(0)! > 0xffff);
}

/** The words that carry a name: without "the" or "my", unless it consists of such words. */
export function contentWords(folded: readonly string[]): readonly string[] {
  const kept = folded.filter((word, index) => !STOP_WORDS.has(word) && !isArticle(folded, index));
  return kept.length > 0 ? kept : folded;
}

/** Number words as numbers, `2.0` as `2`, a `+` behind a word as "plus": what people say for what is written. */
export function spelledOut(words: readonly string[]): readonly string[] {
  return words.flatMap(spellOut);
}

/** "a" or "an" in front; in `A4` or `Vitamin A` it is a name. */
function isArticle(folded: readonly string[], index: number): boolean {
  const word = folded[index];
  const next = folded[1];
  return index === 0 && (word === 'a' || word === 'an') && next !== undefined && /^\p{L}{3,}/u.test(next);
}

function spellOut(word: string): readonly string[] {
  if (isNumber(word)) {
    const plain = word.replace(/^([-+]?\d+)\.0+(?=\+?$)/, '$1');
    return plain.endsWith('+') ? [plain.slice(0, -1), 'plus'] : [plain];
  }
  const number = NUMBER_WORDS.get(word) ?? SYMBOL_WORDS.get(word);
  if (number !== undefined) return [number];
  const end = word.search(/[+#]+$/);
  if (end <= 0) return [IRREGULAR_PLURALS.get(word) ?? word];
  const signs = word.slice(end).split('');
  return [word.slice(0, end), ...signs.map((sign) => (sign === '+' ? 'plus' : 'sharp'))];
}

/**
 * A root that singular and plural share. Other words share it too (cap and capes), so `isSameWord` decides.
 */
export function looseStem(word: string): string {
  return isNumber(word) ? word : word.replace(/[es]+$/, '').replace(/y$/, 'i') || word;
}

/** Equal, or singular and plural of one word. */
export function isSameWord(one: string, other: string): boolean {
  if (one === other) return true;
  const singulars = singularsOf(one);
  const others = singularsOf(other);
  return singulars.includes(other) || others.includes(one) || singulars.some((word) => others.includes(word));
}

/** What a word may be the plural of; nothing for a word that does not look like a plural. */
export function singularsOf(word: string): readonly string[] {
  if (word.length < 4 || !word.endsWith('s') || /(?:ss|us|is|^news)$/.test(word) || isNumber(word)) return [];
  const withoutS = word.slice(0, -1);
  if (word.length > 4 && word.endsWith('ies')) return [`${word.slice(0, -3)}y`, withoutS];
  return /(?:[sxzo]|ch|sh)es$/.test(word) ? [withoutS, word.slice(0, -2)] : [withoutS];
}

/** Numbers and single letters in their order: what tells models of one family apart. */
export function modelMarks(words: readonly string[]): string {
  return words.filter((word) => isNumber(word) || isSingleLetter(word)).join(' ');
}
