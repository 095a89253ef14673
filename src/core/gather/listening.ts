import pLimit from 'p-limit';
import type { ResourceClient } from '../clients/resource-client.js';
import type { ServerNotification, Watch } from '../clients/watch.js';
import type { ServerConfig } from '../config/config.js';
import { abortable } from '../resilience/deadline.js';

/** What a server says has changed; `anything` where it could not be heard for a while. */
export type Forget = (server: ServerConfig, changed: 'lists' | 'anything' | { readonly uri: string }) => void;

/** Subscriptions cost a request each, and an answer that is not listened for still has its time to live. */
const MOST_SUBSCRIPTIONS = 100;
const SUBSCRIPTIONS_AT_ONCE = 8;

/**
 * Hears from connected servers what has changed (`notifications/resources/list_changed` and `…/updated`), so that kept
 * answers do not outlive it.
 */
export class Listening {
  readonly #forget: Forget;
  readonly #followed = new WeakMap<ResourceClient, { readonly watch: Watch; readonly uris: Set<string> }>();

  constructor(forget: Forget) {
    this.#forget = forget;
  }

  /**
   * Listens to a connection from now on, and for changes of these resources where the server offers that.
   *
   * @param signal  ends the subscribing, not the listening, which lasts as long as the connection
   */
  async follow(client: ResourceClient, uris: readonly string[], signal: AbortSignal): Promise<void> {
    const followed = this.#followed.get(client) ?? this.#listen(client);
    const { subscribe } = (client.connection.declared['resources'] ?? {}) as { readonly subscribe?: unknown };
    if (subscribe !== true) return;
    const room = MOST_SUBSCRIPTIONS - followed.uris.size;
    const added = uris.filter((uri) => !followed.uris.has(uri)).slice(0, room);
    for (const uri of added) followed.uris.add(uri);
    const limit = pLimit(SUBSCRIPTIONS_AT_ONCE);
    // A server may refuse it for some; their answers are kept for their time to live all the same.
    const subscribed = added.map((uri) =>
      limit(() => followed.watch.subscribe(uri, signal)).catch(() => undefined),
    );
    await abortable(Promise.all(subscribed), signal).catch(() => undefined);
  }

  #listen(client: ResourceClient) {
    const { server } = client;
    const onGap = () => this.#forget(server, 'anything');
    const followed = {
      watch: client.watch({
        onNotification: (notification) => this.#onNotification(server, notification),
        onGap,
      }),
      uris: new Set<string>(),
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
