import { shortestAlignments, type Edit } from './distance.js';
import { foldWords, join } from './fold.js';
import { contentWords, isNumber, isSingleLetter } from './words.js';

/**
 * A name as the search for typing errors sees it: `letters` are the letters of its words, joined; `marks` is what
 * must be equal, as a wrong digit or unit names another product.
 */
export interface Spelling {
  readonly letters: string;
  /** The words behind `letters`. */
  readonly words: readonly string[];
  readonly marks: string;
  /** Letters and marks together. */
  readonly length: number;
}

const LEAST_LETTERS = 6;
/** Longer names are copied, not typed, and comparing thousands of them would take too long. */
export const MOST_LETTERS = 128;

// Size letters and Roman numbers: one letter more is another product.
const MARK = /^(?:x{1,4}[sl]|[ivx]{2,}|.*[+#])$/;
// What stands beside a number like this is a unit or a series: `mhz`, `gtx`.
const CONSONANTS = /^[^aeiouy]{3}$/;
// Alphabets in which a letter is a sound, so that a wrong one may be a slip. One ideograph is a word.
const ALPHABETIC =
  /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Armenian}\p{Script=Georgian}\p{M}]*$/u;

// The common case of it, which is much faster to test.
const PLAIN = /^[a-z]*$/;

// Words that tell variants of a product apart. Whoever types one of them means it.
const VARIANT_WORDS = new Set(
  foldWords(
    'one two three four five six seven eight nine ten eleven twelve single double triple first second third ' +
      'mini lite light plus max pro ultra air super small medium large big tall short long slim wide extra ' +
      'men mens man women womens woman kids kid boys girls baby junior senior adult ' +
      'black white red green blue brown grey gray pink gold silver orange yellow purple beige tan ' +
      'left right front rear top hot cold wet dry old new sweet salted matte mate glass steel wood wool ' +
      'day night summer winter spring autumn',
  ),
);

// From here on there are hardly two words that differ in their first letter alone.
const LONG_WORD = 8;

const KEYBOARD_ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'];
const NEIGHBOURS = keyboardNeighbours();
const ALIKE = ['aeiouy', 'ckqsxz', 'dt', 'bpvfw', 'gj', 'mn', 'ij', 'uvw'];
const ENDINGS = 'drsn';

/** How the folded words of a name are spelled. */
export function spellingOf(folded: readonly string[]): Spelling {
  const content = contentWords(folded);
  const marks: string[] = [];
  const words: string[] = [];
  content.forEach((word, index) => {
    if (isMark(content, index)) marks.push(isNumber(word) ? word.replace(/^([-+]?\d+)\.0+$/, '$1') : word);
    else words.push(word);
  });
  return { letters: words.join(''), words, marks: marks.join(' '), length: join(content).length };
}

/** Numbers, signs, single letters, sizes, and what is so short beside a number that it is a unit or a series. */
function isMark(words: readonly string[], index: number): boolean {
  const word = words[index] ?? '';
  if (isNumber(word) || isSingleLetter(word) || MARK.test(word) || !/^\p{L}/u.test(word)) return true;
  const isShort = word.length <= 2 || CONSONANTS.test(word);
  return isShort && (isNumber(words[index - 1] ?? '') || isNumber(words[index + 1] ?? ''));
}

/** How many typing errors a name of this length may have suffered: none, one or two. */
export function typoBudget(name: Spelling): number {
  if (name.letters.length < 4 || name.letters.length > MOST_LETTERS) return 0;
  if (!(PLAIN.test(name.letters) || ALPHABETIC.test(name.letters))) return 0;
  return name.length >= 11 && name.letters.length >= 8 ? 2 : 1;
}

/** Whether both are long enough that a near name is more likely a typing error than another word. */
export function isLongEnough(name: Spelling, typed: Spelling): boolean {
  const shorter = Math.min(name.letters.length, typed.letters.length);
  const longer = Math.max(name.letters.length, typed.letters.length);
  // Equal marks are evidence too: "ketle 1.7 l".
  return (
    shorter >= LEAST_LETTERS || (name.marks !== '' && shorter >= LEAST_LETTERS - 1 && longer >= LEAST_LETTERS)
  );
}

/**
 * Whether what was typed looks like a slip of the fingers on the way to `name`, and not like another word. Distance
 * alone does not say it: kettle and nettle, salted and unsalted, slice and slicer are as near as any typing error.
 *
 * @param isOtherWord  whether a typed word stands in the catalogue, but in no name of this product
 */
export function looksMistyped(
  name: Spelling,
  typed: Spelling,
  isOtherWord: (word: string) => boolean,
): boolean {
  const known = new Set(name.words);
  if (typed.words.some((word) => !known.has(word) && (VARIANT_WORDS.has(word) || isOtherWord(word))))
    return false;
  if (name.words.length === typed.words.length) {
    if (name.words.some((word, index) => isExtended(word, typed.words[index] ?? ''))) return false;
  }
  const nameWords = wordsByPlace(name.words);
  const typedWords = wordsByPlace(typed.words);
  return shortestAlignments(name.letters, typed.letters).some(
    (edits) =>
      edits.every((edit) => isSlip(edit, { name, typed, nameWords, typedWords })) &&
      keepsEachWord(edits, nameWords, typedWords),
  );
}

/** One word is the other with two letters or more before or behind it: that is another word (men and women). */
function isExtended(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return long.length - short.length >= 2 && (long.startsWith(short) || long.endsWith(short));
}

interface Place {
  readonly word: string;
  /** Where the word begins among the joined letters. */
  readonly start: number;
  readonly number: number;
}

/** For each of the joined letters the word in which it stands. */
function wordsByPlace(words: readonly string[]): readonly Place[] {
  const places: Place[] = [];
  words.forEach((word, number) => {
    const place = { word, start: places.length, number };
    for (let i = 0; i < word.length; i++) places.push(place);
  });
  return places;
}

interface Comparison {
  readonly name: Spelling;
  readonly typed: Spelling;
  readonly nameWords: readonly Place[];
  readonly typedWords: readonly Place[];
}

/**
 * Whether fingers do that, or a spelling by ear. The first letter of a word is rarely mistyped and often all that
 * tells two words apart (kettle and nettle, blender and lender), so there only a swap or a doubled letter counts,
 * and in long words a key beside the right one, or a letter more or less. (Of 98 pairs of long words that were
 * collected because they differ there, this confuses the 21 whose letters are neighbours on the keyboard: tripping and
 * gripping.) The last letter of a name of one word tells as much: staple and stapler, blender and blended.
 */
function isSlip(edit: Edit, { name, typed, nameWords, typedWords }: Comparison): boolean {
  const inName = nameWords[Math.min(edit.at, nameWords.length - 1)];
  const inTyped = typedWords[Math.min(edit.typedAt, typedWords.length - 1)];
  if (inName === undefined || inTyped === undefined) return false;
  if (edit.kind === 'swapped') return inName.word.length > 2;
  const isLone = name.words.length === 1 && name.marks === '';
  const length = Math.min(inName.word.length, inTyped.word.length);
  if (edit.kind === 'missing') {
    if (isDoubled(name.letters, edit.at)) return true;
    if (edit.at === inName.start) return length > LONG_WORD;
    return !(isLone && isLast(edit.at, inName));
  }
  if (isDoubled(typed.letters, edit.typedAt)) return true;
  const got = typed.letters.charAt(edit.typedAt);
  if (edit.kind === 'added') {
    if (edit.typedAt === inTyped.start) {
      return length > LONG_WORD && areNeighbours(got, typed.letters.charAt(edit.typedAt + 1));
    }
    if ((isLone || inTyped.word.length <= 6) && isLast(edit.typedAt, inTyped)) return false;
    const before = typed.letters.charAt(edit.typedAt - 1);
    const after = typed.letters.charAt(edit.typedAt + 1);
    return inTyped.word.length > 6 || areNeighbours(got, before) || areNeighbours(got, after);
  }
  const meant = name.letters.charAt(edit.at);
  if (edit.at === inName.start || edit.typedAt === inTyped.start) {
    return length >= LONG_WORD && areNeighbours(meant, got);
  }
  if (isOtherEnding(edit, inName, name, typed)) return false;
  return areNeighbours(meant, got) || length >= 8 || (length >= 5 && soundAlike(meant, got));
}

/** `-er`, `-ed`, `-es`, `-en`: another form of the word. */
function isOtherEnding(edit: Edit, word: Place, name: Spelling, typed: Spelling): boolean {
  return (
    isLast(edit.at, word) &&
    name.letters[edit.at - 1] === 'e' &&
    ENDINGS.includes(name.letters.charAt(edit.at)) &&
    ENDINGS.includes(typed.letters.charAt(edit.typedAt))
  );
}

/**
 * Whether each word of both sides is still there: a short word of the name untouched, and of a longer one about two
 * letters in three. Else the edits add, drop or exchange a word.
 */
function keepsEachWord(
  edits: readonly Edit[],
  nameWords: readonly Place[],
  typedWords: readonly Place[],
): boolean {
  const lost = new Map<Place, number>();
  const lose = (place: Place | undefined, weight: number): void => {
    if (place !== undefined) lost.set(place, (lost.get(place) ?? 0) + weight);
  };
  for (const edit of edits) {
    const inName = nameWords[edit.at];
    if (edit.kind !== 'added' && inName !== undefined && inName.word.length <= 2) return false;
    if (edit.kind !== 'added') lose(inName, LOSS[edit.kind]);
    if (edit.kind !== 'missing') lose(typedWords[edit.typedAt], LOSS[edit.kind]);
  }
  return [...lost].every(([place, weight]) => weight / place.word.length <= 3 / 8);
}

/** A swap keeps both letters, one letter more or less keeps the others in sight. */
const LOSS = { substituted: 1, missing: 0.75, added: 0.75, swapped: 0.5 } as const;

function isLast(at: number, { word, start }: Place): boolean {
  return at === start + word.length - 1;
}

function isDoubled(text: string, at: number): boolean {
  return text[at] === text[at - 1] || text[at] === text[at + 1];
}

function areNeighbours(one: string, other: string): boolean {
  return NEIGHBOURS.has(one + other);
}

function soundAlike(one: string, other: string): boolean {
  return ALIKE.some((group) => group.includes(one) && group.includes(other));
}

/** Pairs of keys that touch on a QWERTY keyboard, and those that QWERTZ and AZERTY exchange. */
function keyboardNeighbours(): ReadonlySet<string> {
  const pairs = new Set<string>();
  const add = (one: string | undefined, other: string | undefined): void => {
    if (one !== undefined && other !== undefined) pairs.add(one + other).add(other + one);
  };
  KEYBOARD_ROWS.forEach((row, y) => {
    const below = KEYBOARD_ROWS[y + 1] ?? '';
    row.split('').forEach((key, x) => {
      add(key, row[x + 1]);
      add(key, below[x]);
      add(key, below[x - 1]);
    });
  });
  add('y', 'z');
  add('a', 'q');
  add('w', 'z');
  return pairs;
}
