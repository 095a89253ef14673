import { expect, it } from 'vitest';
import { CircuitBreaker, type Refusal, type Verdict } from '../../../src/core/resilience/breaker.js';

class Fault extends Error {
  readonly verdict: Verdict;
  constructor(verdict: Verdict) {
    super(verdict);
    this.verdict = verdict;
  }
}

class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super('refused');
    this.refusal = refusal;
  }
}

/** A breaker of three failures and a second, its clock, and calls that end when they are told to. */
function world() {
  const changes: string[] = [];
  const clock = { at: 0 };
  const breaker = new CircuitBreaker({
    failures: 3,
    resetMs: 1000,
    judge: (error) => (error as Fault).verdict,
    refuse: (refusal) => new Refused(refusal),
    onChange: (state) => changes.push(state),
    now: () => clock.at,
  });
  const ends = (how: Verdict | 'well') =>
    breaker
      .run(async () => {
        if (how !== 'well') throw new Fault(how);
        return how;
      })
      .catch((error: unknown) => error);
  /** A call that is under way until it is told how it ends. */
  const begin = () => {
    const { promise, resolve, reject } = withResolvers();
    const ended = breaker.run(() => promise).catch((error: unknown) => error);
    return async (how: Verdict | 'well') => {
      if (how === 'well') resolve();
      else reject(new Fault(how));
      return ended;
    };
  };
  return { breaker, clock, changes, ends, begin };
}

it('lets nobody through after so many failures in a row, and says for how long and why', async () => {
  const { breaker, clock, changes, ends } = world();
  for (let count = 1; count <= 3; count += 1) {
    expect(breaker.isOpen).toBe(false);
    clock.at += 10;
    await ends('break');
  }
  expect(breaker.isOpen).toBe(true);
  clock.at += 400;
  const refused = (await ends('well')) as Refused;
  expect(refused.refusal).toMatchObject({
    retryAfterMs: 600,
    failures: 3,
    lastFailure: { verdict: 'break' },
  });
  expect(changes).toEqual(['open']);
});

it('an answer in between, good or bad, begins the count anew', async () => {
  for (const between of ['well', 'answer'] as const) {
    const { breaker, clock, ends } = world();
    for (const how of ['break', 'silence', between, 'break', 'silence'] as const) {
      clock.at += 10;
      await ends(how);
    }
    expect(breaker.isOpen, between).toBe(false);
    clock.at += 10;
    await ends('break');
    expect(breaker.isOpen, between).toBe(true);
  }
});

it('what somebody else stopped says nothing', async () => {
  const { breaker, clock, ends } = world();
  for (const how of ['break', 'break', 'none', 'none', 'none'] as const) {
    clock.at += 10;
    await ends(how);
  }
  expect(breaker.isOpen).toBe(false);
  clock.at += 10;
  await ends('break');
  expect(breaker.isOpen).toBe(true);
});

it('calls that broke together count once, those that were left without an answer each', async () => {
  const broken = world();
  for (const end of Array.from({ length: 8 }, broken.begin)) {
    broken.clock.at += 1;
    await end('break');
  }
  expect(broken.breaker.isOpen).toBe(false);
  const silent = world();
  for (const end of Array.from({ length: 3 }, silent.begin)) {
    silent.clock.at += 1;
    await end('silence');
  }
  expect(silent.breaker.isOpen).toBe(true);
});

it('calls beside which others were answered are no sign of illness', async () => {
  const { breaker, clock, ends, begin } = world();
  const slow = Array.from({ length: 8 }, begin);
  clock.at += 10;
  await ends('well');
  for (const end of slow) {
    clock.at += 1;
    await end('silence');
  }
  expect(breaker.isOpen).toBe(false);
});

it('after its time one call tries, and all others are refused until that one is through', async () => {
  const { breaker, clock, changes, ends, begin } = world();
  for (let count = 1; count <= 3; count += 1) {
    clock.at += 1;
    await ends('break');
  }
  clock.at += 1000;
  const fails = begin();
  expect(await ends('well')).toMatchObject({ refusal: { retryAfterMs: 0 } });
  clock.at += 50;
  await fails('break');
  expect(await ends('well')).toMatchObject({ refusal: { retryAfterMs: 1000 } });
  clock.at += 1000;
  // A try that is stopped proves nothing: the next one tries again, without another wait.
  await begin()('none');
  const succeeds = begin();
  expect(await ends('well')).toBeInstanceOf(Refused);
  await succeeds('well');
  expect(breaker.isOpen).toBe(false);
  expect(await ends('well')).toBe('well');
  expect(changes).toEqual(['open', 'closed']);
});

it('what began before it opened neither closes it nor makes it longer', async () => {
  const { breaker, clock, ends, begin } = world();
  const [good, bad] = [begin(), begin()];
  for (let count = 1; count <= 3; count += 1) {
    clock.at += 1;
    await ends('break');
  }
  clock.at += 500;
  await good('well');
  await bad('silence');
  expect(breaker.isOpen).toBe(true);
  expect(await ends('well')).toMatchObject({ refusal: { retryAfterMs: 500 } });
});

/** `Promise.withResolvers` exists from Node 22. */
function withResolvers() {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
