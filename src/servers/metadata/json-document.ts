import { Lines } from '../../core/config/lines.js';
import type { Range } from '../../core/config/problem.js';
import type { Path, Places } from '../../core/config/yaml-document.js';

/** Something about the text of a JSON document, at its place. */
interface JsonComplaint {
  readonly kind: 'syntax' | 'duplicate-key';
  readonly message: string;
  readonly path: Path;
  readonly range: Range;
}

/** A parsed JSON text that knows where each of its values stands. */
export interface JsonDocument extends Places {
  /** `undefined` where the syntax is broken. A key `__proto__` is a key like any other. */
  readonly value: unknown;
  readonly complaints: readonly JsonComplaint[];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Member {
  readonly key: string;
  readonly keySpan: Span;
  readonly node: Node;
}

type Node = Span &
  (
    | { readonly kind: 'scalar'; readonly value: unknown }
    | { readonly kind: 'array'; readonly items: readonly Node[] }
    | { readonly kind: 'object'; readonly members: readonly Member[] }
  );

/** Deeper nesting is no metadata, and would exhaust the stack. */
const MAX_DEPTH = 100;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
// eslint-disable-next-line no-control-regex -- JSON forbids exactly these inside a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/**
 * Parses JSON strictly (RFC 8259, a byte order mark is skipped) and keeps the places. `JSON.parse` keeps none and
 * silently drops all but the last of equal keys.
 */
export function readJsonDocument(text: string): JsonDocument {
  const complaints: JsonComplaint[] = [];
  const lines = new Lines(text);
  const byKey = new Map<Node, ReadonlyMap<string, Member>>();
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let root: Node | undefined;
  try {
    root = readValue([]);
    skipSpace();
    if (at < text.length) fail('nothing may follow the value');
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    complaints.push({
      kind: 'syntax',
      message: error.message,
      path: error.path,
      range: rangeAt(error.start, at),
    });
    root = undefined;
  }

  return {
    value: root === undefined ? undefined : toValue(root),
    complaints,
    isJson: true,
    standsAt: (path) => find(path).isThere,
    rangeOf: (path) => {
      const { node } = find(path);
      return node === undefined ? rangeAt(0, 0) : rangeAt(node.start, node.end);
    },
    keyRangeOf: (path) => {
      const { key, node } = find(path);
      const span = key ?? node;
      return span === undefined ? rangeAt(0, 0) : rangeAt(span.start, span.end);
    },
  };

  function readValue(path: Path): Node {
    skipSpace();
    if (path.length > MAX_DEPTH) fail(`nested more than ${MAX_DEPTH} deep`, path);
    const start = at;
    switch (text[at]) {
      case '{':
        return readObject(path, start);
      case '[':
        return readArray(path, start);
      case '"': {
        const value = readString(path);
        return { kind: 'scalar', value, start, end: at };
      }
      case undefined:
        return fail('the file ends where a value should stand', path);
      default:
        return readLiteral(path, start);
    }
  }

  function readLiteral(path: Path, start: number): Node {
    const number = take(NUMBER);
    if (number !== undefined && !/[\w.]/.test(text[at] ?? '')) {
      return { kind: 'scalar', value: Number(number), start, end: at };
    }
    at = start;
    for (const [word, value] of LITERALS) {
      if (text.startsWith(word, at) && !/\w/.test(text[at + word.length] ?? '')) {
        at += word.length;
        return { kind: 'scalar', value, start, end: at };
      }
    }
    return fail(`${shown()} is no JSON value`, path);
  }

  function readObject(path: Path, start: number): Node {
    const members: Member[] = [];
    const seen = new Set<string>();
    at += 1;
    skipSpace();
    while (text[at] !== '}') {
      if (at >= text.length) fail('the closing } is missing', path);
      if (members.length > 0) {
        if (text[at] !== ',') fail(`a comma or } is missing before ${shown()}`, path);
        const comma = at;
        at += 1;
        skipSpace();
        if (text[at] === '}') failAt(comma, 'a comma stands before the closing }', path);
      }
      const keyStart = at;
      if (text[at] !== '"') fail(`a key in double quotes is missing before ${shown()}`, path);
      const key = readString(path);
      const keySpan = { start: keyStart, end: at };
      const here = [...path, key];
      if (seen.has(key)) {
        const message = `the key ${JSON.stringify(key)} stands here a second time`;
        complaints.push({ kind: 'duplicate-key', message, path: here, range: rangeAt(keyStart, at) });
      }
      seen.add(key);
      skipSpace();
      if (text[at] !== ':') fail(`a colon is missing before ${shown()}`, here);
      at += 1;
      members.push({ key, keySpan, node: readValue(here) });
      skipSpace();
    }
    at += 1;
    return { kind: 'object', members, start, end: at };
  }

  function readArray(path: Path, start: number): Node {
    const items: Node[] = [];
    at += 1;
    skipSpace();
    while (text[at] !== ']') {
      if (at >= text.length) fail('the closing ] is missing', path);
      if (items.length > 0) {
        if (text[at] !== ',') fail(`a comma or ] is missing before ${shown()}`, path);
        const comma = at;
        at += 1;
        skipSpace();
        if (text[at] === ']') failAt(comma, 'a comma stands before the closing ]', path);
      }
      items.push(readValue([...path, items.length]));
      skipSpace();
    }
    at += 1;
    return { kind: 'array', items, start, end: at };
  }

  function readString(path: Path): string {
    const token = take(STRING);
    if (token !== undefined) return JSON.parse(token) as string;
    const end = /["\r\n]/.exec(text.slice(at + 1));
    return fail(
      end?.[0] === '"'
        ? 'a character or escape in this text is not allowed in JSON'
        : 'the closing " is missing',
      path,
    );
  }

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const token = pattern.exec(text)?.[0];
    if (token !== undefined) at += token.length;
    return token;
  }

  function skipSpace(): void {
    take(SPACE);
  }

  function shown(): string {
    return at >= text.length
      ? 'the end of the file'
      : JSON.stringify(/^[\w$.-]{1,20}|./u.exec(text.slice(at, at + 30))?.[0]);
  }

  function failAt(place: number, message: string, path: Path): never {
    at = place + 1;
    throw new SyntaxFailure(message, place, path);
  }

  function fail(message: string, path: Path = []): never {
    throw new SyntaxFailure(message, at, path);
  }

  /** The value at a path; where the path leaves the document, the nearest value around it without a key. */
  function find(path: Path): {
    readonly key?: Span | undefined;
    readonly node?: Node | undefined;
    readonly isThere: boolean;
  } {
    let node = root;
    let key: Span | undefined;
    for (const step of path) {
      let next: Node | undefined;
      let nextKey: Span | undefined;
      if (node?.kind === 'object') {
        const member = membersOf(node).get(String(step));
        [next, nextKey] = [member?.node, member?.keySpan];
      } else if (node?.kind === 'array') {
        next = node.items[Number(step)];
      }
      if (next === undefined) return { key, node, isThere: false };
      [node, key] = [next, nextKey];
    }
    return { key, node, isThere: node !== undefined };
  }

  /** By key; of equal keys the last, whose value counts. Made once for each object that is asked for. */
  function membersOf(node: Extract<Node, { kind: 'object' }>): ReadonlyMap<string, Member> {
    const known = byKey.get(node) ?? new Map(node.members.map((member) => [member.key, member]));
    byKey.set(node, known);
    return known;
  }

  function rangeAt(start: number, end: number): Range {
    return lines.range(start, end);
  }
}

class SyntaxFailure extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly path: Path,
  ) {
    super(message);
  }
}

function toValue(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'array') return node.items.map(toValue);
  // Unlike an assignment, this makes a key `__proto__` plain data.
  return Object.fromEntries(node.members.map(({ key, node: child }) => [key, toValue(child)]));
}
