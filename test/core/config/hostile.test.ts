import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/core/config/load.js';

/** Far above what any of these takes, far below what a careless algorithm would take. */
const SOON_MS = 5000;

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
  .concat(
    'bcdefghi'.split('').map((key, index) => `${key}: &${key} [${`*${'abcdefgh'[index]!},`.repeat(9)}]`),
  )
  .join('\n');

describe('hostile input is answered soon, and never with an accident', () => {
  it.each([
    ['brackets in brackets', '['.repeat(100_000), 'CFG103'],
    ['braces in braces', '{"a":'.repeat(50_000), 'CFG103'],
    ['mappings in mappings', lines(1200, (index) => `${' '.repeat(index)}a:`), 'CFG103'],
    ['lists in lists', '- '.repeat(100_000), 'CFG103'],
    ['an alias bomb', bomb, 'CFG103'],
    ['a hundred thousand quotes', '"'.repeat(100_000), 'CFG103'],
    ['tags and tags', '!!binary '.repeat(50_000), 'CFG103'],
    ['unknown keys', lines(20_000, (index) => `key${index}: 1`), 'CFG104'],
    ['one key again and again', lines(20_000, () => 'key: 1'), 'CFG110'],
    ['references that never end', `a: "${'${A:-'.repeat(100_000)}"`, 'CFG104'],
    ['a default of backslashes', `a: "\${A:-${'\\\\'.repeat(200_000)}"`, 'CFG104'],
    ['a key that has no end', `${'k'.repeat(900_000)}: 1`, 'CFG103'],
    ['a URL that has no end', `mcp_servers: { a: { url: "${'http://'.repeat(50_000)}" } }`, 'CFG107'],
    ['control characters', 'mcp_servers:\n  "\\u001b[2Ja": { url: "http://x" }', 'CFG106'],
  ])('%s', (_, text, code) => {
    const started = performance.now();
    const { config, problems } = checkConfig('c.yaml', text, {});
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    if (code !== 'CFG107') {
      expect(config).toBeUndefined();
      expect(problems.map((problem) => problem.code)).toContain(code);
    }
    for (const { range } of problems.slice(0, 100)) {
      expect(range.start.line).toBeGreaterThan(0);
      expect(range.start.column).toBeGreaterThan(0);
    }
  });

  it('twenty thousand servers are as many servers', () => {
    const text = `mcp_servers:\n${lines(20_000, (index) => `  s${index}: {url: "http://x"}`)}`;
    const started = performance.now();
    expect(checkConfig('c.yaml', text, {}).config?.servers).toHaveLength(20_000);
    expect(performance.now() - started).toBeLessThan(SOON_MS);
  });

  it('names of what every object has are names like any other, or refused', () => {
    const { config, problems } = checkConfig(
      'c.yaml',
      'mcp_servers: { constructor: { url: "http://x", headers: { __proto__: polluted } } }',
      {},
    );
    expect(problems).toEqual([]);
    expect(config?.servers[0]?.id).toBe('constructor');
    for (const text of [
      'mcp_servers: { __proto__: { url: "http://x" } }',
      '__proto__: { polluted: true }\nmcp_servers: { a: { url: "http://x" } }',
      'mcp_servers: { a: { url: "http://x", __proto__: { priority: 1 } } }',
      '{ "mcpServers": { "__proto__": { "url": "http://x" } } }',
    ]) {
      const refused = checkConfig('c.yaml', text, { MCPX_SERVERS__A____PROTO____POLLUTED: '1' });
      expect(refused.config, text).toBeUndefined();
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
