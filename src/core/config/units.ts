const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/;
const BYTES = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)?$/i;

/** The forms as JSON Schema patterns, for editors. */
export const DURATION_PATTERN = DURATION;
export const BYTES_PATTERN = BYTES;

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const BYTES_PER: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Timers of Node overflow above this and fire at once. */
export const MAX_DURATION_MS = 2_147_483_647;

/**
 * Reads `30` (seconds), `"250ms"`, `"30s"`, `"5m"`, `"1h"`.
 *
 * @returns milliseconds, or `undefined` where the text is no duration or longer than a timer can hold
 */
export function parseDuration(value: string | number): number | undefined {
  const match = DURATION.exec(String(value).trim());
  if (match === null) return undefined;
  const ms = Math.round(Number(match[1]) * (MS_PER[match[2] ?? 's'] ?? 1000));
  return ms <= MAX_DURATION_MS ? ms : undefined;
}

/**
 * Reads `1048576`, `"100MB"` (powers of 1000), `"64MiB"` (powers of 1024).
 *
 * @returns bytes, or `undefined` where the text is no size
 */
export function parseBytes(value: string | number): number | undefined {
  const match = BYTES.exec(String(value).trim());
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * (BYTES_PER[(match[2] ?? 'B').toLowerCase()] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
