import { describe, expect, it } from 'vitest';
import { readJsonDocument } from '../../../src/servers/metadata/json-document.js';

const SAMPLE = '{"a": [1, -2.5e3, "x\\u00e9\\n"], "b": {"c": null, "": true}, "d": []}\n';

function parsed(text: string): unknown {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'refused';
  }
}

describe('reading JSON with places', () => {
  it('takes and refuses the same texts as JSON.parse, with the same values', () => {
    const changes = [
      '',
      '"',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '.',
      '-',
      'e',
      'null',
      '\\',
      '\n',
      '\u0001',
      '/',
    ];
    for (let index = 0; index <= SAMPLE.length; index += 1) {
      for (const change of changes) {
        for (const cut of [0, 1]) {
          const text = SAMPLE.slice(0, index) + change + SAMPLE.slice(index + cut);
          const document = readJsonDocument(text);
          const broken = document.complaints.some(({ kind }) => kind === 'syntax');
          expect(broken ? 'refused' : { value: document.value }, text).toEqual(parsed(text));
        }
      }
    }
  });

  it('knows where values and keys stand', () => {
    const document = readJsonDocument('{\r\n  "a": {\n    "b": [1, "two"]\n  }\n}');
    expect(document.rangeOf(['a', 'b', 1])).toMatchObject({
      start: { line: 3, column: 14 },
      end: { line: 3, column: 19 },
    });
    expect(document.keyRangeOf(['a', 'b'])).toMatchObject({ start: { line: 3, column: 5 } });
    // What is missing is shown at what it is missing from.
    expect(document.keyRangeOf(['a', 'nothing'])).toMatchObject({ start: { line: 2, column: 3 } });
    expect(document.rangeOf(['nothing', 'at', 'all'])).toMatchObject({ start: { line: 1, column: 1 } });
  });

  it.each([
    ['{"a": 1,}', 1, 8, 'a comma stands before the closing }'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'a comma or } is missing before "\\""'],
    ["{\n  'a': 1\n}", 2, 3, 'a key in double quotes is missing before "\'"'],
    ['{"a": NaN}', 1, 7, '"NaN" is no JSON value'],
    ['{"a": "open\n}', 1, 7, 'the closing " is missing'],
    ['{"a": "\\x"}', 1, 7, 'a character or escape in this text is not allowed in JSON'],
    ['{"a": [1, 2', 1, 12, 'the closing ] is missing'],
    ['', 1, 1, 'the file ends where a value should stand'],
    ['{} {}', 1, 4, 'nothing may follow the value'],
    ['// no\n{}', 1, 1, '"/" is no JSON value'],
  ])('says what is wrong with %j and where', (text, line, column, message) => {
    const { value, complaints } = readJsonDocument(text);
    expect(value).toBeUndefined();
    expect(complaints).toMatchObject([{ kind: 'syntax', message, range: { start: { line, column } } }]);
  });

  it('names keys that stand twice, and keeps the last value as JSON.parse does', () => {
    const { value, complaints } = readJsonDocument('{"a": 1,\n "b": {"c": 1, "c": 2},\n "a": 3}');
    expect(value).toEqual({ a: 3, b: { c: 2 } });
    expect(complaints).toMatchObject([
      { kind: 'duplicate-key', path: ['b', 'c'], range: { start: { line: 2, column: 16 } } },
      { kind: 'duplicate-key', path: ['a'], range: { start: { line: 3, column: 2 } } },
    ]);
  });

  it('keeps __proto__ as a key and never as a prototype', () => {
    const { value } = readJsonDocument('{"__proto__": {"polluted": true}}');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect((value as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('skips a byte order mark', () => {
    expect(readJsonDocument('\ufeff{"a":1}').value).toEqual({ a: 1 });
  });

  it('refuses nesting that would exhaust the stack', () => {
    const { complaints } = readJsonDocument('['.repeat(100_000));
    expect(complaints).toMatchObject([{ message: 'nested more than 100 deep' }]);
  });
});
