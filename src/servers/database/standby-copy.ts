import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Operation } from '../../core/operation.js';

/** More than this is not copied for the sake of those that wait. */
const MAX_BYTES = 1024 * 1024 * 1024;

/** Of the one that runs there, not of the data. */
const NOT_COPIED = new Set(['postmaster.pid', 'postmaster.opts', 'pgsql_tmp']);

/**
 * Copies a data directory in which an engine runs that writes nothing at the moment. As after a loss of power, the
 * engine of the copy brings in order what the first one had not written yet.
 *
 * @throws Error where it is too large, or somebody wrote while it was copied: such a copy would be of no one moment
 */
export async function copyAtRest(directory: string, copy: string, signal: AbortSignal): Promise<void> {
  const before = await listFiles(directory);
  const bytes = [...before.values()].reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_BYTES) throw new Error(`${directory} is too large for a copy (${bytes} bytes)`);
  try {
    for (const [name, { isFolder }] of before) {
      signal.throwIfAborted();
      const target = join(copy, name);
      if (isFolder) await mkdir(target, { recursive: true, mode: 0o700 });
      // Where the file system can, the two share what neither changes.
      else await copyFile(join(directory, name), target, constants.COPYFILE_FICLONE);
    }
    if (!isEqual(before, await listFiles(directory)))
      throw new Error(`${directory} changed while it was copied`);
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Removes copies that a process left behind that had no time to. To be called by the one that has the lock. What cannot
 * be removed is told to the log: nobody needs it to be gone.
 */
export async function removeCopies(directory: string, op: Operation): Promise<void> {
  const parent = dirname(directory);
  const start = `${basename(directory)}${MARK}`;
  try {
    for (const name of await readdir(parent)) {
      // A user may have folders of a similar name.
      if (name.startsWith(start) && UUID.test(name.slice(start.length)))
        await rm(join(parent, name), { recursive: true, force: true });
    }
  } catch (error) {
    op.log('database.copies_left', { directory, message: (error as Error).message }, 'warn');
  }
}

const MARK = '.mcpx-copy-';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A new one beside the directory, since a temporary folder may be smaller, or on another file system. */
export function newCopyName(directory: string): string {
  return `${directory}${MARK}${randomUUID()}`;
}

interface FoundFile {
  readonly isFolder: boolean;
  readonly size: number;
  readonly changed: bigint;
}

/** By their names within the folder, each folder before what it holds. */
async function listFiles(folder: string, within = '.'): Promise<Map<string, FoundFile>> {
  const found = new Map<string, FoundFile>([[within, { isFolder: true, size: 0, changed: 0n }]]);
  const entries = await readdir(join(folder, within), { withFileTypes: true });
  for (const entry of entries.filter(({ name }) => !NOT_COPIED.has(name))) {
    const name = join(within, entry.name);
    if (entry.isDirectory()) {
      for (const [inner, file] of await listFiles(folder, name)) found.set(inner, file);
    } else {
      const { size, mtimeNs } = await stat(join(folder, name), { bigint: true });
      found.set(name, { isFolder: false, size: Number(size), changed: mtimeNs });
    }
  }
  return found;
}

function isEqual(before: ReadonlyMap<string, FoundFile>, after: ReadonlyMap<string, FoundFile>): boolean {
  return (
    before.size === after.size &&
    [...before].every(([name, { size, changed }]) => {
      const now = after.get(name);
      return now !== undefined && now.size === size && now.changed === changed;
    })
  );
}
