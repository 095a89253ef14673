/** Requests that allow for one repetition. Counted in whole numbers: fifths would not add up. */
const REQUESTS_EACH = 5;
/** Repetitions that are always there: enough for the requests that one broken connection takes along. */
const RESERVE = 20;
const MOST = 100;

/**
 * Bounds what is repeated to a fifth of what was asked, and a few: one that fails for long gets no multiple of its
 * load on top, however many requests there are.
 */
export class RetryBudget {
  #requests = RESERVE * REQUESTS_EACH;

  /** Counts a request that is made for the first time. */
  deposit(): void {
    this.#requests = Math.min(MOST * REQUESTS_EACH, this.#requests + 1);
  }

  /** Takes one repetition out, if there is one. */
  withdraw(): boolean {
    if (this.#requests < REQUESTS_EACH) return false;
    this.#requests -= REQUESTS_EACH;
    return true;
  }
}
