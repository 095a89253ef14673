import { readdirSync, readFileSync } from 'node:fs';
import { processStat } from '../process-stat.js';

/** What a process is. */
interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since the boot: tells a process apart from a later one of the same number. */
  readonly startTime: number;
}

/**
 * Descendants of a child that have left its process group (`setsid`, a shell with job control), on Linux. They are
 * known by their parents, by their session, or by a mark in the environment that they were started with, which stays
 * when the parents have gone.
 */
export class Strays {
  readonly #leader: number;
  readonly #mark: string;
  /** By process number, with the time of start. */
  readonly #found = new Map<number, number>();
  /** Processes that were there and no descendants: they become none. */
  readonly #strangers = new Set<number>();

  /**
   * @param leader  the child, which leads a session of its own
   * @param mark  a line of the environment, as `NAME=value`, that nobody else has
   */
  constructor(leader: number, mark: string) {
    this.#leader = leader;
    this.#mark = mark;
  }

  /**
   * Looks for more of them.
   *
   * @param hasLeader  whether the child is still there; once it is not, its number may be that of a stranger
   */
  look(hasLeader: boolean): void {
    if (process.platform !== 'linux') return;
    const own = readStat(process.pid);
    const known =
      this.#strangers.size === 0
        ? allProcesses()
        : processesOf(processNumbers().filter((pid) => !this.#strangers.has(pid)));
    const descendants = hasLeader ? descendantsOf(this.#leader, known) : new Set();
    for (const [pid, stat] of known) {
      if (pid === process.pid) continue;
      // The members of the group are stopped as a group.
      if (hasLeader && stat.group === this.#leader) continue;
      const isOlder = own !== undefined && stat.startTime < own.startTime;
      if (!isOlder && (descendants.has(pid) || this.#isMarked(pid))) this.#found.set(pid, stat.startTime);
      else this.#strangers.add(pid);
    }
  }

  /** Those that still live. */
  get living(): readonly number[] {
    return [...this.#found].flatMap(([pid, startTime]) => {
      const stat = readStat(pid);
      return stat !== undefined && isLiving(stat) && stat.startTime === startTime ? [pid] : [];
    });
  }

  signal(signal: NodeJS.Signals): void {
    for (const pid of this.living) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone between the two.
      }
    }
  }

  #isMarked(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(this.#mark);
    } catch {
      // It ended, or belongs to somebody else.
      return false;
    }
  }
}

/** By parents and by session, which a shell with job control keeps. */
function descendantsOf(leader: number, known: ReadonlyMap<number, ProcessStat>): ReadonlySet<number> {
  const found = new Set([leader]);
  for (const [pid, { session }] of known) if (session === leader) found.add(pid);
  // A set also gives what was added to it meanwhile.
  for (const parent of found) {
    for (const [pid, stat] of known) if (stat.parent === parent) found.add(pid);
  }
  return found;
}

/**
 * Whether the process group of a child that has ended has a member that is more than an entry in the process table.
 * While there is one, nobody else gets the number of the child: where a process has it, the group is a stranger's.
 */
export function hasLivingMember(group: number): boolean {
  if (readStat(group) !== undefined) return false;
  return processNumbers().some((pid) => {
    const stat = readStat(pid);
    return stat !== undefined && stat.group === group && isLiving(stat);
  });
}

let all: ReadonlyMap<number, ProcessStat> | undefined;

/** Read once for all children that are stopped at the same time. */
function allProcesses(): ReadonlyMap<number, ProcessStat> {
  if (all === undefined) {
    all = processesOf(processNumbers());
    setImmediate(() => {
      all = undefined;
    });
  }
  return all;
}

function processesOf(pids: readonly number[]): ReadonlyMap<number, ProcessStat> {
  return new Map(
    pids.flatMap((pid) => {
      const stat = readStat(pid);
      return stat === undefined ? [] : [[pid, stat] as const];
    }),
  );
}

function processNumbers(): readonly number[] {
  try {
    return readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? [Number(entry)] : []));
  } catch {
    // A sandbox without /proc.
    return [];
  }
}

function readStat(pid: number): ProcessStat | undefined {
  const fields = processStat(pid);
  if (fields === undefined) return undefined;
  const [state = '', parent, group, session] = fields;
  return {
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: Number(fields[19]),
  };
}

function isLiving({ state }: ProcessStat): boolean {
  return state !== 'Z' && state !== 'X';
}
