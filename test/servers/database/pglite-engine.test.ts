import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { ServeError } from '../../../src/core/errors.js';
import type { QueryLimits, QueryRows } from '../../../src/servers/database/engine.js';
import type { Engine } from '../../../src/servers/database/engine.js';
import { PgliteEngine, type PgliteEngineOptions } from '../../../src/servers/database/pglite-engine.js';
import { openDatabase } from '../../../src/servers/database/source.js';
import { buildDatabase } from './build.js';
import { failureOf, RUNAWAY } from './shop-engines.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 20_000, maxBytes: 1_000_000 };

let built: Awaited<ReturnType<typeof buildDatabase>>;
let engine: Engine;

beforeAll(async () => {
  built = await buildDatabase();
  engine = await openDatabase({ kind: 'embedded', session: built.shop }, createOperation(), built.workers);
});
afterAll(() => engine.close());

function query(sql: string, other: Partial<QueryLimits> = {}, on = engine): Promise<QueryRows> {
  return on.query(sql, { ...limits, ...other }, createOperation());
}

const failure = failureOf;

describe('the embedded database', () => {
  it('refuses what nests as deep as a query may be long, again and again', async () => {
    const deep = [
      `SELECT 1${'+1'.repeat(32_000)}`,
      `SELECT ${'(SELECT '.repeat(6000)}1${')'.repeat(6000)}`,
      `SELECT ${'abs('.repeat(12_000)}1${')'.repeat(12_000)}`,
      `SELECT '${'['.repeat(32_000)}${']'.repeat(32_000)}'::jsonb`,
    ];
    for (let round = 0; round < 12; round += 1) {
      for (const sql of deep)
        expect((await failure(query(sql))).sqlstate, sql.slice(0, 20)).toMatch(/^54001|42601/);
    }
    expect((await failure(query('SELECT 1 FOR UPDATE'))).sqlstate).toBe('25006');
  });

  it('stops a sort that would fill the memory', async () => {
    const sql = `SELECT count(*) FROM (SELECT repeat('x', 300) || a FROM generate_series(1, 1000000) a ORDER BY 1 DESC) x`;
    expect((await failure(query(sql))).toFailure()).toMatchObject({
      category: 'resources',
      sqlstate: '53400',
    });
  });

  it('comes back when the runaway query held its only thread', async () => {
    await using single = await disposable({ maxWorkers: 1 });
    const runaway = failure(query(RUNAWAY, { timeoutMs: 300 }, single.engine));
    const waiting = query('SELECT 7 AS n', {}, single.engine);
    expect((await runaway).sqlstate).toBe('57014');
    expect((await waiting).rows).toEqual([[7]]);
  });

  it('tells callers beyond the queue that it is busy, and those that waited too long', async () => {
    await using single = await disposable({ maxWorkers: 1, maxWaiting: 1 });
    const runaway = failure(query(RUNAWAY, { timeoutMs: 600 }, single.engine));
    const impatient = failure(query('SELECT 1', { timeoutMs: 50 }, single.engine));
    expect((await failure(query('SELECT 1', {}, single.engine))).toFailure()).toMatchObject({
      category: 'busy',
      sqlstate: '53300',
    });
    expect((await impatient).sqlstate).toBe('53300');
    await runaway;
  });

  it('gives the thread back when the caller of a long query goes away', async () => {
    await using single = await disposable({ maxWorkers: 1 });
    const caller = new AbortController();
    const abandoned = single.engine.query(RUNAWAY, limits, createOperation({ signal: caller.signal }));
    const waiting = query('SELECT 1', {}, single.engine);
    caller.abort();
    await expect(abandoned).rejects.toMatchObject({ code: 'UPS219' });
    expect((await waiting).rows).toEqual([[1]]);
    await expect(
      single.engine.query('SELECT 1', limits, createOperation({ signal: caller.signal })),
    ).rejects.toMatchObject({ code: 'UPS219' });
  });

  it(
    'lets go of a stand-in in quiet times, and not of what it stands in for',
    { timeout: 60_000 },
    async () => {
      const { life, standIn } = standIns();
      await using own = await disposable({ maxWorkers: 2, standIn, growAfterMs: 10, idleMs: 100 });
      const long = query('SELECT pg_sleep(5)', {}, own.engine);
      expect((await query('SELECT 1', {}, own.engine)).rows).toEqual([[1]]);
      expect(life).toEqual(['made']);
      await long;
      await expect.poll(() => life).toEqual(['made', 'let go of']);
      expect((await query('SELECT 2', {}, own.engine)).rows).toEqual([[2]]);
    },
  );

  it(
    'lets go of a stand-in in quiet times, also where it has outlived what it stands in for',
    { timeout: 60_000 },
    async () => {
      const { life, standIn } = standIns();
      await using own = await disposable({ maxWorkers: 2, standIn, growAfterMs: 10, idleMs: 100 });
      const runaway = failure(query(RUNAWAY, { timeoutMs: 5000 }, own.engine));
      expect((await query('SELECT 1', {}, own.engine)).rows).toEqual([[1]]);
      expect((await runaway).sqlstate).toBe('57014');
      await expect.poll(() => life, { timeout: 20_000 }).toEqual(['made', 'let go of']);
      expect((await query('SELECT 2', {}, own.engine)).rows).toEqual([[2]]);
      expect(life).toHaveLength(2);
    },
  );

  it('says what to install when the engine is missing', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'mcpx-no-engine-'));
    try {
      // Where no node_modules is above it, the same worker finds no engine.
      const worker = join(elsewhere, 'worker.mjs');
      await copyFile(built.workers.database, worker);
      const options = { ...built.shop, workerUrl: pathToFileURL(worker) };
      const error: unknown = await PgliteEngine.start(options, createOperation()).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ServeError);
      expect(error).toMatchObject({ code: 'SRV405', fix: 'npm install @electric-sql/pglite' });
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('says that the database does not start when its snapshot is damaged', async () => {
    const options = { ...built.shop, snapshotPath: import.meta.filename, workerUrl: built.workers.database };
    await expect(PgliteEngine.start(options, createOperation())).rejects.toMatchObject({ code: 'SRV406' });
  });

  it('does not start for an operation that was stopped', async () => {
    const options = { ...built.shop, workerUrl: built.workers.database };
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(PgliteEngine.start(options, createOperation({ signal }))).rejects.toThrow('stopped');
  });
});

/** What stands in for the database, the shop again, and what became of it so far. */
function standIns() {
  const life: string[] = [];
  const standIn = () => {
    life.push('made');
    return Promise.resolve({
      session: built.shop,
      [Symbol.asyncDispose]: async () => void life.push('let go of'),
    });
  };
  return { life, standIn };
}

async function disposable(
  options: Pick<PgliteEngineOptions, 'maxWorkers' | 'maxWaiting' | 'standIn' | 'growAfterMs' | 'idleMs'>,
) {
  const started = await PgliteEngine.start(
    { ...built.shop, workerUrl: built.workers.database, ...options },
    createOperation(),
  );
  return { engine: started, [Symbol.asyncDispose]: () => started.close() };
}
