/** What did not work with telemetry: told once, however often it happened. */
export class Complaints {
  readonly #sentences = new Set<string>();
  /** By the reason: where the collector is away, both signals are lost for the same one. */
  readonly #lost = new Map<string, Set<string>>();

  add(sentence: string): void {
    this.#sentences.add(sentence);
  }

  /** @param signal  what did not arrive */
  lost(signal: 'traces' | 'metrics', reason: string): void {
    const signals = this.#lost.get(reason) ?? new Set();
    this.#lost.set(reason, signals.add(signal));
  }

  list(): readonly string[] {
    const lost = [...this.#lost].map(
      ([reason, signals]) => `${inOrder(signals).join(' and ')} did not arrive ${reason}`,
    );
    return [...this.#sentences, ...lost];
  }
}

function inOrder(signals: ReadonlySet<string>): readonly string[] {
  return ['traces', 'metrics'].filter((signal) => signals.has(signal));
}
