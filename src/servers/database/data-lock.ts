import { randomUUID } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ServeError } from '../../core/errors.js';
import { processStat } from '../../core/process-stat.js';

/** Who holds a lock; `started` tells a process from a later one with the same number. */
interface Holder {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  readonly started: string | null;
  readonly since: string;
}

/** The end of a lock; safe to call twice. */
export type ReleaseLock = () => void;

/** A lock on the recovery of a lock is held for moments only; deeper than this something else is wrong. */
const MAX_DEPTH = 3;

/**
 * Takes the lock file of a data directory, which lies beside it. A lock whose process is gone is taken over; one of
 * a living process, or of another machine, never.
 *
 * @throws ServeError SRV404 naming the process that holds it
 */
export function lockDirectory(directory: string): ReleaseLock {
  return takeLock(`${directory}.lock`, directory, 0);
}

function takeLock(file: string, directory: string, depth: number): ReleaseLock {
  const own: Holder = {
    id: randomUUID(),
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    since: new Date().toISOString(),
  };
  // Written first and linked then, so that nobody ever reads half of it.
  const draft = `${file}.${own.id}`;
  writeFileSync(draft, `${JSON.stringify(own)}\n`, { mode: 0o644, flag: 'wx' });
  try {
    for (;;) {
      try {
        linkSync(draft, file);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readHolder(file);
      if (holder === undefined) continue;
      if (isAlive(holder) || depth >= MAX_DEPTH) throw locked(directory, file, holder);
      recover(file, directory, holder, depth);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (readHolder(file)?.id === own.id) rmSync(file, { force: true });
  };
}

/** Two that find the same dead holder must not both remove it: the second would remove the first one's new lock. */
function recover(file: string, directory: string, dead: Holder, depth: number): void {
  const release = takeLock(`${file}.recovery`, directory, depth + 1);
  try {
    if (readHolder(file)?.id === dead.id) unlinkSync(file);
  } finally {
    release();
  }
}

/** @returns undefined where it is gone by now */
function readHolder(file: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { id, pid, host, started, since } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid === 'number' && typeof host === 'string') {
      return { id: String(id), pid, host, started: started ?? null, since: String(since) };
    }
  } catch {
    // Not a lock of ours.
  }
  throw new ServeError('SRV404', `${file} is no lock file of mcpx.`, {
    hint: 'Remove it if nobody uses the data directory.',
  });
}

function isAlive({ pid, host, started }: Holder): boolean {
  // Of another machine we cannot know.
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  if (hasEnded(pid)) return false;
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

/** Whether nobody has asked yet how a process ended, which in a container may be for good. */
function hasEnded(pid: number): boolean {
  if (processStat(pid)?.[0] !== 'Z') return false;
  try {
    // Where its threads are not all gone yet it is still at work.
    return readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

/** When a process started, since which boot; null where the system does not tell, as outside of Linux. */
function startOf(pid: number): string | null {
  const ticks = processStat(pid)?.[19];
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return ticks === undefined ? null : `${boot}/${ticks}`;
  } catch {
    return null;
  }
}

function locked(directory: string, file: string, { pid, host, since }: Holder): ServeError {
  const where = host === hostname() ? '' : ` on ${host}`;
  return new ServeError('SRV404', `Process ${pid}${where} uses ${directory} since ${since}.`, {
    context: { pid, host, since },
    hint:
      where === ''
        ? 'Use the server that it runs, or stop it.'
        : `Stop it there; if that machine is gone, remove ${file}.`,
  });
}
