interface Waiting {
  readonly go: () => void;
}

/**
 * Lets through so many calls a second: the first ones at once, the next as soon as a second has passed since the one
 * that is so many before it. In no second are there more, which a bucket that starts full would not hold to.
 */
export class RateLimit {
  /** Calls in one window, and its length: below one a second, one call in a longer window. */
  readonly #calls: number;
  readonly #windowMs: number;
  /** When the latest calls went, oldest first; no more than fit into a window. */
  readonly #gone: number[] = [];
  readonly #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(perSecond: number) {
    this.#calls = Math.max(1, Math.floor(perSecond));
    this.#windowMs = (this.#calls * 1000) / perSecond;
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
    this.#gone.push(performance.now());
    if (this.#gone.length > this.#calls) this.#gone.shift();
  }

  #waitMs(): number {
    const [oldest] = this.#gone;
    if (oldest === undefined || this.#gone.length < this.#calls) return 0;
    return oldest + this.#windowMs - performance.now();
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
