import type { Operation } from '../../core/operation.js';
import type { DatabaseDescription, Engine, QueryLimits, QueryRows } from './engine.js';
import type { QueryPolicy } from './query-policy.js';
import { QueryError } from './query-error.js';

/** How old a description may be when a query is refused by it. */
const FRESH_MS = 1000;

/** A database behind the query policy: what is refused never reaches it. */
export class GuardedEngine implements Engine {
  private described: DatabaseDescription | undefined;
  private describedAt = -Infinity;

  constructor(
    private readonly engine: Engine,
    private readonly policy: QueryPolicy,
  ) {}

  async query(sql: string, limits: QueryLimits, op: Operation): Promise<QueryRows> {
    await this.check(sql, op);
    return this.engine.query(sql, limits, op);
  }

  async describe(op?: Operation): Promise<DatabaseDescription> {
    const description = await this.engine.describe(op);
    this.describedAt = performance.now();
    if (description !== this.described) {
      this.described = description;
      this.policy.setOptions(description);
    }
    return description;
  }

  async close(): Promise<void> {
    await Promise.all([this.engine.close(), this.policy.close()]);
  }

  /** A refusal may come from a table or column that is younger than our knowledge: look again, once. */
  private async check(sql: string, op: Operation): Promise<void> {
    if (this.described === undefined) await this.describe(op);
    try {
      await this.policy.check(sql);
    } catch (error) {
      const old = performance.now() - this.describedAt > FRESH_MS;
      if (!(error instanceof QueryError) || !old) throw error;
      const before = this.described;
      if ((await this.describe(op)) === before) throw error;
      await this.policy.check(sql);
    }
  }
}
