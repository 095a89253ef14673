import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a folder and those around it, where they are not there yet.
 *
 * Node's own way to do that (`recursive`) never ends where a file system knows the parent and refuses the folder with
 * ENOENT, as `/proc` does.
 *
 * @param mode  of what is made; by the umask when left out
 * @throws the file system's error
 */
export function makeFolder(folder: string, mode?: number): void {
  if (existsSync(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent, mode);
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    // Somebody else was as quick.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
