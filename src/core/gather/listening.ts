import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import type { ResourceClient } from '../clients/resource-client.js';
import type { ServerNotification, Watch } from '../clients/watch.js';
import type { ServerConfig } from '../config/config.js';
import type { Operation } from '../operation.js';
import { abortable, createDeadline } from '../resilience/deadline.js';

/** What a server says has changed; `anything` where it could not be heard for a while. */
export type Forget = (server: ServerConfig, changed: 'lists' | 'anything' | { readonly uri: string }) => void;

/** Subscriptions cost a request each, and an answer that is not listened for still has its time to live. */
const MOST_SUBSCRIPTIONS = 100;
/** Requests for subscriptions of one server that are under way at the same time. */
export const SUBSCRIPTIONS_AT_ONCE = 8;
/** A server that is silent about subscriptions does not hold its answers back for longer, nor more than once. */
const PATIENCE_MS = 500;

/** Something that a server was asked for, and whether it has answered. */
interface Asked {
  readonly answer: Promise<void>;
  isAnswered: boolean;
  /** What was read meanwhile is forgotten with its answer. */
  isLate: boolean;
}

/** What is heard of over one connection. */
interface Followed {
  readonly watch: Watch;
  readonly ready: Asked;
  /** By URI. */
  readonly subscribed: Map<string, Asked>;
  readonly limit: ReturnType<typeof pLimit>;
  isSilent: boolean;
}

/**
 * Hears from connected servers what has changed (`notifications/resources/list_changed` and `…/updated`), so that kept
 * answers do not outlive it.
 */
export class Listening {
  readonly #forget: Forget;
  readonly #ending: AbortSignal;
  readonly #followed = new WeakMap<ResourceClient, Followed>();

  /** @param ending  ends the subscribing that is still under way */
  constructor(forget: Forget, ending: AbortSignal) {
    this.#forget = forget;
    this.#ending = ending;
    // Every request in flight listens; more than ten are no leak.
    setMaxListeners(0, ending);
  }

  /**
   * Listens to a connection from now on, and for changes of the resource where the server offers that. Asked for
   * before something is read, it misses no change of it: a server that is not done with it after a short while is not
   * waited for, and what was read meanwhile is forgotten when it is.
   */
  async follow(client: ResourceClient, uri: string | undefined, op: Operation): Promise<void> {
    const { server } = client;
    const followed = this.#followed.get(client) ?? this.#listen(client);
    const { watch, ready, subscribed, limit } = followed;
    await this.#waitFor(ready, followed, () => this.#forget(server, 'anything'), op);
    const { subscribe } = (client.connection.declared['resources'] ?? {}) as { readonly subscribe?: unknown };
    if (uri === undefined || subscribe !== true) return;
    let asked = subscribed.get(uri);
    if (asked === undefined) {
      if (subscribed.size >= MOST_SUBSCRIPTIONS) return;
      asked = askedFor(limit(() => watch.subscribe(uri, this.#ending)));
      subscribed.set(uri, asked);
    }
    await this.#waitFor(asked, followed, () => this.#forget(server, { uri }), op);
  }

  async #waitFor(asked: Asked, followed: Followed, onLate: () => void, op: Operation): Promise<void> {
    // A server that never answers is not to gather more and more that waits for it.
    if (asked.isAnswered || asked.isLate) return;
    if (!followed.isSilent) {
      // A server may refuse it; what it answers is kept for its time to live all the same.
      const answered = asked.answer.catch(() => undefined);
      using patience = createDeadline(PATIENCE_MS, () => new Error('silent about subscriptions'), op.signal);
      await abortable(answered, patience.signal).catch(() => undefined);
      op.signal.throwIfAborted();
      if (asked.isAnswered) return;
      followed.isSilent = true;
    }
    if (asked.isLate) return;
    asked.isLate = true;
    asked.answer.then(onLate, () => undefined);
  }

  #listen(client: ResourceClient): Followed {
    const { server } = client;
    const onGap = () => this.#forget(server, 'anything');
    const watch = client.watch({
      onNotification: (notification) => this.#onNotification(server, notification),
      onGap,
    });
    const followed = {
      watch,
      ready: askedFor(watch.ready),
      subscribed: new Map<string, Asked>(),
      limit: pLimit(SUBSCRIPTIONS_AT_ONCE),
      isSilent: false,
    };
    this.#followed.set(client, followed);
    // While its answers are fresh nobody would connect again, and nobody would hear of a change.
    void client.closed.then(onGap);
    return followed;
  }

  #onNotification(server: ServerConfig, { method, params }: ServerNotification): void {
    if (method === 'notifications/resources/list_changed') this.#forget(server, 'lists');
    const { uri } = params;
    if (method === 'notifications/resources/updated' && typeof uri === 'string')
      this.#forget(server, { uri });
  }
}

function askedFor(answer: Promise<void>): Asked {
  const asked = { answer, isAnswered: false, isLate: false };
  const onAnswer = () => {
    asked.isAnswered = true;
  };
  answer.then(onAnswer, onAnswer);
  return asked;
}
