import { expect, it } from 'vitest';
import { RetryBudget } from '../../../src/core/resilience/retry-budget.js';

/** How many repetitions there are now. */
function drain(budget: RetryBudget): number {
  let count = 0;
  while (budget.withdraw()) count += 1;
  return count;
}

it('a few repetitions are there from the beginning, and one more for each five requests', () => {
  const budget = new RetryBudget();
  const reserve = drain(budget);
  expect(reserve).toBe(20);
  for (let count = 1; count <= 4; count += 1) budget.deposit();
  expect(budget.withdraw()).toBe(false);
  for (let count = 1; count <= 46; count += 1) budget.deposit();
  expect(drain(budget)).toBe(10);
});

it('good times are not saved up without end', () => {
  const budget = new RetryBudget();
  for (let count = 1; count <= 100_000; count += 1) budget.deposit();
  expect(drain(budget)).toBe(100);
});
