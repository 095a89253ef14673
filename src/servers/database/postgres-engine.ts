import { Pool, type Client, type ClientConfig, type Connection, type PoolClient } from 'pg';
import { ServeError } from '../../core/errors.js';
import { withSignal, type Operation } from '../../core/operation.js';
import { Admission, cancelled } from './admission.js';
import { describeDatabase } from './catalog.js';
import type { DatabaseDescription, Engine, QueryLimits, QueryRows } from './engine.js';
import { MessageGuard } from './message-guard.js';
import type { PostgresAddress } from './postgres-address.js';
import { requestCancel } from './postgres-cancel.js';
import { isLost, isReported, toQueryError, toServeError } from './postgres-errors.js';
import { cleanConnection, fetchRows } from './postgres-portal.js';
import { QueryError } from './query-error.js';
import type { CollectedRows } from './row-collector.js';
import { beginReadOnly, readOnlyStatements } from './read-only.js';
import { toCell, typeTable, TYPES_SQL, type TypeTable } from './values.js';

export interface PostgresEngineOptions {
  readonly address: PostgresAddress;
  readonly schemas: readonly string[];
  /** Connections at most, and so queries at once. */
  readonly maxConnections?: number;
  /** Queries that may wait for a connection before the next is told that we are busy. */
  readonly maxWaiting?: number;
  readonly connectTimeoutMs?: number;
  /** How old a description may become. */
  readonly describeEveryMs?: number;
}

/** A server that does not stop a query itself is asked to, this much later; then the connection is closed. */
const CANCEL_AFTER_MS = 100;
/** A server that has not come to the query yet takes no note of it. */
const CANCEL_AGAIN_MS = 200;
const CLOSE_AFTER_MS = 2000;

/** For our own questions to the catalogs. */
const DESCRIBE_TIMEOUT_MS = 15_000;

/** A PostgreSQL at an address, over a pool of connections that are opened when they are needed. */
export class PostgresEngine implements Engine {
  private readonly pool: Pool;
  private readonly admission: Admission;
  private readonly guards = new WeakMap<Client, MessageGuard>();
  /** Connections that have answered: when one of them is lost, the database may well be there. */
  private readonly used = new WeakSet<Client>();
  private readonly running = new Set<Promise<unknown>>();
  /**
   * Connections whose server was asked to cancel: nobody knows when it does, and by then it may be another query that it
   * stops.
   */
  private readonly cancelled = new WeakSet<Client>();
  /** Stop what runs; a signal for all of them would remember each for good. */
  private readonly cancels = new Set<() => void>();
  private stopped = false;
  private before: { readonly timeoutMs: number; readonly statements: readonly string[] } | undefined;
  private types: TypeTable = new Map();
  private described: { readonly description: DatabaseDescription; readonly at: number } | undefined;
  private describing: Promise<DatabaseDescription> | undefined;

  private constructor(
    private readonly options: PostgresEngineOptions,
    private readonly address: PostgresAddress,
    private readonly op: Operation,
  ) {
    const max = options.maxConnections ?? 5;
    this.admission = new Admission(max, options.maxWaiting ?? 64);
    this.pool = new Pool({
      ...clientConfig(address),
      // One more for our own questions, which must not wait for the callers' queries.
      max: max + 1,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      application_name: 'mcpx',
    });
    this.pool.on('error', (error) => {
      // An idle connection that the server closed; the next query gets another one.
      op.log('database.connection_lost', { error: error.message }, 'warn');
    });
    this.pool.on('connect', (client) => {
      const { connection } = client as unknown as { connection: Connection };
      this.guards.set(client, new MessageGuard(connection.stream));
      // Whoever uses the client hears of it too; without a listener it would end the process.
      client.on('error', () => undefined);
    });
  }

  /**
   * Resolves when the database has described itself.
   *
   * @throws ServeError SRV407 where it cannot be used, SRV408 where it does not let us in
   */
  static async start(options: PostgresEngineOptions, op: Operation): Promise<PostgresEngine> {
    const startedAt = performance.now();
    const own = withSignal(op, new AbortController().signal);
    let engine = new PostgresEngine(options, options.address, own);
    try {
      await engine.connectFirst().catch(async (error: unknown) => {
        if (!options.address.tlsOptional || !hasNoTls(error)) throw error;
        await engine.close();
        engine = new PostgresEngine(options, { ...options.address, tls: false }, own);
        await engine.connectFirst();
      });
      const { tables } = await engine.describe();
      op.signal.throwIfAborted();
      const { host, port, database, user } = engine.address;
      const elapsed_ms = Math.round(performance.now() - startedAt);
      const tls = engine.address.tls !== false;
      op.log('database.ready', { host, port, database, user, tls, tables: tables.length, elapsed_ms });
      return engine;
    } catch (error) {
      await engine.close();
      if (error instanceof ServeError) throw error;
      if (error instanceof QueryError) throw toServeError(error.cause ?? error, engine.address);
      throw op.signal.aborted ? op.signal.reason : toServeError(error, engine.address);
    }
  }

  async query(sql: string, limits: QueryLimits, op: Operation): Promise<QueryRows> {
    if (this.stopped) throw closed();
    const leave = await this.admission.enter(limits.timeoutMs, op);
    const run = this.attempt(sql, limits, op, leave);
    this.running.add(run);
    try {
      return await run;
    } finally {
      this.running.delete(run);
    }
  }

  async describe(): Promise<DatabaseDescription> {
    const fresh = this.options.describeEveryMs ?? 10_000;
    if (this.described !== undefined && performance.now() - this.described.at < fresh) {
      return this.described.description;
    }
    this.describing ??= this.readDescription().finally(() => (this.describing = undefined));
    return await this.describing;
  }

  /** Runs statements of our own, each in a read-only transaction, and gives their rows by column name. */
  async read(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return await this.withConnection(async (client) => {
      await client.query(
        beginReadOnly(['pg_catalog', ...this.options.schemas], {
          statement_timeout: String(DESCRIBE_TIMEOUT_MS),
        }),
      );
      const { rows } = await client.query<Record<string, unknown>>(sql);
      await client.query('ROLLBACK');
      return rows;
    });
  }

  async close(): Promise<void> {
    this.stopped = true;
    for (const cancel of this.cancels) cancel();
    this.admission.close(closed());
    await Promise.allSettled(this.running);
    if (!this.pool.ended && !this.pool.ending) await this.pool.end();
  }

  private async connectFirst(): Promise<void> {
    const client = await this.pool.connect();
    client.release();
  }

  private async attempt(
    sql: string,
    limits: QueryLimits,
    op: Operation,
    leave: () => void,
  ): Promise<QueryRows> {
    let cleaning: Promise<void> | undefined;
    const cleanLater = (client: PoolClient): void => {
      // The caller has its error while the connection is still cleaned, and the next one waits for that.
      const cleaned = this.clean(client)
        .finally(leave)
        .finally(() => this.running.delete(cleaned));
      cleaning = cleaned;
      this.running.add(cleaned);
    };
    try {
      return await this.toRows(await this.fetch(sql, limits, op, cleanLater));
    } catch (error) {
      if (op.signal.aborted) throw cancelled(op);
      if (this.stopped) throw closed();
      if (isReported(error) && error.code === '57014') throw timedOut(limits.timeoutMs);
      throw toQueryError(error, this.address);
    } finally {
      if (cleaning === undefined) leave();
    }
  }

  /**
   * A connection may have died since it was last used, and with it all the others; that shows at the first message. Each
   * of them is worth another try, and one that was opened just now is worth one.
   */
  private async fetch(
    sql: string,
    limits: QueryLimits,
    op: Operation,
    cleanLater: (client: PoolClient) => void,
  ): Promise<CollectedRows> {
    for (let again = true; ; again = false) {
      const client = await this.pool.connect();
      const wasUsed = this.used.has(client);
      try {
        const rows = await this.run(client, sql, limits, op);
        this.used.add(client);
        client.release(this.isUnusable(client));
        return rows;
      } catch (error) {
        if (isLost(error) || this.isUnusable(client)) client.release(true);
        else cleanLater(client);
        const stopped = op.signal.aborted || this.stopped;
        if (!isLost(error) || !(again || wasUsed) || stopped) throw error;
      }
    }
  }

  private async run(
    client: PoolClient,
    sql: string,
    limits: QueryLimits,
    op: Operation,
  ): Promise<CollectedRows> {
    const guard = this.guards.get(client);
    if (guard === undefined) throw new Error('a connection without its guard');
    let stop: Error | undefined;
    let asking: NodeJS.Timeout | undefined;
    let closing: NodeJS.Timeout | undefined;
    const ask = (): void => {
      void requestCancel(client, clientConfig(this.address)).catch(() => undefined);
    };
    const cancel = (): void => {
      this.cancelled.add(client);
      ask();
      asking ??= setInterval(ask, CANCEL_AGAIN_MS);
      closing ??= setTimeout(() => {
        stop = timedOut(limits.timeoutMs);
        guard.stream.destroy();
      }, CLOSE_AFTER_MS);
    };
    // The database counts each portion for itself, and may not count at all when it is out of reach.
    const watch = setTimeout(cancel, limits.timeoutMs + CANCEL_AFTER_MS);
    this.cancels.add(cancel);
    op.signal.addEventListener('abort', cancel, { once: true });
    try {
      if (op.signal.aborted || this.stopped) throw closed();
      return await fetchRows(client, this.beforeQuery(limits.timeoutMs), sql, limits, guard);
    } catch (error) {
      throw stop ?? error;
    } finally {
      clearTimeout(watch);
      clearInterval(asking);
      clearTimeout(closing);
      this.cancels.delete(cancel);
      op.signal.removeEventListener('abort', cancel);
    }
  }

  /** Whether the pool must not give a connection to anybody any more. */
  private isUnusable(client: PoolClient): boolean {
    return isBroken(client) || this.cancelled.has(client);
  }

  /** The statements that begin a transaction; mostly the same ones as for the query before. */
  private beforeQuery(timeoutMs: number): readonly string[] {
    if (this.before?.timeoutMs !== timeoutMs) {
      const settings = { statement_timeout: String(timeoutMs) };
      this.before = { timeoutMs, statements: readOnlyStatements(this.options.schemas, settings) };
    }
    return this.before.statements;
  }

  private async clean(client: PoolClient): Promise<void> {
    const timer = setTimeout(() => this.guards.get(client)?.stream.destroy(), CLOSE_AFTER_MS);
    try {
      await cleanConnection(client);
      client.release();
    } catch {
      client.release(true);
    } finally {
      clearTimeout(timer);
    }
  }

  private async withConnection<Result>(use: (client: PoolClient) => Promise<Result>): Promise<Result> {
    for (let again = true; ; again = false) {
      let client: PoolClient | undefined;
      let wasUsed = false;
      try {
        client = await this.pool.connect();
        wasUsed = this.used.has(client);
        const result = await use(client);
        this.used.add(client);
        client.release();
        return result;
      } catch (error) {
        client?.release(true);
        if (!(again || wasUsed) || client === undefined || !isLost(error)) throw error;
      }
    }
  }

  private async readDescription(): Promise<DatabaseDescription> {
    try {
      const description = await describeDatabase((sql) => this.read(sql), this.options.schemas);
      if (description.tables.length === 0 && this.described === undefined) await this.checkSchemas();
      const unchanged = JSON.stringify(description) === JSON.stringify(this.described?.description);
      this.described = {
        description: unchanged ? (this.described?.description ?? description) : description,
        at: performance.now(),
      };
      return this.described.description;
    } catch (error) {
      if (error instanceof ServeError) throw error;
      throw toQueryError(error, this.address);
    }
  }

  /** @throws ServeError for a schema that is not there, or that we may not use */
  private async checkSchemas(): Promise<void> {
    const usable = await this.read(
      `SELECT nspname::text AS name FROM pg_namespace
       WHERE has_schema_privilege(oid, 'USAGE') AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
    );
    const names = usable.map(({ name }) => String(name));
    const missing = this.options.schemas.filter((schema) => !names.includes(schema));
    if (missing.length === 0) return;
    throw new ServeError('SRV407', `${this.address.user} may not use a schema ${missing.join(', ')}.`, {
      hint: names.length === 0 ? 'It may use none.' : `It may use ${names.join(', ')}: pass --schema.`,
    });
  }

  private async toRows({ fields, rows, truncated }: CollectedRows): Promise<QueryRows> {
    // Types may be younger than our table of them.
    if (fields.some(({ dataTypeID }) => !this.types.has(dataTypeID))) {
      this.types = typeTable(await this.read(TYPES_SQL));
    }
    const { types } = this;
    return {
      columns: fields.map(({ name, dataTypeID }) => ({
        name,
        type: types.get(dataTypeID)?.name ?? 'unknown',
      })),
      rows: rows.map((row) => row.map((text, index) => toCell(text, fields[index]?.dataTypeID ?? 0, types))),
      truncated,
    };
  }
}

/** One place where the driver's configuration is made: nothing comes from the environment. */
export function clientConfig({ host, port, user, password, database, tls }: PostgresAddress): ClientConfig {
  return { host, port, user, password: password ?? '', database, ssl: tls };
}

function hasNoTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections';
}

/** Its socket was closed, by us or the server. */
function isBroken(client: PoolClient): boolean {
  const { connection } = client as unknown as { connection: Connection };
  return connection.stream.destroyed;
}

function timedOut(timeoutMs: number): QueryError {
  return new QueryError(
    'SQL504',
    '57014',
    `The query ran longer than ${timeoutMs / 1000} s and was stopped.`,
  );
}

function closed(): QueryError {
  return new QueryError('SQL505', '57P01', 'The database server is stopping.');
}
