import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueryPolicy } from '../../../src/servers/database/query-policy.js';
import { buildDatabase } from './build.js';

let built: Awaited<ReturnType<typeof buildDatabase>>;
let policy: QueryPolicy;

beforeAll(async () => {
  built = await buildDatabase();
  policy = await QueryPolicy.start(built.workers.policy, { schemas: ['shop'] });
});
afterAll(() => policy.close());

/** Too long to be checked without the thread. */
const long = (sql: string): string => sql.padEnd(3000);

async function verdict(asked: QueryPolicy, sql: string): Promise<string> {
  return asked.check(sql).then(
    () => 'passed',
    (error: { readonly sqlstate: string }) => error.sqlstate,
  );
}

describe('the query policy', () => {
  it.each([
    ['short', (sql: string) => sql],
    ['long', long],
  ])('remembers what may run only as long as the same is served: %s queries', async (_, sized) => {
    policy.setOptions({ schemas: ['shop'] });
    const sql = sized('SELECT * FROM shop.sales');
    await policy.check(sql);
    await policy.check(sql);
    policy.setOptions({ schemas: ['public'] });
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
    policy.setOptions({ schemas: ['shop'] });
    // Asked under these options, answered under the next.
    const asked = policy.check(sql);
    // Only until it is sent: no answer comes before the next turn of the event loop.
    for (let turn = 0; turn < (sized === long ? 10 : 1); turn += 1) await Promise.resolve();
    policy.setOptions({ schemas: ['public'] });
    await asked;
    await expect(policy.check(sql)).rejects.toMatchObject({ sqlstate: '42501' });
  });

  it('answers many at once, each its own, in either way', async () => {
    policy.setOptions({ schemas: ['public'] });
    const asked = Array.from({ length: 200 }, (_, n) => {
      const sql = n % 2 === 0 ? `SELECT ${n}` : `SELECT pg_sleep(${n})`;
      return verdict(policy, n % 4 < 2 ? sql : long(sql));
    });
    expect(await Promise.all(asked)).toEqual(
      Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? 'passed' : '42501')),
    );
  });

  it('refuses what the end of its thread left unanswered, and has a new one for the next', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcpx-policy-'));
    try {
      const mortal = join(folder, 'mortal.mjs');
      await writeFile(
        mortal,
        `import { parentPort } from 'node:worker_threads';
         parentPort.on('message', ({ sql }) => sql?.includes('the end') && process.exit(1));
         await import(${JSON.stringify(built.workers.policy.href)});`,
      );
      const own = await QueryPolicy.start(pathToFileURL(mortal), { schemas: ['public'] });
      try {
        expect(await verdict(own, long('SELECT 1'))).toBe('passed');
        const before = own.check(long("SELECT 'the end'"));
        const after = own.check(long('SELECT 2'));
        for (const unanswered of [before, after]) {
          await expect(unanswered).rejects.toMatchObject({
            code: 'SQL505',
            sqlstate: '54001',
            message: 'The query could not be checked, so it was not run.',
          });
        }
        expect(await verdict(own, 'SELECT 3')).toBe('passed');
        expect(await verdict(own, long('SELECT 4'))).toBe('passed');
        // The new one knows what is served now.
        expect(await verdict(own, long('SELECT * FROM shop.sales'))).toBe('42501');
        own.setOptions({ schemas: ['shop'] });
        await expect(own.check(long("SELECT 'the end'"))).rejects.toMatchObject({ sqlstate: '54001' });
        expect(await verdict(own, long('SELECT * FROM shop.sales'))).toBe('passed');
      } finally {
        await own.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('runs nothing unchecked where the thread cannot be started', async () => {
    const nowhere = await QueryPolicy.start(new URL('nowhere.mjs', built.workers.policy), {
      schemas: ['public'],
    });
    expect(await verdict(nowhere, 'SELECT 1')).toBe('passed');
    expect(await verdict(nowhere, long('SELECT 1'))).toBe('54001');
    await nowhere.close();
    expect(await verdict(nowhere, 'SELECT 1')).toBe('57P01');
  });

  it('leaves to the thread what is too deep for where it runs, and all that follows', async () => {
    const deep = `SELECT 1${'+1'.repeat(990)}`;
    const caller = `
      import { parentPort } from 'node:worker_threads';
      import { QueryPolicy } from ${JSON.stringify(built.queryPolicy.href)};
      const policy = await QueryPolicy.start(new URL(${JSON.stringify(built.workers.policy.href)}), { schemas: [] });
      const verdicts = [];
      for (const sql of ['SELECT 2', ${JSON.stringify(deep)}, 'SELECT pg_sleep(1)', 'SELECT 3'])
        verdicts.push(await policy.check(sql).then(() => 'passed', (error) => error.sqlstate));
      await policy.close();
      parentPort.postMessage({ verdicts, checksHere: policy.checksHere });`;
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(caller)}`), {
      resourceLimits: { stackSizeMb: 0.3 },
    });
    const [answer] = (await Promise.race([
      once(thread, 'message'),
      once(thread, 'exit').then(() => ['it ended']),
    ])) as [unknown];
    await thread.terminate();
    expect(answer).toEqual({ verdicts: ['passed', 'passed', '42501', 'passed'], checksHere: false });
  });
});
