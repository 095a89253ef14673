import { describe, expect, it } from 'vitest';
import { ResourceCache, type CacheMode, type Loaded, type Question } from '../../../src/core/cache/cache.js';
import { DiskStore } from '../../../src/core/cache/disk-store.js';
import type { CachePolicy } from '../../../src/core/cache/lifetime.js';
import { createOperation } from '../../../src/core/operation.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';

const SHELF = { key: 'a'.repeat(32), server: 'a', address: 'http://a' };
const POLICY: CachePolicy = { ttlMs: 1000, isOwn: false, honorServerHints: true };

/** A cache on a clock that a test moves, and a server that counts. */
function world(maxBytes = 1_000_000) {
  let time = 1_000_000;
  const asked: string[] = [];
  const cache = new ResourceCache({ maxBytes, now: () => time });
  const load = (name: string, more: Partial<Question> = {}, answer: Partial<Loaded<string>> = {}) =>
    cache.load(
      { shelf: SHELF, name, policy: POLICY, mode: 'use', accepts: () => true, ...more },
      async () => {
        asked.push(name);
        return { value: `${name} ${asked.length}`, ...answer };
      },
      createOperation(),
    );
  return { cache, asked, load, pass: (ms: number) => (time += ms) };
}

describe('the time to live', () => {
  verifies('orch:cache-expiry', 'is obeyed to the millisecond, and the age is told', async () => {
    const { load, pass, asked } = world();
    expect((await load('x')).freshness).toEqual({
      hit: false,
      source: 'config',
      ttlMs: 1000,
      ageMs: 0,
      scope: 'private',
    });
    pass(999);
    expect(await load('x')).toEqual({
      value: 'x 1',
      freshness: { hit: true, source: 'config', ttlMs: 1000, ageMs: 999, scope: 'private' },
    });
    pass(1);
    expect((await load('x')).value).toBe('x 2');
    expect(asked).toEqual(['x', 'x']);
  });

  it.each([
    ['a hint above 0 counts', { hintMs: 50 }, {}, { ttlMs: 50, source: 'server-hint' }],
    ['a hint of a year counts as a day', { hintMs: 3e10 }, {}, { ttlMs: 86_400_000, source: 'server-hint' }],
    ['a hint of 0 counts', { hintMs: 0 }, {}, { ttlMs: 0, source: 'server-hint' }],
    ['unless the server has a time', { hintMs: 0 }, { isOwn: true }, { ttlMs: 1000, source: 'config' }],
    ['or hints are off', { hintMs: 50 }, { honorServerHints: false }, { ttlMs: 1000, source: 'config' }],
    ['a public answer says so', { scope: 'public' }, {}, { ttlMs: 1000, source: 'config', scope: 'public' }],
  ] as const)('%s', async (_title, answer, policy, freshness) => {
    const { load, asked } = world();
    const question = { policy: { ...POLICY, ...policy } };
    expect((await load('x', question, answer)).freshness).toMatchObject(freshness);
    await load('x', question, answer);
    expect(asked).toHaveLength(freshness.ttlMs === 0 ? 2 : 1);
  });

  it('of the configuration now decides, not the one of then', async () => {
    const { load, pass, asked } = world();
    await load('x');
    pass(500);
    await load('x', { policy: { ...POLICY, ttlMs: 400 } });
    expect(asked).toHaveLength(2);
  });

  verifies('orch:no-cache', '0 asks every time and keeps nothing', async () => {
    const { cache, load, asked } = world();
    const off = { policy: { ...POLICY, ttlMs: 0 } };
    await Promise.all([load('x', off), load('x', off)]);
    expect((await load('x', off)).freshness.source).toBe('none');
    expect(asked).toHaveLength(3);
    expect(cache.bytes).toBe(0);
  });

  it('has not begun where the clock was set back', async () => {
    const { load, pass, asked } = world();
    await load('x');
    pass(-1);
    await load('x');
    expect(asked).toHaveLength(2);
  });
});

describe('modes', () => {
  it('refresh asks first and reads what is kept meanwhile, for the case that asking fails', async () => {
    using folder = temporaryFolder();
    const of = (value: string) => {
      const store = new DiskStore({ folder: folder.path, maxBytes: 1_000_000 });
      store.write(SHELF, [['x', { storedAt: 1, scope: 'private', bytes: 100, value }]]);
      return store;
    };
    const cache = new ResourceCache({ maxBytes: 1_000_000, disk: of('before'), now: () => 2 });
    const question = {
      shelf: SHELF,
      name: 'x',
      policy: POLICY,
      mode: 'refresh',
      accepts: () => true,
    } as const;
    const answer = await cache.load(
      { ...question, isAlone: true, mayBeStale: () => true },
      () => {
        of('while it was asked');
        return Promise.reject(new Error('down'));
      },
      createOperation(),
    );
    expect(answer).toMatchObject({ value: 'while it was asked', freshness: { stale: true } });
  });

  it('refresh asks and keeps, off asks and leaves what is kept alone', async () => {
    const { load } = world();
    await load('x');
    expect((await load('x', { mode: 'refresh' })).value).toBe('x 2');
    expect((await load('x')).value).toBe('x 2');
    expect((await load('x', { mode: 'off' })).value).toBe('x 3');
    expect((await load('x')).value).toBe('x 2');
  });

  it('an answer that must not be kept takes the older one with it', async () => {
    const { cache, load } = world();
    await load('x', {}, { hintMs: 900 });
    expect((await load('x', { mode: 'refresh' }, { hintMs: 0 })).value).toBe('x 2');
    expect((await load('x')).value).toBe('x 3');
    expect(cache.peek(SHELF, 'x')).toBe('x 3');
  });

  it('an answer that is for one caller alone is not kept', async () => {
    const { cache, load, asked } = world();
    const answer = await load('x', {}, { isForKeeping: false, scope: 'public' });
    expect(answer.freshness).toEqual({ hit: false, source: 'none', ttlMs: 0, ageMs: 0, scope: 'public' });
    expect(cache.bytes).toBe(0);
    await load('x');
    expect(asked).toEqual(['x', 'x']);
  });

  it('a kept value of another shape is asked for anew', async () => {
    const { load, asked } = world();
    await load('x');
    await load('x', { accepts: () => false });
    expect(asked).toHaveLength(2);
  });
});

describe('the limit', () => {
  verifies(
    'orch:cache-limit',
    'is never exceeded: what was not used for the longest time leaves first',
    async () => {
      const { cache, load, asked } = world(10_000);
      const big = 'x'.repeat(3000);
      for (const name of ['a', 'b', 'c']) await load(name, {}, { value: big });
      await load('a', {}, { value: big });
      await load('d', {}, { value: big });
      expect(cache.bytes).toBeLessThanOrEqual(10_000);
      for (const name of ['a', 'c', 'd']) await load(name, {}, { value: big });
      expect(asked).toEqual(['a', 'b', 'c', 'd']);
      await load('b', {}, { value: big });
      expect(asked).toEqual(['a', 'b', 'c', 'd', 'b']);
    },
  );

  it('is no reason to fail for an answer that is larger', async () => {
    const { cache, load } = world(1000);
    expect((await load('x', {}, { value: 'y'.repeat(5000) })).value).toHaveLength(5000);
    expect(cache.bytes).toBe(0);
  });
});

describe('shared loads', () => {
  function slow() {
    const { cache } = world();
    const calls: {
      signal: AbortSignal;
      answer: (value: string, more?: Partial<Loaded<string>>) => void;
      fail: (error: Error) => void;
    }[] = [];
    const load = (signal = new AbortController().signal, mode: CacheMode = 'use') =>
      cache.load(
        { shelf: SHELF, name: 'x', policy: POLICY, mode, accepts: () => true },
        (op) =>
          new Promise<Loaded<string>>((resolve, reject) => {
            calls.push({
              signal: op.signal,
              answer: (value, more = {}) => resolve({ value, ...more }),
              fail: reject,
            });
          }),
        createOperation({ signal }),
      );
    return { cache, calls, load };
  }

  it('ask once for all who wait', async () => {
    const { calls, load } = slow();
    const both = Promise.all([load(), load()]);
    calls[0]!.answer('once');
    expect((await both).map(({ value }) => value)).toEqual(['once', 'once']);
    expect(calls).toHaveLength(1);
  });

  it('live on when the first caller gives up, and end with the last', async () => {
    const { calls, load } = slow();
    const first = new AbortController();
    const second = new AbortController();
    const one = load(first.signal);
    const two = load(second.signal);
    first.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    expect(calls[0]!.signal.aborted).toBe(false);
    second.abort(new Error('me too'));
    await expect(two).rejects.toThrow('me too');
    expect(calls[0]!.signal.aborted).toBe(true);
  });

  it('that fail are told to all, and the next one asks again', async () => {
    const { calls, load } = slow();
    const both = Promise.allSettled([load(), load()]);
    calls[0]!.fail(new Error('down'));
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = load();
    calls[1]!.answer('up');
    expect((await next).value).toBe('up');
  });

  it('are joined by no refresh, whose own is joined and kept, whichever ends first', async () => {
    const { calls, load } = slow();
    const signal = new AbortController().signal;
    const before = load();
    const refresh = load(signal, 'refresh');
    const after = load();
    expect(calls).toHaveLength(2);
    calls[1]!.answer('new');
    expect((await refresh).value).toBe('new');
    expect((await after).value).toBe('new');
    calls[0]!.answer('old');
    expect((await before).value).toBe('old');
    expect((await load()).value).toBe('new');
    expect(calls).toHaveLength(2);

    const again = load(signal, 'refresh');
    const another = load(signal, 'refresh');
    calls[3]!.answer('newest');
    expect((await another).value).toBe('newest');
    // That it must not be kept says nothing of what was asked for after it.
    calls[2]!.answer('newer', { hintMs: 0 });
    expect((await again).value).toBe('newer');
    expect((await load()).value).toBe('newest');
  });

  verifies('orch:cache-expiry', 'are not kept where the answer was dropped meanwhile', async () => {
    const { cache, calls, load } = slow();
    const before = load();
    cache.drop(SHELF, 'x');
    const after = load();
    calls[0]!.answer('old');
    calls[1]!.answer('new');
    expect((await before).value).toBe('old');
    expect((await after).value).toBe('new');
    expect((await load()).value).toBe('new');
  });
});

describe('dropping', () => {
  it('also counts for an answer that comes after it', async () => {
    const { cache, load } = world();
    let answer: (value: string) => void = () => undefined;
    const before = cache.load(
      { shelf: SHELF, name: 'x', policy: POLICY, mode: 'use', accepts: () => true },
      () => new Promise<Loaded<string>>((resolve) => (answer = (value) => resolve({ value }))),
      createOperation(),
    );
    cache.drop(SHELF, 'x');
    answer('old');
    expect((await before).value).toBe('old');
    expect((await load('x')).value).toBe('x 1');
  });

  it('takes one answer, or all of a server and none of another', async () => {
    const { cache, load, asked } = world();
    const other = { shelf: { ...SHELF, key: 'b'.repeat(32) } };
    await load('x');
    await load('y');
    await load('z', other);
    cache.drop(SHELF, 'x');
    await load('y');
    expect(asked).toEqual(['x', 'y', 'z']);
    cache.drop(SHELF);
    await load('y');
    await load('z', other);
    expect(asked).toEqual(['x', 'y', 'z', 'y']);
  });

  it('of all of a server finds what came after others had left for want of room', async () => {
    const { cache, load, asked } = world(400);
    for (const name of ['1', '2', '3', '4', '5', '6', '7', '8', '9']) await load(name.repeat(60));
    await load('last');
    cache.drop(SHELF);
    expect(cache.bytes).toBe(0);
    await load('last');
    expect(asked).toHaveLength(11);
  });
});

describe('expiring', () => {
  it('ends the time of all answers of a server, and keeps them for a failure', async () => {
    const { cache, load, asked } = world();
    const other = { shelf: { ...SHELF, key: 'b'.repeat(32) } };
    await load('x');
    await load('z', other);
    cache.expire(SHELF);
    const failing = cache.load<string>(
      { shelf: SHELF, name: 'x', policy: POLICY, mode: 'use', accepts: () => true, mayBeStale: () => true },
      () => Promise.reject(new Error('down')),
      createOperation(),
    );
    expect(await failing).toMatchObject({ value: 'x 1', freshness: { stale: true } });
    await load('x');
    await load('x');
    await load('z', other);
    expect(asked).toEqual(['x', 'z', 'x']);
  });
});

describe('stale answers', () => {
  const failing = { mayBeStale: () => true };

  it('stand in for a failure where that is allowed, and say how old they are', async () => {
    const { cache, load, pass } = world();
    await load('x');
    pass(5000);
    const failure = new Error('down');
    const ask = (more: Partial<Question>) =>
      cache.load<string>(
        { shelf: SHELF, name: 'x', policy: POLICY, mode: 'use', accepts: () => true, ...more },
        () => Promise.reject(failure),
        createOperation(),
      );
    await expect(ask({})).rejects.toThrow('down');
    expect(await ask(failing)).toMatchObject({
      value: 'x 1',
      freshness: { hit: true, stale: true, ageMs: 5000 },
      failure,
    });
  });

  it('are none where nothing is kept', async () => {
    const { cache } = world();
    const question = { shelf: SHELF, name: 'x', policy: POLICY, mode: 'use', accepts: () => true } as const;
    await expect(
      cache.load({ ...question, ...failing }, () => Promise.reject(new Error('down')), createOperation()),
    ).rejects.toThrow('down');
  });
});
