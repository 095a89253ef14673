import { expect, it } from 'vitest';
import { retry, type RetryOptions } from '../../../src/core/resilience/retry.js';

const options = (changes: Partial<RetryOptions> = {}): RetryOptions => ({
  maxRetries: 3,
  initialMs: 2,
  maxMs: 6,
  signal: new AbortController().signal,
  mayHelp: () => true,
  ...changes,
});

it('repeats until it succeeds, and tells the number of the attempt', async () => {
  const attempts: number[] = [];
  const result = await retry(async (attempt) => {
    attempts.push(attempt);
    if (attempt < 3) throw new Error(`attempt ${attempt}`);
    return 'done';
  }, options());
  expect(result).toBe('done');
  expect(attempts).toEqual([1, 2, 3]);
});

it('gives up after so many repetitions with the error of the last one', async () => {
  let calls = 0;
  const failing = retry(async () => {
    calls += 1;
    throw new Error(`call ${calls}`);
  }, options());
  await expect(failing).rejects.toThrow('call 4');
});

it('never repeats what will not pass, nor with no retries', async () => {
  for (const changes of [{ mayHelp: () => false }, { maxRetries: 0 }] satisfies Partial<RetryOptions>[]) {
    let calls = 0;
    const failing = retry(async () => {
      calls += 1;
      throw new Error('for good');
    }, options(changes));
    await expect(failing).rejects.toThrow('for good');
    expect(calls).toBe(1);
  }
});

it('draws pauses evenly below a bound that doubles up to its limit', async () => {
  const pausesAt = async (random: number) => {
    const pauses: number[] = [];
    await retry(
      async () => {
        throw new Error('again');
      },
      options({ maxRetries: 4, random: () => random, onRetry: (_e, _a, pauseMs) => pauses.push(pauseMs) }),
    ).catch(() => undefined);
    return pauses;
  };
  expect(await pausesAt(1)).toEqual([2, 4, 6, 6]);
  expect(await pausesAt(0.5)).toEqual([1, 2, 3, 3]);
  expect(await pausesAt(0)).toEqual([0, 0, 0, 0]);
});

it('a pause that the server asks for is taken, and one beyond all timers does not come at once', async () => {
  const pauses: number[] = [];
  const stop = new AbortController();
  const failing = retry(
    async () => {
      throw new Error('busy');
    },
    options({
      signal: stop.signal,
      mayHelp: () => 1e15,
      onRetry: (_error, attempt, pauseMs) => {
        pauses.push(pauseMs);
        // The pause is never over: only stopping ends it.
        if (attempt === 1) setImmediate(() => setImmediate(() => stop.abort(new Error('stop'))));
      },
    }),
  );
  await expect(failing).rejects.toThrow('busy');
  expect(pauses).toEqual([2_147_483_647]);
});

it('a stop ends it at once, with the error of the last attempt', async () => {
  const stop = new AbortController();
  let calls = 0;
  const failing = retry(
    async () => {
      calls += 1;
      throw new Error('last');
    },
    options({ signal: stop.signal, initialMs: 60_000, maxMs: 60_000, onRetry: () => stop.abort() }),
  );
  await expect(failing).rejects.toThrow('last');
  expect(calls).toBe(1);
});
