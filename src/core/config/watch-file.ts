import { watch, type FSWatcher } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Editors write in several steps; together they are one change. */
const SETTLE_MS = 50;
/** Where the system cannot tell of changes (network drives, exhausted watches), we look ourselves. */
const POLL_MS = 1000;

/**
 * Calls `onChange` when the file at `path` is another than before: written in place, replaced by a rename, or
 * reached through a link that points elsewhere now. The watch alone keeps no process alive.
 *
 * @returns ends the watch
 */
export async function watchFile(path: string, onChange: () => void): Promise<() => void> {
  let known = await signature(path);
  let settling: NodeJS.Timeout | undefined;
  let polling: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = async () => {
    const now = await signature(path);
    // A file that is away for a moment is being replaced; one that stays away is no change to take over.
    if (stopped || now === undefined || now === known) return;
    known = now;
    onChange();
  };
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(() => void look(), SETTLE_MS);
    settling.unref();
  };
  const poll = () => {
    polling ??= setInterval(() => void look(), POLL_MS);
    polling.unref();
  };

  // A watch on the file itself follows the old file away when an editor renames a new one into its place.
  const folders = new Set([dirname(path), dirname(await realpath(path).catch(() => path))]);
  const watchers: FSWatcher[] = [];
  for (const folder of folders) {
    try {
      const watcher = watch(folder, { persistent: false }, soon);
      watcher.on('error', poll);
      watchers.push(watcher);
    } catch {
      poll();
    }
  }
  return () => {
    stopped = true;
    clearTimeout(settling);
    clearInterval(polling);
    for (const watcher of watchers) watcher.close();
  };
}

async function signature(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return undefined;
  }
}
