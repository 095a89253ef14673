import type { ServerResponse } from 'node:http';

/** What waits to be written; in the order in which it came. */
let waiting: (() => void)[] = [];
/** How many whole answers are among that. */
let leaving = 0;

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

/** The same for all that goes back for a request, where its client is still there by then. */
export function answerAtEndOfTurn(response: ServerResponse, write: () => void): void {
  leaving += 1;
  atEndOfTurn(() => {
    leaving -= 1;
    if (!response.destroyed) write();
  });
}

/** How many requests are answered, and only wait for the end of this turn. */
export function answersLeaving(): number {
  return leaving;
}

function writeAll(): void {
  const writes = waiting;
  waiting = [];
  for (const write of writes) write();
}
