const FIRST_MS = 500;
const MAX_MS = 30_000;
/** However often clients ask, a server that is down is tried no more often than this on their account. */
const LEAST_MS = 1000;

export interface Backoff {
  /** The pause before the next attempt, after one that failed: growing, and random so that servers are not in step. */
  next(): number;
  /** The time, on the clock of `performance.now()`, from which a caller may ask for an attempt before its turn. */
  mayTryAt(): number;
  reset(): void;
}

export function createBackoff(now: () => number = () => performance.now(), random = Math.random): Backoff {
  let failures = 0;
  let failedAt = -Infinity;
  return {
    next() {
      const most = Math.min(MAX_MS, FIRST_MS * 2 ** failures);
      failures += 1;
      failedAt = now();
      return most / 2 + (random() * most) / 2;
    },
    mayTryAt: () => failedAt + LEAST_MS,
    reset() {
      failures = 0;
      failedAt = -Infinity;
    },
  };
}
