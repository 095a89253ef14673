/** Values of the environment that `${VAR}` put into one text of the file. */
export interface FilledIn {
  /** Keys from the top of the file to the text. */
  readonly keys: readonly string[];
  /** The text with the values in it. */
  readonly text: string;
  readonly variables: readonly { readonly name: string; readonly value: string }[];
}

/** Shorter values are ports and words; taking them out would blank out ordinary text. */
const LEAST_LENGTH = 6;

/** Variables that say where and as whom somebody works: every path in a message holds them. */
const NO_SECRET =
  /^(?:HOME|USER|USERNAME|LOGNAME|USERPROFILE|HOSTNAME|PWD|SHELL|PATH|LANG|TMPDIR|TMP|TEMP|(?:LOCAL)?APPDATA|XDG_\w+|LC_\w+)$/;

/** Settings of a server that hold no credential, and whose values stand in messages and reports on purpose. */
const OPEN_SETTINGS = new Set([
  'capabilities',
  'command',
  'cwd',
  'domains',
  'inherit_env',
  'name',
  'protocol',
  'transport',
  'type',
]);

/**
 * Those of the values that have to be taken for credentials: people hide things in the environment, not words.
 *
 * @returns the values as they stand in the file and in a URL made of them, longest first
 */
export function secretsIn(filled: readonly FilledIn[]): readonly string[] {
  const secrets = new Set<string>();
  for (const { keys, text, variables } of filled) {
    const [section = '', , ...path] = keys;
    const setting = (path[0] === 'start' ? path[1] : path[0]) ?? '';
    if (
      section === 'orchestration' ||
      section === 'defaults' ||
      section === 'gateway' ||
      OPEN_SETTINGS.has(setting)
    )
      continue;
    for (const { name, value } of variables) {
      if (NO_SECRET.test(name)) continue;
      for (const secret of setting === 'url' ? secretsOfUrl(text, value) : [value]) {
        if (secret.length < LEAST_LENGTH) continue;
        for (const form of [secret, encodeURIComponent(secret), encodeURI(secret)]) secrets.add(form);
      }
    }
  }
  return [...secrets].sort((a, b) => b.length - a.length);
}

/** Which host is asked is no secret, and every message about a server needs it. */
function secretsOfUrl(text: string, value: string): readonly string[] {
  if (!URL.canParse(text)) return [value];
  const { host } = new URL(text);
  if (text.startsWith(value) && URL.canParse(value)) {
    // The address itself came from the variable: its path may be what gives access.
    const { pathname, search, hash } = new URL(value);
    return [`${pathname}${search}${hash}`, pathname];
  }
  const isOfHost = host.includes(value.toLowerCase()) && !text.replace(host, '').includes(value);
  return isOfHost ? [] : [value];
}
