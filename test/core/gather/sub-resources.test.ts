import { expect, it } from 'vitest';
import { isPartOf, wholesOf } from '../../../src/core/gather/sub-resources.js';

it.each([
  ['file:///a/b', 'file:///a', true],
  ['file:///a/b', 'file:///a/', true],
  ['file:///a/b/c.txt', 'file:///a', true],
  ['file:///a?b', 'file:///a', true],
  ['file:///a#b', 'file:///a', true],
  ['file:///ab', 'file:///a', false],
  ['file:///a', 'file:///a', false],
  ['file:///a', 'file:///a/b', false],
  ['notes:a', 'note', false],
])('%s below %s: %s', (uri, whole, expected) => {
  expect(isPartOf(uri, whole)).toBe(expected);
  expect(wholesOf(uri)?.includes(whole)).toBe(expected || uri === whole);
});

it('a URI of very many steps, or a very long one, is not taken apart', () => {
  expect(wholesOf(`x:/${'y'.repeat(8190)}`)).toBeUndefined();
  expect(wholesOf(`x:${'/'.repeat(50)}`)).toHaveLength(51);
  expect(wholesOf(`x:${'/'.repeat(100_000)}`)).toBeUndefined();
});
