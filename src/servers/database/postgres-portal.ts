import type { ClientBase, Connection, Submittable } from 'pg';
import type { MessageGuard } from './message-guard.js';
import { RowCollector, type CollectedRows, type RowField, type RowLimits } from './row-collector.js';

/**
 * Runs one statement in the extended protocol, which takes no second one, and fetches its rows in small portions
 * until there are enough, by number or by size. The statements before it, which begin the transaction, go with it in
 * one message; where one of them fails, nothing after it is run.
 * A row that alone is too large ends the connection before it is collected: nothing else stops it from coming.
 *
 * @throws QueryError  where not even one row may be shown
 * @throws the database's own error
 */
export async function fetchRows(
  client: ClientBase,
  before: readonly string[],
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
    let step = await submit(client, new PortalStep(collected, { before, sql }));
    while (step.suspended && !collected.enough) step = await submit(client, new PortalStep(collected));
  } catch (error) {
    if (!collected.full) throw error;
  } finally {
    guard.maxRowBytes = Infinity;
  }
  return collected.result();
}

/** Runs statements without rows in one message, each ended before the next begins; the first error ends them all. */
export async function runTogether(client: ClientBase, statements: readonly string[]): Promise<void> {
  const [sql = '', ...before] = statements.toReversed();
  const none = new RowCollector({ maxRows: 0, maxBytes: 0 });
  await submit(client, new PortalStep(none, { before: before.toReversed(), sql }));
}

function submit(client: ClientBase, step: PortalStep): Promise<PortalStep> {
  client.query(step);
  return step.done;
}

/** One portion: the messages up to a Sync, and what the database answers before it is ready again. */
class PortalStep implements Submittable {
  suspended = false;
  /** Statements before the query that have not been answered yet. */
  private ahead: number;
  readonly done: Promise<PortalStep>;
  private resolve!: (step: PortalStep) => void;
  private reject!: (error: unknown) => void;

  /** With a statement the first portion, without one the next. */
  constructor(
    private readonly collected: RowCollector,
    private readonly statements?: { readonly before: readonly string[]; readonly sql: string },
  ) {
    this.ahead = statements?.before.length ?? 0;
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: Connection): void {
    connection.stream.cork();
    if (this.statements !== undefined) {
      const { before, sql } = this.statements;
      const prepare = (text: string): void => {
        connection.parse({ name: '', text, types: [] }, true);
        connection.bind({ statement: '', values: [] }, true);
      };
      for (const text of before) {
        prepare(text);
        connection.execute({ portal: '', rows: '0' }, true);
      }
      prepare(sql);
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
    if (this.ahead === 0) this.collected.add(fields);
  }

  handlePortalSuspended(): void {
    this.suspended = true;
  }

  handleCommandComplete(): void {
    // The end of the rows of one statement; the portion ends with ReadyForQuery.
    if (this.ahead > 0) this.ahead -= 1;
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
