import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { PGlite, protocol as pgliteProtocol } from '@electric-sql/pglite';
import { describeDatabase, quoteName } from './catalog.js';
import type { DatabaseDescription, QueryRows, ResultColumn } from './engine.js';
import { loadOwnData, readerSql, type OwnData } from './own-data.js';
import { beginReadOnly } from './read-only.js';
import { databaseError } from './query-error.js';
import { MessageSizes } from './message-guard.js';
import { RowCollector, type RowField, type RowLimits, type TextRow } from './row-collector.js';
import { toCell, typeTable, TYPES_SQL, type TypeTable } from './values.js';

/** How a database comes to life; plain data, since it crosses to a worker thread. */
export interface SessionOptions {
  /** A gzipped tarball of a data directory; without it the database starts empty, which takes seconds. */
  readonly snapshotPath?: string;
  /** The same as bytes, not compressed. */
  readonly snapshot?: Uint8Array;
  /** A directory that keeps the data; in memory when left out. Where it is new, it begins as the snapshot. */
  readonly dataDir?: string;
  /** The user's files, loaded after `setupSql`. */
  readonly own?: OwnData;
  /** Lets the role read the schemas, and makes it where it does not exist. */
  readonly grantReader?: boolean;
  /** A file with the `Described` of the snapshot, which saves asking for it. */
  readonly describedPath?: string;
  /** Run as the owner before the first query of each day (UTC). */
  readonly dailySql?: string;
  /** Run once as the owner before anybody is served. */
  readonly setupSql?: readonly string[];
  /** The role that queries run under; it must not be a superuser. */
  readonly role: string;
  readonly schemas: readonly string[];
}

/** What a session knows of its database: the same as long as nothing but rows changes. */
export interface Described {
  readonly description: DatabaseDescription;
  /** The answer to `TYPES_SQL`. */
  readonly types: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Small buffers and little log for a small database; a sort may spill 64 MB into the memory that is its disk, then it
 * fails.
 */
const SERVER_SETTINGS = [
  'shared_buffers = 16MB',
  'min_wal_size = 2MB',
  'temp_file_limit = 65536',
  'max_stack_depth = 1MB',
];

/** PGlite's RESET and DISCARD ALL leave the role as it was set first; naming the owner does not. */
const AS_OWNER = 'SET SESSION AUTHORIZATION postgres';

/** One embedded PostgreSQL. It blocks its thread while a query runs, so it lives in a worker. */
export class PgliteSession {
  /** That the rows are as old as they say. */
  private day: string | undefined;

  private constructor(
    private readonly database: PGlite,
    private readonly protocol: Protocol,
    private readonly types: TypeTable,
    private readonly options: SessionOptions,
    readonly description: DatabaseDescription,
  ) {}

  static async open(options: SessionOptions): Promise<PgliteSession> {
    const { database, protocol } = await openDatabase(options);
    const { description, types } = await described(database, options);
    return new PgliteSession(database, protocol, typeTable(types), options, description);
  }

  /** Brings the rows to the present day, where they move with the days. To be awaited by nobody who only describes. */
  async refresh(): Promise<void> {
    const { dailySql } = this.options;
    const day = today();
    if (dailySql === undefined || this.day === day) return;
    this.day = day;
    // A query that comes now waits: the engine takes one after the other.
    await this.database.exec(`${AS_OWNER}; ${dailySql}`);
  }

  /**
   * Runs one statement as the reading role in a read-only transaction that is always rolled back. The extended
   * protocol takes no second statement, and gives as many rows as we ask for.
   *
   * @throws QueryError  as the database reported it; anything else means that the session is broken
   */
  async query(sql: string, limits: RowLimits): Promise<QueryRows> {
    const { role, schemas } = this.options;
    await this.refresh();
    await this.database.exec(`SET SESSION AUTHORIZATION ${quoteName(role)}; ${beginReadOnly(schemas)}`);
    try {
      return await this.fetch(sql, limits);
    } finally {
      await this.database.exec('ROLLBACK');
      // What outlives a transaction: prepared statements, session locks, listening, settings.
      await this.database.exec('DISCARD ALL');
    }
  }

  /** The whole database as a snapshot. */
  async dump(): Promise<Uint8Array> {
    return new Uint8Array(await (await this.database.dumpDataDir('none')).arrayBuffer());
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  private async fetch(sql: string, limits: RowLimits): Promise<QueryRows> {
    const { serialize } = this.protocol;
    const collected = new RowCollector(limits);
    const next = (): Uint8Array[] => [serialize.execute({ rows: collected.wanted }), serialize.sync()];
    let suspended = await this.send(
      [serialize.parse({ text: sql }), serialize.bind(), serialize.describe({ type: 'P' }), ...next()],
      collected,
      limits.maxBytes,
    );
    while (suspended && !collected.enough) suspended = await this.send(next(), collected, limits.maxBytes);
    const { fields, rows, truncated } = collected.result();
    return {
      columns: fields.map((field) => this.column(field)),
      rows: rows.map((row) =>
        row.map((text, index) => toCell(text, fields[index]?.dataTypeID ?? 0, this.types)),
      ),
      truncated,
    };
  }

  private column(field: RowField): ResultColumn {
    return { name: field.name, type: this.types.get(field.dataTypeID)?.name ?? 'unknown' };
  }

  /** @returns whether there may be more rows */
  private async send(
    messages: readonly Uint8Array[],
    collected: RowCollector,
    maxBytes: number,
  ): Promise<boolean> {
    const parser = new this.protocol.Parser();
    const sizes = new MessageSizes();
    sizes.maxRowBytes = maxBytes;
    sizes.onLargeRow = () => (collected.full = true);
    let suspended = false;
    let error: Error | undefined;
    const take = (message: ProtocolMessage): void => {
      if (message.name === 'error') error ??= reported(errorReport(message));
      else if (message.name === 'rowDescription') collected.fields = message.fields ?? [];
      else if (message.name === 'dataRow') collected.add(message.fields as unknown as TextRow);
      else if (message.name === 'portalSuspended') suspended = true;
    };
    await this.database.execProtocolRawStream(Buffer.concat(messages), {
      onRawData: (data) => {
        // Once there is enough, what still comes is only let pass.
        if (!collected.full) parser.parse(data.slice(), take);
        sizes.read(data);
      },
    });
    if (error !== undefined) throw error;
    return suspended;
  }
}

/** Opens the database without a session's limits, for the one who builds a snapshot of it too. */
export async function openDatabase(
  options: Partial<SessionOptions>,
): Promise<{ readonly database: PGlite; readonly protocol: Protocol }> {
  const { dataDir, setupSql = [], own, grantReader, role = '', schemas = [] } = options;
  // The one is unpacked in another thread while the other is loaded.
  const [{ PGlite, protocol }, snapshot] = await Promise.all([
    import('@electric-sql/pglite'),
    readSnapshot(options),
  ]);
  const database = await PGlite.create({
    postgresqlconf: SERVER_SETTINGS,
    // Segments of 1 MB instead of 16 make the directory, and so the snapshot, a third of the size.
    initDbStartParams: ['--wal-segsize=1'],
    ...(dataDir === undefined ? {} : { dataDir: `file://${dataDir}` }),
    ...(snapshot === undefined ? {} : { loadDataDir: new LoadedFile(snapshot) }),
  });
  for (const sql of setupSql) await database.exec(sql);
  if (own !== undefined) await loadOwnData(database, own);
  if (grantReader === true) await database.exec(readerSql(role, schemas));
  return { database, protocol };
}

/** A Blob that is read at once: Node copies the parts of one twice, 14 MB in small pieces. */
class LoadedFile extends Blob {
  constructor(private readonly content: Uint8Array) {
    super([]);
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.content;
    return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  }
}

/** Unpacked here, because the engine's own decompression takes five times as long. */
async function readSnapshot(options: Partial<SessionOptions>): Promise<Uint8Array | undefined> {
  if (options.snapshotPath === undefined) return options.snapshot;
  return promisify(gunzip)(await readFile(options.snapshotPath));
}

/** What the snapshot came with, or what the reading role sees where something was added to it. */
async function described(database: PGlite, options: SessionOptions): Promise<Described> {
  const { describedPath, setupSql, own } = options;
  if (describedPath !== undefined && setupSql === undefined && own === undefined) {
    // At once: the engine has left work behind that would come first, some tenths of a second of it.
    return JSON.parse(readFileSync(describedPath, 'utf8')) as Described;
  }
  return describe(database, options);
}

/** Asks the database as the reading role. */
export async function describe(
  database: PGlite,
  { role, schemas }: Pick<SessionOptions, 'role' | 'schemas'>,
): Promise<Described> {
  const run = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await database.query<Record<string, unknown>>(sql)).rows;
  const types = await run(TYPES_SQL);
  await database.exec(`SET SESSION AUTHORIZATION ${quoteName(role)}`);
  const description = await describeDatabase(run, schemas);
  await database.exec(AS_OWNER);
  return { description, types };
}

/** The day by which data that moves with the days is as old as it says. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}

type Protocol = typeof pgliteProtocol;

/** The parts of the protocol's messages that we read. */
interface ProtocolMessage {
  readonly name: string;
  readonly fields?: readonly RowField[];
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly position?: string | undefined;
  readonly hint?: string | undefined;
}

/**
 * An error of the query, but for one: the statement is ours and always there, so when the engine misses it, it has
 * lost the message before, and its state with it.
 */
function reported(report: Parameters<typeof databaseError>[0]): Error {
  return report.sqlstate === '26000' ? new Error(report.message) : databaseError(report);
}

function errorReport(message: ProtocolMessage): Parameters<typeof databaseError>[0] {
  return {
    sqlstate: message.code ?? 'XX000',
    message: message.message ?? 'the database failed',
    position: message.position === undefined ? null : Number(message.position),
    hint: message.hint ?? null,
  };
}
