/** How the output is looked at; comes from outside, so that rendering reads no environment. */
export interface View {
  readonly color: boolean;
  /** Columns; `undefined` means that nothing is cut. */
  readonly width?: number;
}

/**
 * Takes control characters, escape sequences, direction marks and what cannot be seen (spaces without a width, tags)
 * out of a text from outside, so that it can neither move the cursor nor pretend to be something else.
 */
export function plain(text: string): string {
  if (isNarrow(text)) return text;
  return text
    .replace(ESCAPES, '')
    .replace(CONTROLS, (control) => (control === '\n' || control === '\t' ? ' ' : ''));
}

/**
 * Whether a text is made of what most are made of, ASCII and Latin letters: each takes one column, and nothing of it has
 * to go.
 */
export function isNarrow(text: string): boolean {
  return NARROW.test(text);
}

const NARROW = /^[ -~\u00c0-\u024f…]*$/;

// CSI and OSC sequences as a whole, so that no "[31m" stays behind; then whatever is left of their kind.
const ESCAPES =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[@-Z\\-_]/g;
const CONTROLS =
  // eslint-disable-next-line no-control-regex -- the same
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\udb40[\udc00-\udc7f]/g;

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

function columnsOfCharacter(character: string): number {
  if (character < '\u0300') return 1;
  if (isOnTop(character)) return 0;
  return isWide(character) ? 2 : 1;
}

// Properties of Unicode take a third of a millisecond to look up, so both wait until somebody asks.

/** What stands on the character before it. */
function isOnTop(character: string): boolean {
  return /[\p{Mn}\p{Me}]|\u200c|\u200d/u.test(character);
}

/** Scripts and pictures of two columns each (Unicode, "East Asian Width": W and F). */
function isWide(character: string): boolean {
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u.test(
    character,
  );
}

/** How many columns of a terminal a text takes. */
export function columnsOf(text: string): number {
  if (isNarrow(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

/** Cuts a text to a number of columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let taken = 0;
  for (const character of text) {
    taken += columnsOfCharacter(character);
    if (taken > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
