import type { ServerConfig } from '../config/config.js';

/** Whether a server's `resources.include` and `resources.exclude` let a URI through. */
export function selects(server: Pick<ServerConfig, 'include' | 'exclude'>, uri: string): boolean {
  const included = server.include === undefined || server.include.some((glob) => matches(glob, uri));
  return included && !server.exclude.some((glob) => matches(glob, uri));
}

/**
 * Matches a URI against a glob: `*` stands for any run of characters, `/` too, since a URI is no path; `?` for
 * one character.
 */
function matches(glob: string, uri: string): boolean {
  const pattern = glob
    .replace(/[\\^$.|+()[\]{}]/g, String.raw`\$&`)
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`, 'su').test(uri);
}
