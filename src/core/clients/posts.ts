import { setMaxListeners } from 'node:events';
import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';

/** A notification or an answer of ours is only to be accepted, and nobody waits for that. */
const ACCEPTED_MS = 5000;

/**
 * The messages that were posted and whose HTTP answer is not complete.
 *
 * A request that nobody waits for any more is given up, and so is what is never accepted: a server that is silent
 * would hold a socket for each of them for as long as the connection lives.
 */
export class Posts {
  readonly #closed: AbortSignal;
  readonly #requests = new Map<unknown, { cancel(): void; limit(): void }>();

  /** @param closed  aborts with the connection */
  constructor(closed: AbortSignal) {
    this.#closed = closed;
  }

  /**
   * Posts one message.
   *
   * @param requestSignal  aborts when the request is cancelled, where the SDK tells it so; else it tells the server,
   *   and the message that does is seen here
   * @throws what `post` throws, but for a request that was cancelled
   */
  async send(
    message: JSONRPCMessage,
    post: (signal: AbortSignal) => Promise<void>,
    requestSignal?: AbortSignal,
  ): Promise<void> {
    this.#giveUpWhatIsCancelledBy(message);
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    let isCancelled = false;
    const cancel = () => {
      isCancelled = true;
      controller.abort(new MCPConnectionError('UPS219', 'the request was cancelled'));
    };
    const close = () => controller.abort(this.#closed.reason);
    const id = 'method' in message && 'id' in message ? message.id : undefined;
    let timer: NodeJS.Timeout | undefined;
    const limit = () => {
      timer ??= setTimeout(() => controller.abort(notAccepted()), ACCEPTED_MS).unref();
    };
    const request = { cancel, limit };
    if (id === undefined) limit();
    else this.#requests.set(id, request);
    if (this.#closed.aborted) close();
    if (requestSignal?.aborted === true) cancel();
    this.#closed.addEventListener('abort', close, { once: true });
    requestSignal?.addEventListener('abort', cancel, { once: true });
    try {
      await post(controller.signal);
    } catch (error) {
      // Its caller has been told already.
      if (!isCancelled) throw error;
    } finally {
      clearTimeout(timer);
      if (this.#requests.get(id) === request) this.#requests.delete(id);
      this.#closed.removeEventListener('abort', close);
      requestSignal?.removeEventListener('abort', cancel);
    }
  }

  /** The answer came another way; what is left of the request has to come soon. */
  answered(id: unknown): void {
    this.#requests.get(id)?.limit();
  }

  #giveUpWhatIsCancelledBy(message: JSONRPCMessage): void {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return;
    this.#requests.get(message.params?.['requestId'])?.cancel();
  }
}

function notAccepted(): MCPConnectionError {
  return new MCPConnectionError(
    'UPS204',
    `the server did not accept a message within ${ACCEPTED_MS / 1000} s`,
  );
}
