import type { DatabaseDescription, QueryRows } from './engine.js';
import type { SessionOptions } from './pglite-session.js';
import type { RowLimits } from './row-collector.js';

/** To the worker. One at a time: a worker serves a single query. */
export interface WorkerQuery extends RowLimits {
  readonly sql: string;
}

/** What the worker starts with. */
export interface WorkerStart {
  readonly session: SessionOptions;
  /** Only makes the directory and ends. */
  readonly create: boolean;
}

/** From the worker: `ready` or `failed` once, then an answer to each query. */
export type WorkerReply =
  | {
      readonly kind: 'ready';
      readonly description: DatabaseDescription;
      /** Of what was loaded from the user's files, for the threads that come later. */
      readonly snapshot?: Uint8Array;
    }
  /** The directory is there; the thread is done. */
  | { readonly kind: 'created' }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly reason: 'missing' | 'data' | 'engine';
      readonly hint?: string | undefined;
    }
  | { readonly kind: 'rows'; readonly result: QueryRows }
  | {
      readonly kind: 'refused';
      readonly sqlstate: string;
      readonly message: string;
      readonly position: number | null;
      readonly hint: string | null;
    }
  /** Not an error of the query: the session cannot be used any more. */
  | { readonly kind: 'broken'; readonly message: string };
