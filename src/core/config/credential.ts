/**
 * What tells a credential: the name that it stands behind, or a form in which well-known services hand out their
 * keys. The one place that decides it, for warnings, for masking and for what an import may show.
 */

/** Words of a name that say so themselves, wherever they stand in it. */
const SAYING = new Set(
  'token secret password passwd passphrase pwd apikey authorization credential credentials cookie bearer pat jwt'.split(
    ' ',
  ),
);
/** Words that say so as the last one only. */
const CLOSING = new Set('auth key pass sig signature'.split(' '));
/** What such a name is about then is something else: `TOKEN_FILE` names a file, `TOKEN_LIMIT` a number. */
const ABOUT = new Set(
  'count dir enabled env expiry file header id length limit mode name path size timeout ttl type uri url'.split(
    ' ',
  ),
);
/** Keys that open nothing. */
const HARMLESS_KEYS = new Set('cache foreign group hash index partition primary public row sort'.split(' '));

/**
 * Forms that are known wherever they stand: `ghp_…`, `sk-…`, `AKIA…`, a JSON web token. Bounded where something has to
 * follow, so that no line takes quadratic time.
 */
const WELL_KNOWN =
  /(?<![A-Za-z0-9])(?:sk-(?=[\w-]{0,200}\d)[\w-]{10,}|(?:gh[opsur]|github_pat|npm|hf|ntn|lin_api)_(?=\w{0,200}\d)\w{10,}|(?:glpat|pplx|xox[abeprs])-[\w-]{10,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,}|eyJ[\w-]{8,400}\.[\w.-]*)/g;

/** Values that are modes and numbers. */
const HARMLESS = /^(?:true|false|yes|no|on|off|none|null|\d{1,4})$/i;

/** Whether a variable, header, parameter or flag of this name holds a credential. */
export function isCredentialName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  if (ABOUT.has(last)) return false;
  if (words.some((word) => SAYING.has(word))) return true;
  return CLOSING.has(last) && !HARMLESS_KEYS.has(words.at(-2) ?? '');
}

/** Whether a value holds a key of a well-known form. */
export function hasWellKnownKey(value: string): boolean {
  return value.search(WELL_KNOWN) !== -1;
}

/** Replaces every key of a well-known form. */
export function replaceWellKnownKeys(text: string, replacement: (key: string) => string): string {
  return text.replace(WELL_KNOWN, replacement);
}

/** Whether a value is a word that nobody would hide, or none at all. */
export function isHarmless(value: string): boolean {
  return value === '' || HARMLESS.test(value);
}

/** Whether an argument of a command carries a credential, by its flag, by the flag before it or by its own form. */
export function isCredentialArgument(args: readonly string[], index: number): boolean {
  const arg = args[index] ?? '';
  const before = args[index - 1] ?? '';
  const [flag = '', ...rest] = arg.split('=');
  if (flag.startsWith('-') && rest.join('=') !== '' && isCredentialName(flag)) return true;
  const follows = /^--?[^=]*$/.test(before) && isCredentialName(before) && !arg.startsWith('-');
  return follows || hasWellKnownKey(arg);
}
