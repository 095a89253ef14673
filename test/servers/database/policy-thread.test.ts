import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PolicyThread } from '../../../src/servers/database/policy-thread.js';
import { buildDatabase } from './build.js';

let policy: PolicyThread;

beforeAll(async () => {
  const { workers } = await buildDatabase();
  policy = await PolicyThread.start(workers.policy, { schemas: ['shop'] });
});
afterAll(() => policy.close());

describe('the thread of the policy', () => {
  it('remembers what may run only as long as the same is served', async () => {
    const sql = 'SELECT * FROM shop.sales';
    await policy.check(sql);
    await policy.check(sql);
    policy.setOptions({ schemas: ['public'] });
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
    policy.setOptions({ schemas: ['shop'] });
    // Asked under these options, answered under the next.
    const asked = policy.check(sql);
    // Only until it is sent: no answer comes before the next turn of the event loop.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    policy.setOptions({ schemas: ['public'] });
    await asked;
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
  });

  it('answers many at once, each its own', async () => {
    policy.setOptions({ schemas: ['public'] });
    const verdicts = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        policy.check(n % 2 === 0 ? `SELECT ${n}` : `SELECT pg_sleep(${n})`).then(
          () => 'passed',
          () => 'refused',
        ),
      ),
    );
    expect(verdicts).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? 'passed' : 'refused')));
  });
});
