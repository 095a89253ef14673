import { QueryError } from './query-error.js';

/** Fetched at once; between two fetches the size of what has come is looked at. */
const ROWS_PER_FETCH = 200;

export interface RowField {
  readonly name: string;
  readonly dataTypeID: number;
}

export interface RowLimits {
  readonly maxRows: number;
  /** Of the values as PostgreSQL writes them. */
  readonly maxBytes: number;
}

/** As PostgreSQL writes it; null for NULL. */
export type TextRow = readonly (string | null)[];

export interface CollectedRows {
  readonly fields: readonly RowField[];
  readonly rows: readonly TextRow[];
  readonly truncated: boolean;
}

/** The rows of a result so far. One row more than may be shown tells whether there was more. */
export class RowCollector {
  fields: readonly RowField[] = [];
  /** What comes now is not kept. */
  full = false;
  private readonly rows: TextRow[] = [];
  private bytes = 0;

  constructor(private readonly limits: RowLimits) {}

  /** How many rows to ask for next. */
  get wanted(): number {
    return Math.min(this.limits.maxRows + 1 - this.rows.length, ROWS_PER_FETCH);
  }

  get enough(): boolean {
    return this.full || this.rows.length > this.limits.maxRows;
  }

  add(row: TextRow): void {
    // A portion that is on its way cannot be stopped; what is too much of it is not kept.
    if (this.full) return;
    for (const value of row) this.bytes += value?.length ?? 4;
    if (this.bytes <= this.limits.maxBytes) this.rows.push(row);
    else this.full = true;
  }

  /** @throws QueryError where not even one row may be shown: a result without any would say that there is none */
  result(): CollectedRows {
    const { maxRows, maxBytes } = this.limits;
    if (this.full && this.rows.length === 0) throw rowTooLarge(maxBytes);
    return { fields: this.fields, rows: this.rows.slice(0, maxRows), truncated: this.enough };
  }
}

function rowTooLarge(maxBytes: number): QueryError {
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
