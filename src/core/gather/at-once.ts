/**
 * Does something for each item, `most` of them at once, in their order. A queue of calls would make seven promises for
 * each; this is one walk through the items for each that is done at once.
 *
 * @returns the results in the order of the items
 * @throws the first failure; what was not begun by then never is
 */
export async function atOnce<T, R>(
  items: readonly T[],
  most: number,
  call: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = Array.from<R>({ length: items.length });
  const waiting = items.entries();
  let hasFailed = false;
  const walk = async () => {
    for (const [index, item] of waiting) {
      if (hasFailed) return;
      try {
        results[index] = await call(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, walk));
  return results;
}
