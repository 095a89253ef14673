import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_PAUSE_MS = 2_147_483_647;

export interface RetryOptions {
  /** Attempts after the first one. */
  readonly maxRetries: number;
  /** Upper bound of the first pause; it doubles from attempt to attempt. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** Stops waiting at once; the error of the last attempt is thrown then. */
  readonly signal: AbortSignal;
  /** Whether another attempt may help; a number is the pause in milliseconds that the server asked for. */
  readonly mayHelp: (error: unknown) => boolean | number;
  /** When the operation must be over, on the clock of `performance.now()`: no pause reaches beyond it. */
  readonly deadlineAt?: number;
  /** Asked last of all, when another attempt would be made: whether there may be one. */
  readonly mayRepeat?: () => boolean;
  readonly onRetry?: (error: unknown, attempt: number, pauseMs: number) => void;
  readonly random?: () => number;
}

/**
 * Repeats a call while its failure may pass.
 *
 * Pauses are drawn evenly between 0 and the bound ("full jitter"), so that clients which failed together do not
 * come back together.
 *
 * @throws the error of the last attempt
 */
export async function retry<T>(call: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const random = options.random ?? Math.random;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(attempt);
    } catch (error) {
      const help = options.mayHelp(error);
      if (help === false || attempt > options.maxRetries || options.signal.aborted) throw error;
      const bound = Math.min(options.maxMs, options.initialMs * 2 ** (attempt - 1));
      // Timers of Node overflow above this and fire at once; nobody waits for 24 days anyway.
      const pauseMs = Math.min(typeof help === 'number' ? help : random() * bound, LONGEST_PAUSE_MS);
      // Whoever asks to wait for longer than there is time has given the answer already.
      if (options.deadlineAt !== undefined && performance.now() + pauseMs >= options.deadlineAt) throw error;
      if (options.mayRepeat?.() === false) throw error;
      options.onRetry?.(error, attempt, pauseMs);
      try {
        await sleep(pauseMs, undefined, { signal: options.signal });
      } catch {
        throw error;
      }
    }
  }
}
