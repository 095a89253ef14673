/** Letters that decompose into nothing simpler, by what people type instead of them. */
const PLAIN_LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  ł: 'l',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ħ: 'h',
  ŧ: 't',
  æ: 'ae',
  œ: 'oe',
  ı: 'i',
  ς: 'σ',
  '×': 'x',
  '&': ' and ',
};
const PLAIN_LETTER = /[ßłøđðþħŧæœıς×&]/g;

const TWO_LETTERS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', ø: 'oe', å: 'aa' };
const TWO_LETTER = /[äöüøå]/g;

// Accents of Latin, Greek and Cyrillic, points of Hebrew, vowel signs and the stretching line of Arabic. Marks of
// other scripts stay: in Devanagari or Thai they are vowels, in Kana they tell か from が.
const ACCENT =
  /(?![\u3099\u309a])\p{Script=Inherited}|(?=\p{Script=Hebrew}|\p{Script=Arabic})\p{Mn}|\u0640/gu;
const TRADE_SIGN = /[©®™℠]/g;
const FORMAT_CHARACTER = /[\p{Cf}\u{1f3fb}-\u{1f3ff}]/gu;
const APOSTROPHE = /(?<=[\p{L}\p{N}])['’‘ʼ`´](?=[\p{L}\p{N}])/gu;
const OTHER_DIGIT = /[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

// A number with its decimals, its sign and a plus behind it; a word with what stands for more than punctuation
// behind it (C++, C#, S23+); a symbol that tells two names apart.
const WORD =
  /(?:(?<=^|[\s(])[-+](?=\d))?\d+(?:\.\d+)*(?:\+(?![\p{L}\p{N}]))?|[\p{L}\p{M}]+(?:\+{2,}|\+(?![\p{L}\p{N}])|#+)?|\p{Sc}|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}/gu;

/**
 * The form in which two spellings of one name are equal: compatibility forms, case, accents, spaces and
 * punctuation do not count, `&` is "and", `×` is "x". What tells products apart stays: decimals, `+` and `#`
 * behind a letter, signs of currency, and the border between two numbers (`1 2` is not `12`).
 * A text of nothing but punctuation stands for itself, so that only a blank text folds to nothing.
 */
export function fold(text: string): string {
  return join(foldWords(text)) || text.normalize('NFKC').trim();
}

/** All forms of a text under which it is found: two spellings are one name where they have one of them in common. */
export function foldedForms(text: string): readonly string[] {
  return foldings(text).map((words) => join(words) || text.normalize('NFKC').trim());
}

/** The folded words of a text; `500ml` is two words. */
export function foldWords(text: string): readonly string[] {
  return split(plainLetters(lowerCase(text)));
}

/**
 * All folded forms of a text, as words. There are two where it has letters that German and the Nordic languages
 * also write with two (`ü` as `u` and as `ue`), else one.
 */
export function foldings(text: string): readonly (readonly string[])[] {
  const lower = lowerCase(text);
  const plain = split(plainLetters(lower));
  const expanded = lower.replace(TWO_LETTER, (letter) => TWO_LETTERS[letter] ?? letter);
  return expanded === lower ? [plain] : [plain, split(plainLetters(expanded))];
}

/** Words without the spaces between them, but for those between two numbers. */
export function join(words: readonly string[]): string {
  let joined = '';
  let previous = '';
  for (const word of words) {
    joined += endsWithDigit(previous) && startsLikeNumber(word) ? ` ${word}` : word;
    previous = word;
  }
  return joined;
}

function endsWithDigit(text: string): boolean {
  const code = text.charCodeAt(text.length - 1);
  return code >= 48 && code <= 57;
}

function startsLikeNumber(word: string): boolean {
  const code = word.charCodeAt(0);
  return (code >= 48 && code <= 57) || code === 43 || code === 45;
}

function lowerCase(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text.toLowerCase();
  return text
    .replace(TRADE_SIGN, '')
    .normalize('NFKC')
    .toLowerCase()
    .replace(FORMAT_CHARACTER, '')
    .replace(OTHER_DIGIT, (digit) => String(digitValue(digit.charCodeAt(0))));
}

function plainLetters(lower: string): string {
  const unaccented = PRINTABLE_ASCII.test(lower)
    ? lower
    : lower.normalize('NFD').replace(ACCENT, '').normalize('NFC');
  return unaccented.replace(PLAIN_LETTER, (letter) => PLAIN_LETTERS[letter] ?? letter);
}

function split(plain: string): readonly string[] {
  return withoutMarksInNumbers(plain.replace(APOSTROPHE, '')).match(WORD) ?? [];
}

/** `1,500` is 1500, `0,5` is 0.5 and `.5` is 0.5. */
function withoutMarksInNumbers(text: string): string {
  if (!/[.,]\d/.test(text)) return text;
  return text
    .replace(/(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])/g, (number) => number.replaceAll(',', ''))
    .replace(/(?<![\d,])(\d+),(\d+)(?![\d,])/g, '$1.$2')
    .replace(/(?<![\p{L}\p{N}.])\.(?=\d)/gu, '0.');
}

/** The value of a digit of the Arabic, Persian or Devanagari row. */
function digitValue(code: number): number {
  if (code >= 0x966) return code - 0x966;
  return code >= 0x6f0 ? code - 0x6f0 : code - 0x660;
}
