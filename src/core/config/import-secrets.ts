/** A credential that stands in an entry itself instead of behind a reference. */
export interface ClearText {
  /** Keys and indexes below the entry. */
  readonly path: readonly (string | number)[];
  /** How a warning names it: `env GITHUB_TOKEN`. */
  readonly what: string;
  /** The part of the text that is secret. */
  readonly secret: string;
}

const HIDDEN = '***';

/** The last words of names that are given to credentials; not `TOKEN_FILE`, which names a file. */
const NAMES = new Set(
  'token secret password passwd passphrase pwd pass key apikey auth authorization credential credentials cookie bearer pat jwt sig signature'.split(
    ' ',
  ),
);
/** Forms in which well-known services hand out their keys. */
const WELL_KNOWN =
  /^(?:sk-|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA[A-Z0-9]{12}|AIza|eyJ[\w-]+\.|npm_|hf_|pplx-|ntn_|lin_api_|Bearer\s)\S{8}/;

const HARMLESS = /^(?:true|false|yes|no|on|off|none|null|\d{1,4})$/i;

/** Every credential in clear text of an entry, in the order of the entry. */
export function findClearText(entry: Readonly<Record<string, unknown>>): readonly ClearText[] {
  const found: ClearText[] = [];
  const add = (path: ClearText['path'], what: string, secret: string) => {
    // A reference is what is wanted, and some words are modes or numbers.
    if (secret === '' || secret.includes('${') || HARMLESS.test(secret)) return;
    found.push({ path, what, secret });
  };
  for (const [section, what] of [
    ['env', 'env'],
    ['headers', 'header'],
  ] as const) {
    for (const [name, value] of Object.entries((entry[section] ?? {}) as Record<string, string>)) {
      const at = [section, name];
      if (isSecretName(name) || WELL_KNOWN.test(value)) add(at, `${what} ${name}`, value);
      else inUrl(value).forEach((secret) => add(at, `the URL in ${what} ${name}`, secret));
    }
  }
  const args = (entry['args'] ?? []) as readonly string[];
  for (const [index, arg] of args.entries()) {
    const [flag = '', ...rest] = arg.split('=');
    const before = args[index - 1] ?? '';
    const at = ['args', index];
    if (flag.startsWith('-') && rest.length > 0 && isSecretName(flag))
      add(at, `argument ${flag}`, rest.join('='));
    else if (/^--?[^=]*$/.test(before) && isSecretName(before) && !arg.startsWith('-')) {
      add(at, `argument ${before}`, arg);
    } else if (WELL_KNOWN.test(arg)) add(at, `argument ${index + 1}`, arg);
    else
      inHeader(arg)
        .concat(inUrl(arg))
        .forEach((secret) => add(at, `argument ${index + 1}`, secret));
  }
  if (typeof entry['url'] === 'string')
    inUrl(entry['url']).forEach((secret) => add(['url'], 'the url', secret));
  return found;
}

/** The entry with `***` for its credentials, for wherever it is only shown. */
export function masked(
  entry: Readonly<Record<string, unknown>>,
  secrets: readonly ClearText[],
): Readonly<Record<string, unknown>> {
  const copy = structuredClone(entry) as Record<string, unknown>;
  for (const { path, secret } of secrets) {
    let node = copy as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) node = node[step] as Record<string | number, unknown>;
    const last = path.at(-1) ?? '';
    node[last] = String(node[last]).replaceAll(secret, HIDDEN);
  }
  return copy;
}

function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  return NAMES.has(words.at(-1) ?? '');
}

/** The value behind `Authorization: Bearer …` in an argument such as those of `curl -H`. */
function inHeader(text: string): string[] {
  const [, name = '', value = ''] = /^([\w-]+):\s*(\S.*)$/.exec(text) ?? [];
  return value !== '' && !value.startsWith('//') && isSecretName(name) ? [value] : [];
}

/** Password and secret query values of a URL, as they are written there. */
function inUrl(text: string): string[] {
  const [, userInfo] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@]*)@/i.exec(text) ?? [];
  const password = userInfo === undefined ? [] : [userInfo.slice(userInfo.indexOf(':') + 1)];
  const query = [...text.matchAll(/[?&]([^=&#]+)=([^&#]*)/g)]
    .filter(([, name = '']) => isSecretName(name))
    .map(([, , value = '']) => value);
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? [...password, ...query] : [];
}
