import type { Client, Connection, Submittable } from 'pg';
import { QueryError } from './query-error.js';

/** Fetched at once; between two fetches the size of what has come is looked at. */
const ROWS_PER_FETCH = 200;

export interface PortalField {
  readonly name: string;
  readonly dataTypeID: number;
}

export interface PortalRows {
  readonly fields: readonly PortalField[];
  /** As PostgreSQL writes them. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly truncated: boolean;
}

export interface PortalLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/**
 * Runs one statement in the extended protocol, which takes no second one, and fetches its rows in small portions
 * until there are enough, by number or by size. The client must be in a transaction, or the first portion is all.
 *
 * @throws the database's own error
 */
export async function fetchRows(client: Client, sql: string, limits: PortalLimits): Promise<PortalRows> {
  const collected = new Collected(limits);
  let step = await submit(client, new PortalStep(collected, sql));
  while (step.suspended && !collected.enough) step = await submit(client, new PortalStep(collected));
  return collected.result();
}

function submit(client: Client, step: PortalStep): Promise<PortalStep> {
  client.query(step);
  return step.done;
}

/** The rows so far. One row more than may be shown tells whether there was more. */
class Collected {
  fields: readonly PortalField[] = [];
  private readonly rows: (readonly (string | null)[])[] = [];
  private bytes = 0;
  private full = false;

  constructor(private readonly limits: PortalLimits) {}

  get wanted(): number {
    return Math.min(this.limits.maxRows + 1 - this.rows.length, ROWS_PER_FETCH);
  }

  get enough(): boolean {
    return this.full || this.rows.length > this.limits.maxRows;
  }

  add(row: readonly (string | null)[]): void {
    // A portion that is on its way cannot be stopped; what is too much of it is not kept.
    if (this.full) return;
    for (const value of row) this.bytes += value?.length ?? 4;
    if (this.bytes <= this.limits.maxBytes) this.rows.push(row);
    else this.full = true;
  }

  /** @throws QueryError where not even one row may be shown */
  result(): PortalRows {
    if (this.full && this.rows.length === 0) throw rowTooLarge(this.limits.maxBytes);
    return { fields: this.fields, rows: this.rows.slice(0, this.limits.maxRows), truncated: this.enough };
  }
}

/** A result must hold at least one row, or it would say nothing. */
export function rowTooLarge(maxBytes: number): QueryError {
  const limit = `${Math.round(maxBytes / 1024 / 102.4) / 10} MiB`;
  return new QueryError(
    'SQL505',
    '54000',
    `One row of the result is larger than the ${limit} that it may have.`,
    {
      hint: 'Select fewer columns, or parts of them: left(column, 1000).',
    },
  );
}

/** One portion: the messages up to a Sync, and what the database answers before it is ready again. */
class PortalStep implements Submittable {
  suspended = false;
  readonly done: Promise<PortalStep>;
  private resolve!: (step: PortalStep) => void;
  private reject!: (error: unknown) => void;

  /** With a statement the first portion, without one the next. */
  constructor(
    private readonly collected: Collected,
    private readonly sql?: string,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: Connection): void {
    connection.stream.cork();
    if (this.sql !== undefined) {
      connection.parse({ name: '', text: this.sql, types: [] }, true);
      connection.bind({ statement: '', values: [] }, true);
      connection.describe({ type: 'P', name: '' }, true);
    }
    connection.execute({ portal: '', rows: String(this.collected.wanted) }, true);
    connection.sync();
    connection.stream.uncork();
  }

  handleRowDescription({ fields }: { readonly fields: readonly PortalField[] }): void {
    this.collected.fields = fields;
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.collected.add(fields);
  }

  handlePortalSuspended(): void {
    this.suspended = true;
  }

  handleCommandComplete(): void {
    // The end of the rows; the portion ends with ReadyForQuery.
  }

  handleEmptyQuery(): void {
    // A statement without a statement in it: no columns, no rows.
  }

  handleReadyForQuery(): void {
    this.resolve(this);
  }

  handleError(error: unknown): void {
    this.reject(error);
  }

  handleCopyInResponse(connection: Connection): void {
    // Nothing that reads gets here; waiting for data would never end.
    connection.stream.destroy(new Error('the statement asks for data'));
  }

  handleCopyData(): void {
    // The data of COPY TO is no row.
  }
}
