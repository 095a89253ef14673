import { expect, it } from 'vitest';
import { parseBytes, parseDuration } from '../../../src/core/config/units.js';

it.each([
  [30, 30_000],
  [0.5, 500],
  ['30', 30_000],
  ['250ms', 250],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  [' 30 s ', 30_000],
  [0, 0],
  ['2147483647ms', 2_147_483_647],
])('the duration %j is %d ms', (value, ms) => {
  expect(parseDuration(value)).toBe(ms);
});

it.each(['', 'soon', '-1s', '1d', '1 s s', 'NaN', 'Infinity', '2147483648ms', '1e9', '5M', '٣s'])(
  '%j is no duration',
  (value) => {
    expect(parseDuration(value)).toBeUndefined();
  },
);

it.each([
  [1_048_576, 1_048_576],
  ['100MB', 100_000_000],
  ['64MiB', 67_108_864],
  ['1.5 kB', 1500],
  ['2gib', 2_147_483_648],
  ['7', 7],
])('the size %j is %d bytes', (value, bytes) => {
  expect(parseBytes(value)).toBe(bytes);
});

it.each(['', '-1', '1TB', 'MB', '99999999999GB'])('%j is no size', (value) => {
  expect(parseBytes(value)).toBeUndefined();
});
