import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError, ProtocolErrorCode, type SubscriptionFilter } from '@modelcontextprotocol/client';
import { ANY_OBJECT, type LeanClient } from './lean-client.js';
import type { LeanTransport } from './transport.js';

/** What a server tells without being asked: changed lists, changed resources, log messages. */
export interface ServerNotification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface WatchListener {
  onNotification(notification: ServerNotification): void;
  /** What was told may be incomplete: the stream broke, and is open again. */
  onGap(): void;
}

/** Listening to one server, for as long as its connection lasts. */
export interface Watch {
  /** Settles when the first stream is open, or the server has none: what changes from then on is told. */
  readonly ready: Promise<void>;
  /** Also tells of changes of this resource. @throws what the server answers */
  subscribe(uri: string, signal: AbortSignal): Promise<void>;
  /** Tells of it no more; a server that does not take it is let be. */
  unsubscribe(uri: string): Promise<void>;
}

const REQUEST_MS = 10_000;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;
/** A stream that lasted this long was no failure; the next one is opened without delay. */
const STEADY_MS = 10_000;

/**
 * Listens to what a server tells unasked: in the older revisions on its connection, for Streamable HTTP on a stream
 * of its own; in 2026-07-28 by `subscriptions/listen`.
 *
 * @param closed  aborts when the connection has ended
 */
export function startWatch(
  client: LeanClient,
  transport: LeanTransport,
  listener: WatchListener,
  closed: AbortSignal,
): Watch {
  client.fallbackNotificationHandler = async ({ method, params }) => {
    listener.onNotification({ method, params: params ?? {} });
  };
  if (client.getProtocolEra() === 'modern') return new ModernWatch(client, listener, closed);
  const { listen } = transport;
  const ready =
    listen === undefined
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          void keepOpen((onOpen) => listen.call(transport, onOpen), resolve, listener, closed);
        });
  const ask = (method: string, uri: string, signal: AbortSignal) =>
    client.request({ method, params: { uri } }, ANY_OBJECT, { signal, timeout: REQUEST_MS });
  return {
    ready,
    subscribe: async (uri, signal) => {
      await ask('resources/subscribe', uri, signal);
    },
    unsubscribe: async (uri) => {
      await ask('resources/unsubscribe', uri, closed).catch(() => undefined);
    },
  };
}

/**
 * Opens a stream again whenever it ends, with growing pauses, until the server says that it has none.
 *
 * @param onFirst  called when it is open, or the first attempt was in vain
 */
async function keepOpen(
  open: (onOpen: () => void) => Promise<'ended' | 'unsupported'>,
  onFirst: () => void,
  listener: WatchListener,
  closed: AbortSignal,
): Promise<void> {
  let failures = 0;
  let isAgain = false;
  const onOpen = () => {
    if (isAgain) listener.onGap();
    onFirst();
  };
  while (!closed.aborted) {
    const started = performance.now();
    const end = await open(onOpen).catch(() => 'ended' as const);
    isAgain = true;
    onFirst();
    if (end === 'unsupported' || closed.aborted) return;
    failures = performance.now() - started > STEADY_MS ? 0 : failures + 1;
    await sleep(pauseAfter(failures), undefined, { signal: closed, ref: false }).catch(() => undefined);
  }
}

/** One `subscriptions/listen` for everything; another set of resources needs a new one, and then the old one ends. */
class ModernWatch implements Watch {
  readonly ready: Promise<void>;
  readonly #client: LeanClient;
  readonly #listener: WatchListener;
  readonly #closed: AbortSignal;
  readonly #uris = new Set<string>();
  #current: Awaited<ReturnType<LeanClient['listen']>> | undefined;
  #turn: Promise<void>;
  #failures = 0;

  constructor(client: LeanClient, listener: WatchListener, closed: AbortSignal) {
    this.#client = client;
    this.#listener = listener;
    this.#closed = closed;
    this.#turn = this.#renew().catch(() => this.#againLater());
    this.ready = this.#turn;
  }

  async subscribe(uri: string, signal: AbortSignal): Promise<void> {
    this.#uris.add(uri);
    try {
      await this.#inTurn();
      signal.throwIfAborted();
      if (this.#current?.honoredFilter.resourceSubscriptions?.includes(uri) !== true) {
        throw new ProtocolError(
          ProtocolErrorCode.InvalidParams,
          'The server does not tell of changes of this resource',
        );
      }
    } catch (error) {
      this.#uris.delete(uri);
      throw error;
    }
  }

  async unsubscribe(uri: string): Promise<void> {
    this.#uris.delete(uri);
    await this.#inTurn().catch(() => undefined);
  }

  /** One after the other, so that the last one knows all resources. */
  #inTurn(): Promise<void> {
    const renewed = this.#turn.then(() => this.#renew());
    this.#turn = renewed.catch(() => undefined);
    return renewed;
  }

  async #renew(): Promise<void> {
    if (this.#closed.aborted) return;
    const filter = this.#filter();
    if (Object.keys(filter).length === 0) {
      const before = this.#current;
      this.#current = undefined;
      await before?.close();
      return;
    }
    const started = performance.now();
    const next = await this.#client.listen(filter, { signal: this.#closed, timeout: REQUEST_MS });
    const before = this.#current;
    this.#current = next;
    void next.closed.then((cause) => {
      if (this.#current !== next || cause === 'local') return;
      this.#current = undefined;
      if (performance.now() - started > STEADY_MS) this.#failures = 0;
      this.#againLater();
    });
    // Only now, so that nothing falls between the two.
    await before?.close();
  }

  #filter(): SubscriptionFilter {
    const { resources, tools, prompts } = this.#client.getServerCapabilities() ?? {};
    return {
      ...(resources?.listChanged === true ? { resourcesListChanged: true } : {}),
      ...(tools?.listChanged === true ? { toolsListChanged: true } : {}),
      ...(prompts?.listChanged === true ? { promptsListChanged: true } : {}),
      ...(this.#uris.size > 0 ? { resourceSubscriptions: [...this.#uris] } : {}),
    };
  }

  #againLater(): void {
    this.#failures += 1;
    sleep(pauseAfter(this.#failures), undefined, { signal: this.#closed, ref: false })
      .then(() => this.#inTurn())
      .then(() => this.#listener.onGap())
      .catch(() => {
        if (!this.#closed.aborted) this.#againLater();
      });
  }
}

function pauseAfter(failures: number): number {
  const most = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return most / 2 + (Math.random() * most) / 2;
}
