import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';
import { environment } from '../fixtures/executable.js';
import { verifies } from '../verifies.js';

interface Soaked {
  readonly status: number;
  readonly result: {
    readonly operations: { readonly library: number; readonly executable: number };
    readonly healthy: { readonly asked: number; readonly succeeded: number };
    readonly faulty: { readonly asked: number; readonly succeeded: number };
    readonly faults: Readonly<Record<string, number>>;
    readonly samples: number;
    readonly children_left: number;
    readonly problems: number;
  };
  readonly stderr: string;
}

function soak(...args: readonly string[]): Promise<Soaked> {
  return new Promise((resolve) => {
    const env = { env: environment() };
    execFile(process.execPath, ['bench/soak.mjs', '--json', ...args], env, (error, stdout, stderr) => {
      const result = (stdout === '' ? {} : JSON.parse(stdout)) as Soaked['result'];
      resolve({ status: Number(error?.code ?? 0), result, stderr });
    });
  });
}

verifies(
  'perf:reliability',
  'healthy servers beside broken connections: every gather succeeds, and nothing is left behind',
  async () => {
    const { status, result, stderr } = await soak('--minutes', '0.1', '--seed', '7');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(result.problems).toBe(0);
    expect(result.children_left).toBe(0);
    expect(result.operations.library).toBeGreaterThan(5);
    expect(result.operations.executable).toBeGreaterThan(3);
    expect(result.samples).toBeGreaterThanOrEqual(6);
    expect(result.healthy.succeeded).toBe(result.healthy.asked);
    expect(result.healthy.asked).toBeGreaterThan(20);
    // Both sides of the proxy were seen: it broke some, and let some through.
    expect(Object.keys(result.faults).length).toBeGreaterThan(3);
    expect(result.faulty.succeeded).toBeGreaterThan(0);
    expect(result.faulty.succeeded).toBeLessThan(result.faulty.asked);
  },
  120_000,
);

it('takes no time that is none', async () => {
  for (const minutes of ['0', '-1', 'long', '100000']) {
    expect(await soak(`--minutes=${minutes}`)).toMatchObject({ status: 2 });
  }
});
