import { editDistance } from './distance.js';
import { fold, foldings, foldWords, join } from './fold.js';
import { isLongEnough, looksMistyped, MOST_LETTERS, spellingOf, typoBudget, type Spelling } from './typos.js';
import type { MatchMethod, NameKind } from './types.js';
import {
  contentWords,
  isPicture,
  isSameWord,
  looseStem,
  modelMarks,
  singularsOf,
  spelledOut,
  UNSPACED,
} from './words.js';

/** A name of something that can be looked up. */
export interface NameEntry<Target> {
  readonly target: Target;
  readonly server: string;
  readonly kind: NameKind;
  readonly text: string;
}

export interface Hit<Target> {
  readonly entry: NameEntry<Target>;
  readonly method: MatchMethod;
  readonly score: number;
}

export interface FindOptions {
  /** Looks only at names that this server gave. */
  readonly server?: string | undefined;
  readonly typos?: boolean;
}

/** A folded name, prepared for the looser levels. A name with umlauts has two. */
interface Form<Target> {
  readonly entry: NameEntry<Target>;
  readonly words: readonly string[];
  readonly pictures: string;
  /** Length of the joined words, the measure of how much of a name another one covers. */
  readonly size: number;
  readonly spelling: Spelling;
  readonly lettersMask: number;
  /** How many typing errors it may have suffered. */
  readonly typos: number;
}

/** What is looked for, folded once for all tables and levels. */
export interface Sought {
  readonly text: string;
  readonly forms: readonly SoughtForm[];
}

interface SoughtForm {
  readonly folded: string;
  readonly singulars: readonly string[];
  readonly words: readonly string[];
  readonly pictures: string;
  readonly size: number;
  readonly spelling: Spelling;
}

const FOLDED_SCORE = 0.98;
const TOKENS_SCORE = 0.95;
const PARTIAL_SCORE = 0.5;
const LEAST_NEAR_SCORE = 0.35;
const MAX_WORDS = 32;
// So many equally near names are looked at for one that looks mistyped.
const MAX_NEAREST = 50;

/** How many letters of a name in a script without spaces are looked for in a sentence. */
export const LONGEST_BEGINNING = 32;

/**
 * Names of targets, found by their text at the levels of `MatchMethod`. Adding all names comes first; looking up
 * changes nothing. Entries come back in the order in which they were added, one for a target.
 */
export class NameTable<Target> {
  readonly #exact = new Map<string, NameEntry<Target>[]>();
  readonly #folded = new Map<string, NameEntry<Target>[]>();
  /** Names that end in a plural, by their joined singular. */
  readonly #singular = new Map<string, NameEntry<Target>[]>();
  readonly #sameWords = new Map<string, Form<Target>[]>();
  readonly #byMarks = new Map<string, Map<number, Form<Target>[]>>();
  readonly #byLength = new Map<number, Form<Target>[]>();
  readonly #byStem = new Map<string, Form<Target>[]>();
  readonly #vocabulary = new Map<number, Map<string, number>>();
  readonly #beginnings = new Set<string>();
  #mostWords = 0;

  /** How many folded words the longest name has. */
  get mostWords(): number {
    return this.#mostWords;
  }

  add(entry: NameEntry<Target>): void {
    if (ofSameTarget(this.#exact.get(entry.text), entry).length > 0) return;
    push(this.#exact, entry.text, entry);
    for (const folded of foldings(entry.text)) {
      const joined = join(folded) || entry.text.normalize('NFKC').trim();
      const equal = ofSameTarget(this.#folded.get(joined), entry);
      if (equal.length === 0) push(this.#folded, joined, entry);
      // "super sonic" and "supersonic" fold to one name, but a typing error in them looks different.
      if (equal.some((other) => foldWords(other.text).length === folded.length)) continue;
      this.#mostWords = Math.max(this.#mostWords, Math.min(folded.length, MAX_WORDS));
      if (UNSPACED.test(joined)) this.#addBeginnings(joined);
      // An id is a code: what is near to it is another one.
      if (entry.kind !== 'canonical_id' && folded.length > 0) this.#addForm(entry, folded);
    }
  }

  /** The hits of the strictest level at which anything is found; never partial ones, and fuzzy ones if allowed. */
  find(sought: Sought, { server, typos = true }: FindOptions = {}): readonly Hit<Target>[] {
    const levels = [
      () => this.#findExact(sought, server),
      () => this.#findFolded(sought, server),
      () => this.#findSameWords(sought, server),
      () => (typos ? this.#findMistyped(sought, server) : []),
    ];
    for (const findAtLevel of levels) {
      const hits = findAtLevel();
      if (hits.length > 0) return hits;
    }
    return [];
  }

  /** Names that hold all words of the text and more of them, those first of which the text is the greater part. */
  findPartial({ forms }: Sought, server?: string): readonly Hit<Target>[] {
    const best = new Map<Target, Hit<Target>>();
    for (const { words, size } of forms) {
      if (size < 3 || words.length > MAX_WORDS) continue;
      const rarest = words
        .map((word) => this.#byStem.get(looseStem(word)) ?? [])
        .reduce((least, forms) => (forms.length < least.length ? forms : least));
      for (const form of rarest) {
        if (server !== undefined && form.entry.server !== server) continue;
        if (form.words.length <= words.length || !words.every((word) => hasWord(form.words, word))) continue;
        const score = round(PARTIAL_SCORE * Math.min(size / form.size, 1));
        keepBest(best, { entry: form.entry, method: 'partial', score });
      }
    }
    return byScore(best);
  }

  /** The nearest names, whatever stands between them and the text; only to be suggested. */
  findNear({ forms }: Sought, server?: string): readonly Hit<Target>[] {
    const best = new Map<Target, Hit<Target>>();
    for (const form of forms) {
      this.#collectNearSpellings(form, server, best);
      this.#collectSharedWords(form, server, best);
    }
    return byScore(best);
  }

  /** Whether a name of a script without spaces begins with this text. Longer beginnings are not kept. */
  beginsSomeName(text: string): boolean {
    return this.#beginnings.has(fold(text));
  }

  #addBeginnings(joined: string): void {
    let beginning = '';
    for (const letter of joined.slice(0, LONGEST_BEGINNING)) this.#beginnings.add((beginning += letter));
  }

  #addForm(entry: NameEntry<Target>, folded: readonly string[]): void {
    const { words, pictures, size } = wordsOf(folded);
    const spelling = spellingOf(folded);
    const typos = typoBudget(spelling);
    const form = { entry, words, pictures, size, spelling, lettersMask: maskOf(spelling.letters), typos };
    for (const singular of joinedSingulars(folded)) push(this.#singular, singular, entry);
    push(this.#sameWords, sameWordsKey(words), form);
    for (const stem of new Set(words.map(looseStem))) push(this.#byStem, stem, form);
    for (const word of words) {
      const sameLength = this.#vocabulary.get(word.length) ?? new Map<string, number>();
      this.#vocabulary.set(word.length, sameLength);
      if (!sameLength.has(word)) sameLength.set(word, maskOf(word));
    }
    const length = spelling.letters.length;
    push(this.#byLength, length, form);
    if (typos === 0) return;
    const sameMarks = this.#byMarks.get(spelling.marks) ?? new Map<number, Form<Target>[]>();
    this.#byMarks.set(spelling.marks, sameMarks);
    push(sameMarks, length, form);
  }

  #findExact({ text }: Sought, server: string | undefined): readonly Hit<Target>[] {
    return hitsOf(this.#exact.get(text), server, 'exact', 1);
  }

  #findFolded({ forms }: Sought, server: string | undefined): readonly Hit<Target>[] {
    const entries = forms.flatMap(({ folded }) => this.#folded.get(folded) ?? []);
    return hitsOf(entries, server, 'folded', FOLDED_SCORE);
  }

  #findSameWords({ forms }: Sought, server: string | undefined): readonly Hit<Target>[] {
    const entries = forms.flatMap((sought) => [
      ...(this.#singular.get(sought.folded) ?? []),
      ...sought.singulars.flatMap((singular) => this.#folded.get(singular) ?? []),
      ...(this.#sameWords.get(sameWordsKey(sought.words)) ?? [])
        .filter((form) => haveSameWords(form, sought))
        .map((form) => form.entry),
    ]);
    return hitsOf(
      entries.filter((entry) => entry.kind !== 'canonical_id'),
      server,
      'tokens',
      TOKENS_SCORE,
    );
  }

  /**
   * The one target to which a typing error leads, or several that are equally near. A near name that does not look
   * mistyped is no hit, and it stands in the way of every name that is not nearer.
   */
  #findMistyped({ forms }: Sought, server: string | undefined): readonly Hit<Target>[] {
    let least = Infinity;
    let nearest: { form: Form<Target>; sought: SoughtForm }[] = [];
    for (const sought of forms) {
      const typed = sought.spelling;
      if (typed.letters.length > MOST_LETTERS + 2) continue;
      const mask = maskOf(typed.letters);
      const sameMarks = this.#byMarks.get(typed.marks);
      for (let length = typed.letters.length - 2; length <= typed.letters.length + 2; length++) {
        for (const form of sameMarks?.get(length) ?? []) {
          if (server !== undefined && form.entry.server !== server) continue;
          const bound = Math.min(form.typos, least);
          if (differingBits(form.lettersMask ^ mask) > 2 * bound) continue;
          const distance = editDistance(form.spelling.letters, typed.letters, bound);
          if (distance > bound) continue;
          if (distance < least) nearest = [];
          least = distance;
          nearest.push({ form, sought });
        }
      }
    }
    const accepted = nearest
      .slice(0, MAX_NEAREST)
      .some(
        ({ form, sought }) =>
          isLongEnough(form.spelling, sought.spelling) &&
          looksMistyped(form.spelling, sought.spelling, (word) =>
            this.#isWordOfOthers(word, form.entry.target),
          ),
      );
    if (!accepted) return [];
    const best = new Map<Target, Hit<Target>>();
    for (const { form, sought } of nearest) {
      const length = Math.max(form.spelling.length, sought.spelling.length);
      const score = round(TOKENS_SCORE * (1 - Math.max(least, 0.5) / length));
      keepBest(best, { entry: form.entry, method: 'fuzzy', score });
    }
    return byScore(best);
  }

  #isWordOfOthers(word: string, target: Target): boolean {
    const forms = (this.#byStem.get(looseStem(word)) ?? []).filter((form) => form.words.includes(word));
    return forms.length > 0 && forms.every((form) => form.entry.target !== target);
  }

  #collectNearSpellings(
    sought: SoughtForm,
    server: string | undefined,
    best: Map<Target, Hit<Target>>,
  ): void {
    const typed = sought.spelling;
    if (typed.letters.length < 3 || typed.letters.length > MOST_LETTERS) return;
    const bound = Math.min(Math.max(Math.floor(typed.letters.length / 4), 1), 3);
    const mask = maskOf(typed.letters);
    for (let length = typed.letters.length - bound; length <= typed.letters.length + bound; length++) {
      for (const form of this.#byLength.get(length) ?? []) {
        if (server !== undefined && form.entry.server !== server) continue;
        if (differingBits(form.lettersMask ^ mask) > 2 * bound) continue;
        const distance = editDistance(form.spelling.letters, typed.letters, bound);
        if (distance > bound) continue;
        const marks = form.spelling.marks === typed.marks ? 1 : 0.9;
        const score = round(0.9 * marks * (1 - distance / Math.max(length, typed.letters.length)));
        keepBest(best, { entry: form.entry, method: 'fuzzy', score });
      }
    }
  }

  #collectSharedWords(sought: SoughtForm, server: string | undefined, best: Map<Target, Hit<Target>>): void {
    const shared = new Map<Form<Target>, number>();
    for (const word of new Set(sought.words.slice(0, MAX_WORDS))) {
      const known = this.#byStem.get(looseStem(word));
      const weight = known === undefined ? 0.8 : 1;
      const forms = known ?? this.#nearWords(word).flatMap((near) => this.#byStem.get(looseStem(near)) ?? []);
      for (const form of forms) {
        if (server !== undefined && form.entry.server !== server) continue;
        shared.set(form, (shared.get(form) ?? 0) + weight * word.length);
      }
    }
    for (const [form, letters] of shared) {
      const score = round(Math.min((0.9 * 2 * letters) / (sought.size + form.size), 0.9));
      if (score >= LEAST_NEAR_SCORE) keepBest(best, { entry: form.entry, method: 'partial', score });
    }
  }

  /** Words of the catalogue that a typing error or two turn into this one. */
  #nearWords(word: string): readonly string[] {
    if (word.length < 4 || word.length > 64) return [];
    const bound = word.length < 8 ? 1 : 2;
    const mask = maskOf(word);
    const near: string[] = [];
    for (let length = word.length - bound; length <= word.length + bound; length++) {
      for (const [other, otherMask] of this.#vocabulary.get(length) ?? []) {
        if (differingBits(otherMask ^ mask) > 2 * bound) continue;
        if (editDistance(other, word, bound) <= bound) near.push(other);
      }
    }
    return near;
  }
}

/** Prepares a text for looking it up. */
export function seek(text: string): Sought {
  const forms = foldings(text).map((folded) => ({
    folded: join(folded) || text.normalize('NFKC').trim(),
    singulars: joinedSingulars(folded),
    ...wordsOf(folded),
    spelling: spellingOf(folded),
  }));
  return { text, forms };
}

/** The words that count for comparing word by word; pictures stand aside, unless there is nothing else. */
function wordsOf(folded: readonly string[]): { words: readonly string[]; pictures: string; size: number } {
  const content = spelledOut(contentWords(folded));
  const written = content.filter((word) => !isPicture(word));
  const words = written.length > 0 ? written : content;
  const pictures = written.length > 0 ? content.filter(isPicture).join('') : '';
  return { words, pictures, size: words.reduce((sum, word) => sum + word.length, 0) };
}

/** The joined name in the singular, where its last word is a plural. A lone letter `s` is no plural. */
function joinedSingulars(folded: readonly string[]): readonly string[] {
  const last = folded.at(-1);
  return last === undefined
    ? []
    : singularsOf(last).map((singular) => join([...folded.slice(0, -1), singular]));
}

function sameWordsKey(words: readonly string[]): string {
  return `${words.map(looseStem).sort().join(' ')}|${modelMarks(words)}`;
}

/** The same words as often on both sides, in any order, and no contradicting pictures. */
function haveSameWords(one: { words: readonly string[]; pictures: string }, other: SoughtForm): boolean {
  if (one.pictures !== '' && other.pictures !== '' && one.pictures !== other.pictures) return false;
  const left = [...other.words];
  return one.words.every((word) => {
    const exactly = left.indexOf(word);
    const at = exactly >= 0 ? exactly : left.findIndex((candidate) => isSameWord(word, candidate));
    if (at < 0) return false;
    left.splice(at, 1);
    return true;
  });
}

function hasWord(words: readonly string[], word: string): boolean {
  return words.some((other) => isSameWord(word, other));
}

function hitsOf<Target>(
  entries: readonly NameEntry<Target>[] | undefined,
  server: string | undefined,
  method: MatchMethod,
  score: number,
): readonly Hit<Target>[] {
  const best = new Map<Target, Hit<Target>>();
  for (const entry of entries ?? []) {
    if (server !== undefined && entry.server !== server) continue;
    if (!best.has(entry.target)) best.set(entry.target, { entry, method, score });
  }
  return [...best.values()];
}

function keepBest<Target>(best: Map<Target, Hit<Target>>, hit: Hit<Target>): void {
  const before = best.get(hit.entry.target);
  if (before === undefined || before.score < hit.score) best.set(hit.entry.target, hit);
}

/** Best first; equal scores by name, so that the order does not depend on the order of servers' answers. */
function byScore<Target>(best: ReadonlyMap<Target, Hit<Target>>): readonly Hit<Target>[] {
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...best.values()].sort((a, b) => b.score - a.score || compare(a.entry.text, b.entry.text));
}

/** The entries of the same target and server. The names of a target are added in one go, so they stand at the end. */
function ofSameTarget<Target>(
  entries: readonly NameEntry<Target>[] = [],
  { target, server }: NameEntry<Target>,
): readonly NameEntry<Target>[] {
  let from = entries.length;
  while (entries[from - 1]?.target === target) from--;
  return entries.slice(from).filter((entry) => entry.server === server);
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

function round(score: number): number {
  return Math.round(score * 1000) / 1000;
}

/** One bit for each letter that occurs: an edit changes at most two bits, so most names need no closer look. */
function maskOf(text: string): number {
  let mask = 0;
  for (let i = 0; i < text.length; i++) mask |= 1 << (text.charCodeAt(i) & 31);
  return mask;
}

function differingBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
