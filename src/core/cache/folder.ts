import path from 'node:path';

/**
 * The folder of the disk cache: below `XDG_CACHE_HOME` (which must be absolute to count), else `~/.cache`.
 *
 * @returns `undefined` where neither is known; there is no disk cache then
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { XDG_CACHE_HOME: named, HOME: home } = env;
  if (named !== undefined && path.isAbsolute(named)) return path.join(named, 'mcpx', 'resources');
  return home === undefined || home === '' ? undefined : path.join(home, '.cache', 'mcpx', 'resources');
}
