import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MCPOrchestratorException } from '../errors.js';

/**
 * Replaces a file as a whole or not at all, with its permissions; what a link leads to, not the link.
 *
 * @param before  what was read: a file that somebody changed since then is left alone
 * @throws MCPOrchestratorException CLI903
 */
export function writeBack(file: string, cwd: string, before: Uint8Array, after: string): void {
  let temporary: string | undefined;
  try {
    const path = realpathSync(resolve(cwd, file));
    const stats = statSync(path);
    if (!stats.isFile()) throw new Error('it is not a regular file');
    if (!readFileSync(path).equals(before)) throw new Error('it has changed since it was read');
    const beside = `${path}.${process.pid}.tmp`;
    writeFileSync(beside, after, { mode: stats.mode, flag: 'wx' });
    temporary = beside;
    renameSync(beside, path);
  } catch (cause) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw new MCPOrchestratorException('CLI903', `cannot write to ${file}`, {
      context: { file },
      hint: 'Nothing was changed in it. Print the corrections with --dry-run, and apply them by hand.',
      cause,
    });
  }
}
