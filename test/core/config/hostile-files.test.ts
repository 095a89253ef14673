import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateConfigFile, type ValidatedFile } from '../../../src/core/config/validate.js';
import { validateMetadataFile } from '../../../src/servers/metadata/validate.js';
import { temporaryFolder } from '../../fixtures/configuration.js';

/** Of the processor, which does not depend on what else the machine has to do; each takes a tenth of it. */
const SOON_MS = 4000;

const GOOD = 'mcp_servers:\n  a:\n    url: "http://localhost/sse"\n    domains: [p]\n';
const bomb = ['x-a: &a [1,1,1,1,1,1,1,1,1,1]']
  .concat('bcdefghij'.split('').map((key, i) => `x-${key}: &${key} [${`*${'abcdefghi'[i]},`.repeat(10)}]`))
  .join('\n');
const wide = (text: string, mark: boolean, swap = false) => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
  return swap ? bytes.swap16() : bytes;
};

/** What a file is told, the first problem with its place; `''` for nothing. */
const told = ({ problems }: ValidatedFile) => {
  const [first] = problems;
  return first === undefined
    ? ''
    : `${first.range.start.line}:${first.range.start.column} ${first.severity} ${first.code} ${first.message}`;
};

async function soon<Result>(work: () => Promise<Result>): Promise<Result> {
  const started = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1000).toBeLessThan(SOON_MS);
  return result;
}

describe('a configuration of hostile bytes is answered soon, at the place of the mistake', () => {
  it.each<[string, string | Buffer, string]>([
    ['an alias bomb', `${bomb}\n${GOOD}`, '2:10 error CFG103 aliases stand for too much of the file'],
    [
      'merge keys',
      `x-b: &b { priority: 1 }\n${GOOD}    <<: *b\n`,
      '6:5 error CFG104 unknown key "<<" in mcp_servers.a',
    ],
    [
      '__proto__ as a server',
      `${GOOD}  __proto__: {}\n`,
      '5:3 error CFG106 this cannot be the id of a server',
    ],
    [
      '__proto__ as a setting',
      `${GOOD}    __proto__: {}\n`,
      '5:5 error CFG104 unknown key "__proto__" in mcp_servers.a',
    ],
    ['a key twice', `${GOOD}    url: x\n`, '5:5 error CFG110 this key stands in the mapping already'],
    [
      'a key that is a list',
      `${GOOD}    ? [a, b]\n    : 1\n`,
      '2:3 error CFG104 unknown key "[ a, b ]" in mcp_servers.a',
    ],
    [
      'ten megabytes',
      Buffer.alloc(10_000_000, 'a: 1\n'),
      '1:1 error CFG102 c.yaml is larger than a configuration can be (1 MiB)',
    ],
    ['a hundred thousand brackets', '['.repeat(100_000), '1:102 error CFG103 this is nested too deeply'],
    [
      'a hundred thousand braces of JSON',
      '{"a":'.repeat(100_000),
      '1:506 error CFG103 this is nested too deeply',
    ],
    [
      'Latin-1',
      Buffer.concat([Buffer.from(`${GOOD}    name: caf`), Buffer.from([0xe9, 0x0a])]),
      '5:14 error CFG102 c.yaml is not UTF-8 text',
    ],
    [
      'a character that is cut off',
      Buffer.concat([Buffer.from(`${GOOD}    name: é`), Buffer.from([0xf0, 0x9f])]),
      '5:12 error CFG102 c.yaml is not UTF-8 text',
    ],
    [
      'a surrogate',
      Buffer.concat([Buffer.from(GOOD), Buffer.from([0xed, 0xa0, 0x80])]),
      '5:1 error CFG102 c.yaml is not UTF-8 text',
    ],
    ['UTF-16', wide(GOOD, true), '1:1 error CFG102 c.yaml is not UTF-8 text'],
    ['UTF-16 of the other order', wide(GOOD, true, true), '1:1 error CFG102 c.yaml is not UTF-8 text'],
    ['UTF-16 without a mark', wide(GOOD, false), '1:2 error CFG103 a control character (U+0000) stands here'],
    ['line ends of Windows', GOOD.replaceAll('\n', '\r\n'), ''],
    [
      'a mistake behind line ends of Windows',
      `${GOOD}    colour: red\n`.replaceAll('\n', '\r\n'),
      '5:5 error CFG104 unknown key "colour" in mcp_servers.a',
    ],
    ['a byte order mark', `\ufeff${GOOD}`, '1:1 warning CFG126 the file begins with a byte order mark'],
    ['tabs', GOOD.replaceAll('  ', '\t'), '2:1 error CFG103 tabs cannot indent in YAML'],
    ['a NUL', `${GOOD}    name: "a\0"\n`, '5:13 error CFG103 a control character (U+0000) stands here'],
    [
      'an escape sequence',
      `${GOOD}    name: "\u001b[31m"\n`,
      '5:12 error CFG103 a control character (U+001B) stands here',
    ],
    ['only NULs', Buffer.alloc(100_000), '1:1 error CFG103 a control character (U+0000) stands here'],
    ['a line without end', `${GOOD}    name: ${'x'.repeat(900_000)}\n`, ''],
    [
      'a mistake at the end of such a line',
      `${GOOD.trimEnd()}\n    args: [${'x, '.repeat(50_000)}{}]\n`,
      '5:150012 error CFG105 entry 50001 of args: expected a text',
    ],
    [
      'flags that nothing follows',
      `${GOOD}    name: "${'--token '.repeat(50_000)}${' '.repeat(400_000)}"\n`,
      '',
    ],
    ['questions', `${GOOD}    name: "${'?'.repeat(400_000)}${'&a'.repeat(200_000)}"\n`, ''],
    ['beginnings of keys', `${GOOD}    name: "${'-sk-'.repeat(100_000)}${'-eyJ'.repeat(100_000)}"\n`, ''],
    [
      'references that never end',
      `${GOOD}    x-a: Bearer ${'${'.repeat(200_000)}\n`,
      '5:10 error CFG106 a "${" here begins no reference that can be read',
    ],
    ['addresses that never end', `${GOOD}    name: "${'://a'.repeat(200_000)}"\n`, ''],
    [
      'a thousand mistakes in a line',
      `mcp_servers: { ${Array.from({ length: 1000 }, (_, i) => `s${i}: 1`).join(', ')} }`,
      '1:20 error CFG105 s0 must be a mapping, not a number',
    ],
  ])('%s', async (_, content, expected) => {
    using folder = temporaryFolder();
    folder.write('c.yaml', content);
    const file = await soon(() => validateConfigFile('c.yaml', folder.path, {}));
    expect(told(file)).toBe(expected);
    expect(({} as { priority?: unknown }).priority).toBeUndefined();
  });

  it('UTF-16 is called by its name', async () => {
    using folder = temporaryFolder();
    folder.write('marked.yaml', wide(GOOD, true));
    folder.write('bare.yaml', wide(GOOD, false));
    for (const name of ['marked.yaml', 'bare.yaml']) {
      const { problems } = await validateConfigFile(name, folder.path, {});
      expect(problems[0]?.hint).toMatch(/UTF-16.*UTF-8/);
    }
  });

  it('what is no file is answered too', async () => {
    using folder = temporaryFolder();
    mkdirSync(path.join(folder.path, 'c.yaml'));
    expect(told(await soon(() => validateConfigFile('c.yaml', folder.path, {})))).toBe(
      '1:1 error CFG102 c.yaml cannot be read',
    );
    expect(told(await soon(() => validateConfigFile('/dev/zero', folder.path, {})))).toContain('CFG102');
  });
});

const product = '"k": { "canonical_id": "A", "canonical_name": "A" }';
const META = `{ "product_aliases": { ${product} }, "column_mappings": {} }`;

describe('product metadata of hostile bytes is answered soon, at the place of the mistake', () => {
  it.each<[string, string | Buffer, string]>([
    ['a hundred thousand brackets', '['.repeat(100_000), '1:102 error CFG103 nested more than 100 deep'],
    [
      '__proto__ as a product',
      META.replace('"k"', '"__proto__"'),
      '1:24 error CFG106 "__proto__" cannot be a key',
    ],
    [
      '__proto__ as a setting',
      META.replace('{ "canonical_id"', '{ "__proto__": {}, "canonical_id"'),
      '1:31 error CFG104 unknown key "__proto__" in product_aliases.k',
    ],
    [
      'a key twice',
      META.replace(product, `${product}, ${product}`),
      '1:77 error CFG110 the key "k" stands here a second time',
    ],
    [
      'Latin-1',
      Buffer.concat([Buffer.from('{\n "'), Buffer.from([0xe9])]),
      '2:3 error CFG102 m.json is not UTF-8 text',
    ],
    ['UTF-16', wide(META, true), '1:1 error CFG102 m.json is not UTF-8 text'],
    [
      'UTF-16 without a mark',
      wide(META, false),
      '1:2 error CFG103 a key in double quotes is missing before "\\u0000"',
    ],
    ['line ends of Windows', META.replaceAll(', ', ',\r\n'), ''],
    ['a byte order mark', `\ufeff${META}`, '1:1 warning CFG126 the file begins with a byte order mark'],
    [
      'a tab within a text',
      META.replace('"A"', '"A\t"'),
      '1:47 error CFG103 a character or escape in this text is not allowed in JSON',
    ],
    [
      'a NUL',
      META.replace('"A"', '"A\0"'),
      '1:47 error CFG103 a character or escape in this text is not allowed in JSON',
    ],
    ['a text without end', `{ "a": "${'x'.repeat(5_000_000)}`, '1:8 error CFG103 the closing " is missing'],
    [
      'backslashes without end',
      `{ "a": "${'\\\\'.repeat(2_000_000)}`,
      '1:8 error CFG103 the closing " is missing',
    ],
    [
      'a number without end',
      `{ "a": ${'1'.repeat(1_000_000)}x }`,
      '1:8 error CFG103 "11111111111111111111" is no JSON value',
    ],
    ['commas', `[${','.repeat(1_000_000)}]`, '1:2 error CFG103 "," is no JSON value'],
    [
      'twenty thousand keys',
      `{${Array.from({ length: 20_000 }, (_, i) => `"key number ${i}":1`).join(',')}}`,
      '1:1 error CFG107 "product_aliases" is missing',
    ],
  ])('%s', async (_, content, expected) => {
    using folder = temporaryFolder();
    folder.write('m.json', content);
    const file = await soon(() => validateMetadataFile('m.json', folder.path));
    expect(told(file)).toBe(expected);
  });
});
