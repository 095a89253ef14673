/** What waits to be written; in the order in which it came. */
let waiting: (() => void)[] = [];

/**
 * Writes at the end of this turn of the event loop, together with whatever else is to be written by then.
 *
 * A write to a client that sleeps wakes it, which costs more than everything else about a kept answer. Where many are
 * answered in one turn, the first write wakes a client that finds the others there by itself.
 *
 * @param write  must not throw
 */
export function atEndOfTurn(write: () => void): void {
  if (waiting.length === 0) setImmediate(writeAll);
  waiting.push(write);
}

function writeAll(): void {
  const writes = waiting;
  waiting = [];
  for (const write of writes) write();
}
