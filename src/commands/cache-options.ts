import type { CacheMode } from '../core/cache/cache.js';
import { ConfigurationError } from '../core/errors.js';
import type { OptionDefinition } from './command.js';

/** The flags of every command that takes kept answers. */
export const CACHE_OPTIONS: readonly OptionDefinition[] = [
  { flags: '--no-cache', description: 'ask every server, and keep nothing of what it answers' },
  { flags: '--refresh', description: 'ask every server, and keep what it answers for the next run' },
];

/** @throws ConfigurationError CLI901 where both flags are given */
export function cacheMode(options: Readonly<Record<string, unknown>>): CacheMode {
  const isOff = options['cache'] === false;
  if (isOff && options['refresh'] === true) {
    throw new ConfigurationError('CLI901', '--no-cache and --refresh contradict each other', {
      hint: '--refresh asks every server too, and keeps the answers.',
    });
  }
  return isOff ? 'off' : options['refresh'] === true ? 'refresh' : 'use';
}
