import { describe, expect, it } from 'vitest';
import { parameterHeadersOf, readParameterHeaders } from '../../../src/core/clients/parameter-headers.js';

const region = (more: object = {}) => ({ type: 'string', 'x-mcp-header': 'Region', ...more });
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('what the schema of a tool says of headers', () => {
  it('is read from properties, nested ones too', () => {
    const limit = { type: 'integer', 'x-mcp-header': 'Limit' };
    expect(readParameterHeaders(object({ region: region(), page: object({ limit }), query: {} }))).toEqual({
      isValid: true,
      declared: [
        { path: ['region'], header: 'Region' },
        { path: ['page', 'limit'], header: 'Limit' },
      ],
    });
  });

  it('is nothing where there is no schema, or a hostile one', () => {
    let nested: object = region();
    for (let depth = 0; depth < 50_000; depth += 1) nested = object({ nested });
    for (const schema of [undefined, null, true, [], 'x', {}, nested]) {
      expect(readParameterHeaders(schema)).toEqual({ isValid: true, declared: [] });
    }
  });

  it.each([
    ['a name that is empty', object({ a: region({ 'x-mcp-header': '' }) }), 'no name of a header'],
    ['a name that is no text', object({ a: region({ 'x-mcp-header': 1 }) }), 'no name of a header'],
    ['a name with a line break', object({ a: region({ 'x-mcp-header': 'a\r\nb' }) }), 'no name of a header'],
    ['an object', object({ a: region({ type: 'object' }) }), 'string, integer or boolean'],
    ['a number, whose text is not certain', object({ a: region({ type: 'number' }) }), 'integer or boolean'],
    ['one of several types', object({ a: region({ type: ['string', 'null'] }) }), 'integer or boolean'],
    ['a name taken', object({ a: region(), b: region({ 'x-mcp-header': 'REGION' }) }), 'has the same'],
    ['the arguments as a whole', region(), 'only a property'],
    ['an element of a list', object({ a: { type: 'array', items: region() } }), 'only a property'],
    ['an alternative', object({}, { anyOf: [object({ a: region() })] }), 'only a property'],
    ['what is only referred to', object({}, { $defs: { a: region() } }), 'only a property'],
  ])('is refused of %s', (_what, schema, reason) => {
    expect(readParameterHeaders(schema)).toEqual({
      isValid: false,
      reason: expect.stringContaining(reason),
    });
  });

  it('is not read from data, nor from a property of that name', () => {
    const schema = object({
      'x-mcp-header': { type: 'string' },
      a: { default: { 'x-mcp-header': '' }, const: { 'x-mcp-header': '' }, enum: [{ 'x-mcp-header': '' }] },
    });
    expect(readParameterHeaders(schema)).toEqual({ isValid: true, declared: [] });
  });
});

describe('headers of a call', () => {
  const declared = [
    { path: ['region'], header: 'Region' },
    { path: ['page', 'limit'], header: 'Limit' },
  ];

  it('repeat texts, whole numbers and truth values', () => {
    expect(parameterHeadersOf(declared, { region: 'eu', page: { limit: 3 } })).toEqual({
      'mcp-param-region': 'eu',
      'mcp-param-limit': '3',
    });
    expect(parameterHeadersOf(declared, { region: false })).toEqual({ 'mcp-param-region': 'false' });
  });

  it('leave out what is not there, null, or has no one text', () => {
    for (const region of [undefined, null, {}, ['eu'], 0.5, Number.NaN, 2 ** 53]) {
      expect(parameterHeadersOf(declared, { region, page: 'x' })).toEqual({});
    }
    expect(parameterHeadersOf(declared, undefined)).toEqual({});
  });

  it('encode what a header cannot hold', () => {
    for (const text of ['Grüße', ' padded ', 'a\r\nx-evil: 1', '', '=?base64?eA==?=']) {
      const encoded = `=?base64?${Buffer.from(text).toString('base64')}?=`;
      expect(parameterHeadersOf(declared, { region: text })).toEqual({ 'mcp-param-region': encoded });
    }
  });
});
