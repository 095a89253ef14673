import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeRead, writeRead } from '../../../src/servers/gateway/reads.js';
import { configOf } from '../../fixtures/configuration.js';

const [server] = configOf({ a: { url: 'http://127.0.0.1:1/mcp', priority: 7 } }).servers;
const upstream = { server: server!, scopeOf: () => 'private' as const };

/** Names that are ours, that belong to one hop, and that JavaScript has a meaning for. */
const keys = fc.oneof(
  fc.constantFrom('mcpx/cache', 'mcpx/server', 'io.modelcontextprotocol/x', '__proto__', 'constructor', '"'),
  fc.string(),
);
const meta = fc.oneof(fc.dictionary(keys, fc.jsonValue({ maxDepth: 2 })), fc.jsonValue({ maxDepth: 1 }));
const values = fc
  .tuple(fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 })), fc.option(meta), fc.array(fc.jsonValue()))
  .map(([more, _meta, contents]) => ({ ...(_meta === null ? {} : { _meta }), ...more, contents }));

it('what was kept is written as it is described, whoever sent it, and again and again', () => {
  fc.assert(
    fc.property(values, fc.nat(), fc.nat(), (value, ageMs, ttlMs) => {
      for (const age of [ageMs, ageMs + 1]) {
        const freshness = { hit: true, source: 'config', ttlMs, ageMs: age, scope: 'private' } as const;
        const answer = { value, freshness };
        const described: unknown = JSON.parse(JSON.stringify(describeRead(upstream, answer, false)));
        expect(JSON.parse(writeRead(upstream, answer))).toEqual(described);
      }
    }),
  );
});

it('what was kept of a server is written with what the configuration says of it now', () => {
  const freshness = { hit: true, source: 'config', ttlMs: 1, ageMs: 0, scope: 'private' } as const;
  const answer = { value: { contents: [] }, freshness };
  const priorityOf = (text: string) =>
    (JSON.parse(text) as { _meta: Record<string, unknown> })._meta['mcpx/priority'];
  expect(priorityOf(writeRead(upstream, answer))).toBe(7);
  expect(priorityOf(writeRead({ server: { ...server!, priority: 8 } }, answer))).toBe(8);
});
