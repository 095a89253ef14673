import type { DatabaseDescription, QueryRows } from './engine.js';
import type { RowLimits } from './row-collector.js';

/** To the worker. One at a time: a worker serves a single query. */
export interface WorkerQuery extends RowLimits {
  readonly sql: string;
}

/** From the worker: `ready` or `failed` once, then an answer to each query. */
export type WorkerReply =
  | { readonly kind: 'ready'; readonly description: DatabaseDescription }
  | { readonly kind: 'failed'; readonly message: string; readonly missing: boolean }
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
