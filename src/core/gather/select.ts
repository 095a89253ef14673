import type { ServerConfig } from '../config/config.js';

/** Whether a server's `resources.include` and `resources.exclude` let a URI through. */
export function selects(server: Pick<ServerConfig, 'include' | 'exclude'>, uri: string): boolean {
  const included = server.include === undefined || server.include.some((glob) => matchesGlob(glob, uri));
  return included && !server.exclude.some((glob) => matchesGlob(glob, uri));
}

/**
 * Matches a URI against a glob: `*` stands for any run of characters, `/` too, since a URI is no path; `?` for
 * one character. Goes back to the last `*` alone, so that no pair of glob and URI takes long.
 */
export function matchesGlob(glob: string, uri: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let retryAt = 0;
  while (at < uri.length) {
    const wanted = glob[inGlob];
    if (wanted === '*') {
      star = inGlob;
      retryAt = at;
      inGlob += 1;
    } else if (wanted === '?' || wanted === uri[at]) {
      inGlob += 1;
      at += 1;
    } else if (star !== -1) {
      retryAt += 1;
      at = retryAt;
      inGlob = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(glob.slice(inGlob));
}
