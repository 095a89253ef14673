// Whether something that is measured again and again grows.
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = /** @type {() => void} */ (runInNewContext('gc'));

/** Of this process, after everything that nobody needs is gone. */
export function measureProcess() {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heapMb: (heapUsed + external) / 1024 ** 2,
    rssMb: rss / 1024 ** 2,
    handles: process.getActiveResourcesInfo().length,
    files: openFiles(),
  };
}

/** @returns {number} 0 where the system does not tell */
function openFiles() {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/**
 * The middle of the first and of the last third: single measurements hit requests on their way.
 *
 * @param {readonly number[]} values
 */
export function trend(values) {
  const third = Math.max(1, Math.floor(values.length / 3));
  return { first: median(values.slice(0, third)), last: median(values.slice(-third)) };
}

/** @param {readonly number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
