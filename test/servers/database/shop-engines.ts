import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import type { Engine, QueryRows } from '../../../src/servers/database/engine.js';
import { GuardedEngine } from '../../../src/servers/database/guarded-engine.js';
import { PgliteEngine } from '../../../src/servers/database/pglite-engine.js';
import { QueryPolicy } from '../../../src/servers/database/query-policy.js';
import { parseAddress } from '../../../src/servers/database/postgres-address.js';
import { PostgresEngine } from '../../../src/servers/database/postgres-engine.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { READER_ROLE } from '../../../src/servers/database/sample/schema.js';
import { hasPostgres, PASSWORD, startPostgres, type Postgres } from '../../fixtures/postgres.js';
import { shopFromMetadata } from '../../../src/servers/database/sample/shop.js';
import { buildDatabase, metadataPath } from './build.js';

/** Far longer than any test waits. */
export const RUNAWAY = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';

/** An engine with the sample shop in it. */
export interface Opened {
  /** With the policy before it. */
  readonly engine: Engine;
  /** The same without. */
  readonly unguarded: Engine;
  /** Queries that the database still works on, as far as it can tell. */
  activeQueries(): Promise<number>;
  close(): Promise<void>;
}

interface EngineUnderTest {
  readonly name: string;
  readonly isThere: boolean;
  open(): Promise<Opened>;
}

export const ENGINES: readonly EngineUnderTest[] = [
  { name: 'the embedded database', isThere: true, open: openEmbedded },
  { name: 'PostgreSQL', isThere: hasPostgres(), open: openPostgres },
];

async function openEmbedded(): Promise<Opened> {
  const { shop, workers } = await buildDatabase();
  const unguarded = await PgliteEngine.start({ ...shop, workerUrl: workers.database }, createOperation());
  const engine = new GuardedEngine(
    unguarded,
    await QueryPolicy.start(workers.policy, { schemas: ['public'] }),
  );
  return { engine, unguarded, activeQueries: () => Promise.resolve(0), close: () => engine.close() };
}

async function openPostgres(): Promise<Opened> {
  const { workers } = await buildDatabase();
  const server = await startShop();
  const unguarded = await PostgresEngine.start(
    { address: parseAddress(server.url(READER_ROLE)), schemas: ['public'] },
    createOperation(),
  );
  const engine = new GuardedEngine(
    unguarded,
    await QueryPolicy.start(workers.policy, { schemas: ['public'] }),
  );
  return {
    engine,
    unguarded,
    activeQueries: async () =>
      (
        await server.sql(
          `SELECT 1 FROM pg_stat_activity WHERE usename = '${READER_ROLE}' AND state = 'active'`,
        )
      ).length,
    async close() {
      await engine.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A server whose database `shop` holds the sample shop; its reading role can log in. */
export async function startShop(options?: Parameters<typeof startPostgres>[0]): Promise<Postgres> {
  const server = await startPostgres(options);
  const { setupSql = [] } = await shopFromMetadata(metadataPath);
  for (const sql of setupSql) await server.sql(sql);
  await server.sql(`ALTER ROLE ${READER_ROLE} LOGIN PASSWORD '${PASSWORD}'`);
  return server;
}

export async function failureOf(result: Promise<QueryRows>): Promise<QueryError> {
  const error: unknown = await result.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(QueryError);
  return error as QueryError;
}

/** The longest time in ms by which the event loop of this thread was late, until the promise settled. */
export async function longestDelay(until: Promise<unknown>): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  // What comes late because of the settling counts too.
  await Promise.allSettled([until]);
  await setTimeout(20);
  await until;
  delays.disable();
  return delays.max / 1e6;
}
