import { MCPConnectionError } from '../../core/errors.js';
import { withSignal, type Operation } from '../../core/operation.js';
import type { DatabaseDescription, Engine, QueryLimits, QueryRows } from './engine.js';
import type { SessionOptions } from './pglite-session.js';
import { PgliteWorker } from './pglite-worker.js';
import { QueryError } from './query-error.js';

export interface PgliteEngineOptions extends SessionOptions {
  /** The built `worker.ts`: a thread cannot be started from TypeScript. */
  readonly workerUrl: URL;
  /** Threads at most, each with the whole database in memory. More than one only where all have the same data. */
  readonly maxWorkers?: number;
  /**
   * What a thread is to start with while another one has what the options name, which is then for one at a time. It is
   * let go of when the thread is gone, or was not started.
   */
  readonly standIn?: (signal: AbortSignal) => Promise<StandIn>;
  /** Queries that may wait for a thread before the next is told that we are busy. */
  readonly maxWaiting?: number;
  /** How long a query waits for the running one before another thread is started for it. */
  readonly growAfterMs?: number;
  /** How long a thread beyond the first stays without work. */
  readonly idleMs?: number;
}

/** A copy of the database for one more thread. */
export interface StandIn extends AsyncDisposable {
  readonly session: SessionOptions;
}

/** After a stand-in could not be made, the next is tried this much later. */
const STAND_IN_AGAIN_MS = 10_000;

/** A caller that went away: its query may still finish for this long before its thread is sacrificed. */
const ABANDONED_MS = 250;

/**
 * PostgreSQL inside this process, in worker threads. A thread serves one query at a time and cannot be interrupted:
 * a query that runs too long ends with its thread, and a new one takes its place. While one query holds its thread,
 * a second thread is started for those that wait.
 */
export class PgliteEngine implements Engine {
  private readonly stopped = new AbortController();
  private readonly idle: PgliteWorker[] = [];
  private readonly busy = new Set<PgliteWorker>();
  private readonly waiting: Waiting[] = [];
  private readonly starts = new Set<Promise<void>>();
  private readonly ends = new Set<Promise<void>>();
  private growTimer: NodeJS.Timeout | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  private noStandInUntil = 0;

  private constructor(
    private readonly options: PgliteEngineOptions,
    private readonly op: Operation,
    private readonly description: DatabaseDescription,
    /** Who has what the options name. */
    private first: PgliteWorker,
  ) {
    this.idle.push(first);
  }

  /** Resolves when the database answers; its log lines belong to the operation it was started by. */
  static async start(options: PgliteEngineOptions, op: Operation): Promise<PgliteEngine> {
    const startedAt = performance.now();
    const first = await PgliteWorker.start(options.workerUrl, options, op.signal);
    op.log('database.ready', {
      tables: first.description.tables.length,
      snapshot: options.snapshotPath !== undefined,
      elapsed_ms: Math.round(performance.now() - startedAt),
    });
    // Its life ends with close(), not with the signal of the one who started it.
    // Later threads begin with what the first one loaded: the user's files may have changed since.
    const { own: _, setupSql: __, snapshotPath: ___, ...rest } = options;
    const later = first.snapshot === undefined ? options : { ...rest, snapshot: first.snapshot };
    return new PgliteEngine(later, withSignal(op, new AbortController().signal), first.description, first);
  }

  async describe(): Promise<DatabaseDescription> {
    return this.description;
  }

  query(sql: string, limits: QueryLimits, op: Operation): Promise<QueryRows> {
    return new Promise((resolve, reject) => {
      if (this.stopped.signal.aborted) return reject(closed());
      if (op.signal.aborted) return reject(cancelled(op));
      if (this.waiting.length >= (this.options.maxWaiting ?? 64)) return reject(tooBusy());
      const entry: Waiting = { sql, limits, op, resolve, reject, timer: undefined, leave: () => undefined };
      const drop = (error: Error): void => {
        this.remove(entry);
        reject(error);
      };
      const onAbort = (): void => drop(cancelled(op));
      entry.timer = setTimeout(() => drop(tooBusy()), limits.timeoutMs);
      op.signal.addEventListener('abort', onAbort, { once: true });
      entry.leave = () => {
        clearTimeout(entry.timer);
        op.signal.removeEventListener('abort', onAbort);
      };
      this.waiting.push(entry);
      this.pump();
    });
  }

  async close(): Promise<void> {
    this.stopped.abort();
    clearTimeout(this.growTimer);
    clearTimeout(this.idleTimer);
    for (const entry of this.waiting.splice(0)) {
      entry.leave();
      entry.reject(closed());
    }
    await Promise.all([...this.idle.splice(0), ...this.busy].map((worker) => this.end(worker)));
    await Promise.all([...this.starts, ...this.ends]);
  }

  /** Gives waiting queries to idle threads, and sees to it that there is a thread for the rest. */
  private pump(): void {
    while (this.waiting.length > 0) {
      const worker = this.idle.pop();
      if (worker === undefined) break;
      // A thread may have died while nobody used it.
      if (!worker.usable) continue;
      const entry = this.waiting.shift();
      if (entry === undefined) break;
      entry.leave();
      void this.serve(worker, entry);
    }
    if (this.waiting.length > 0) this.grow();
    this.shrinkLater();
  }

  private async serve(worker: PgliteWorker, entry: Waiting): Promise<void> {
    const { sql, limits, op } = entry;
    let timer: NodeJS.Timeout | undefined;
    const stop = (error: Error): void => {
      entry.reject(error);
      this.op.log(
        'database.query_stopped',
        { query_operation_id: op.id, timeout_ms: limits.timeoutMs },
        'warn',
      );
      void this.end(worker);
    };
    const stopAfter = (delayMs: number, error: () => Error): void => {
      clearTimeout(timer);
      timer = setTimeout(() => stop(error()), delayMs);
    };
    const onAbort = (): void => {
      entry.reject(cancelled(op));
      stopAfter(Math.min(ABANDONED_MS, limits.timeoutMs), () => cancelled(op));
    };
    this.busy.add(worker);
    stopAfter(limits.timeoutMs, () => timedOut(limits.timeoutMs));
    op.signal.addEventListener('abort', onAbort, { once: true });
    try {
      entry.resolve(await worker.run({ sql, maxRows: limits.maxRows, maxBytes: limits.maxBytes }));
    } catch (error) {
      entry.reject(error as Error);
    } finally {
      clearTimeout(timer);
      op.signal.removeEventListener('abort', onAbort);
      this.busy.delete(worker);
      if (worker.usable && !this.stopped.signal.aborted) this.idle.push(worker);
      else this.replaceLast();
      this.pump();
    }
  }

  /** A thread for those that wait: at once when there is none, later when one only has to finish its query. */
  private grow(): void {
    if (this.starts.size > 0 || this.stopped.signal.aborted) return;
    if (this.busy.size === 0) return this.startWorker();
    if (this.growTimer !== undefined || this.busy.size >= (this.options.maxWorkers ?? 2)) return;
    if (performance.now() < this.noStandInUntil) return;
    this.growTimer = setTimeout(() => {
      this.growTimer = undefined;
      if (
        this.waiting.length > 0 &&
        this.starts.size === 0 &&
        this.busy.size < (this.options.maxWorkers ?? 2)
      ) {
        this.startWorker();
      }
    }, this.options.growAfterMs ?? 250);
  }

  /** Keeps one thread ready, so that the first query after a stopped one does not wait for a start. */
  private replaceLast(): void {
    const none = this.idle.length + this.busy.size + this.starts.size === 0;
    if (none && !this.stopped.signal.aborted) this.startWorker();
  }

  private startWorker(): void {
    const start = this.startNext().then(
      (worker) => {
        this.idle.push(worker);
      },
      (error: unknown) => this.startFailed(error),
    );
    const tracked = start.finally(() => {
      this.starts.delete(tracked);
      if (!this.stopped.signal.aborted) this.pump();
    });
    this.starts.add(tracked);
  }

  private async startNext(): Promise<PgliteWorker> {
    const { standIn, workerUrl } = this.options;
    const { signal } = this.stopped;
    if (standIn === undefined) return PgliteWorker.start(workerUrl, this.options, signal);
    if (!this.first.usable) {
      await this.first.gone;
      this.first = await PgliteWorker.start(workerUrl, this.options, signal);
      return this.first;
    }
    // Taken back when it is there: one that fails is not tried again and again.
    this.noStandInUntil = performance.now() + STAND_IN_AGAIN_MS;
    const copy = await standIn(signal);
    try {
      const worker = await PgliteWorker.start(workerUrl, copy.session, signal);
      const letGo = worker.gone
        .then(() => copy[Symbol.asyncDispose]())
        .finally(() => this.ends.delete(letGo));
      this.ends.add(letGo);
      this.noStandInUntil = 0;
      return worker;
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  private startFailed(error: unknown): void {
    if (this.stopped.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    // With a thread left the others only wait longer; without one there is nobody to wait for.
    const isLeft = this.busy.size + this.idle.length > 0;
    this.op.log('database.start_failed', { error: message }, isLeft ? 'warn' : 'error');
    if (isLeft) return;
    for (const entry of this.waiting.splice(0)) {
      entry.leave();
      entry.reject(
        new QueryError('SQL505', '57P03', 'The database cannot be started again.', { cause: error }),
      );
    }
  }

  private end(worker: PgliteWorker): Promise<void> {
    const end = worker.terminate().finally(() => this.ends.delete(end));
    this.ends.add(end);
    return end;
  }

  /** One thread is enough for quiet times, and it is the one without a copy. */
  private shrinkLater(): void {
    clearTimeout(this.idleTimer);
    // The first one may have ended with its query, and then nobody but a stand-in is there.
    const isStoodInFor = this.options.standIn !== undefined && !this.first.usable && this.busy.size === 0;
    const isDone = this.idle.length < 2 && !(this.idle.length === 1 && isStoodInFor);
    if (isDone || this.starts.size > 0 || this.stopped.signal.aborted) return;
    this.idleTimer = setTimeout(() => {
      if (this.idle.length < 2) return this.startWorker();
      // Who has a copy goes, and the copy with it.
      const isFirst = (worker: PgliteWorker) => Number(worker === this.first && worker.usable);
      this.idle.sort((a, b) => isFirst(b) - isFirst(a));
      for (const worker of this.idle.splice(1)) void this.end(worker);
    }, this.options.idleMs ?? 30_000);
    this.idleTimer.unref();
  }

  private remove(entry: Waiting): void {
    entry.leave();
    const index = this.waiting.indexOf(entry);
    if (index >= 0) this.waiting.splice(index, 1);
  }
}

interface Waiting {
  readonly sql: string;
  readonly limits: QueryLimits;
  readonly op: Operation;
  resolve(rows: QueryRows): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout | undefined;
  /** Stops its timer and listener; it is no longer waiting. */
  leave(): void;
}

function timedOut(timeoutMs: number): QueryError {
  return new QueryError(
    'SQL504',
    '57014',
    `The query ran longer than ${timeoutMs / 1000} s and was stopped.`,
  );
}

function tooBusy(): QueryError {
  return new QueryError('SQL505', '53300', 'The database is busy with other queries.');
}

function cancelled(op: Operation): Error {
  return new MCPConnectionError('UPS219', 'The query was cancelled.', { cause: op.signal.reason });
}

function closed(): QueryError {
  return new QueryError('SQL505', '57P01', 'The database server is stopping.');
}
