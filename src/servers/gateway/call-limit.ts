import type { ServerConfig } from '../../core/config/config.js';
import { ResourceFetchError } from '../../core/errors.js';

/** How long a server may be silent over one request. */
export interface CallLimit extends Disposable {
  /** Aborts with UPS204 when the server was silent for its whole `timeout`. */
  readonly signal: AbortSignal;
  /** The server has said something. */
  touch(): void;
}

/**
 * @param parent  aborts the signal too
 * @param isAsking  whether the server waits for its client, which may be a person: that is no silence
 */
export function createCallLimit(
  server: ServerConfig,
  parent: AbortSignal,
  isAsking: () => boolean,
): CallLimit {
  const { id, timeoutMs } = server;
  const controller = new AbortController();
  const onAbort = () => controller.abort(parent.reason);
  if (parent.aborted) onAbort();
  else parent.addEventListener('abort', onAbort, { once: true });
  const onSilence = () => {
    if (isAsking()) {
      timer.refresh();
      return;
    }
    const seconds = `${Number((timeoutMs / 1000).toPrecision(3))} s`;
    controller.abort(
      new ResourceFetchError('UPS204', `${id} did not answer within ${seconds}`, {
        context: { server: id, phase: 'call', timeout_ms: timeoutMs },
        hint: 'A slow server needs a larger timeout.',
      }),
    );
  };
  const timer = setTimeout(onSilence, timeoutMs);
  return {
    signal: controller.signal,
    touch: () => timer.refresh(),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', onAbort);
    },
  };
}
