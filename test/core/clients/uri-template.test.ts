import { UriTemplate } from '@modelcontextprotocol/client';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitsTemplate } from '../../../src/core/clients/uri-template.js';

describe('a URI fits a template', () => {
  it.each([
    ['x://{id}', 'x://1', 'x://a%2Fb'],
    ['x://{id}/end', 'x://1/end'],
    ['x://{a}{b}', 'x://12'],
    ['x://{a,b}', 'x://1,2'],
    ['x://{+path}', 'x://a/b?c=d#e'],
    ['x://{+a}/{+b}.json', 'x://1/2/3.json'],
    ['x://a{/b}', 'x://a', 'x://a/b'],
    ['x://a{/b*}', 'x://a/b/c'],
    ['x://a{/b,c}', 'x://a', 'x://a/1', 'x://a/1/2'],
    ['x://a{.b}', 'x://a.b', 'x://a'],
    ['x://a{;b}', 'x://a;b=1'],
    ['x://a{#b}', 'x://a#b/c'],
    ['x://a{?b,c}', 'x://a', 'x://a?b=1', 'x://a?c=1/2', 'x://a?b=1&c=2'],
    ['x://a?b=1{&c}', 'x://a?b=1', 'x://a?b=1&c=2'],
    ['x://list', 'x://list'],
    ['x://ä{id}', 'x://ä1'],
  ])('%s: %s', (template, ...uris) => {
    for (const uri of uris) expect(fitsTemplate(template, uri), uri).toBe(true);
  });

  it.each([
    ['x://{id}', 'x://', 'x://a/b', 'y://a', 'x:/a'],
    ['x://{id}/end', 'x://1', 'x:///end', 'x://1/end/'],
    ['x://{+path}', 'x://'],
    ['x://a{/b}', 'x://a/b/c', 'x://ab'],
    ['x://a{?b}', 'x://ab', 'x://a&b'],
    ['x://list', 'x://lists', 'x://lis'],
    ['', 'x://a'],
    ['{', '{', 'x'],
    ['x://{}', 'x://', 'x://a'],
    ['x://{a', 'x://a', 'x://{a'],
    ['x://a}', 'x://a}'],
    ['x://{{a}}', 'x://{a}', 'x://1'],
  ])('and not %s: %s', (template, ...uris) => {
    for (const uri of uris) expect(fitsTemplate(template, uri), uri).toBe(false);
  });

  it('that it is the expansion of, whatever the values', () => {
    const expression = fc
      .tuple(fc.constantFrom('', '+', '#', '.', '/'), fc.constantFrom('a', 'b', 'c1', 'd_e'))
      .map(([operator, variable]) => `{${operator}${variable}}`);
    const text = fc.stringMatching(/^[a-z0-9/:.?&=+*()[\]-]{0,6}$/);
    const templates = fc
      .tuple(
        fc.array(fc.oneof(expression, text), { maxLength: 8 }),
        fc.constantFrom('', '{?a}', '{?b,c1}', '?x=1{&a,b}'),
      )
      .map(([parts, query]) => `x://${parts.join('')}${query}`);
    const value = fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' });
    const values = fc.record({ a: value, b: value, c1: value, d_e: value });
    fc.assert(
      fc.property(templates, values, (template, variables) => {
        expect(fitsTemplate(template, new UriTemplate(template).expand(variables))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('in little time, whatever a server writes', () => {
    const started = performance.now();
    const uri = `x://${'a'.repeat(10_000)}`;
    for (const expression of ['{+a}', '{a}', '{?a}', '{a*}']) {
      expect(fitsTemplate(`x://${expression.repeat(16)}!`, uri)).toBe(false);
      expect(fitsTemplate(`x://${expression.repeat(100_000)}`, uri)).toBe(false);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
