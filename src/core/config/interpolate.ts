import { editorVariableAt, namedEditorVariable, type EditorVariable } from './editor-variables.js';

const START = /\$\$\{|\$\{(?:(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-|\}))?/g;

export interface Interpolated {
  readonly text: string;
  /** Names without a value and without a default, in the order of the text. */
  readonly unset: readonly string[];
  /** References that only an editor can fill in, in the order of the text; they stay as they are. */
  readonly ofEditors: readonly EditorVariable[];
  /** What was put in from the environment; a default is none of it. */
  readonly variables: readonly { readonly name: string; readonly value: string }[];
  /** Whether some `${` begins neither a reference nor a `$${`, or is never closed. */
  readonly unreadable: boolean;
  /** Whether the text held a reference at all. */
  readonly changed: boolean;
}

/**
 * Replaces `${VAR}` and `${VAR:-default}` by values of the environment; `${env:VAR}` is the form of VS Code.
 * As in a shell, the default also stands in for an empty value; a `}` in it is written `\}`. `$${` writes a
 * literal `${`.
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  const unset: string[] = [];
  const ofEditors: EditorVariable[] = [];
  const variables: { name: string; value: string }[] = [];
  let unreadable = false;
  const parts: string[] = [];
  let done = 0;
  let changed = false;
  START.lastIndex = 0;
  for (let match = START.exec(text); match !== null; match = START.exec(text)) {
    const [whole, name, end] = match;
    parts.push(text.slice(done, match.index));
    done = match.index;
    if (name === undefined && whole === '${') {
      const ofEditor = editorVariableAt(text, match.index);
      if (ofEditor === undefined) unreadable = true;
      else ofEditors.push(ofEditor);
      continue;
    }
    if (name === undefined) {
      parts.push('${');
      done = START.lastIndex;
      changed = true;
      continue;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (end === '}') {
      changed = true;
      const ofEditor = value === undefined && !whole.includes(':') ? namedEditorVariable(name) : undefined;
      if (ofEditor !== undefined) ofEditors.push(ofEditor);
      else if (value === undefined) unset.push(name);
      else variables.push({ name, value });
      parts.push(value ?? whole);
      done = START.lastIndex;
      continue;
    }
    const close = closingBrace(text, START.lastIndex);
    // No brace closes this one, so none closes those behind it.
    if (close === -1) {
      unreadable = true;
      break;
    }
    changed = true;
    const fallback = text.slice(START.lastIndex, close).replaceAll('\\}', '}');
    if (value === undefined || value === '') parts.push(fallback);
    else {
      variables.push({ name, value });
      parts.push(value);
    }
    done = close + 1;
    START.lastIndex = done;
  }
  return { text: parts.join('') + text.slice(done), unset, ofEditors, variables, unreadable, changed };
}

/** Where the next `}` without a backslash stands, or -1. */
function closingBrace(text: string, from: number): number {
  let at = text.indexOf('}', from);
  while (at > from && text[at - 1] === '\\') at = text.indexOf('}', at + 1);
  return at;
}
