import { parseBytes, parseDuration } from '../core/config/units.js';
import { ConfigurationError } from '../core/errors.js';

/** Reads the value of a duration flag. @throws ConfigurationError CLI901 */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) {
    throw new ConfigurationError('CLI901', `"${text}" is no duration`, {
      hint: 'Write seconds (30), or a number with its unit: 250ms, 30s, 5m.',
    });
  }
  return ms;
}

/** Reads the value of a flag that takes a size. @throws ConfigurationError CLI901 */
export function byteCount(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes === 0) {
    throw new ConfigurationError('CLI901', `"${text}" is no size`, {
      hint: 'Write bytes (1048576), or a number with its unit: 100kB, 8MiB.',
    });
  }
  return bytes;
}

/** Reads the value of a flag that takes a whole number in a range. @throws ConfigurationError CLI901 */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new ConfigurationError('CLI901', `"${text}" is no whole number from ${least} to ${most}`);
    }
    return value;
  };
}

/** Reads the value of a flag that takes a number from 0 to 1. @throws ConfigurationError CLI901 */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new ConfigurationError('CLI901', `"${text}" is no number from 0 to 1`);
  }
  return value;
}
