import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import type { QueryLimits } from '../../../src/servers/database/engine.js';
import { QueryError } from '../../../src/servers/database/query-error.js';
import { ENGINES, type OpenedShop } from './engines.js';
import { STATE } from './state.js';
import { HONEST, HOSTILE } from './statements.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 20_000, maxBytes: 1_000_000 };

describe('the statements', () => {
  it('are more than anybody would send in a day', () => {
    expect(HOSTILE.length).toBeGreaterThanOrEqual(120);
    expect(HONEST.length).toBeGreaterThanOrEqual(80);
    expect(new Set(HOSTILE.map(({ sql }) => sql)).size).toBe(HOSTILE.length);
  });
});

describe.each(ENGINES)('all layers together before $name', ({ available, open }) => {
  let shop: OpenedShop;
  let before: unknown;

  beforeAll(async () => {
    if (!available) return;
    shop = await open();
    before = await state();
  });
  afterAll(() => shop?.[Symbol.asyncDispose]());

  async function state(): Promise<unknown> {
    return (await shop.unguarded.query(STATE, limits, createOperation())).rows[0];
  }

  it.skipIf(!available).each(HONEST)('run $title', async ({ sql }) => {
    const { columns } = await shop.engine.query(sql, limits, createOperation());
    expect(columns.length).toBeGreaterThan(0);
  });

  it.skipIf(!available).each(HOSTILE)(
    'refuse what $reason, say so, and nothing has changed: $title',
    async (statement) => {
      const timeoutMs = statement.bomb === true ? 500 : limits.timeoutMs;
      const error: unknown = await shop.engine
        .query(statement.sql, { ...limits, timeoutMs }, createOperation())
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(QueryError);
      const { category, sqlstate, message } = (error as QueryError).toFailure();
      expect([category, sqlstate], message).toEqual([statement.category, statement.sqlstate]);
      expect(await state()).toEqual(before);
    },
  );
});
