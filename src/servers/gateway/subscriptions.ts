import pLimit from 'p-limit';
import { SUBSCRIPTIONS_AT_ONCE } from '../../core/gather/listening.js';
import { isPartOf } from '../../core/gather/sub-resources.js';
import { withSignal, type Operation } from '../../core/operation.js';
import type { SubscriptionListener } from '../subscriptions.js';
import { addressOf } from './address.js';
import { toProtocolError } from './failure.js';
import type { Gateway } from './gateway.js';
import { ownerOf, type Owner } from './requests.js';

/** A server that does not take a subscription in this time is not waited for by the client. */
const SUBSCRIBE_MS = 10_000;

/** Passes subscriptions of clients on to the servers that have the resources, and follows them when they change hands. */
export class GatewaySubscriptions implements SubscriptionListener {
  readonly #gateway: Gateway;
  readonly #op: Operation;
  readonly #limit = pLimit(SUBSCRIPTIONS_AT_ONCE);
  /** By the URI that clients use. */
  readonly #owners = new Map<string, Owner>();

  constructor(gateway: Gateway, op: Operation) {
    this.#gateway = gateway;
    this.#op = op;
  }

  async begun(exposed: string): Promise<void> {
    try {
      const op = withSignal(this.#op, AbortSignal.timeout(SUBSCRIBE_MS));
      const owner = await ownerOf(this.#gateway, exposed);
      await owner.upstream.subscribe(owner.uri, op);
      this.#owners.set(exposed, owner);
    } catch (error) {
      throw toProtocolError(error, exposed);
    }
  }

  async ended(exposed: string): Promise<void> {
    const owner = this.#owners.get(exposed);
    this.#owners.delete(exposed);
    await this.#release(owner);
  }

  /**
   * What clients subscribed to and a server's news are about: a resource of it, or one that what has changed is part of.
   */
  toldBy(serverId: string, uri: string): readonly { readonly exposed: string; readonly part: string }[] {
    return [...this.#owners].flatMap(([exposed, owner]) => {
      if (owner.upstream.server.id !== serverId) return [];
      if (owner.uri === uri) return [{ exposed, part: exposed }];
      if (!isPartOf(uri, owner.uri)) return [];
      return [{ exposed, part: exposed === owner.uri ? uri : addressOf(serverId, uri) }];
    });
  }

  /** After merged lists have changed: what another server answers for now is subscribed to there. */
  follow(): void {
    for (const [exposed, before] of this.#owners) void this.#limit(() => this.#move(exposed, before));
  }

  /** After servers were replaced: subscriptions at those that are gone are made anew. */
  reconfigured(): void {
    const current = new Set(this.#gateway.upstreams);
    for (const [exposed, before] of this.#owners) {
      if (!current.has(before.upstream)) void this.#limit(() => this.#move(exposed, before));
    }
  }

  async #move(exposed: string, before: Owner): Promise<void> {
    try {
      const now = await ownerOf(this.#gateway, exposed);
      if (now.upstream === before.upstream || this.#owners.get(exposed) !== before) return;
      await now.upstream.subscribe(now.uri, withSignal(this.#op, AbortSignal.timeout(SUBSCRIBE_MS)));
      if (this.#owners.get(exposed) !== before) {
        await this.#release(now);
        return;
      }
      this.#owners.set(exposed, now);
      await this.#release(before);
      // The resource of another server is another resource.
      this.#gateway.notify?.resourceUpdated(exposed);
    } catch (error) {
      this.#op.log('gateway.subscription_lost', { uri: exposed, message: String(error) }, 'warn');
    }
  }

  /** Ends it at its server, unless somebody wants it still, or again, or under another name. */
  async #release(owner: Owner | undefined): Promise<void> {
    if (owner === undefined) return;
    const { upstream, uri } = owner;
    const isWanted = [...this.#owners.values()].some((one) => one.upstream === upstream && one.uri === uri);
    if (!isWanted) await upstream.unsubscribe(uri);
  }
}
