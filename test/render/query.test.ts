import { describe, expect, it } from 'vitest';
import { queryTable, type QueryResult } from '../../src/render/query.js';
import { columnsOf } from '../../src/render/terminal.js';

const PRODUCTS: QueryResult = {
  columns: [
    { name: 'product_id', type: 'integer' },
    { name: 'product_name', type: 'text' },
    { name: 'in', type: 'boolean' },
    { name: '値段', type: 'numeric' },
    { name: 'a_column_whose_name_is_longer_than_what_it_holds', type: 'text' },
    { name: 'notes', type: 'text' },
  ],
  rows: [
    [123, 'Magic Wand Pro with a longer name', true, '1299.99', 'x', null],
    [4, '水晶球', false, '5.00', 'y', 'as clear as\nglass'],
  ],
  truncated: true,
  elapsed_ms: 12,
};

const linesOf = (result: QueryResult, width?: number) =>
  queryTable('database_mcp', result, { color: false, ...(width === undefined ? {} : { width }) })
    .trimEnd()
    .split('\n');

describe('the table of a query', () => {
  it.each([120, 80, 60, 40, 30, 20])('fits into %i columns', (width) => {
    for (const line of linesOf(PRODUCTS, width)) {
      // A word of the text below is not broken.
      if (line.includes(' ')) expect(columnsOf(line), line).toBeLessThanOrEqual(width);
    }
  });

  it('cuts cells first, and leaves the last columns out where that is not enough', () => {
    expect(linesOf(PRODUCTS, 40)).toEqual([
      'product_id  product_name  in        値段',
      '       123  Magic Wand …  true   1299.99',
      '         4  水晶球        false     5.00',
      '2 columns hidden',
      '(a_column_whose_name_is_longer_than_what…,',
      'notes); -o json has all',
      '',
      '2 rows from database_mcp in 12 ms, there',
      'are more',
    ]);
    expect(linesOf(PRODUCTS, 20)[0]).toBe('product_id');
    expect(linesOf(PRODUCTS)[0]).toMatch(/^product_id +product_name +in +値段 +a_col\w+ +notes$/);
  });

  it('is there in little time, however many columns there are', () => {
    const columns = Array.from({ length: 1600 }, (_, index) => ({ name: `c${index}`, type: 'integer' }));
    const rows = Array.from({ length: 100 }, (_, row) => columns.map((_column, index) => row * index));
    const started = performance.now();
    const [head] = linesOf({ columns, rows, truncated: false }, 40);
    expect(head?.trim()).toMatch(/^c0 +c1 +c2/);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
