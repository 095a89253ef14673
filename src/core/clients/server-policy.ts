import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../errors.js';
import type { Operation } from '../operation.js';
import { CircuitBreaker, type Refusal, type Verdict } from '../resilience/breaker.js';
import { RateLimit } from '../resilience/limit.js';
import { RetryBudget } from '../resilience/retry-budget.js';
import { retry } from '../resilience/retry.js';
import { SESSION_EXPIRED } from './circumstances.js';
import { PASSING_STATUSES } from './http-status.js';

export interface RunOptions {
  /** When the whole must be over, on the clock of `performance.now()`: no pause reaches beyond it. */
  readonly deadlineAt?: number;
  /** false for what must not be done twice: it is asked again only where the server has certainly not begun it. */
  readonly isRepeatable?: boolean;
  readonly onRetry?: (error: unknown, attempt: number, pauseMs: number) => void;
}

/**
 * How one server is treated, whoever asks it: its circuit breaker, its retries and their budget, and how many requests
 * a second it gets. One of them exists for a server as long as its orchestrator does.
 */
export class ServerPolicy {
  /** Where every single request waits for its turn; absent where there is no limit. */
  readonly limit: RateLimit | undefined;
  readonly #server: ServerConfig;
  readonly #breaker: CircuitBreaker;
  readonly #budget = new RetryBudget();
  #log: Operation['log'] | undefined;

  constructor(server: ServerConfig) {
    this.#server = server;
    this.limit = server.rateLimit === undefined ? undefined : new RateLimit(server.rateLimit);
    this.#breaker = new CircuitBreaker({
      ...server.circuitBreaker,
      judge,
      refuse: (refusal) => circuitOpen(server, refusal),
      onChange: (state) => this.#tell(state),
    });
  }

  /**
   * Asks the server: again while the failure may pass, and not at all while it is being left alone.
   *
   * @param call  one attempt, connecting included
   * @throws MCPConnectionError UPS223 while it is left alone; else what the last attempt threw
   */
  run<T>(call: () => Promise<T>, op: Operation, options: RunOptions = {}): Promise<T> {
    this.#log = (event, fields, level) => op.log(event, fields, level);
    return this.#breaker.run(async () => {
      this.#budget.deposit();
      try {
        return await call();
      } catch (failure) {
        return this.#again(failure, call, op, options);
      }
    });
  }

  /** What comes after a first attempt that failed: nearly all are spared what it takes. */
  #again<T>(
    failure: unknown,
    call: () => Promise<T>,
    op: Operation,
    { isRepeatable = true, ...options }: RunOptions,
  ): Promise<T> {
    let isFirst = true;
    const attempt = () => {
      if (!isFirst) return call();
      isFirst = false;
      return Promise.reject(failure);
    };
    return retry(this.#reopening(attempt, op, isRepeatable), {
      ...this.#server.retry,
      ...options,
      signal: op.signal,
      // Others may have found out meanwhile that it is down.
      mayHelp: (error) => isRepeatable && !this.#breaker.isOpen && mayHelp(error),
      mayRepeat: () => {
        const may = this.#budget.withdraw();
        if (!may) op.log('server.retry_budget_spent', { server: this.#server.id }, 'debug');
        return may;
      },
    });
  }

  /** A session that the server has forgotten is opened again, once, whatever the retries are. */
  #reopening<T>(call: () => Promise<T>, op: Operation, isRepeatable: boolean): () => Promise<T> {
    let reopened = false;
    return async () => {
      try {
        return await call();
      } catch (error) {
        if (reopened || !hasExpired(error) || !(isRepeatable || wasRefused(error))) throw error;
        reopened = true;
        op.log('server.session_expired', { server: this.#server.id });
        return call();
      }
    };
  }

  #tell(state: 'open' | 'closed'): void {
    const { id, circuitBreaker } = this.#server;
    if (state === 'closed') this.#log?.('server.circuit_closed', { server: id });
    else {
      const { failures, resetMs } = circuitBreaker;
      this.#log?.('server.circuit_opened', { server: id, failures, reset_ms: resetMs }, 'warn');
    }
  }
}

/**
 * What may pass by itself: refused and broken connections, statuses that say so, and processes that ended in the
 * middle of their work (one that ends at its start will do so again). Our own timeouts are not among them: asking
 * a silent server again would hold the gather for longer than its timeout.
 */
function mayHelp(error: unknown): boolean | number {
  if (!(error instanceof MCPOrchestratorException)) return false;
  if (error.code === 'UPS205' && PASSING_STATUSES.has(Number(error.context['status']))) {
    const after = error.context['retry_after_ms'];
    return typeof after === 'number' ? after : true;
  }
  if (error.code === 'UPS222') return !ENDED_EARLY.has(error.context['phase']);
  return error.code === 'UPS202' || (error.code === 'UPS203' && !hasExpired(error));
}

function hasExpired(error: unknown): boolean {
  return error instanceof MCPOrchestratorException && error.context[SESSION_EXPIRED] !== undefined;
}

/** Whether the request itself was refused for its session; others end with the session in the middle of their work. */
function wasRefused(error: unknown): boolean {
  return error instanceof MCPOrchestratorException && error.context[SESSION_EXPIRED] === 'refused';
}

const ENDED_EARLY: ReadonlySet<unknown> = new Set(['start', 'connect', 'negotiate']);

/** Silence, and what a server that is there and works never does; everything else it has at least answered. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  UPS201: 'silence',
  UPS204: 'silence',
  UPS213: 'silence',
  UPS202: 'break',
  UPS203: 'break',
  UPS212: 'break',
  UPS216: 'break',
  UPS220: 'break',
  UPS221: 'break',
  UPS222: 'break',
  UPS208: 'none',
  UPS219: 'none',
};

function judge(error: unknown): Verdict {
  if (!(error instanceof MCPOrchestratorException)) return 'none';
  if (error.code === 'UPS205') return Number(error.context['status']) >= 500 ? 'break' : 'answer';
  return VERDICTS[error.code] ?? 'answer';
}

function circuitOpen(server: ServerConfig, { failures, retryAfterMs, lastFailure }: Refusal): Error {
  const inARow = failures === 1 ? 'it failed' : `it failed ${failures} times in a row`;
  const again =
    retryAfterMs === 0 ? 'it is being tried right now' : `it is tried again in ${seconds(retryAfterMs)}`;
  const last = lastFailure instanceof Error ? ` (${lastFailure.message.replace(`${server.id}: `, '')})` : '';
  return new MCPConnectionError('UPS223', `${server.id} is left alone, since ${inARow}${last}; ${again}`, {
    context: { server: server.id, failures, retry_after_ms: Math.ceil(retryAfterMs) },
    hint: 'Mend what it failed with; "circuit_breaker" of the server says how soon it is given up, and for how long.',
    ...(lastFailure instanceof Error ? { cause: lastFailure } : {}),
  });
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 100) / 10} s`;
}
