import { describe, expect, it } from 'vitest';
import { decodeContents, decodeResources, decodeTemplates } from '../../../src/core/gather/decode.js';
import { MALFORMED_RESOURCES } from '../../fixtures/upstream-content.js';
import { verifies } from '../../verifies.js';

const one = (content: unknown) => decodeContents('a', 'x://y', [content]);

describe('lists', () => {
  verifies('orch:validate-resource', 'an entry that is none is reported, and the others are kept', () => {
    const { resources, malformed } = decodeResources('a', [
      { uri: 'x://1', name: 'One', title: 'T', description: 'D', mimeType: 'text/plain', size: 3 },
      ...MALFORMED_RESOURCES,
      { uri: 'x://2', name: 'Two', title: 7, description: null, mimeType: '' },
    ]);
    expect(resources).toEqual([
      { uri: 'x://1', name: 'One', title: 'T', description: 'D', mimeType: 'text/plain' },
      { uri: 'x://2', name: 'Two' },
    ]);
    expect(malformed.map(({ code, message, context }) => [code, message, context['index']])).toEqual([
      ['UPS211', 'a lists a resource without a usable "uri" (number 2)', 1],
      ['UPS211', 'a lists a resource without a usable "name" (number 3)', 2],
      ['UPS211', 'a lists a resource without a usable "uri" (number 4)', 3],
      ['UPS211', 'a lists a resource without a usable "name" (number 5)', 4],
      ['UPS211', 'a lists a resource without a usable "uri" (number 6)', 5],
      ['UPS211', 'a lists a resource without a usable "uri" (number 7)', 6],
    ]);
    expect(() => decodeContents('a', 'x://1', [{ uri: 'x://1' }])).toThrow(
      'a returned a content of x://1 with neither text nor blob',
    );
  });

  it('templates are looked at the same way', () => {
    const { templates, malformed } = decodeTemplates('a', [
      { uriTemplate: 'x://{id}', name: 'X', description: 'D' },
      { name: 'none' },
      { uriTemplate: 'y://{id}' },
    ]);
    expect(templates).toEqual([{ uriTemplate: 'x://{id}', name: 'X', description: 'D' }]);
    expect(malformed.map(({ message }) => message)).toEqual([
      'a lists a template without a usable "uriTemplate" (number 2)',
      'a lists a template without a usable "name" (number 3)',
    ]);
  });
});

describe('contents', () => {
  it.each([
    ['application/json', '{"a":1}'],
    ['application/json; charset=utf-8', ' [1]'],
    ['application/vnd.api+json', 'null'],
    ['Application/JSON', '"text"'],
    [undefined, '\n {"a":1}'],
    [undefined, '[1]'],
  ])('%s with %j is JSON', (mimeType, text) => {
    const { contents, notJson } = one({ uri: 'x://y', mimeType, text });
    expect(contents[0]).toMatchObject({ kind: 'json', data: JSON.parse(text) as unknown });
    expect(notJson).toBe(0);
  });

  it.each([
    ['text/plain', '{"a":1}', 0],
    [undefined, '{"a":', 0],
    [undefined, '12', 0],
    ['application/json', '{"a":', 1],
    ['application/json', '', 1],
    ['application/jsonx', '{}', 0],
    ['text/x-json5', '{}', 0],
  ])('%s with %j is text', (mimeType, text, expected) => {
    const { contents, notJson } = one({ uri: 'x://y', mimeType, text });
    expect(contents[0]).toMatchObject({ kind: 'text', text });
    expect(notJson).toBe(expected);
  });

  it('JSON that is nested too deeply stays text, and brackets in texts do not count', () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    expect(one({ mimeType: 'application/json', text: deep })).toMatchObject({
      contents: [{ kind: 'text', text: deep }],
      notJson: 1,
    });
    const quoted = JSON.stringify({ text: `\\"${'['.repeat(5000)}`, list: [[[{}]]] });
    expect(one({ mimeType: 'application/json', text: quoted }).contents[0]?.kind).toBe('json');
    const wide = JSON.stringify(Array.from({ length: 5000 }, () => [{}]));
    expect(one({ mimeType: 'application/json', text: wide }).contents[0]?.kind).toBe('json');
  });

  it('what would change an object’s prototype is data', () => {
    const { contents } = one({ text: '{"__proto__":{"polluted":true}}' });
    expect(JSON.stringify(contents[0])).toContain('"__proto__":{"polluted":true}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('keeps several contents, with their own URIs and types, and counts their bytes', () => {
    const { contents, bytes } = decodeContents('a', 'x://y', [
      { uri: 'x://y/1', mimeType: 'text/plain', text: 'Grüße' },
      { uri: 'x://y/2', mimeType: 'image/png', blob: 'AAECAw==' },
      { text: '' },
    ]);
    expect(contents).toEqual([
      { uri: 'x://y/1', mimeType: 'text/plain', kind: 'text', text: 'Grüße' },
      { uri: 'x://y/2', mimeType: 'image/png', kind: 'blob', blob: 'AAECAw==' },
      { uri: 'x://y', kind: 'text', text: '' },
    ]);
    expect(bytes).toBe(7 + 4);
  });

  it.each([{}, { text: 1 }, { blob: null }, null, 'text', []])('%j is no content', (content) => {
    expect(() => one(content)).toThrow('neither text nor blob');
  });
});
