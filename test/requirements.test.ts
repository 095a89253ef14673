import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DUE, REQUIREMENTS } from './requirements.js';

const proofs = new Map<string, string[]>();
for (const file of readdirSync('test', { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.test.ts')) continue;
  for (const [, id = ''] of readFileSync(join('test', file), 'utf8').matchAll(/\bverifies\(\s*'([^']+)'/g)) {
    proofs.set(id, [...(proofs.get(id) ?? []), file]);
  }
}

test('every promise that is due has a test that proves it', () => {
  const unproved = Object.entries(REQUIREMENTS)
    .filter(([id, owner]) => DUE.includes(owner) && !proofs.has(id))
    .map(([id]) => id);
  expect(unproved).toEqual([]);
});

test('every proof names a promise that exists', () => {
  expect([...proofs.keys()].filter((id) => !Object.hasOwn(REQUIREMENTS, id))).toEqual([]);
});

test('what is still owed is listed', () => {
  const owed = Object.entries(REQUIREMENTS).filter(([id, owner]) => !DUE.includes(owner) && !proofs.has(id));
  const byOwner = groupByOwner(owed);
  for (const [owner, entries] of Object.entries(byOwner)) {
    process.stdout.write(`still owed by ${owner}: ${(entries ?? []).map(([id]) => id).join(', ')}\n`);
  }
  expect(owed.every(([id]) => !proofs.has(id))).toBe(true);
});

/** `Object.groupBy` exists from Node 21. */
function groupByOwner<T extends readonly [string, string]>(entries: readonly T[]): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const entry of entries) (groups[entry[1]] ??= []).push(entry);
  return groups;
}
