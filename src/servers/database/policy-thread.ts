import { Worker } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { ServeError, type ErrorCode } from '../../core/errors.js';
import type { PolicyOptions } from './policy.js';
import { QueryError, type QueryFailure } from './query-error.js';

/** To the thread: what the policy goes by from now on, or a query to check. */
export type PolicyRequest =
  | { readonly kind: 'options'; readonly options: PolicyOptions }
  | { readonly kind: 'check'; readonly sql: string };

/** From the thread: `ready` or `failed` once, then an answer to each query, in their order. */
export type PolicyReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly missing: boolean }
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
 * The policy in a thread of its own, since the parser needs a deep stack and reads text from outside: whatever a
 * query does to it ends that thread and nothing else, and the next query gets a new one.
 */
export class PolicyThread {
  private thread: Worker | undefined;
  private started: Promise<Worker> | undefined;
  private readonly waiting: Waiting[] = [];
  /** Texts that may run under the present options: a dashboard sends the same few again and again. */
  private readonly passed = new LRUCache<string, true>({
    max: 1000,
    maxSize: 4 * 1024 * 1024,
    sizeCalculation: (_, sql) => sql.length + 1,
  });
  private closed = false;

  private constructor(
    private readonly workerUrl: URL,
    private options: PolicyOptions,
  ) {}

  /** @throws ServeError SRV405 where the parser is not installed, SRV406 where it does not start */
  static async start(workerUrl: URL, options: PolicyOptions): Promise<PolicyThread> {
    const policy = new PolicyThread(workerUrl, options);
    await policy.running();
    return policy;
  }

  /** What is served has changed; holds for the checks that follow. */
  setOptions(options: PolicyOptions): void {
    this.options = options;
    this.passed.clear();
    this.post(this.thread, { kind: 'options', options });
  }

  /** @throws QueryError why the query is refused */
  async check(sql: string): Promise<void> {
    if (this.passed.get(sql) === true) return;
    const { options } = this;
    const thread = await this.running();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.lose(thread, new Error('it took too long')), CHECK_TIMEOUT_MS);
      this.waiting.push({ thread, resolve, reject, timer });
      this.post(thread, { kind: 'check', sql });
    });
    // What was let through under earlier options must be looked at again.
    if (options === this.options) this.passed.set(sql, true);
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
    }).catch((error: Error): PolicyReply => ({ kind: 'failed', message: error.message, missing: false }));
    if (first.kind !== 'ready') {
      await thread.terminate();
      throw startFailure(first);
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
  readonly thread: Worker;
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

function startFailure(reply: PolicyReply): ServeError {
  const { message, missing } =
    reply.kind === 'failed' ? reply : { message: 'an unexpected answer', missing: false };
  const cause = new Error(message);
  if (missing) {
    return new ServeError('SRV405', 'The SQL parser is not installed.', {
      hint: 'Install it beside mcpx: npm install libpg-query',
      fix: 'npm install libpg-query',
      cause,
    });
  }
  return new ServeError('SRV406', 'The SQL parser does not start.', {
    hint: 'Reinstall mcpx; if it goes on, report it with the cause below.',
    cause,
  });
}
