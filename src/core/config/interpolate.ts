const REFERENCE = /\$\$\{|\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}\\]|\\.)*))?\}/g;

export interface Interpolated {
  readonly text: string;
  /** Names without a value and without a default, in the order of the text. */
  readonly unset: readonly string[];
  /** Whether the text held a reference at all. */
  readonly changed: boolean;
}

/**
 * Replaces `${VAR}` and `${VAR:-default}` by values of the environment; `${env:VAR}` is the form of VS Code.
 * As in a shell, the default also stands in for an empty value. `$${` writes a literal `${`.
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  const unset: string[] = [];
  let changed = false;
  const result = text.replace(REFERENCE, (whole, name: string | undefined, fallback: string | undefined) => {
    changed = true;
    if (name === undefined) return '${';
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) unset.push(name);
    return value ?? whole;
  });
  return { text: result, unset, changed };
}
