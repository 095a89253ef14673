import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'libpg-query';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';
import { describeProblem } from '../../../src/core/config/problem.js';
import { checkMetadata, loadMetadata } from '../../../src/servers/metadata/load.js';

const SHIPPED = fileURLToPath(new URL('../../../resources/product_metadata.json', import.meta.url));
const MODIFIED = '2025-01-01T00:00:00.000Z';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcpx-metadata-'));
});
afterAll(() => rm(folder, { recursive: true }));

const product = (fields: object = {}) => ({ canonical_id: 'P1', canonical_name: 'Lamp', ...fields });

/** One line a problem, as a person reads it. */
function problemsOf(file: unknown): readonly string[] {
  const text = typeof file === 'string' ? file : JSON.stringify(file, null, 1);
  return checkMetadata('m.json', text, MODIFIED).problems.map(describeProblem);
}

function products(product_aliases: object, column_mappings: object = {}) {
  return { product_aliases, column_mappings };
}

describe('the metadata file that comes with mcpx', () => {
  verifies(
    'meta:sample',
    "holds the documents' three products and ten mappings, word for word, and many more",
    async () => {
      const { metadata } = await loadMetadata(SHIPPED);
      expect(metadata.products.get('abracadabra')).toEqual({
        canonical_id: 'PROD_123',
        canonical_name: 'Magic Wand Pro',
        aliases: ['abra', 'cadabra', 'magic_wand', 'magic wand pro'],
        database_references: { 'products.product_name': 'Magic Wand Pro', 'products.product_id': 123 },
        categories: ['entertainment', 'magic', 'toys'],
      });
      expect(metadata.products.get('techgadget')?.aliases).toEqual(['tech_gadget', 'gadget_x1', 'x1']);
      expect(metadata.products.get('supersonic')?.aliases).toEqual([
        'sonic_blaster',
        'super_sonic',
        'blaster',
      ]);
      expect([...metadata.mappings].slice(0, 10)).toEqual([
        ['sales amount', 'sales.total_amount'],
        ['customer name', 'customers.full_name'],
        ['product name', 'products.product_name'],
        ['order date', 'orders.order_date'],
        ['this month', "DATE_TRUNC('month', {date_column}) = DATE_TRUNC('month', CURRENT_DATE)"],
        [
          'last month',
          "DATE_TRUNC('month', {date_column}) = DATE_TRUNC('month', CURRENT_DATE - INTERVAL '1 month')",
        ],
        ['this year', "DATE_TRUNC('year', {date_column}) = DATE_TRUNC('year', CURRENT_DATE)"],
        ['total revenue', 'SUM(sales.total_amount)'],
        ['average price', 'AVG(products.price)'],
        ['customer count', 'COUNT(DISTINCT customers.customer_id)'],
      ]);
      expect(metadata.products.size).toBeGreaterThanOrEqual(25);
      expect(metadata.mappings.size).toBeGreaterThanOrEqual(25);
    },
  );

  it('raises no warning, and its mappings are expressions to a Postgres parser', async () => {
    const { metadata, warnings } = await loadMetadata(SHIPPED);
    expect(warnings.map(describeProblem)).toEqual([]);
    for (const sql of metadata.mappings.values()) {
      await parse(`SELECT ${sql.replaceAll('{date_column}', 'orders.order_date')}`);
    }
  });

  it('gives every product its own id in the database', async () => {
    const { metadata } = await loadMetadata(SHIPPED);
    const all = [...metadata.products.values()];
    expect(new Set(all.map((each) => each.database_references['products.product_id'])).size).toBe(all.length);
    for (const { canonical_id, canonical_name, database_references } of all) {
      expect(canonical_id).toBe(`PROD_${String(database_references['products.product_id'])}`);
      expect(database_references['products.product_name']).toBe(canonical_name);
    }
  });
});

describe('checking a metadata file', () => {
  it('fills in what may be left out', () => {
    const { metadata } = checkMetadata('m.json', JSON.stringify(products({ lamp: product() })), MODIFIED);
    expect(metadata).toMatchObject({ lastUpdated: MODIFIED, version: '1.0.0' });
    expect(metadata?.products.get('lamp')).toEqual(
      product({ aliases: [], database_references: {}, categories: [] }),
    );
  });

  verifies('meta:schema', 'names every problem of the shape at its place', () => {
    const text = `{
  "version": 2,
  "last_updated": "yesterday",
  "product_aliases": {
    "lamp": { "canonical_id": "P1", "canonical_name": "", "aliases": "lamp", "colour": "red" },
    "tent": { "canonical_id": null, "aliases": [1] },
    "kite": []
  },
  "column_mapings": {}
}`;
    expect(problemsOf(text)).toEqual([
      'm.json:2:14 error CFG105 version must be a text, not a number; write "2"',
      'm.json:3:19 error CFG106 last_updated: must be a date such as 2024-01-31 or 2024-01-31T12:00:00Z',
      'm.json:5:55 error CFG106 canonical_name: must not be empty; write a text, or remove "canonical_name"',
      'm.json:5:70 error CFG105 aliases must be a list, not a text; write ["lamp"]',
      'm.json:5:78 error CFG104 unknown key "colour" in product_aliases.lamp; known here: canonical_id, canonical_name, aliases, database_references, categories',
      'm.json:6:5 error CFG107 "canonical_name" is missing in product_aliases.tent; add "canonical_name"',
      'm.json:6:31 error CFG105 canonical_id must be a text, not null; write a text',
      'm.json:6:49 error CFG105 0 must be a text, not a number; write "1"',
      'm.json:7:13 error CFG105 kite must be an object, not a list; write { "name": … }',
      'm.json:9:3 error CFG104 unknown key "column_mapings"; did you mean "column_mappings"?',
    ]);
  });

  it.each([
    ['[]', 'm.json:1:1 error CFG105 the file must be an object, not a list; write { "name": … }'],
    ['{"product_aliases": {', 'm.json:1:22 error CFG103 the closing } is missing; the file must be JSON'],
    ['', 'm.json:1:1 error CFG103 the file ends where a value should stand; the file must be JSON'],
  ])('refuses %j', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('refuses a key that stands twice, since one of the two would be lost', () => {
    const text = '{"product_aliases": {}, "column_mappings": {\n"a": "x",\n"a": "y"}}';
    expect(problemsOf(text)).toEqual([
      'm.json:3:1 error CFG110 the key "a" stands here a second time; remove or rename one of the two',
    ]);
  });

  it('takes names of built-in properties as names, and refuses __proto__', () => {
    const text = `{"product_aliases": {"constructor": ${JSON.stringify(product())}},
      "column_mappings": {"toString": "a", "__proto__": "b"}}`;
    expect(problemsOf(text)).toEqual([
      'm.json:2:44 error CFG106 "__proto__" cannot be a key; give it another name',
    ]);
    const { metadata } = checkMetadata('m.json', text.replace('"__proto__"', '"valueOf"'), MODIFIED);
    expect([...(metadata?.products.keys() ?? [])]).toEqual(['constructor']);
    expect([...(metadata?.mappings ?? [])]).toEqual([
      ['toString', 'a'],
      ['valueOf', 'b'],
    ]);
  });

  verifies('meta:malformed', 'refuses an alias that two products claim, and names both', () => {
    const file = products({
      lamp: product({ aliases: ['light'] }),
      torch: product({ canonical_id: 'P2', canonical_name: 'Torch', aliases: ['x', 'light'] }),
    });
    expect(problemsOf(file)).toEqual([
      'm.json:15:5 error CFG121 alias "light" is claimed by "lamp" too; give it to one of the two products',
    ]);
    expect(checkMetadata('m.json', JSON.stringify(file), MODIFIED).metadata).toBeUndefined();
  });

  it.each([
    ['another product’s key', { aliases: ['torch'] }, 'CFG122 alias "torch" is the key of "torch"'],
    ['another product’s id', { aliases: ['P2'] }, 'CFG122 alias "P2" is the id of "torch"'],
    ['another product’s name', { aliases: ['Torch Max'] }, 'CFG122 alias "Torch Max" is the name of "torch"'],
    [
      'a column term',
      { aliases: ['Order-Date'] },
      'CFG123 alias "Order-Date" of "lamp" is the column term "order date" too',
    ],
    [
      'the same name twice',
      { canonical_name: 'Torch Max' },
      'CFG124 "Torch Max" is the name of two products, "lamp" and "torch"',
    ],
    [
      'another spelling',
      { aliases: ['TÖRCH-max'] },
      'CFG124 name "Torch Max" differs from alias "TÖRCH-max" of "lamp" only in its spelling',
    ],
  ])('warns of an alias or name that is %s', (_, fields, warning) => {
    const torch = { canonical_id: 'P2', canonical_name: 'Torch Max' };
    const file = products({ lamp: product(fields), torch }, { 'order date': 'orders.order_date' });
    const problems = problemsOf(file);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`warning ${warning}`);
    expect(checkMetadata('m.json', JSON.stringify(file), MODIFIED).metadata).toBeDefined();
  });

  it('warns of a mapping that is no SQL expression', () => {
    expect(problemsOf(products({}, { revenue: 'SUM(sales.total_amount' }))).toEqual([
      'm.json:4:14 warning CFG125 the mapping of "revenue" is no SQL expression: a ) is missing; write an expression such as SUM(sales.total_amount)',
    ]);
  });

  it('lets a product have one name in several spellings', () => {
    expect(problemsOf(products({ lamp: product({ aliases: ['lamp', 'LAMP', 'l-amp'] }) }))).toEqual([]);
  });

  it('tells all problems in one run; an error carries as many along as anybody reads', async () => {
    const mappings = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`term ${index}`, 'a b']));
    const text = JSON.stringify(products({ a: 1 }, mappings));
    const { problems } = checkMetadata('m.json', text, MODIFIED);
    expect(problems.map(({ code }) => code)).toEqual([
      'CFG105',
      ...Array.from({ length: 500 }, () => 'CFG125'),
    ]);
    using folder = temporaryFolder();
    const failure = (await loadMetadata(folder.write('m.json', text)).catch((error: unknown) => error)) as {
      readonly context: { readonly problems: readonly unknown[] };
    };
    expect(failure.context.problems).toHaveLength(200);
  });

  it('checks ten thousand products in a moment', () => {
    const many = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, n) => [
        `p${n}x`,
        {
          canonical_id: `PROD_${n}`,
          canonical_name: `Product ${n}`,
          aliases: [`alias a${n}`, `alias b${n}`],
        },
      ]),
    );
    const begun = performance.now();
    expect(problemsOf(products(many))).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

describe('loading a metadata file', () => {
  const load = async (name: string, content?: string | Uint8Array) => {
    const file = join(folder, name);
    if (content !== undefined) await writeFile(file, content);
    return loadMetadata(file);
  };

  it('says that the file is missing', async () => {
    await expect(load('nowhere.json')).rejects.toMatchObject({
      code: 'CFG101',
      exitCode: 3,
      hint: expect.stringContaining('mcpx init'),
    });
  });

  it('says that a folder or bytes of another kind are no metadata', async () => {
    await mkdir(join(folder, 'dir.json'));
    await expect(load('dir.json')).rejects.toMatchObject({ code: 'CFG102' });
    await expect(load('latin.json', new Uint8Array([0x7b, 0xe9, 0x7d]))).rejects.toMatchObject({
      code: 'CFG102',
    });
  });

  it('throws the first error with its place, and has all of them in its context', async () => {
    await expect(
      load('broken.json', '{\n "product_aliases": 1,\n "column_mappings": 2 }'),
    ).rejects.toMatchObject({
      code: 'CFG105',
      exitCode: 3,
      message: `${join(folder, 'broken.json')}:2:21 error CFG105 product_aliases must be an object, not a number (and 1 more)`,
      context: { problems: [{ code: 'CFG105' }, { code: 'CFG105' }] },
    });
  });
});
