import type { ClientBase, Connection, Submittable } from 'pg';
import type { MessageGuard } from './message-guard.js';
import { RowCollector, type CollectedRows, type RowField, type RowLimits } from './row-collector.js';

/**
 * Runs one statement in the extended protocol, which takes no second one, and fetches its rows in small portions
 * until there are enough, by number or by size. The client must be in a transaction, or the first portion is all.
 * A row that alone is too large ends the connection before it is collected: nothing else stops it from coming.
 *
 * @throws QueryError  where not even one row may be shown
 * @throws the database's own error
 */
export async function fetchRows(
  client: ClientBase,
  sql: string,
  limits: RowLimits,
  guard: MessageGuard,
): Promise<CollectedRows> {
  const collected = new RowCollector(limits);
  guard.maxRowBytes = limits.maxBytes;
  guard.onLargeRow = () => {
    collected.full = true;
    guard.stream.destroy();
  };
  try {
    let step = await submit(client, new PortalStep(collected, sql));
    while (step.suspended && !collected.enough) step = await submit(client, new PortalStep(collected));
  } catch (error) {
    if (!collected.full) throw error;
  } finally {
    guard.maxRowBytes = Infinity;
  }
  return collected.result();
}

function submit(client: ClientBase, step: PortalStep): Promise<PortalStep> {
  client.query(step);
  return step.done;
}

/** One portion: the messages up to a Sync, and what the database answers before it is ready again. */
class PortalStep implements Submittable {
  suspended = false;
  readonly done: Promise<PortalStep>;
  private resolve!: (step: PortalStep) => void;
  private reject!: (error: unknown) => void;

  /** With a statement the first portion, without one the next. */
  constructor(
    private readonly collected: RowCollector,
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

  handleRowDescription({ fields }: { readonly fields: readonly RowField[] }): void {
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
