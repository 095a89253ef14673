import { readFileSync } from 'node:fs';

/**
 * What Linux tells of a process (proc(5), "stat"), from its state on: state, parent, group and session are the fields 0
 * to 3, the time of its start in clock ticks since the boot is field 19.
 *
 * @returns `undefined` where there is no such process, or no `/proc`
 */
export function processStat(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program stands in parentheses and may hold anything: the fields begin behind its last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
