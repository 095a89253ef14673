import { once } from 'node:events';
import { expect, it } from 'vitest';
import { abortable, createDeadline } from '../../../src/core/resilience/deadline.js';

const late = () => new Error('late');

it('aborts with its reason when the time is up', async () => {
  using deadline = createDeadline(1, late);
  // The timer does not keep the process alive, so something else must.
  const alive = setTimeout(() => undefined, 5000);
  await once(deadline.signal, 'abort');
  clearTimeout(alive);
  expect(deadline.signal.reason).toEqual(late());
});

it('follows its parent, now and later, with the reason of the parent', () => {
  const parent = new AbortController();
  using following = createDeadline(60_000, late, parent.signal);
  parent.abort(new Error('parent'));
  using afterwards = createDeadline(60_000, late, parent.signal);
  expect(following.signal.reason).toEqual(new Error('parent'));
  expect(afterwards.signal.reason).toEqual(new Error('parent'));
});

it('can be brought forward, and lets go of everything when disposed of', () => {
  const parent = new AbortController();
  const deadline = createDeadline(60_000, late, parent.signal);
  deadline.abort(new Error('early'));
  expect(deadline.signal.reason).toEqual(new Error('early'));
  const other = createDeadline(60_000, late, parent.signal);
  other[Symbol.dispose]();
  parent.abort();
  expect(other.signal.aborted).toBe(false);
});

it('abortable gives the result, the failure, or the reason of the signal, whichever comes first', async () => {
  const { signal } = new AbortController();
  await expect(abortable(Promise.resolve(1), signal)).resolves.toBe(1);
  await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const stop = new AbortController();
  const waiting = abortable(new Promise<never>(() => undefined), stop.signal);
  stop.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
  await expect(abortable(Promise.resolve(1), stop.signal)).rejects.toThrow('stop');
});

it('a failure that comes too late is nobody’s any more', async () => {
  const stop = new AbortController();
  stop.abort(new Error('stop'));
  await expect(abortable(Promise.reject(new Error('late')), stop.signal)).rejects.toThrow('stop');
});
