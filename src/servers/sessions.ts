import type { Transport } from '@modelcontextprotocol/server';
import { Refusal } from './http-exchange.js';

interface Session {
  readonly transport: Transport;
}

interface Entry extends Session {
  /** Open HTTP exchanges, among them the stream on which notifications wait. */
  open: number;
  lastUsedMs: number;
}

const MAX_SESSIONS = 1000;
/** Few clients say goodbye; one that was quiet this long and has no stream open is not coming back. */
const IDLE_MS = 10 * 60_000;

/** The sessions of all connected clients of the legacy era, bounded in number. */
export class Sessions {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly now: () => number = Date.now,
    private readonly limit = MAX_SESSIONS,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  add(id: string, session: Session): void {
    this.#entries.set(id, { ...session, open: 0, lastUsedMs: this.now() });
  }

  find(id: string): Session | undefined {
    return this.#entries.get(id);
  }

  /** Keeps a session from ageing until the returned function is called. */
  use(id: string): () => void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.open += 1;
    return () => {
      if (entry === undefined) return;
      entry.open -= 1;
      entry.lastUsedMs = this.now();
    };
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  /**
   * Closes sessions that were idle for long, and the one idle longest when there are too many.
   *
   * @throws Refusal 503 when every session is in use
   */
  makeRoom(): void {
    const idle = [...this.#entries.values()]
      .filter((entry) => entry.open === 0)
      .sort((a, b) => a.lastUsedMs - b.lastUsedMs);
    const cutOff = this.now() - IDLE_MS;
    for (const entry of idle) {
      if (entry.lastUsedMs > cutOff && this.#entries.size < this.limit) break;
      void entry.transport.close();
    }
    if (this.#entries.size >= this.limit)
      throw new Refusal(503, 'Too many sessions are open; try again later');
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#entries.values()].map((entry) => entry.transport.close()));
    this.#entries.clear();
  }
}
