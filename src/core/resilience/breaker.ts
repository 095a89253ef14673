/** What the end of a call says about the health of whoever was called. */
export type Verdict =
  /** It answered, even if with a refusal. */
  | 'answer'
  /** It broke: calls that were under way at the same time broke for the same reason, and count once. */
  | 'break'
  /** It said nothing for the whole of its time; each call counts. */
  | 'silence'
  /** Nothing: somebody else stopped the call. */
  | 'none';

export interface BreakerOptions {
  /** Failures in a row after which nobody is let through. */
  readonly failures: number;
  /** How long nobody is; after that one call tries. */
  readonly resetMs: number;
  readonly judge: (error: unknown) => Verdict;
  /** The error for a call that is not let through. */
  readonly refuse: (refusal: Refusal) => Error;
  /** Told when it opens and when it closes again. */
  readonly onChange?: (state: 'open' | 'closed') => void;
  readonly now?: () => number;
}

export interface Refusal {
  /** Until the next try; 0 while one is under way. */
  readonly retryAfterMs: number;
  readonly failures: number;
  readonly lastFailure: unknown;
}

/**
 * Leaves somebody alone who fails again and again: after so many failures in a row calls fail at once, until one of
 * them may try again.
 *
 * A failure counts only if nothing was answered since its call began: one slow resource beside others that are served
 * is no sick server.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  readonly #now: () => number;
  #inARow = 0;
  #lastFailure: unknown;
  #countedAt = -Infinity;
  #answeredAt = -Infinity;
  #openUntil: number | undefined;
  #isTrying = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether calls are refused. */
  get isOpen(): boolean {
    return this.#openUntil !== undefined;
  }

  /** @throws what `refuse` makes where the call is not let through; else what the call throws */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const begunAt = this.#now();
    const tries = this.#enter(begunAt);
    try {
      const result = await call();
      this.#answered(tries);
      return result;
    } catch (error) {
      const verdict = this.#options.judge(error);
      if (verdict === 'answer') this.#answered(tries);
      else if (verdict !== 'none') this.#failed(error, verdict, begunAt, tries);
      throw error;
    } finally {
      if (tries) this.#isTrying = false;
    }
  }

  /** @returns whether the call is the one that tries out whether it works again */
  #enter(at: number): boolean {
    if (this.#openUntil === undefined) return false;
    const retryAfterMs = Math.max(0, this.#openUntil - at);
    if (retryAfterMs > 0 || this.#isTrying) {
      throw this.#options.refuse({
        retryAfterMs,
        failures: this.#inARow,
        lastFailure: this.#lastFailure,
      });
    }
    this.#isTrying = true;
    return true;
  }

  #answered(tried: boolean): void {
    this.#answeredAt = this.#now();
    // What was on its way when it opened may still come to a good end; only a new try closes it.
    if (this.isOpen && !tried) return;
    this.#inARow = 0;
    this.#lastFailure = undefined;
    if (!this.isOpen) return;
    this.#openUntil = undefined;
    this.#options.onChange?.('closed');
  }

  #failed(error: unknown, verdict: Verdict, begunAt: number, tried: boolean): void {
    if (this.isOpen && !tried) return;
    if (begunAt < this.#answeredAt || (verdict === 'break' && begunAt < this.#countedAt)) return;
    const at = this.#now();
    this.#countedAt = at;
    this.#lastFailure = error;
    this.#inARow += 1;
    if (!tried && this.#inARow < this.#options.failures) return;
    this.#openUntil = at + this.#options.resetMs;
    if (!tried) this.#options.onChange?.('open');
  }
}
