import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let root: string | undefined;

/**
 * How a library runs the mcpx of its own package, which need not be on PATH; `mcpx` of PATH where the package was
 * bundled into another program and is not there.
 */
export function packageExecutable(): { readonly command: string; readonly args: readonly string[] } {
  const shim = join(packageRoot(), 'bin', 'mcpx.js');
  return existsSync(shim) ? { command: process.execPath, args: [shim] } : { command: 'mcpx', args: [] };
}

/** The folder of mcpx's own package, whether this code runs from `src/` or from a bundle in `dist/`. */
export function packageRoot(): string {
  if (root !== undefined) return root;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  root = folder;
  return folder;
}
