import type { Io } from './command.js';

/**
 * Whether to use colour: the flag, then `NO_COLOR` and `FORCE_COLOR`, then whether a terminal that can do it
 * reads along.
 *
 * @see https://no-color.org
 */
export function colorIsOn(flag: string, isTerminal: boolean, env: Io['env']): boolean {
  if (flag !== 'auto') return flag === 'always';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return force !== '0';
  return isTerminal && env['TERM'] !== 'dumb';
}
