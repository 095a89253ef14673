/** How long a server that closes waits for what is in flight. */
export const DEFAULT_GRACE_MS = 5000;

/** Counts what was begun and is not answered yet, so that a server can wait for it before it closes. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  /** @returns to be called when it is answered or given up; further calls do nothing */
  begin(): () => void {
    this.#count += 1;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#waiting) resolve();
    };
  }

  /** Resolves once nothing is in flight, at the latest after `graceMs`. */
  async drained(graceMs: number): Promise<void> {
    if (this.#count === 0 || graceMs <= 0) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, graceMs);
      this.#waiting.add(done);
    });
  }
}

/** The requests of one connection that are not answered yet, by their JSON-RPC id. */
export class PendingRequests {
  readonly #open = new Map<unknown, () => void>();

  constructor(private readonly inFlight: InFlight) {}

  received(message: unknown): void {
    const { id, method, params } = message as {
      id?: unknown;
      method?: unknown;
      params?: { requestId?: unknown };
    };
    // A subscription is answered when it ends: nobody waits for that. A cancelled request is never answered.
    if (method === 'subscriptions/listen') return;
    if (method === 'notifications/cancelled') this.#settle(params?.requestId);
    else if (id !== undefined && method !== undefined) {
      this.#settle(id);
      this.#open.set(id, this.inFlight.begin());
    }
  }

  sent(message: unknown): void {
    const { id, method } = message as { id?: unknown; method?: unknown };
    if (id !== undefined && method === undefined) this.#settle(id);
  }

  giveUp(): void {
    for (const id of this.#open.keys()) this.#settle(id);
  }

  #settle(id: unknown): void {
    this.#open.get(id)?.();
    this.#open.delete(id);
  }
}
