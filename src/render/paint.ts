import { Chalk, type ChalkInstance } from 'chalk';

/** Colours that are there or not, as the view says; never decided by looking at the environment. */
export function paint(color: boolean): ChalkInstance {
  return new Chalk({ level: color ? 1 : 0 });
}
