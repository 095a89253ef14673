import pLimit from 'p-limit';

/**
 * Makes calls side by side, `most` of them at once. Where there are no more anyway they need not queue: a queue makes
 * seven promises for each.
 *
 * @param count  of the calls that will be made
 */
export function atOnce(most: number, count: number): <T>(call: () => Promise<T>) => Promise<T> {
  return count <= most ? (call) => call() : pLimit(most);
}
