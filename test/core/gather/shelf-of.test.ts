import { describe, expect, it } from 'vitest';
import { shelfOf } from '../../../src/core/gather/shelf-of.js';
import { configOf, type FileSettings } from '../../fixtures/configuration.js';

const BASE = { command: 'node', args: ['a.js'], env: { KEY: 'one' }, inherit_env: ['TOKEN'], priority: 1 };

function keyOf(more: FileSettings = {}, env: Readonly<Record<string, string>> = { TOKEN: 't-1', ANY: 'x' }) {
  const server = configOf({ a: { ...BASE, domains: ['x'], ...more } }).servers[0]!;
  return shelfOf(server, env).key;
}

describe('answers are kept apart', () => {
  it.each([
    ['value of env', { env: { KEY: 'two' } }],
    ['name in env', { env: { OTHER: 'one' } }],
    ['argument', { args: ['b.js'] }],
    ['program', { command: 'deno' }],
    ['folder', { cwd: '/elsewhere' }],
    ['protocol', { protocol: '2026-07-28' }],
    ['list of inherited variables', { inherit_env: ['TOKEN', 'ANY'] }],
  ])('for another %s', (_title, more) => {
    expect(keyOf(more)).not.toBe(keyOf());
  });

  it('for another value of an inherited variable', () => {
    expect(keyOf({}, { TOKEN: 't-2', ANY: 'x' })).not.toBe(keyOf());
  });

  it('for another environment of what is started, which gets all of it', () => {
    const started = (args: readonly string[], command = 'mcpx') => {
      const start = { url: 'http://127.0.0.1:9/sse', command: undefined, start: { command, args } };
      return (env: Readonly<Record<string, string>>) =>
        keyOf({ ...start, args: undefined, env: undefined, inherit_env: undefined }, env);
    };
    const own = started(['serve', 'database']);
    expect(own({ DATABASE_URL: 'postgres://a' })).not.toBe(own({ DATABASE_URL: 'postgres://b' }));
    expect(own({ PGPASSWORD: 'a' })).not.toBe(own({}));
    expect(own({ TERM: 'a' })).toBe(own({ TERM: 'b' }));
    for (const other of [started(['a.js'], 'node'), started(['serve', 'gateway'])]) {
      expect(other({ ANY: 'a' })).not.toBe(other({ ANY: 'b' }));
      expect(other({ PWD: '/a' })).toBe(other({ PWD: '/b' }));
    }
  });

  it('and not for what no server hears of', () => {
    expect(keyOf({ priority: 7, name: 'Other', timeout: 3 })).toBe(keyOf());
    expect(keyOf({}, { TOKEN: 't-1', ANY: 'y' })).toBe(keyOf());
  });
});
