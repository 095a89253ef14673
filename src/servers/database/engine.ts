import type { Operation } from '../../core/operation.js';
import type { ServedNames } from './served-names.js';

/**
 * What the database server needs from a database: `PgliteEngine` embedded, `PostgresEngine` at an address, and
 * `GuardedEngine` with the query policy before either of them.
 */
export interface Engine {
  /**
   * Runs one statement in the extended protocol, in a read-only transaction with local limits, as far as the limits
   * allow, and undoes whatever it did. Stopped with the operation's signal.
   *
   * @throws QueryError  the policy or the database refused it, it ran too long, or too many wait
   * @throws MCPConnectionError UPS219 where the operation was stopped
   */
  query(sql: string, limits: QueryLimits, op: Operation): Promise<QueryRows>;
  /**
   * The served tables; cheap, and answered even while a query runs. The same object as long as nothing is known to
   * have changed, at most some seconds old.
   *
   * @throws QueryError  the database cannot be asked
   */
  describe(op?: Operation): Promise<DatabaseDescription>;
  /** Stops everything; queries that run or wait fail. Safe to call twice. */
  close(): Promise<void>;
}

export interface QueryLimits {
  readonly maxRows: number;
  readonly timeoutMs: number;
  /** Of the rows as the database writes them; further rows are left out, and the result says so. */
  readonly maxBytes: number;
}

/** Integers up to 32 bits and floats are numbers, everything else that JSON cannot hold exactly is text. */
export type Cell = null | boolean | number | string | readonly Cell[] | { readonly [key: string]: Cell };

export interface ResultColumn {
  readonly name: string;
  /** As PostgreSQL writes it: `integer`, `timestamp with time zone`, `text[]`. */
  readonly type: string;
}

export interface QueryRows {
  /** In the order of the select list; names may repeat. */
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Cell[])[];
  /** Rows were left out because of `maxRows` or `maxBytes`. */
  readonly truncated: boolean;
}

/** The content of `database://metadata`, and what the policy goes by. */
export interface DatabaseDescription {
  readonly names: ServedNames;
  readonly dialect: 'postgresql';
  readonly version: string;
  readonly schemas: readonly string[];
  readonly tables: readonly TableDescription[];
  readonly relationships: readonly Relationship[];
}

export interface TableDescription {
  readonly name: string;
  readonly schema: string;
  readonly kind: 'table' | 'view';
  readonly description: string | null;
  /** Exact for small tables, else PostgreSQL's own estimate; null for what it has never counted, as views. */
  readonly row_count: number | null;
  readonly row_count_exact: boolean;
  readonly columns: readonly ColumnDescription[];
  readonly primary_key: readonly string[];
  readonly foreign_keys: readonly ForeignKey[];
}

export interface ColumnDescription {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string | null;
  readonly description: string | null;
}

export interface ForeignKey {
  readonly columns: readonly string[];
  readonly references: { readonly table: string; readonly columns: readonly string[] };
}

/** A foreign key told from the side of the columns: `orders.customer_id` to `customers.customer_id`. */
interface Relationship {
  readonly from: string;
  readonly to: string;
}
