import { readFileSync } from 'node:fs';
import { createOperation } from '../../../src/core/operation.js';
import type { Engine } from '../../../src/servers/database/engine.js';
import { GuardedEngine } from '../../../src/servers/database/guarded-engine.js';
import { PgliteEngine } from '../../../src/servers/database/pglite-engine.js';
import { QueryPolicy } from '../../../src/servers/database/query-policy.js';
import { parseAddress } from '../../../src/servers/database/postgres-address.js';
import { PostgresEngine } from '../../../src/servers/database/postgres-engine.js';
import { READER_ROLE } from '../../../src/servers/database/sample/schema.js';
import { shopFromMetadata } from '../../../src/servers/database/sample/shop.js';
import { hasPostgres, PASSWORD, startPostgres } from '../../fixtures/postgres.js';
import { buildDatabase, metadataPath } from './build.js';

/** The sample shop in one engine, with one session, so that what a statement leaves behind is seen by the next. */
export interface OpenedShop extends AsyncDisposable {
  /** Behind the policy. */
  readonly engine: Engine;
  /** The same without it. */
  readonly unguarded: Engine;
}

export interface EngineUnderTest {
  readonly name: string;
  readonly available: boolean;
  /** @param setupSql run by the owner after the shop is there */
  open(setupSql?: readonly string[]): Promise<OpenedShop>;
}

/** What the owner of a database may have written: functions, operators, domains and views that spring a trap. */
export const TRAPS = readFileSync(new URL('../../data/trapped-shop.sql', import.meta.url), 'utf8');

export const ENGINES: readonly EngineUnderTest[] = [
  { name: 'the embedded database', available: true, open: openEmbedded },
  { name: 'PostgreSQL', available: hasPostgres(), open: openPostgres },
];

async function openEmbedded(setupSql: readonly string[] = []): Promise<OpenedShop> {
  const { shop, workers } = await buildDatabase();
  const session = { ...shop, setupSql: [...(shop.setupSql ?? []), ...setupSql] };
  const options = { ...session, workerUrl: workers.database, maxWorkers: 1 };
  const unguarded = await PgliteEngine.start(options, createOperation());
  const engine = new GuardedEngine(unguarded, await QueryPolicy.start(workers.policy, { schemas: [] }));
  return { engine, unguarded, [Symbol.asyncDispose]: () => engine.close() };
}

async function openPostgres(setupSql: readonly string[] = []): Promise<OpenedShop> {
  const [{ workers }, postgres, { setupSql: shop = [] }] = await Promise.all([
    buildDatabase(),
    startPostgres(),
    shopFromMetadata(metadataPath),
  ]);
  for (const sql of [...shop, ...setupSql]) await postgres.sql(sql);
  await postgres.sql(`ALTER ROLE ${READER_ROLE} LOGIN PASSWORD '${PASSWORD}'`);
  const address = parseAddress(postgres.url(READER_ROLE, { query: '?sslmode=disable' }));
  const unguarded = await PostgresEngine.start(
    { address, schemas: ['public'], maxConnections: 1 },
    createOperation(),
  );
  const engine = new GuardedEngine(unguarded, await QueryPolicy.start(workers.policy, { schemas: [] }));
  return {
    engine,
    unguarded,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await postgres[Symbol.asyncDispose]();
    },
  };
}
