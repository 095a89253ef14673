import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PendingRequests, type Ending } from '../../../src/core/clients/pending-requests.js';

const LONG_MS = 60_000;
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

/** Requests that tell how they ended. */
function world() {
  const pending = new PendingRequests();
  const endings: [number, Ending][] = [];
  const controller = new AbortController();
  const add = (id: number, timeoutMs = LONG_MS, { signal }: { signal: AbortSignal } = controller) =>
    pending.add(id, timeoutMs, signal, (ending) => endings.push([id, ending]));
  return { pending, endings, controller, add };
}

describe('requests that wait for their answers', () => {
  it('share one timer and the listener of their signal, and leave neither behind', () => {
    const { pending, endings, controller, add } = world();
    const before = timers();
    for (let id = 0; id < 50; id += 1) add(id);
    expect(timers()).toBe(before + 1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    for (let id = 0; id < 50; id += 1) pending.remove(id);
    pending.remove(7);
    expect(timers()).toBe(before);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    add(50);
    expect(timers()).toBe(before + 1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    pending.remove(50);
    expect(endings).toEqual([]);
  });

  it('end each by its own time, the shorter one first, and those that were answered do not', async () => {
    const { pending, endings, add } = world();
    const started = performance.now();
    add(1, 120);
    add(2, 40);
    add(3, 40);
    add(4, LONG_MS);
    pending.remove(3);
    await expect.poll(() => endings.length, { timeout: 10_000 }).toBe(1);
    expect(performance.now() - started).toBeGreaterThanOrEqual(38);
    await expect.poll(() => endings.length, { timeout: 10_000 }).toBe(2);
    expect(performance.now() - started).toBeGreaterThanOrEqual(118);
    expect(endings).toEqual([
      [2, { timeoutMs: 40 }],
      [1, { timeoutMs: 120 }],
    ]);
    pending.remove(4);
  });

  it('end with their signal, and with no other', () => {
    const { pending, endings, controller, add } = world();
    const other = new AbortController();
    const before = timers();
    add(1);
    add(2, LONG_MS, other);
    add(3);
    controller.abort('stopped');
    expect(endings).toEqual([
      [1, { reason: 'stopped' }],
      [3, { reason: 'stopped' }],
    ]);
    other.abort('stopped too');
    expect(endings.at(-1)).toEqual([2, { reason: 'stopped too' }]);
    expect(timers()).toBe(before);
    pending.remove(1);
  });
});
