import { MCPConnectionError } from '../../core/errors.js';
import type { Operation } from '../../core/operation.js';
import { QueryError } from './query-error.js';

interface Waiting {
  enter(): void;
  fail(error: Error): void;
}

/** Lets as many queries in as can run at once; some more may wait, in their order, and the rest is told to come back. */
export class Admission {
  private inside = 0;
  private readonly waiting: Waiting[] = [];

  constructor(
    private readonly maxInside: number,
    private readonly maxWaiting: number,
  ) {}

  /**
   * @returns what leaves again; calling it twice does no harm
   * @throws QueryError 53300 where too many wait, or this one has waited too long
   * @throws MCPConnectionError UPS219 where the operation was stopped
   */
  async enter(timeoutMs: number, op: Operation): Promise<() => void> {
    if (op.signal.aborted) throw cancelled(op);
    if (this.inside < this.maxInside) this.inside += 1;
    else await this.wait(timeoutMs, op);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.waiting.shift();
      if (next === undefined) this.inside -= 1;
      else next.enter();
    };
  }

  /** Fails those that wait. */
  close(error: Error): void {
    for (const entry of this.waiting.splice(0)) entry.fail(error);
  }

  private wait(timeoutMs: number, op: Operation): Promise<void> {
    if (this.waiting.length >= this.maxWaiting) throw tooBusy();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        op.signal.removeEventListener('abort', onAbort);
      };
      const entry: Waiting = {
        enter() {
          settle();
          resolve();
        },
        fail(error) {
          settle();
          reject(error);
        },
      };
      const drop = (error: Error): void => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        entry.fail(error);
      };
      const onAbort = (): void => drop(cancelled(op));
      const timer = setTimeout(() => drop(tooBusy()), timeoutMs);
      op.signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(entry);
    });
  }
}

export function tooBusy(): QueryError {
  return new QueryError('SQL505', '53300', 'The database is busy with other queries.');
}

export function cancelled(op: Operation): MCPConnectionError {
  return new MCPConnectionError('UPS219', 'The query was cancelled.', { cause: op.signal.reason });
}
