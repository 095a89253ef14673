import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../src/core/gather/at-once.js';

/** Calls that a test ends one by one. */
function world() {
  const begun: string[] = [];
  const endings = new Map<string, (error?: Error) => void>();
  const call = (item: string) => {
    begun.push(item);
    return new Promise<string>((resolve, reject) => {
      endings.set(item, (error) => (error === undefined ? resolve(item.toUpperCase()) : reject(error)));
    });
  };
  const end = async (item: string, error?: Error) => {
    endings.get(item)?.(error);
    await nextTurn();
  };
  return { begun, call, end };
}

describe('calls that are made side by side', () => {
  it('begin in order, no more of them at once than may be, and give their results in order', async () => {
    const { begun, call, end } = world();
    const all = atOnce(['a', 'b', 'c', 'd'], 2, call);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('c');
    await end('d');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    await end('a');
    expect(await all).toEqual(['A', 'B', 'C', 'D']);
  });

  it('are not begun any more once one has failed', async () => {
    const { begun, call, end } = world();
    const all = atOnce(['a', 'b', 'c', 'd'], 2, call);
    const failure = expect(all).rejects.toThrow('down');
    await end('a', new Error('down'));
    await failure;
    await end('b');
    expect(begun).toEqual(['a', 'b']);
  });

  it('may be none, or fewer than may be', async () => {
    expect(await atOnce([], 2, () => Promise.reject(new Error('called')))).toEqual([]);
    expect(await atOnce([1], 2, (item) => Promise.resolve(item + 1))).toEqual([2]);
  });
});
