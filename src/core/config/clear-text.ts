import { hasWellKnownKey, isCredentialArgument, isCredentialName, isHarmless } from './credential.js';

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

/**
 * Every credential in clear text of a server's entry, in the order of the entry.
 *
 * @param entry  as it stands in a file: what has another shape than it should is passed over
 */
export function findClearText(entry: Readonly<Record<string, unknown>>): readonly ClearText[] {
  const found: ClearText[] = [];
  const add = (path: ClearText['path'], what: string, secret: string) => {
    // A reference is what is wanted, and some words are modes or numbers.
    if (secret.includes('${') || isHarmless(secret)) return;
    found.push({ path, what, secret });
  };
  for (const [section, what] of [
    ['env', 'env'],
    ['headers', 'header'],
  ] as const) {
    for (const [name, value] of textsOf(entry[section])) {
      const at = [section, name];
      if (isCredentialName(name) || hasWellKnownKey(value)) add(at, `${what} ${name}`, value);
      else inUrl(value).forEach((secret) => add(at, `the URL in ${what} ${name}`, secret));
    }
  }
  const args = Array.isArray(entry['args']) ? entry['args'].map(String) : [];
  for (const [index, arg] of args.entries()) {
    const [flag = '', ...rest] = arg.split('=');
    const before = args[index - 1] ?? '';
    const at = ['args', index];
    if (!isCredentialArgument(args, index)) {
      inHeader(arg)
        .concat(inUrl(arg))
        .forEach((secret) => add(at, `argument ${index + 1}`, secret));
    } else if (flag.startsWith('-') && rest.length > 0) add(at, `argument ${flag}`, rest.join('='));
    else if (isCredentialName(before) && before.startsWith('-')) add(at, `argument ${before}`, arg);
    else add(at, `argument ${index + 1}`, arg);
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

function textsOf(value: unknown): readonly [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

/** The value behind `Authorization: Bearer …` in an argument such as those of `curl -H`. */
function inHeader(text: string): string[] {
  const [, name = '', value = ''] = /^([\w-]+):\s*(\S.*)$/.exec(text) ?? [];
  return value !== '' && !value.startsWith('//') && isCredentialName(name) ? [value] : [];
}

/** Password and secret query values of a URL, as they are written there. */
function inUrl(text: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return [];
  const [, userInfo] = /^[^/]*\/\/([^/?#]*)@/.exec(text) ?? [];
  const password = userInfo === undefined ? [] : [userInfo.slice(userInfo.indexOf(':') + 1)];
  const query = [...text.matchAll(/[?&]([^=&#]{1,100})=([^&#]*)/g)]
    .filter(([, name = '']) => isCredentialName(name))
    .map(([, , value = '']) => value);
  return [...password, ...query];
}
