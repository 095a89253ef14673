import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import type { Engine, QueryLimits } from '../../../src/servers/database/engine.js';
import { PgliteEngine } from '../../../src/servers/database/pglite-engine.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { startGuarded } from '../../../src/servers/database/start.js';
import { buildDatabase } from './build.js';
import { STATE } from './state.js';
import { HONEST, HOSTILE } from './statements.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 20_000, maxBytes: 1_000_000 };

let engine: Engine;
/** The same database without the policy before it. */
let unguarded: Engine;
let before: unknown;

beforeAll(async () => {
  const { shop, workers } = await buildDatabase();
  const starting = PgliteEngine.start(
    { ...shop, workerUrl: workers.database, maxWorkers: 1 },
    createOperation(),
  );
  engine = await startGuarded(starting, workers);
  unguarded = await starting;
  before = await state();
});
afterAll(() => engine.close());

async function state(): Promise<unknown> {
  return (await unguarded.query(STATE, limits, createOperation())).rows[0];
}

describe('all layers together', () => {
  it('have more to stand than anybody would send in a day', () => {
    expect(HOSTILE.length).toBeGreaterThanOrEqual(120);
    expect(HONEST.length).toBeGreaterThanOrEqual(80);
    expect(new Set(HOSTILE.map(({ sql }) => sql)).size).toBe(HOSTILE.length);
  });

  it.each(HONEST)('run $title', async ({ sql }) => {
    const { columns } = await engine.query(sql, limits, createOperation());
    expect(columns.length).toBeGreaterThan(0);
  });

  it.each(HOSTILE)('refuse what $reason, say so, and nothing has changed: $title', async (statement) => {
    const timeoutMs = statement.bomb === true ? 500 : limits.timeoutMs;
    const error: unknown = await engine
      .query(statement.sql, { ...limits, timeoutMs }, createOperation())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QueryError);
    const { category, sqlstate, message } = (error as QueryError).toFailure();
    expect([category, sqlstate], message).toEqual([statement.category, statement.sqlstate]);
    expect(await state()).toEqual(before);
  });
});
