import { Worker } from 'node:worker_threads';
import { ServeError } from '../../core/errors.js';
import type { DatabaseDescription, QueryRows } from './engine.js';
import type { SessionOptions } from './pglite-session.js';
import { databaseError, QueryError } from './query-error.js';
import type { WorkerQuery, WorkerReply, WorkerStart } from './worker-protocol.js';

/** Of JavaScript's heap in the worker; more ends the worker, never the process. */
const MAX_HEAP_MB = 512;

/**
 * PostgreSQL recurses as deep as a query nests. With this stack it reaches its own limits first, for any query of the
 * length that is allowed; with the usual 4 MB its error is lost on the way.
 */
const STACK_MB = 64;

/** Our end of one worker thread with an embedded database. */
export class PgliteWorker {
  private waiting: { resolve(rows: QueryRows): void; reject(error: Error): void } | undefined;
  private ended = false;
  /** Resolves when the thread has let go of everything. */
  readonly gone: Promise<void>;

  private constructor(
    private readonly thread: Worker,
    readonly description: DatabaseDescription,
    /** Of the user's files, where this thread loaded them. */
    readonly snapshot?: Uint8Array,
  ) {
    thread.on('message', (reply: WorkerReply) => this.take(reply));
    thread.on('error', (error) => this.lose(error));
    this.gone = new Promise((resolve) => {
      thread.on('exit', () => {
        this.lose();
        resolve();
      });
    });
  }

  /**
   * Resolves when the database answers.
   *
   * @throws ServeError  the engine is not installed, or the database does not start
   */
  static async start(workerUrl: URL, options: SessionOptions, signal: AbortSignal): Promise<PgliteWorker> {
    signal.throwIfAborted();
    const thread = startThread(workerUrl, { session: plainSession(options), create: false });
    const stop = (): void => void thread.terminate();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const first = await firstReply(thread);
      signal.throwIfAborted();
      if (first.kind === 'ready') return new PgliteWorker(thread, first.description, first.snapshot);
      throw startFailure(first);
    } catch (error) {
      await thread.terminate();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** False once the thread has ended or its session broke; such a worker is to be dropped. */
  get usable(): boolean {
    return !this.ended;
  }

  /** One query at a time. */
  run(query: WorkerQuery): Promise<QueryRows> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      if (this.ended) this.lose();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      else this.thread.postMessage(query);
    });
  }

  /** Ends the thread whatever it computes: PGlite knows no other way to stop a query. */
  async terminate(): Promise<void> {
    this.ended = true;
    await this.thread.terminate();
  }

  private take(reply: WorkerReply): void {
    if (reply.kind === 'rows') return this.settle()?.resolve(reply.result);
    if (reply.kind === 'refused') return this.settle()?.reject(databaseError(reply));
    this.lose(new Error('message' in reply ? reply.message : 'it started twice'));
    void this.thread.terminate();
  }

  private lose(cause?: Error): void {
    this.ended = true;
    this.settle()?.reject(
      new QueryError('SQL505', '57P02', 'The database stopped while it ran the query.', {
        hint: 'The query probably needs more memory than it may have: ask for less at once.',
        cause,
      }),
    );
  }

  private settle(): typeof this.waiting {
    const waiting = this.waiting;
    this.waiting = undefined;
    return waiting;
  }
}

/**
 * Makes a data directory of a snapshot and the user's files, in a thread that ends with it.
 *
 * @throws ServeError  as a worker's start
 */
export async function createDataDirectory(workerUrl: URL, options: SessionOptions): Promise<void> {
  const thread = startThread(workerUrl, { session: plainSession(options), create: true });
  try {
    const first = await firstReply(thread);
    if (first.kind !== 'created') throw startFailure(first);
  } finally {
    await thread.terminate();
  }
}

function startThread(workerUrl: URL, start: WorkerStart): Worker {
  return new Worker(workerUrl, {
    name: 'mcpx-database',
    workerData: start,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, stackSizeMb: STACK_MB },
    // What the engine prints while it starts is no log of ours, and stdout may carry MCP.
    stdout: true,
    stderr: true,
    execArgv: [],
    env: {},
  });
}

/** Named one by one: whatever else the caller's object holds need not be of a kind that a thread can take. */
function plainSession(options: SessionOptions): SessionOptions {
  const { role, schemas, snapshotPath, snapshot, describedPath, dataDir } = options;
  const { setupSql, own, grantReader, dailySql } = options;
  const from = { snapshotPath, snapshot, describedPath, dataDir };
  const session = { role, schemas, ...from, setupSql, own, grantReader, dailySql };
  return Object.fromEntries(
    Object.entries(session).filter(([, value]) => value !== undefined),
  ) as unknown as SessionOptions;
}

function firstReply(thread: Worker): Promise<WorkerReply> {
  return new Promise((resolve, reject) => {
    const failed = (message: string): void =>
      reject(startFailure({ kind: 'failed', message, reason: 'engine' }));
    thread.once('message', resolve);
    thread.once('error', (error) => failed(error.message));
    thread.once('exit', () => failed('its thread ended'));
  });
}

function startFailure(reply: WorkerReply): ServeError {
  const { message, reason } =
    reply.kind === 'failed' ? reply : { message: 'an unexpected answer', reason: 'engine' };
  if (reason === 'data') {
    const hint = 'hint' in reply ? reply.hint : undefined;
    return new ServeError('SRV410', message, { hint: hint ?? 'Correct the file; nothing of it was kept.' });
  }
  const cause = new Error(message);
  if (reason === 'missing') {
    return new ServeError('SRV405', 'The embedded database engine is not installed.', {
      hint: 'Install it beside mcpx, npm install @electric-sql/pglite, or serve a PostgreSQL: --url postgres://…',
      fix: 'npm install @electric-sql/pglite',
      cause,
    });
  }
  return new ServeError('SRV406', 'The embedded database does not start.', {
    hint: 'Reinstall mcpx; if it goes on, report it with the cause below.',
    cause,
  });
}
