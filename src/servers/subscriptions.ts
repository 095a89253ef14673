/** Who has to do something so that changes of a resource become known. */
export interface SubscriptionListener {
  /** The first client wants to be told. @throws what the client is to be answered */
  begun(uri: string): Promise<void>;
  /** The last one does not want to any more. Never rejects; nobody begins with the same again before it is done. */
  ended(uri: string): Promise<void>;
}

/** More than any client needs, and little enough that a hostile one cannot fill the memory. */
export const MAX_SUBSCRIPTIONS = 1000;

/** The resources that clients want to be told about, counted over all of them. */
export class Subscriptions {
  readonly #listener: SubscriptionListener | undefined;
  readonly #counts = new Map<string, { count: number; readonly begun: Promise<void> }>();
  /** What is being ended, or is to be as soon as it has begun. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(listener?: SubscriptionListener) {
    this.#listener = listener;
  }

  /** @throws where the listener refuses; then nothing was added */
  async add(uri: string): Promise<void> {
    const known = this.#counts.get(uri);
    const entry = known ?? { count: 0, begun: this.#begin(uri) };
    entry.count += 1;
    this.#counts.set(uri, entry);
    try {
      await entry.begun;
    } catch (error) {
      // Another may have begun since, after whoever was refused had left already.
      if (this.#counts.get(uri) === entry) this.#counts.delete(uri);
      throw error;
    }
  }

  remove(uri: string): void {
    const entry = this.#counts.get(uri);
    if (entry === undefined) return;
    entry.count -= 1;
    if (entry.count > 0) return;
    this.#counts.delete(uri);
    const ending = entry.begun
      .then(
        () => this.#listener?.ended(uri),
        // What never began needs no end.
        () => undefined,
      )
      .finally(() => {
        if (this.#endings.get(uri) === ending) this.#endings.delete(uri);
      });
    this.#endings.set(uri, ending);
  }

  /** One end that overtakes the next beginning would end that, too. */
  async #begin(uri: string): Promise<void> {
    await this.#endings.get(uri);
    await this.#listener?.begun(uri);
  }

  /**
   * The resources that a message of a client of the 2026 revision asks about.
   *
   * @returns a function that ends them; never rejects, since the client is told of what it gets by its own stream
   */
  async listen(message: unknown): Promise<() => void> {
    const uris = urisOf(message).slice(0, MAX_SUBSCRIPTIONS);
    const added = await Promise.all(
      uris.map((uri) =>
        this.add(uri).then(
          () => [uri],
          () => [],
        ),
      ),
    );
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      for (const uri of added.flat()) this.remove(uri);
    };
  }
}

export function isListen(message: unknown): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'method' in message &&
    message.method === 'subscriptions/listen'
  );
}

function urisOf(message: unknown): readonly string[] {
  const { params } = message as { params?: { notifications?: { resourceSubscriptions?: unknown } } };
  const uris = params?.notifications?.resourceSubscriptions;
  if (!Array.isArray(uris)) return [];
  return [...new Set(uris.filter((uri): uri is string => typeof uri === 'string'))];
}
