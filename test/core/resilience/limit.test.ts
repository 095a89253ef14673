import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
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

it('calls go one after the other, in the order of asking, so many a second', async () => {
  const times = await goingTimes(new RateLimit(20), 25);
  expect(times[0]).toBeLessThan(500);
  for (const [index, time] of times.entries()) {
    // By the clock of the limit, for it may take longer until we hear of it; 10 ms may be caught up with.
    expect(time).toBeGreaterThanOrEqual(index * 50 - 10);
  }
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

it('below one a second it is one in so many seconds', async () => {
  const [first, second] = await goingTimes(new RateLimit(0.8), 2);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(1230);
});

it('a high rate is reached although timers are coarse', async () => {
  const times = await goingTimes(new RateLimit(5000), 1000);
  // 200 ms; with a timer of a millisecond or more for each it would be a second at the least.
  expect(times.at(-1)).toBeGreaterThan(185);
  expect(times.at(-1)).toBeLessThan(800);
});

it('what nobody asked for is not saved up', async () => {
  const limit = new RateLimit(10);
  await goingTimes(limit, 1);
  await sleep(450);
  const times = await goingTimes(limit, 4);
  expect(times[3]).toBeGreaterThan(285);
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
