import { setMaxListeners } from 'node:events';

/** An abort signal with a time limit; disposing of it takes its timer and its listeners away. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Aborts before the time is up. */
  abort(reason: Error): void;
}

/**
 * A signal that aborts with `reason()` after `ms`, or with the parent's reason as soon as the parent does.
 *
 * Its timer does not keep the process alive by itself.
 */
export function createDeadline(ms: number, reason: () => Error, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  // Every request in flight listens; more than ten are no leak.
  setMaxListeners(0, controller.signal);
  const timer = setTimeout(() => controller.abort(reason()), ms);
  timer.unref();
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted === true) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (error) => controller.abort(error),
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}

/** A signal that nobody gives. Node's own loads its events first, which takes a short run half a millisecond. */
export const NEVER: AbortSignal = {
  aborted: false,
  reason: undefined,
  onabort: null,
  throwIfAborted: () => undefined,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
  dispatchEvent: () => true,
};

/** For what waits for nothing, and so is over before anybody could stop it. */
export const NO_DEADLINE: Deadline = {
  signal: NEVER,
  abort: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/**
 * Rejects with the reason of the signal as soon as it aborts, whether or not the promise ever settles.
 *
 * A late rejection of the promise is nobody's any more and is swallowed.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    throw signal.reason;
  }
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    promise.catch(() => undefined);
  }
}
