import { closest, distance } from 'fastest-levenshtein';

/** The known word that a mistyped one probably means: at most a third of its letters off, and never a guess. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Where both are known, INFOO is rather INFO than info.
  const capitals = known.filter((candidate) => /^[A-Z]+$/.test(candidate));
  const isCapital = /^[A-Z]+$/.test(word) && capitals.length > 0;
  const [written, candidates] = isCapital ? [word, capitals] : [word.toLowerCase(), known];
  if (candidates.length === 0) return undefined;
  const beginning = candidates.filter((candidate) => candidate.startsWith(written));
  if (word.length >= 4 && beginning.length === 1) return beginning[0];
  // Letters in another order are one slip, however short the word.
  const swapped = candidates.filter((candidate) => sorted(candidate) === sorted(written));
  if (swapped.length === 1) return swapped[0];
  const best = closest(written, candidates);
  const most = Math.min(Math.max(1, Math.floor(best.length / 3)), written.length - 1);
  return distance(written, best) <= most ? best : undefined;
}

/** The beginning of a hint: what may have been meant, where something is near. */
export function meant(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `Did you mean "${near}"? `;
}

/** People read a few names; the error's context and the commands that list them have all. */
const MOST_NAMES = 20;

/** Names that there are, as a part of a hint. */
export function listed(known: readonly string[]): string {
  const more = known.length - MOST_NAMES;
  return `${known.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function sorted(word: string): string {
  return Array.from(word).sort().join('');
}
