import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixSource, type Source } from '../../../src/core/config/fix.js';
import { describeProblem } from '../../../src/core/config/problem.js';
import { validateMetadataBytes, validateMetadataText } from '../../../src/servers/metadata/validate.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { run } from '../../fixtures/io.js';

const check = (source: Source) =>
  validateMetadataText('m.json', source.text, source.hasByteOrderMark).problems;
const codes = (text: string) => check({ text, hasByteOrderMark: false }).map(({ code }) => code);

const GOOD = [
  '{',
  '  "version": "2",',
  '  "product_aliases": {',
  '    "lamp":  { "canonical_id": "L1", "canonical_name": "Lamp", "aliases": ["desk lamp"] },',
  '    "kite":  { "canonical_id": "17", "canonical_name": "Kite", "aliases": [] }',
  '  },',
  '  "column_mappings": { "revenue": "SUM(sales.total)" }',
  '}',
  '',
].join('\r\n');

describe('a correction of product metadata', () => {
  it.each([
    ['a misspelt key of the file', GOOD.replace('column_mappings', 'column_mapings')],
    ['a misspelt key of a product', GOOD.replace('"aliases": [] ', '"alises": [] ')],
    ['a text for a list', GOOD.replace('["desk lamp"]', '"desk lamp"')],
    ['a number for a text', GOOD.replace('"17"', '17')],
    ['a comma behind the last entry', GOOD.replace('"aliases": [] }', '"aliases": [] },')],
    ['several such commas', GOOD.replace('"desk lamp"', '"desk lamp",').replace('total)" ', 'total)", ')],
    ['no-break spaces', GOOD.replaceAll('":  {', '":\u00a0 {')],
    [
      'all of them',
      GOOD.replace('product_aliases', 'product_alias')
        .replace('["desk lamp"]', '"desk lamp"')
        .replace('"2"', '2')
        .replace('"17"', '17')
        .replace('total)" ', 'total)", '),
    ],
  ])('%s: the problem is gone, and everything else stays byte for byte', (_, text) => {
    expect(codes(text).length).toBeGreaterThan(0);
    const { text: corrected, fixed } = fixSource({ text, hasByteOrderMark: false }, check);
    expect(corrected).toBe(GOOD);
    expect(fixed.length).toBeGreaterThan(0);
    expect(codes(corrected)).toEqual([]);
  });

  it.each([
    ['two keys that may mean the same', GOOD.replace('"aliases": [] ', '"alises": [], "aliasess": ["x"] ')],
    ['a misspelt key beside the right one', GOOD.replace('"aliases": [] ', '"aliases": [], "alises": [] ')],
    ['a number that may be written otherwise', GOOD.replace('"17"', '1.50')],
    ['an alias of two products', GOOD.replace('"aliases": []', '"aliases": ["desk lamp"]')],
    ['a key twice', GOOD.replace('"kite": ', '"lamp": ')],
  ])('%s: nobody can say what is meant, and nothing is written', (_, text) => {
    expect(codes(text).length).toBeGreaterThan(0);
    expect(fixSource({ text, hasByteOrderMark: false }, check)).toMatchObject({ text, fixed: [] });
  });

  it('tells in one run what is wrong with the value of a misspelt key, and with the other products', () => {
    const text = GOOD.replace('"aliases": [] ', '"alises": "desk lamp" ').replace('SUM(', 'SUM((');
    expect(check({ text, hasByteOrderMark: false }).map(describeProblem)).toEqual([
      'm.json:5:64 error CFG104 unknown key "alises" in product_aliases.kite; did you mean "aliases"?',
      'm.json:5:74 error CFG105 aliases must be a list, not a text; write ["desk lamp"]',
      expect.stringContaining('warning CFG125'),
    ]);
  });

  it('warns of a byte order mark, and takes it away', () => {
    const { problems } = validateMetadataBytes('m.json', Buffer.from(`\ufeff${GOOD}`));
    expect(problems.map(describeProblem)).toEqual([
      'm.json:1:1 warning CFG126 the file begins with a byte order mark; save it as UTF-8 without one; other programs stumble over it',
    ]);
    expect(fixSource({ text: GOOD, hasByteOrderMark: true }, check)).toMatchObject({
      text: GOOD,
      hasByteOrderMark: false,
    });
  });
});

describe('mcpx validate-config --metadata --fix', () => {
  const BROKEN = `\ufeff${GOOD.replace('["desk lamp"]', '"desk lamp"').replace('"version"', '"verison"')}`;

  it('corrects the file, alone and beside configurations, and reports what is left', async () => {
    using folder = temporaryFolder();
    const file = folder.write('m.json', BROKEN);
    const config = folder.write('c.yaml', 'mcp_servers:\n  a: { url: "http://localhost/sse", domains: p }\n');
    const ran = await run(['validate-config', '--fix', 'c.yaml', '--metadata', 'm.json'], {
      cwd: folder.path,
    });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout.split('\n').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'c.yaml:2:46 fixed CFG105',
      'm.json:1:1 fixed CFG126',
      'm.json:2:3 fixed CFG104',
      'm.json:4:75 fixed CFG105',
      '2 files: 0',
      '',
    ]);
    expect(readFileSync(file, 'utf8')).toBe(GOOD);
    expect(readFileSync(config, 'utf8')).toContain('domains: [p]');
  });

  it('--dry-run prints the diff and writes nothing', async () => {
    using folder = temporaryFolder();
    const file = folder.write('m.json', BROKEN);
    const ran = await run(['validate-config', '--fix', '--dry-run', '--metadata', 'm.json'], {
      cwd: folder.path,
    });
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('--- a/m.json');
    expect(readFileSync(file, 'utf8')).toBe(BROKEN);
  });

  it.each(['json', 'github', 'sarif'])(
    'its problems come as %s too, with the edits of the fix',
    async (format) => {
      using folder = temporaryFolder();
      folder.write('m.json', GOOD.replace('["desk lamp"]', '"desk lamp"'));
      const ran = await run(['validate-config', '--format', format, '--metadata', 'm.json'], {
        cwd: folder.path,
      });
      expect(ran).toMatchObject({ status: 3, stderr: '' });
      expect(ran.stdout).toContain('CFG105');
      if (format !== 'github') expect(ran.stdout).toContain(String.raw`"[\"desk lamp\"]"`);
    },
  );
});
