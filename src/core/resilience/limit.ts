/** A timer that comes late may be caught up with by this much, or high rates would never be reached. */
const CATCH_UP_MS = 10;

/**
 * Lets through so many calls a second, evenly spread: a burst that is delayed on its way would arrive together with
 * the next one.
 */
export class RateLimit {
  readonly #intervalMs: number;
  /** When the next call may go, on the clock of `performance.now()`. */
  #next = -Infinity;
  readonly #queue: { readonly go: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(perSecond: number) {
    this.#intervalMs = 1000 / perSecond;
  }

  /**
   * Waits for a turn, in the order of asking.
   *
   * @throws the reason of the signal, at once; the turn goes to the next one then
   */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queue.length === 0 && this.#waitMs() <= 0) {
      this.#go();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        this.#schedule();
        reject(signal.reason as Error);
      };
      const waiting = {
        go: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiting);
      this.#schedule();
    });
  }

  #go(): void {
    this.#next = Math.max(this.#next, performance.now() - CATCH_UP_MS) + this.#intervalMs;
  }

  #waitMs(): number {
    return this.#next - performance.now();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#queue.length === 0) return;
    // Timers may fire a little early: the look below is what decides.
    this.#timer = setTimeout(() => this.#release(), Math.ceil(Math.max(0, this.#waitMs())));
  }

  #release(): void {
    while (this.#queue.length > 0 && this.#waitMs() <= 0) {
      this.#go();
      this.#queue.shift()?.go();
    }
    this.#schedule();
  }
}
