import type { Transport } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { Sessions } from '../../src/servers/sessions.js';

/** A session's transport that leaves the book when it is closed, as the real ones do. */
function open(sessions: Sessions, id: string): void {
  const transport: Transport = {
    start: async () => undefined,
    send: async () => undefined,
    close: async () => sessions.remove(id),
  };
  sessions.makeRoom();
  sessions.add(id, { transport });
}

describe('the sessions of the legacy era', () => {
  it('are closed after ten idle minutes, when the next one opens', () => {
    let nowMs = 0;
    const sessions = new Sessions(() => nowMs);
    open(sessions, 'old');
    nowMs = 6 * 60_000;
    open(sessions, 'young');
    nowMs = 12 * 60_000;
    open(sessions, 'new');
    expect(['old', 'young', 'new'].map((id) => sessions.find(id) !== undefined)).toEqual([false, true, true]);
  });

  it('stay while something is open, however long', () => {
    let nowMs = 0;
    const sessions = new Sessions(() => nowMs);
    open(sessions, 'streaming');
    const release = sessions.use('streaming');
    nowMs = 60 * 60_000;
    open(sessions, 'a');
    expect(sessions.find('streaming')).toBeDefined();
    release();
    nowMs += 60 * 60_000;
    open(sessions, 'b');
    expect(sessions.find('streaming')).toBeUndefined();
  });

  it('give way to a new one at the limit, the longest idle first, and are refused when all are in use', () => {
    let nowMs = 0;
    const sessions = new Sessions(() => nowMs, 2);
    open(sessions, 'a');
    nowMs = 1;
    open(sessions, 'b');
    open(sessions, 'c');
    expect(['a', 'b', 'c'].map((id) => sessions.find(id) !== undefined)).toEqual([false, true, true]);
    sessions.use('b');
    sessions.use('c');
    expect(() => open(sessions, 'd')).toThrow('Too many sessions');
    expect(sessions.size).toBe(2);
  });
});
