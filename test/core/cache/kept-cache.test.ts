import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ResourceCache, type CacheMode, type Question } from '../../../src/core/cache/cache.js';
import { clearShelves, DiskStore } from '../../../src/core/cache/disk-store.js';
import type { Entry } from '../../../src/core/cache/entry.js';
import { KeptCache } from '../../../src/core/cache/kept-cache.js';
import { createOperation } from '../../../src/core/operation.js';
import { temporaryFolder } from '../../fixtures/configuration.js';

const NOW = 1_000_000;
const SHELF = { key: 'a'.repeat(32), server: 'a', address: 'http://a' };

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const entries = fc
  .record({
    storedAt: fc.constantFrom(0, 1, 999, 1000, 1001, -1, 10_000).map((age) => NOW - age),
    hint: maybe(fc.constantFrom(-1, 0, 1, 1000, 10_000)),
    scope: fc.constantFrom('public' as const, 'private' as const),
    value: fc.constantFrom('one', 'two', 'three', { odd: true }, null),
    isOutdated: fc.constantFrom(false, false, false, true),
  })
  .map(({ hint, isOutdated, ...entry }): Entry => ({
    bytes: 1,
    ...entry,
    ...(hint === undefined ? {} : { hintMs: hint }),
    ...(isOutdated ? { isOutdated } : {}),
  }));

const questions = fc.record({
  name: fc.constantFrom('x', 'x', 'x', 'y'),
  mode: fc.constantFrom<CacheMode[]>('use', 'use', 'use', 'refresh', 'off'),
  policy: fc.record({
    ttlMs: fc.constantFrom(0, 1000, 5000, 20_000),
    isOwn: fc.boolean(),
    honorServerHints: fc.boolean(),
  }),
});

it('what is kept answers the same questions, as old and as good, as the cache of a whole run says', async () => {
  using folder = temporaryFolder();
  let [hits, misses] = [0, 0];
  await fc.assert(
    fc.asyncProperty(maybe(entries), questions, async (entry, asked) => {
      const disk = () => new DiskStore({ folder: folder.path, maxBytes: 1_000_000 });
      clearShelves(folder.path);
      disk().write(SHELF, entry === undefined ? [] : [['x', entry]]);
      const question: Question = { ...asked, shelf: SHELF, accepts: (value) => typeof value === 'string' };
      const now = () => NOW;
      const load = () => Promise.resolve({ value: 'asked', isForKeeping: false });
      const whole = await new ResourceCache({ maxBytes: 1_000_000, disk: disk(), now }).load(
        question,
        load,
        createOperation(),
      );
      const kept = new KeptCache(disk(), now);
      const answer = await kept.load(question, load, createOperation());
      if (whole.freshness.hit) hits += 1;
      else misses += 1;
      expect(answer).toEqual(whole);
      expect(kept.peek(SHELF, 'x')).toEqual(entry?.value);
    }),
    { numRuns: 400 },
  );
  expect(Math.min(hits, misses)).toBeGreaterThan(20);
});
