/** One request that waits for its answer. */
interface Pending {
  /** On the clock of `performance.now()`. */
  readonly endsAt: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly end: (ending: Ending) => void;
}

/** Why nobody waits for an answer any more. */
export type Ending = { readonly timeoutMs: number } | { readonly reason: unknown };

/** Those that end with the same signal. */
interface Group {
  readonly ids: Set<number>;
  readonly onAbort: () => void;
}

/** A timer may come a little early. */
const EARLY_MS = 1;

/**
 * Ends requests by their time or their signal. One timer for all of them and one listener for each signal: one of each
 * for every request would cost as much as the rest of it.
 */
export class PendingRequests {
  readonly #pending = new Map<number, Pending>();
  readonly #groups = new Map<AbortSignal, Group>();
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = Infinity;

  /**
   * @param signal  one that has not aborted
   * @param end  called once, unless the request is removed before; it is forgotten by then
   */
  add(id: number, timeoutMs: number, signal: AbortSignal, end: (ending: Ending) => void): void {
    const endsAt = performance.now() + timeoutMs;
    this.#pending.set(id, { endsAt, timeoutMs, signal, end });
    this.#groupOf(signal).ids.add(id);
    if (endsAt < this.#wakesAt) this.#wakeAt(endsAt, timeoutMs);
  }

  remove(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const { signal } = pending;
    const group = this.#groups.get(signal);
    group?.ids.delete(id);
    if (group?.ids.size === 0) {
      this.#groups.delete(signal);
      signal.removeEventListener('abort', group.onAbort);
    }
    // A timer would keep the process alive.
    if (this.#pending.size === 0) this.#wakeAt(Infinity, Infinity);
  }

  #groupOf(signal: AbortSignal): Group {
    const known = this.#groups.get(signal);
    if (known !== undefined) return known;
    const ids = new Set<number>();
    const onAbort = () => {
      for (const id of ids) this.#end(id, { reason: signal.reason });
    };
    const group = { ids, onAbort };
    this.#groups.set(signal, group);
    signal.addEventListener('abort', onAbort, { once: true });
    return group;
  }

  #end(id: number, ending: Ending): void {
    const pending = this.#pending.get(id);
    this.remove(id);
    pending?.end(ending);
  }

  #wakeAt(at: number, inMs: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = at === Infinity ? undefined : setTimeout(() => this.#wake(), inMs);
  }

  #wake(): void {
    const now = performance.now();
    for (const [id, { endsAt, timeoutMs }] of this.#pending) {
      if (endsAt <= now + EARLY_MS) this.#end(id, { timeoutMs });
    }
    const next = Math.min(...[...this.#pending.values()].map(({ endsAt }) => endsAt));
    this.#wakeAt(next, next - performance.now());
  }
}
