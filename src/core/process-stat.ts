import { closeSync, openSync, readSync } from 'node:fs';

/** Longer than Linux ever makes it: fifty numbers and a name of 64 bytes. */
const MOST_BYTES = 4096;
let room: Buffer | undefined;

/**
 * What Linux tells of a process (proc(5), "stat"), from its state on: state, parent, group and session are the fields 0
 * to 3, the time of its start in clock ticks since the boot is field 19.
 *
 * @returns `undefined` where there is no such process, or no `/proc`
 */
export function processStat(pid: number): readonly string[] | undefined {
  try {
    const stat = readOnce(`/proc/${pid}/stat`);
    // The name of the program stands in parentheses and may hold anything: the fields begin behind its last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A file of /proc has no length to ask for, and one read gives all of it: a third of what `readFileSync` takes. */
function readOnce(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    room ??= Buffer.allocUnsafe(MOST_BYTES);
    return room.toString('latin1', 0, readSync(descriptor, room, 0, MOST_BYTES, null));
  } finally {
    closeSync(descriptor);
  }
}
