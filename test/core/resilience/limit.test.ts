import { setMaxListeners } from 'node:events';
import { expect, it } from 'vitest';
import { RateLimit } from '../../../src/core/resilience/limit.js';

const never = new AbortController().signal;
setMaxListeners(0, never);

/** When each of so many calls went, in the order of asking. */
async function goingTimes(limit: RateLimit, count: number): Promise<number[]> {
  const started = performance.now();
  return Promise.all(
    Array.from({ length: count }, async () => {
      await limit.take(never);
      return performance.now() - started;
    }),
  );
}

it('the first ones go at once, and never more in a second than there may be', async () => {
  const times = await goingTimes(new RateLimit(10), 25);
  expect(times[9]).toBeLessThan(500);
  for (const [index, time] of times.entries()) {
    if (index >= 10) expect(time - (times[index - 10] ?? 0)).toBeGreaterThan(990);
  }
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

it('below one a second it is one call in so many seconds', async () => {
  const times = await goingTimes(new RateLimit(2.5), 4);
  // Two in 0.8 s.
  expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(790);
  const [first, second] = await goingTimes(new RateLimit(0.8), 2);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(1240);
});

it('who gives up while waiting leaves at once, and takes no turn from the others', async () => {
  const limit = new RateLimit(1);
  await limit.take(never);
  const stop = new AbortController();
  const given = Array.from({ length: 5 }, () => limit.take(stop.signal));
  const stays = limit.take(never);
  const started = performance.now();
  stop.abort(new Error('stopped'));
  for (const promise of given) await expect(promise).rejects.toThrow('stopped');
  expect(performance.now() - started).toBeLessThan(500);
  await stays;
  expect(performance.now() - started).toBeLessThan(1900);
  await expect(limit.take(stop.signal)).rejects.toThrow('stopped');
});
