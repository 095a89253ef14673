import { expect, it } from 'vitest';
import { selects } from '../../../src/core/gather/select.js';

it.each([
  ['product-aliases://*', 'product-aliases://list', true],
  ['product-aliases://*', 'product-aliases://', true],
  ['product-aliases://*', 'x-product-aliases://list', false],
  ['*', '', true],
  ['', '', true],
  ['', 'x', false],
  ['*://list', 'a://b/list', false],
  ['*/list', 'a://b/list', true],
  ['a://?', 'a://1', true],
  ['a://?', 'a://', false],
  ['a://?', 'a://12', false],
  ['a*b*c', 'a--b--b--c', true],
  ['a*b*c', 'a--b--b--', false],
  ['a.c', 'abc', false],
  ['[a]', 'a', false],
  ['a(b|c)$', 'a(b|c)$', true],
  ['**', 'line\nbreak', true],
])('the glob %j and %j: %s', (glob, uri, expected) => {
  expect(selects({ include: [glob], exclude: [] }, uri)).toBe(expected);
});

it('takes everything unless told otherwise; excluding wins', () => {
  expect(selects({ exclude: [] }, 'x://y')).toBe(true);
  expect(selects({ include: [], exclude: [] }, 'x://y')).toBe(false);
  expect(selects({ include: ['x://*'], exclude: ['*/secret*'] }, 'x://y')).toBe(true);
  expect(selects({ include: ['x://*'], exclude: ['*/secret*'] }, 'x://secret')).toBe(false);
});

it('no pair of glob and URI takes long', () => {
  const started = performance.now();
  expect(selects({ include: [`${'*a'.repeat(40)}b`], exclude: [] }, 'a'.repeat(50_000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(2000);
});
