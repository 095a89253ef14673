import type { ClientBase, Connection, Submittable } from 'pg';
import type { MessageGuard } from './message-guard.js';
import { RowCollector, type CollectedRows, type RowField, type RowLimits } from './row-collector.js';

/** Undoes what a query did, and what outlives a transaction: prepared statements, locks, settings. */
const CLEANING = ['ROLLBACK', 'DISCARD ALL'];

/**
 * Runs one statement in the extended protocol, which takes no second one, and collects its rows until there are enough.
 * The statements before it, which begin the transaction, and those after it, which undo everything, go with it in one
 * message. Where one of them fails, nothing after it is run: then the connection is to be cleaned.
 * A row that alone is too large ends the connection before it is collected, and so do rows that are too large together:
 * nothing else stops them from coming.
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
    // One row more than may be shown tells whether there was more.
    const asked = { query: before.length, rows: limits.maxRows + 1, collected };
    await submit(client, new Message([...before, sql, ...CLEANING], asked));
  } catch (error) {
    if (!collected.full) throw error;
  } finally {
    guard.maxRowBytes = Infinity;
  }
  return collected.result();
}

/** Makes a connection fit for the next query where `fetchRows` has failed. */
export async function cleanConnection(client: ClientBase): Promise<void> {
  await submit(client, new Message(CLEANING));
}

function submit(client: ClientBase, message: Message): Promise<void> {
  client.query(message);
  return message.done;
}

interface Query {
  /** Which of the statements it is. */
  readonly query: number;
  readonly rows: number;
  readonly collected: RowCollector;
}

/** Statements up to one Sync: each is ended before the next begins, and the first error ends them all. */
class Message implements Submittable {
  readonly done: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;
  /** Statements that have been answered. */
  private answered = 0;
  private connection: Connection | undefined;

  constructor(
    private readonly statements: readonly string[],
    private readonly asked?: Query,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: Connection): void {
    this.connection = connection;
    connection.stream.cork();
    for (const [index, text] of this.statements.entries()) {
      const asked = index === this.asked?.query ? this.asked : undefined;
      connection.parse({ name: '', text, types: [] }, true);
      connection.bind({ statement: '', values: [] }, true);
      if (asked !== undefined) connection.describe({ type: 'P', name: '' }, true);
      connection.execute({ portal: '', rows: String(asked?.rows ?? 0) }, true);
    }
    connection.sync();
    connection.stream.uncork();
  }

  handleRowDescription({ fields }: { readonly fields: readonly RowField[] }): void {
    if (this.asked !== undefined) this.asked.collected.fields = fields;
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.asked === undefined || this.answered !== this.asked.query) return;
    const { collected } = this.asked;
    collected.add(fields);
    if (collected.full) this.connection?.stream.destroy();
  }

  handlePortalSuspended(): void {
    // As many rows as were asked for: what comes next is of the next statement.
    this.answered += 1;
  }

  handleCommandComplete(): void {
    this.answered += 1;
  }

  handleEmptyQuery(): void {
    // A statement without a statement in it: no columns, no rows.
    this.answered += 1;
  }

  handleReadyForQuery(): void {
    this.resolve();
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
