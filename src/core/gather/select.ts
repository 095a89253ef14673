/** Which resources are wanted, by globs of their URIs: all that `include` names (all when left out) but for `exclude`. */
export interface Selection {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** Whether a server's `resources.include` and `resources.exclude`, or those of one gather, let a URI through. */
export function selects({ include, exclude = [] }: Selection, uri: string): boolean {
  const isIncluded = include === undefined || include.some((glob) => matchesGlob(glob, uri));
  return isIncluded && !exclude.some((glob) => matchesGlob(glob, uri));
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
