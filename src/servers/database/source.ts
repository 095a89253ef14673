import { ServeError } from '../../core/errors.js';
import type { Operation } from '../../core/operation.js';
import type { Engine } from './engine.js';
import { GuardedEngine } from './guarded-engine.js';
import { builtSnapshotPath, builtWorkerUrls, shippedMetadataPath, type WorkerUrls } from './package-files.js';
import { QueryPolicy } from './query-policy.js';
import type { OwnData } from './own-data.js';
import type { SessionOptions } from './pglite-session.js';
import type { RoleReport } from './postgres-role.js';

/** Which database is served, the shop that comes with mcpx or another, and how many queries may wait for it. */
export type DatabaseSource = (
  | { readonly kind: 'sample' }
  | { readonly kind: 'embedded'; readonly session: SessionOptions }
  /** The user's own, embedded. */
  | {
      readonly kind: 'own';
      /** A directory that keeps it; in memory when left out. */
      readonly directory?: string;
      /** What it is made of when it is new. */
      readonly files: OwnData;
      readonly schemas: readonly string[];
    }
  | {
      readonly kind: 'postgres';
      /** `postgres://user:password@host:port/database?sslmode=…` */
      readonly url: string;
      readonly schemas: readonly string[];
      /** Serves even as a superuser. */
      readonly allowPrivileged?: boolean;
    }
) & { readonly maxWaiting?: number };

/**
 * Starts the database with the query policy before it. The parser loads beside the database; where one of them fails,
 * the other is stopped.
 *
 * @throws ServeError SRV405 and SRV406 where the engine or the parser is missing or broken, SRV407 and SRV408 where
 *   the PostgreSQL cannot be used, SRV409 where its role may do too much
 * @throws ConfigurationError CLI901 for a URL that is none
 */
export async function openDatabase(
  source: DatabaseSource,
  op: Operation,
  workers: WorkerUrls = builtWorkerUrls(),
): Promise<Engine> {
  const [engine, policy] = await Promise.allSettled([
    openEngine(source, workers, op),
    QueryPolicy.start(workers.policy, { schemas: [] }),
  ]);
  if (engine.status === 'fulfilled' && policy.status === 'fulfilled') {
    return new GuardedEngine(engine.value, policy.value);
  }
  if (engine.status === 'fulfilled') await engine.value.close();
  if (policy.status === 'fulfilled') await policy.value.close();
  throw engine.status === 'rejected' ? engine.reason : (policy as PromiseRejectedResult).reason;
}

async function openEngine(source: DatabaseSource, workers: WorkerUrls, op: Operation): Promise<Engine> {
  if (source.kind === 'postgres') return openPostgres(source, op);
  if (source.kind === 'own') {
    const { openOwn } = await import('./own-database.js');
    return openOwn(source, builtSnapshotPath(), workers, op);
  }
  const { PgliteEngine } = await import('./pglite-engine.js');
  const session = source.kind === 'sample' ? await sampleShop() : source.session;
  return PgliteEngine.start({ ...session, workerUrl: workers.database, ...queueOf(source) }, op);
}

function queueOf({ maxWaiting }: DatabaseSource): { readonly maxWaiting?: number } {
  return maxWaiting === undefined ? {} : { maxWaiting };
}

async function sampleShop(): Promise<SessionOptions> {
  const snapshot = builtSnapshotPath();
  const { shopFromMetadata, shopFromSnapshot } = await import('./sample/shop.js');
  return snapshot === undefined ? shopFromMetadata(shippedMetadataPath()) : shopFromSnapshot(snapshot);
}

type PostgresSource = Extract<DatabaseSource, { readonly kind: 'postgres' }>;

/** Layer 5: a role that could leave the database is not used, whatever the layers before it stop. */
async function openPostgres(source: PostgresSource, op: Operation): Promise<Engine> {
  const { engine, report } = await connectPostgres(source, op);
  for (const { severity, message } of report.findings) {
    op.log('database.role', { severity, message }, 'warn');
  }
  if (report.ok || source.allowPrivileged === true) return engine;
  await engine.close();
  throw privileged(report);
}

async function connectPostgres(source: PostgresSource, op: Operation) {
  const { url, schemas } = source;
  const [{ PostgresEngine }, { parseAddress }, { inspectRole }, { toServeError }] = await Promise.all([
    import('./postgres-engine.js'),
    import('./postgres-address.js'),
    import('./postgres-role.js'),
    import('./postgres-errors.js'),
  ]);
  const address = parseAddress(url);
  const engine = await PostgresEngine.start({ address, schemas, ...queueOf(source) }, op);
  try {
    return { engine, report: await inspectRole((sql) => engine.read(sql), schemas) };
  } catch (error) {
    await engine.close();
    throw toServeError(error, address);
  }
}

/** What the role that queries run under may do; nothing is served. @throws as `openDatabase`, but for SRV409 */
export async function inspectSource(
  source: DatabaseSource,
  op: Operation,
  workers: WorkerUrls = builtWorkerUrls(),
): Promise<RoleReport> {
  if (source.kind === 'postgres') {
    const { engine, report } = await connectPostgres(source, op);
    await engine.close();
    return report;
  }
  const engine = await openEngine(source, workers, op);
  const { schemas, tables } = await engine.describe();
  await engine.close();
  const { READER_ROLE: role } = await import('./sample/schema.js');
  // Embedded, the role is ours and made for this.
  return { role, database: 'embedded', schemas, ok: true, findings: [], readable: tables.length, grants: [] };
}

function privileged({ role, findings, grants }: RoleReport): ServeError {
  const refused = findings.filter(({ severity }) => severity === 'refused').map(({ message }) => message);
  return new ServeError('SRV409', `${refused.join('; ')}.`, {
    context: { role, grants },
    hint: `Use a role that only reads (an administrator runs: ${grants.join(' ')}), or pass --allow-privileged.`,
  });
}
