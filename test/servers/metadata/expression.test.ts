import { describe, expect, it } from 'vitest';
import { expressionProblem } from '../../../src/servers/metadata/expression.js';

describe('the light check of SQL expressions', () => {
  it.each([
    'sales.total_amount',
    "DATE_TRUNC('month', {date_column}) = DATE_TRUNC('month', CURRENT_DATE - INTERVAL '1 month')",
    'COUNT(DISTINCT customers.customer_id)',
    'COUNT(*) FILTER (WHERE a >= 1)',
    "CASE WHEN a THEN 'it''s; --fine' ELSE $$b;$$ END",
    'a::numeric(10, 2) || "Odd ""Name"";"',
    "tags[1] IS NOT NULL AND name ILIKE '%x%'",
    'SUM(x) OVER (PARTITION BY y ORDER BY z ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)',
    "EXTRACT(YEAR FROM d AT TIME ZONE 'UTC')",
    'copy.total',
    'größe * 1.5e3',
    '(SELECT max(price) FROM products)',
  ])('lets %s through', (sql) => {
    expect(expressionProblem(sql)).toBeUndefined();
  });

  it.each([
    ['', 'it is empty'],
    [' \n', 'it is empty'],
    ['a; b', 'it has a semicolon'],
    ['SUM(a', 'a ) is missing'],
    ['a[1', 'a ] is missing'],
    ['SUM(a))', 'it has a ) too many'],
    ['(a]', 'it has a ] too many'],
    ["'open", "a closing ' is missing"],
    ['"open', 'a closing " is missing'],
    ['a -- b', 'it has a comment'],
    ['a /* b */', 'it has a comment'],
    ['SELECT a FROM b', 'it is a statement'],
    ['drop table products', 'it is a statement'],
    ['the total amount', 'there is no operator between the and total'],
    ['{date column}', '"{" has no place in SQL'],
    ['sales.', 'it ends with .'],
    ['a +', 'it ends with +'],
    ['a, b,', 'it ends with ,'],
    ['a \u0000', '"\\u0000" has no place in SQL'],
  ])('refuses %j', (sql, problem) => {
    expect(expressionProblem(sql)).toBe(problem);
  });
});
