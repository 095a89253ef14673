/** One step of the shortest way from a name to what was typed; `at` counts in the name, `typedAt` in the typed text. */
export interface Edit {
  readonly kind: 'substituted' | 'missing' | 'added' | 'swapped';
  readonly at: number;
  readonly typedAt: number;
}

/**
 * Optimal string alignment: how many letters were substituted, left out, added or swapped with their neighbour.
 * Written here because the small libraries for edit distances count a swap as two edits or cannot stop at a
 * bound, and the alignment is needed too. Only a band of `bound` around the diagonal is computed.
 *
 * @returns the distance, or `bound + 1` if it is greater than `bound`
 */
export function editDistance(name: string, typed: string, bound: number): number {
  const width = typed.length;
  if (Math.abs(name.length - width) > bound) return bound + 1;
  const beyond = bound + 1;
  let before = new Uint16Array(width + 1);
  let previous = new Uint16Array(width + 1);
  let current = new Uint16Array(width + 1);
  for (let j = 0; j <= width; j++) previous[j] = Math.min(j, beyond);
  for (let i = 1; i <= name.length; i++) {
    const from = Math.max(1, i - bound);
    const to = Math.min(width, i + bound);
    // What the next rows read beyond the band; all else of an old row is written before it is read.
    current[from - 1] = from === 1 ? Math.min(i, beyond) : beyond;
    if (to < width) current[to + 1] = beyond;
    let least = current[from - 1] ?? beyond;
    const letter = name.charCodeAt(i - 1);
    for (let j = from; j <= to; j++) {
      const other = typed.charCodeAt(j - 1);
      let cost = (previous[j - 1] ?? beyond) + (letter === other ? 0 : 1);
      cost = Math.min(cost, (previous[j] ?? beyond) + 1, (current[j - 1] ?? beyond) + 1);
      if (i > 1 && j > 1 && letter === typed.charCodeAt(j - 2) && other === name.charCodeAt(i - 2)) {
        cost = Math.min(cost, (before[j - 2] ?? beyond) + 1);
      }
      current[j] = Math.min(cost, beyond);
      if (cost < least) least = cost;
    }
    if (least > bound) return beyond;
    [before, previous, current] = [previous, current, before];
  }
  return previous[width] ?? beyond;
}

const MAX_ALIGNMENTS = 64;

/**
 * The shortest alignments, as there are several ways to read one slip: `bops` is `boots` without a `t` and with `p`
 * for `o`, or without an `o` and with `p` for `t`. For short texts: it keeps the whole matrix.
 */
export function shortestAlignments(name: string, typed: string): readonly (readonly Edit[])[] {
  const width = typed.length + 1;
  const costs = new Uint16Array((name.length + 1) * width);
  const costAt = (i: number, j: number): number => costs[i * width + j] ?? 0;
  const isSwap = (i: number, j: number): boolean =>
    i > 1 && j > 1 && name[i - 1] === typed[j - 2] && name[i - 2] === typed[j - 1];
  for (let i = 0; i <= name.length; i++) {
    for (let j = 0; j < width; j++) {
      let best = i === 0 ? j : j === 0 ? i : costAt(i - 1, j - 1) + (name[i - 1] === typed[j - 1] ? 0 : 1);
      if (i > 0 && j > 0) best = Math.min(best, costAt(i - 1, j) + 1, costAt(i, j - 1) + 1);
      if (isSwap(i, j)) best = Math.min(best, costAt(i - 2, j - 2) + 1);
      costs[i * width + j] = best;
    }
  }
  const found: (readonly Edit[])[] = [];
  const walkBack = (i: number, j: number, edits: readonly Edit[]): void => {
    if (found.length >= MAX_ALIGNMENTS) return;
    if (i === 0 && j === 0) {
      found.push(edits);
      return;
    }
    const before = costAt(i, j) - 1;
    const step = (kind: Edit['kind'], at: number, typedAt: number): void => {
      if (costAt(at, typedAt) === before) walkBack(at, typedAt, [{ kind, at, typedAt }, ...edits]);
    };
    if (i > 0 && j > 0) {
      if (name[i - 1] !== typed[j - 1]) step('substituted', i - 1, j - 1);
      else if (costAt(i - 1, j - 1) === before + 1) walkBack(i - 1, j - 1, edits);
    }
    if (isSwap(i, j)) step('swapped', i - 2, j - 2);
    if (i > 0) step('missing', i - 1, j);
    if (j > 0) step('added', i, j - 1);
  };
  walkBack(name.length, typed.length, []);
  return found;
}
