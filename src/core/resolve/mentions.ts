import type { ResolverIndex } from './build-index.js';
import { foldWords } from './fold.js';
import { LONGEST_BEGINNING, seek } from './name-table.js';
import { LONGEST_NAME } from './read-catalogue.js';
import { answerFrom, findAccepted, type Found } from './resolve-term.js';
import type { Mention, ResolveOptions } from './types.js';
import { contentWords, UNSPACED } from './words.js';

/** The part of a sentence that is read; no question is longer. */
const LONGEST_SENTENCE = 10_000;

// Typing errors are looked for in questions, not in essays: it is the level whose cost grows with the catalogue.
const MOST_WORDS_WITH_TYPOS = 64;
// Words of a name that a sentence may write apart: "super sonic blaster" for SuperSonic Blaster.
const WORDS_APART = 2;

// In a script without spaces each letter may begin a name, so there each is a word.
const WORD = new RegExp(
  String.raw`${UNSPACED.source}\p{M}*|(?!${UNSPACED.source})[\p{L}\p{N}](?:(?<=\d)[.,](?=\d)|['’](?=\p{L})|(?!${UNSPACED.source})[\p{L}\p{M}\p{N}\p{Cf}])*(?:\+{1,2}|#)?|\p{Extended_Pictographic}|\p{Sc}`,
  'gu',
);
const BREAK = /[;!?\n\r]|,\s/;
const POSSESSIVE = /['’]s$/i;

interface SentenceWord {
  readonly start: number;
  readonly end: number;
  readonly isUnspaced: boolean;
}

interface Place extends Found {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/**
 * Finds the names of entities and the column terms that a sentence mentions, in the order of the sentence. Names
 * are found at the levels 1 to 4 of `resolveTerm`, on whole words only; where mentions overlap, the longest counts.
 * A mention that fits several entities is `ambiguous` and names them all.
 */
export function findMentions(
  index: ResolverIndex,
  sentence: string,
  options: Pick<ResolveOptions, 'fuzzy' | 'server'> = {},
): readonly Mention[] {
  const places = findPlaces(index, sentence.slice(0, LONGEST_SENTENCE), options);
  places.sort((a, b) => b.end - b.start - (a.end - a.start) || b.score - a.score || a.start - b.start);
  const taken: Place[] = [];
  for (const place of places) {
    if (taken.every((other) => place.end <= other.start || other.end <= place.start)) taken.push(place);
  }
  return taken
    .sort((a, b) => a.start - b.start)
    .flatMap((place) => {
      const text = sentence.slice(place.start, place.end);
      const answer = answerFrom(index, text, place, { server: options.server, among: 'either' });
      if (answer === undefined) return [];
      const { status, winner, entity, candidates, column_mappings, conflicts } = answer;
      return [
        {
          start: place.start,
          end: place.end,
          text,
          status,
          winner,
          entity,
          candidates,
          column_mappings,
          conflicts,
        },
      ];
    });
}

function findPlaces(
  index: ResolverIndex,
  sentence: string,
  options: Pick<ResolveOptions, 'fuzzy' | 'server'>,
): Place[] {
  const words = wordsOf(sentence);
  const typos = words.length <= MOST_WORDS_WITH_TYPOS;
  const mostWords = Math.max(index.entities.mostWords, index.columns.mostWords) + WORDS_APART;
  const places: Place[] = [];
  words.forEach((first, from) => {
    let spaced = 0;
    for (const last of words.slice(from, from + LONGEST_BEGINNING)) {
      if (!last.isUnspaced && ++spaced > mostWords) break;
      const whole = sentence.slice(first.start, last.end);
      if (whole.length > LONGEST_NAME || BREAK.test(whole)) break;
      if (first.isUnspaced && !beginsSomeName(index, whole)) break;
      if (sentence[first.start - 1] === '_' || sentence[last.end] === '_') continue;
      // "abra's" mentions abra, unless a name is written like that.
      for (const text of [whole, whole.replace(POSSESSIVE, '')]) {
        const found = findAccepted(index, seek(text), { ...options, typos });
        const hit = found.entities[0] ?? found.columns[0];
        if (hit === undefined || !(hit.score >= 0.98 || isAllName(text))) continue;
        if (text === whole && POSSESSIVE.test(whole) && hit.score < 0.98) continue;
        places.push({ ...found, start: first.start, end: first.start + text.length, score: hit.score });
        break;
      }
    }
  });
  return places;
}

/** Words like "the" around a name are no part of its mention. */
function isAllName(text: string): boolean {
  const folded = foldWords(text);
  return contentWords(folded).length === folded.length;
}

function beginsSomeName({ entities, columns }: ResolverIndex, text: string): boolean {
  return entities.beginsSomeName(text) || columns.beginsSomeName(text);
}

function wordsOf(sentence: string): readonly SentenceWord[] {
  return [...sentence.matchAll(WORD)].map(({ 0: word, index: start }) => ({
    start,
    end: start + word.length,
    isUnspaced: UNSPACED.test(word),
  }));
}
