import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { clearShelves, DiskStore, listShelves } from '../../../src/core/cache/disk-store.js';
import type { Entry } from '../../../src/core/cache/entry.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';

const KEY = 'a'.repeat(32);
const SHELF = { key: KEY, server: 'shop', address: 'http://127.0.0.1:1' };

function entry(value: unknown, storedAt = 1000): Entry {
  return { storedAt, scope: 'private', bytes: 100, value };
}

/** A folder that mcpx makes itself, inside one that goes away. */
function disk(maxBytes = 1_000_000) {
  const temporary = temporaryFolder();
  const folder = path.join(temporary.path, 'mcpx', 'resources');
  const troubles: Error[] = [];
  const store = (checked?: ReadonlyMap<string, string>) =>
    new DiskStore({
      folder,
      maxBytes,
      onTrouble: (error) => void troubles.push(error),
      ...(checked === undefined ? {} : { checked }),
    });
  return {
    folder,
    troubles,
    store,
    file: (key = KEY) => path.join(folder, `${key}.json`),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
}

describe('a shelf on disk', () => {
  it('comes back whole, private to the user', () => {
    using at = disk();
    const entries = [
      ['list', { ...entry({ items: [{ uri: 'x://\u0000\ud800', ['__proto__']: 1 }] }), hintMs: 5 }],
      ['read x', entry('y')],
    ] as const;
    at.store().write(SHELF, entries);
    expect(at.store().read(KEY)).toEqual(entries);
    expect(statSync(at.folder).mode & 0o777).toBe(0o700);
    expect(statSync(at.file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(at.folder)).toEqual([`${KEY}.json`]);
    expect(at.store().read('b'.repeat(32))).toEqual([]);
  });

  it.each([
    ['is cut off', (text: string) => text.slice(0, -10)],
    ['was changed', (text: string) => text.replace('secret', 'forged')],
    ['is another server\u2019s', (text: string) => text.replace(KEY, 'b'.repeat(32))],
    ['has another format', (text: string) => text.replace('"format":1', '"format":2')],
    ['is no JSON', () => 'garbage'],
    ['is empty', () => ''],
  ])('counts as not there when it %s', (_title, damage) => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('secret')]]);
    writeFileSync(at.file(), damage(readFileSync(at.file(), 'utf8')));
    expect(at.store().read(KEY)).toEqual([]);
    const store = at.store();
    store.read(KEY);
    store.write(SHELF, [['x', entry('right')]]);
    expect(at.store().read(KEY)).toEqual([['x', entry('right')]]);
    expect(at.troubles).toEqual([]);
  });

  it('that was checked before is checked again when it was written to, and not when it was only used', () => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('secret')]]);
    const before = new Date(Date.now() - 120_000.4);
    utimesSync(at.file(), before, before);
    const first = at.store();
    expect(first.read(KEY)).toHaveLength(1);
    expect(statSync(at.file()).atimeMs).toBeGreaterThan(before.getTime() + 60_000);
    const again = at.store(first.stamps);
    expect(again.read(KEY)).toHaveLength(1);
    expect(again.stamps).toEqual(first.stamps);
    writeFileSync(at.file(), readFileSync(at.file(), 'utf8').replace('secret', 'forged'));
    expect(at.store(first.stamps).read(KEY)).toEqual([]);
  });

  it('is not believed where others can write it, nor through a link', () => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('mine')]]);
    chmodSync(at.file(), 0o666);
    expect(at.store().read(KEY)).toEqual([]);
    chmodSync(at.file(), 0o600);
    chmodSync(at.folder, 0o777);
    expect(at.store().read(KEY)).toEqual([]);
    chmodSync(at.folder, 0o700);
    expect(at.store().read(KEY)).toHaveLength(1);
    symlinkSync(at.file(), at.file('c'.repeat(32)));
    expect(at.store().read('c'.repeat(32))).toEqual([]);
  });

  it('keeps what another process has learned meanwhile, the newer of the same', () => {
    using at = disk();
    const [one, two] = [at.store(), at.store()];
    one.read(KEY);
    two.read(KEY);
    one.write(SHELF, [
      ['a', entry('one', 2000)],
      ['b', entry('one', 2000)],
    ]);
    two.write(SHELF, [
      ['b', entry('two', 3000)],
      ['c', entry('two', 3000)],
    ]);
    one.write(SHELF, [
      ['a', entry('one', 2000)],
      ['b', entry('one', 2000)],
    ]);
    expect(
      Object.fromEntries(
        at
          .store()
          .read(KEY)
          .map(([name, { value }]) => [name, value]),
      ),
    ).toEqual({
      a: 'one',
      b: 'two',
      c: 'two',
    });
  });

  it('does not come back when another process has cleared it', () => {
    using at = disk();
    at.store().write(SHELF, [['a', entry('old')]]);
    const running = at.store();
    const read = running.read(KEY);
    expect(clearShelves(at.folder)).toBe(1);
    const learned = entry('new');
    running.write(SHELF, [...read, ['b', learned]]);
    expect(at.store().read(KEY)).toEqual([['b', learned]]);
    // Nor what it has written itself before that.
    expect(clearShelves(at.folder)).toBe(1);
    running.write(SHELF, [
      ['b', learned],
      ['c', entry('newer')],
    ]);
    expect(
      at
        .store()
        .read(KEY)
        .map(([name]) => name),
    ).toEqual(['c']);
  });

  it('forgets one by one only so many names, then all', () => {
    using at = disk();
    const [one, two] = [at.store(), at.store()];
    one.read(KEY);
    two.write(SHELF, [['kept', entry('old', 1000)]]);
    for (let index = 0; index <= 10_000; index += 1) one.forget(KEY, `made up ${index}`, 2000);
    one.write(SHELF, [['new', entry('new', 3000)]]);
    expect(
      at
        .store()
        .read(KEY)
        .map(([name]) => name),
    ).toEqual(['new']);
  });

  it('goes when it cannot be replaced: what it holds may be outdated', () => {
    using at = disk();
    at.store().write(SHELF, [['a', entry('old')]]);
    mkdirSync(`${at.file()}.${process.pid}.new`);
    const store = at.store();
    store.read(KEY);
    store.write(SHELF, [['a', entry('new')]]);
    expect(at.troubles).toHaveLength(1);
    expect(at.store().read(KEY)).toEqual([]);
  });

  it('does not get back what was forgotten here', () => {
    using at = disk();
    const [one, two] = [at.store(), at.store()];
    one.read(KEY);
    two.read(KEY);
    two.write(SHELF, [
      ['a', entry('old', 1000)],
      ['b', entry('old', 1000)],
    ]);
    one.forget(KEY, 'a', 2000);
    one.write(SHELF, []);
    expect(
      at
        .store()
        .read(KEY)
        .map(([name]) => name),
    ).toEqual(['b']);
  });
});

describe('the folder', () => {
  verifies(
    'orch:cache-limit',
    'never holds more than it may: what was unused for longest leaves first',
    () => {
      using at = disk(5000);
      const keys = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32));
      for (const [index, key] of keys.slice(0, 3).entries()) {
        at.store().write({ ...SHELF, key }, [['x', entry('y'.repeat(1300))]]);
        const usedAt = new Date(Date.now() - (10 - index) * 60_000);
        utimesSync(at.file(key), usedAt, usedAt);
      }
      // A use counts: the first is now the last to leave.
      expect(at.store().read(keys[0]!)).toHaveLength(1);
      at.store().write({ ...SHELF, key: keys[3]! }, [['x', entry('y'.repeat(1300))]]);
      expect(readdirSync(at.folder).sort()).toEqual([keys[0], keys[2], keys[3]].map((key) => `${key}.json`));
    },
  );

  it('of a server that is larger alone keeps its newest answers', () => {
    using at = disk(5000);
    const entries = [1, 2, 3, 4, 5, 6].map((time) => [`x${time}`, entry('y'.repeat(1000), time)] as const);
    at.store().write(SHELF, entries);
    expect(statSync(at.file()).size).toBeLessThanOrEqual(5000);
    expect(
      at
        .store()
        .read(KEY)
        .map(([name]) => name),
    ).toEqual(['x3', 'x4', 'x5', 'x6'].slice(-at.store().read(KEY).length));
    expect(at.store().read(KEY).length).toBeGreaterThan(1);
  });

  it('loses what a killed process left half-written, after a while', () => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('y')]]);
    const left = `${at.file()}.12345.new`;
    writeFileSync(left, 'half');
    at.store().write(SHELF, [['x', entry('y')]]);
    expect(existsSync(left)).toBe(true);
    utimesSync(left, new Date(0), new Date(Date.now() - 3_600_000));
    at.store().write(SHELF, [['x', entry('y')]]);
    expect(existsSync(left)).toBe(false);
  });

  it('loses what nobody has used for a month', () => {
    using at = disk();
    const old = 'b'.repeat(32);
    at.store().write({ ...SHELF, key: old }, [['x', entry('y')]]);
    utimesSync(at.file(old), new Date(0), new Date(Date.now() - 31 * 24 * 3_600_000));
    at.store().write(SHELF, [['x', entry('y')]]);
    expect(readdirSync(at.folder)).toEqual([`${KEY}.json`]);
  });

  it.skipIf(process.getuid?.() !== 0)('of another user is neither believed nor written', () => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('mine')]]);
    chownSync(at.file(), 12_345, 12_345);
    expect(at.store().read(KEY)).toEqual([]);
    chownSync(at.file(), 0, 0);
    chownSync(at.folder, 12_345, 12_345);
    const store = at.store();
    expect(store.read(KEY)).toEqual([]);
    store.write(SHELF, [['x', entry('new')]]);
    expect(at.troubles).toHaveLength(1);
    chownSync(at.folder, 0, 0);
    expect(at.store().read(KEY)).toEqual([['x', entry('mine')]]);
  });

  it('that cannot be written costs the cache and says so once', () => {
    using at = disk();
    mkdirSync(path.dirname(at.folder), { recursive: true });
    writeFileSync(at.folder, 'a file where the folder should be');
    const store = at.store();
    expect(store.read(KEY)).toEqual([]);
    store.write(SHELF, [['x', entry('y')]]);
    store.write(SHELF, [['x', entry('y')]]);
    expect(at.troubles).toHaveLength(1);
    expect(listShelves(at.folder)).toEqual([]);
  });

  it('is listed and emptied, by server too; foreign files stay', () => {
    using at = disk();
    at.store().write(SHELF, [['x', entry('y')]]);
    at.store().write({ ...SHELF, key: 'b'.repeat(32), server: 'other' }, [
      ['x', entry('y')],
      ['z', entry('y')],
    ]);
    writeFileSync(path.join(at.folder, 'notes.txt'), 'mine');
    expect(
      listShelves(at.folder)
        .map(({ server, entries }) => `${server} ${entries.length}`)
        .sort(),
    ).toEqual(['other 2', 'shop 1']);
    expect(clearShelves(at.folder, ['other'])).toBe(1);
    expect(listShelves(at.folder).map(({ server }) => server)).toEqual(['shop']);
    writeFileSync(at.file('d'.repeat(32)), 'garbage');
    expect(clearShelves(at.folder)).toBe(2);
    expect(readdirSync(at.folder)).toEqual(['notes.txt']);
  });
});
