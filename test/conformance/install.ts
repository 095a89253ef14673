import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** The suite, and a Node that can run it. */
export interface Suite {
  readonly node: string;
  readonly cli: string;
}

/** The suite needs `fs.globSync`. */
const LEAST_NODE = 22;
const MANIFEST = path.resolve('test/conformance/suite');
const INSTALL_MS = 4 * 60_000;

/**
 * Installs the suite below the user's cache folder, unless it is there. It is no dependency of this package, because
 * it needs a newer Node than mcpx does: where this one is older, one comes along, as another package of the lock file.
 */
export async function installSuite(): Promise<Suite> {
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= LEAST_NODE;
  const digest = createHash('sha256')
    .update(readFileSync(path.join(MANIFEST, 'package-lock.json')))
    .digest('hex')
    .slice(0, 12);
  const { XDG_CACHE_HOME: named = '' } = process.env;
  const cache = path.join(path.isAbsolute(named) ? named : path.join(homedir(), '.cache'), 'mcpx');
  const folder = path.join(cache, `conformance-${digest}${isNewEnough ? '' : '-with-node'}`);
  if (!existsSync(folder)) await install(cache, folder, isNewEnough ? ['--omit=optional'] : []);
  const modules = path.join(folder, 'node_modules');
  const node = isNewEnough
    ? process.execPath
    : path.join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (!existsSync(node)) {
    throw new Error(
      `the suite needs Node ${LEAST_NODE}, and none comes along for this platform: run with one`,
    );
  }
  return { node, cli: path.join(modules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js') };
}

async function install(cache: string, folder: string, flags: readonly string[]): Promise<void> {
  mkdirSync(cache, { recursive: true });
  // Whole or not at all, also for another run at the same time.
  const partial = mkdtempSync(path.join(cache, 'installing-'));
  try {
    cpSync(MANIFEST, partial, { recursive: true });
    // npm tells the programs that it runs which folder is theirs.
    const { npm_config_local_prefix: _ours, ...env } = process.env;
    const quiet = [
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--engine-strict=false',
      '--loglevel=error',
    ];
    await promisify(execFile)('npm', ['ci', ...quiet, ...flags], { cwd: partial, env, timeout: INSTALL_MS });
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
