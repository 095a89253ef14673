import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settingPaths, WITHOUT_EFFECT } from './settings.js';

const exercised = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [...readFileSync(join('test', file), 'utf8').matchAll(/\bexercises\(\s*'([^']+)'/g)])
  .map(([, path = '']) => path);
const documented = settingPaths();

test('the schema is walked to its leaves', () => {
  expect(documented.length).toBeGreaterThan(40);
  expect(documented).toEqual(expect.arrayContaining(['defaults.timeout', 'mcp_servers.*.start.args']));
});

test('every documented setting has a test that flips it and sees a difference', () => {
  expect(
    documented.filter((path) => !exercised.includes(path) && !Object.hasOwn(WITHOUT_EFFECT, path)),
  ).toEqual([]);
});

test('every such test names a setting that exists', () => {
  expect([...exercised, ...Object.keys(WITHOUT_EFFECT)].filter((path) => !documented.includes(path))).toEqual(
    [],
  );
});
