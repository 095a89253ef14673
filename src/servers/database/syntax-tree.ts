/** The parser's tree: JSON whose objects with a capital key are nodes of that kind. */
export type Tree = null | string | number | boolean | readonly Tree[] | TreeObject;
export type TreeObject = { readonly [key: string]: Tree };

export function isObject(tree: Tree | undefined): tree is TreeObject {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}

export function textOf(tree: Tree | undefined): string {
  return typeof tree === 'string' ? tree : '';
}

export function listOf(tree: Tree | undefined): readonly Tree[] {
  return Array.isArray(tree) ? (tree as readonly Tree[]) : [];
}

/** Whether a key names a kind of node, and not a field of one. */
export function isKind(key: string): boolean {
  const first = key.codePointAt(0) ?? 0;
  return first >= 0x41 && first <= 0x5a;
}

/** The one node that an object holds, as `['FuncCall', {…}]`. */
export function nodeOf(tree: Tree | undefined): readonly [kind: string, body: TreeObject] | undefined {
  if (!isObject(tree)) return undefined;
  for (const kind in tree) {
    const body = tree[kind];
    return isKind(kind) && isObject(body) ? [kind, body] : undefined;
  }
  return undefined;
}

/** The body of a node of this kind; an object that holds a node holds nothing else. */
export function bodyOf(tree: Tree | undefined, kind: string): TreeObject | undefined {
  const body = isObject(tree) ? tree[kind] : undefined;
  return isObject(body) ? body : undefined;
}

/** The texts of a list of String nodes; what is no String is an empty text. */
export function stringsOf(names: Tree | undefined): string[] {
  return listOf(names).map((name) => textOf(bodyOf(name, 'String')?.['sval']));
}

export function dotted(names: Tree | undefined): string {
  return stringsOf(names).join('.');
}

/** 1-based character of the query where a node begins; the parser leaves out a location of 0. */
export function positionOf(sql: string, node: TreeObject): number | null {
  const location = node['location'];
  return positionAt(sql, typeof location === 'number' ? location : 0);
}

/** The parser counts bytes from 0, PostgreSQL's clients characters from 1; -1 is nowhere. */
export function positionAt(sql: string, byteOffset = 0): number | null {
  if (byteOffset < 0) return null;
  return Array.from(Buffer.from(sql).subarray(0, byteOffset).toString()).length + 1;
}
