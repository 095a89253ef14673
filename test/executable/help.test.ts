import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { EXECUTABLE } from '../fixtures/executable.js';

const print = (...args: string[]) =>
  execFileSync(process.execPath, [EXECUTABLE, ...args], { encoding: 'utf8' });

test('the help that the build rendered is the help that the program renders', () => {
  const rendered = print('help');
  expect(rendered).toContain('mcpx gather');
  expect(print('--help')).toBe(rendered);
  expect(print('-h')).toBe(rendered);
});
