import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../src/servers/subscriptions.js';

/** A listener that takes as long over each beginning as a test lets it. */
function slowListener() {
  const said: string[] = [];
  const waiting: (() => void)[] = [];
  const wait = () => new Promise<void>((resolve) => waiting.push(resolve));
  const subscriptions = new Subscriptions({
    begun: async (uri) => {
      said.push(`begin ${uri}`);
      await wait();
      said.push(`begun ${uri}`);
    },
    ended: async (uri) => {
      said.push(`end ${uri}`);
      await wait();
      said.push(`ended ${uri}`);
    },
  });
  /** Lets everything go on that waits, until nothing does. */
  const settle = async () => {
    for (let idle = 0; idle < 10; idle += 1) {
      if (waiting.length > 0) idle = 0;
      for (const go of waiting.splice(0)) go();
      await Promise.resolve();
    }
  };
  return { said, subscriptions, settle };
}

describe('subscriptions', () => {
  it('begin with the first and end with the last', async () => {
    const { said, subscriptions, settle } = slowListener();
    const both = [subscriptions.add('x'), subscriptions.add('x')];
    await settle();
    await Promise.all(both);
    subscriptions.remove('x');
    await settle();
    expect(said).toEqual(['begin x', 'begun x']);
    subscriptions.remove('x');
    await settle();
    expect(said.slice(2)).toEqual(['end x', 'ended x']);
  });

  it('that end and begin again do so one after the other, however quickly', async () => {
    const { said, subscriptions, settle } = slowListener();
    const first = subscriptions.add('x');
    subscriptions.remove('x');
    const second = subscriptions.add('x');
    const other = subscriptions.add('y');
    await settle();
    await Promise.all([first, second, other]);
    expect(said.filter((line) => line.endsWith('x'))).toEqual([
      'begin x',
      'begun x',
      'end x',
      'ended x',
      'begin x',
      'begun x',
    ]);
  });

  it('that were refused may be tried again, and are known then', async () => {
    const ended: string[] = [];
    let mayBegin = false;
    const subscriptions = new Subscriptions({
      begun: () => (mayBegin ? Promise.resolve() : Promise.reject(new Error('no'))),
      ended: async (uri) => void ended.push(uri),
    });
    const refused = [subscriptions.add('x'), subscriptions.add('x')];
    const again = refused[0]!.catch(() => {
      mayBegin = true;
      return subscriptions.add('x');
    });
    await expect(refused[1]).rejects.toThrow('no');
    await again;
    subscriptions.remove('x');
    await expect.poll(() => ended).toEqual(['x']);
  });

  it('that begin after one that is refused too late are known', async () => {
    const ended: string[] = [];
    let refusals = 1;
    const subscriptions = new Subscriptions({
      begun: () => ((refusals -= 1) < 0 ? Promise.resolve() : Promise.reject(new Error('no'))),
      ended: async (uri) => void ended.push(uri),
    });
    const refused = subscriptions.add('x');
    subscriptions.remove('x');
    const second = subscriptions.add('x');
    await expect(refused).rejects.toThrow('no');
    await second;
    subscriptions.remove('x');
    await expect.poll(() => ended).toEqual(['x']);
  });
});
