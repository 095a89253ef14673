/** How the output is looked at; comes from outside, so that rendering reads no environment. */
export interface View {
  readonly color: boolean;
  /** Columns; `undefined` means that nothing is cut. */
  readonly width?: number;
}

/**
 * Takes control characters, escape sequences and invisible direction marks out of a text from outside, so that it
 * can neither move the cursor nor pretend to be something else.
 */
export function plain(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(CONTROLS, (control) => (control === '\n' || control === '\t' ? ' ' : ''));
}

// CSI and OSC sequences as a whole, so that no "[31m" stays behind; then whatever is left of their kind.
const ESCAPES =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[@-Z\\-_]/g;
// eslint-disable-next-line no-control-regex -- the same
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Writes what JSON may hold and a terminal must not see (C1 controls, direction marks, line separators) as `\u009b`.
 *
 * @param json  JSON, or YAML with such characters in double quotes only: both read the escape
 */
export function escapeControls(json: string): string {
  return json.replace(RAW_IN_JSON, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether a text holds what `escapeControls` would escape. */
export function hasRawControls(text: string): boolean {
  return text.search(RAW_IN_JSON) !== -1;
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const RAW_IN_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Cuts a text to a number of columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
