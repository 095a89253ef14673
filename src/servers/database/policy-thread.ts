import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../../core/errors.js';
import type { PolicyOptions } from './policy.js';
import { QueryError, type QueryFailure } from './query-error.js';

/** To the thread: what the policy goes by from now on, or a query to check. */
export type PolicyRequest =
  | { readonly kind: 'options'; readonly options: PolicyOptions }
  | { readonly kind: 'check'; readonly sql: string };

/** From the thread: `ready` or `failed` once, then an answer to each query, in their order. */
export type PolicyReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'passed' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly failure: QueryFailure }
  /** Not an error of the query: the parser cannot be used any more. */
  | { readonly kind: 'broken'; readonly message: string };

/**
 * The parser and PostgreSQL recurse as deep as a query nests. With this stack they reach their own limits first, for
 * any query of the length that is allowed; with the usual 4 MB the parser's error is lost on the way.
 */
const STACK_MB = 64;
const MAX_HEAP_MB = 256;

/** A query of the allowed length takes a fraction of a second; this is for one that finds a way to take forever. */
const CHECK_TIMEOUT_MS = 5000;

/**
 * The policy in a thread of its own, with a deep stack: whatever a query does to the parser ends that thread and nothing
 * else, and the next query gets a new one. It starts with the first query.
 */
export class PolicyThread {
  private thread: Worker | undefined;
  private started: Promise<Worker> | undefined;
  private readonly waiting: Waiting[] = [];
  private closed = false;

  constructor(
    private readonly workerUrl: URL,
    private options: PolicyOptions,
  ) {}

  /** What is served has changed; holds for the checks that follow. */
  setOptions(options: PolicyOptions): void {
    this.options = options;
    this.post(this.thread, { kind: 'options', options });
  }

  /** @throws QueryError why the query is refused, or that it could not be checked */
  async check(sql: string): Promise<void> {
    const thread = await this.running().catch((cause: Error) => {
      throw cause instanceof QueryError ? cause : unusable(cause);
    });
    await new Promise<void>((resolve, reject) => {
      // It may have ended since it was ready; nobody would answer then.
      if (this.thread !== thread) return reject(unusable());
      const timer = setTimeout(() => this.lose(thread, new Error('it took too long')), CHECK_TIMEOUT_MS);
      this.waiting.push({ resolve, reject, timer });
      this.post(thread, { kind: 'check', sql });
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    const thread = await this.started?.catch(() => undefined);
    if (thread === undefined) return;
    this.lose(thread);
    await thread.terminate();
  }

  private running(): Promise<Worker> {
    if (this.closed) return Promise.reject(unusable());
    this.started ??= this.startThread().catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
    return this.started;
  }

  private async startThread(): Promise<Worker> {
    const thread = new Worker(this.workerUrl, {
      name: 'mcpx-sql-policy',
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, stackSizeMb: STACK_MB },
      stdout: true,
      stderr: true,
      execArgv: [],
      env: {},
    });
    const first = await new Promise<PolicyReply>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('its thread ended')));
    }).catch((error: Error): PolicyReply => ({ kind: 'failed', message: error.message }));
    if (first.kind !== 'ready') {
      await thread.terminate();
      throw new Error('message' in first ? first.message : 'an unexpected answer');
    }
    thread.on('message', (reply: PolicyReply) => this.take(thread, reply));
    thread.on('error', (error) => this.lose(thread, error));
    thread.on('exit', () => this.lose(thread));
    // The database keeps the process alive, not the parser.
    thread.unref();
    this.thread = thread;
    this.post(thread, { kind: 'options', options: this.options });
    return thread;
  }

  private take(thread: Worker, reply: PolicyReply): void {
    if (reply.kind === 'passed') return this.settle()?.resolve();
    if (reply.kind === 'refused') {
      const { sqlstate, message, position, hint } = reply.failure;
      return this.settle()?.reject(new QueryError(reply.code, sqlstate, message, { position, hint }));
    }
    this.lose(thread, new Error(reply.kind === 'ready' ? 'it started twice' : reply.message));
  }

  private settle(): Waiting | undefined {
    const entry = this.waiting.shift();
    clearTimeout(entry?.timer);
    return entry;
  }

  /** Its queries are refused, since nobody said that they may run; the next one gets a new thread. */
  private lose(thread: Worker, cause?: Error): void {
    if (this.thread !== thread) return;
    this.thread = undefined;
    this.started = undefined;
    for (const { timer, reject } of this.waiting.splice(0)) {
      clearTimeout(timer);
      reject(unusable(cause));
    }
    void thread.terminate();
  }

  private post(thread: Worker | undefined, request: PolicyRequest): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread?.postMessage(request);
  }
}

interface Waiting {
  readonly timer: NodeJS.Timeout;
  resolve(): void;
  reject(error: Error): void;
}

function unusable(cause?: Error): QueryError {
  return new QueryError('SQL505', '54001', 'The query could not be checked, so it was not run.', {
    hint: 'It probably nests too deeply: write it in a simpler way.',
    cause,
  });
}
