import { describe, expect, it } from 'vitest';
import { readLabelledTerms, score } from './labelled-terms.js';

describe.each(['resolve', 'resolve-dev'])('the labelled terms of %s', (folder) => {
  const { index, cases } = readLabelledTerms(folder);
  const scores = score(index, cases);

  it('are resolved rightly, or not at all', () => {
    process.stderr.write(`${folder}: ${scores.summary}\n`);
    for (const failure of scores.failures) process.stderr.write(`  ${failure}\n`);
    expect(scores.precision).toBeGreaterThanOrEqual(0.99);
    expect(scores.recall).toBeGreaterThanOrEqual(0.96);
    expect(scores.falseAccepts).toBeLessThanOrEqual(0.015);
  });

  it('are never guessed where several products fit', () => {
    expect(scores.guesses).toBe(0);
  });
});
