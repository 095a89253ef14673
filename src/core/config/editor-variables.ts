/** A `${…}` that an editor fills in and that is no variable of the environment. */
export interface EditorVariable {
  /** With its braces, as it stands in the file. */
  readonly reference: string;
  /** What to write instead. */
  readonly hint: string;
}

/** Those of VS Code and Cursor. @see https://code.visualstudio.com/docs/reference/variables-reference */
const HINTS: Readonly<Record<string, string>> = {
  workspaceFolder: 'write the folder itself, or ${PWD} for the one that mcpx is run in',
  workspaceRoot: 'write the folder itself, or ${PWD} for the one that mcpx is run in',
  workspaceFolderBasename: 'write the name of the folder itself',
  userHome: 'write ${HOME}',
  pathSeparator: 'write /',
  '/': 'write /',
  execPath: 'write the path itself',
};

/** Names that stand in braces like one of the environment; the others have signs that no variable has. */
export function namedEditorVariable(name: string): EditorVariable | undefined {
  return Object.hasOwn(HINTS, name) ? { reference: `\${${name}}`, hint: HINTS[name] ?? '' } : undefined;
}

const WITH_SIGNS = /\$\{(?:(input|command|config):([^{}\s]*)|\/)\}/y;

/** The one that begins at a place, of those with signs in their names. */
export function editorVariableAt(text: string, at: number): EditorVariable | undefined {
  WITH_SIGNS.lastIndex = at;
  const match = WITH_SIGNS.exec(text);
  if (match === null) return undefined;
  const [reference, kind, id = ''] = match;
  if (kind === undefined) return namedEditorVariable('/');
  if (kind !== 'input') return { reference, hint: 'write the value itself' };
  return { reference, hint: `write \${${variableFor(id)}} and set it in the environment` };
}

/** The variable of the environment for what VS Code asks people for: `api-key` becomes `API_KEY`. */
export function variableFor(id: string): string {
  const letters = id.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  return /^[0-9]/.test(letters) || letters === '' ? `_${letters}` : letters;
}
