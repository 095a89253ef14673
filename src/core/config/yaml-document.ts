import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml';
import { interpolate } from './interpolate.js';
import type { Position, Problem, Range } from './problem.js';

export type Path = readonly PropertyKey[];

/** A parsed YAML or JSON file that knows where each of its values stands. */
export interface YamlDocument {
  /** Plain data without aliases; `undefined` where the syntax is broken. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The place of the value at `path`, or of the nearest mapping around it that exists. */
  rangeOf(path: Path): Range;
  /** The place of the last key of `path` itself. */
  keyRangeOf(path: Path): Range;
}

/** Alias expansion beyond this is a bomb, not a configuration. */
const MAX_ALIASES = 100;

/**
 * Parses a file, fills in `${VAR}` references, and reports broken syntax, duplicate keys and unset variables
 * at their places.
 */
export function readYamlDocument(
  file: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    strict: true,
  });
  const problems: Problem[] = document.errors.map((error) => ({
    severity: 'error',
    code: error.code === 'DUPLICATE_KEY' ? 'CFG110' : 'CFG103',
    message:
      error.code === 'DUPLICATE_KEY' ? 'this key stands in the mapping already' : firstLine(error.message),
    ...(error.code === 'TAB_AS_INDENT' ? { hint: 'indent with spaces' } : {}),
    path: '',
    file,
    range: rangeAt(error.pos[0], error.pos[1]),
  }));

  const syntaxIsBroken = problems.some((problem) => problem.code === 'CFG103');
  if (!syntaxIsBroken) fillIn();

  let value: unknown;
  if (!syntaxIsBroken) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      const message = error instanceof Error ? firstLine(error.message) : String(error);
      problems.push({ severity: 'error', code: 'CFG103', message, path: '', file, range: rangeAt(0, 0) });
    }
  }

  return {
    value,
    problems,
    rangeOf: (path) => nodeRange(path) ?? rangeAt(0, 0),
    keyRangeOf: (path) => {
      const pair = findPair(document, path);
      return pair?.key === undefined ? (nodeRange(path) ?? rangeAt(0, 0)) : rangeOfNode(pair.key);
    },
  };

  function fillIn(): void {
    visit(document, {
      Scalar(key, node, ancestors) {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
        const filled = interpolate(node.value, env);
        if (!filled.changed) return;
        for (const name of filled.unset) {
          problems.push({
            severity: 'error',
            code: 'CFG109',
            message: `environment variable ${name} is not set`,
            hint: `set it, or write \${${name}:-default}`,
            path: pathOf(ancestors),
            file,
            range: rangeOfNode(node),
          });
        }
        // An unquoted ${PORT} may stand for a number or a boolean, as if its value had been typed there.
        node.value = node.type === 'PLAIN' ? scalarOf(filled.text) : filled.text;
      },
    });
  }

  function positionAt(offset: number): Position {
    const at = Math.max(0, Math.min(offset, text.length));
    const { line, col } = lines.linePos(at);
    return { line: Math.max(1, line), column: Math.max(1, col), offset: at };
  }

  function rangeAt(start: number, end: number): Range {
    return { start: positionAt(start), end: positionAt(Math.max(start, end)) };
  }

  function rangeOfNode(node: Node): Range {
    const [start, end] = node.range ?? [0, 0];
    return rangeAt(start, end);
  }

  function nodeRange(path: Path): Range | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const pair = findPair(document, path.slice(0, length));
      const node = pair?.value ?? pair?.key;
      // For a value that is missing the key of the mapping around it is the place to look at.
      if (node !== undefined) return rangeOfNode(length === path.length ? node : (pair?.key ?? node));
    }
    return undefined;
  }
}

function findPair(
  document: Document,
  path: Path,
): { key: Node | undefined; value: Node | undefined } | undefined {
  let node: unknown = document.contents;
  let key: Node | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return undefined;
      key = isNode(pair.key) ? pair.key : undefined;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (!isNode(item)) return undefined;
      key = item;
      node = item;
    } else {
      return undefined;
    }
  }
  return { key, value: isNode(node) ? node : undefined };
}

function pathOf(ancestors: readonly unknown[]): string {
  return ancestors
    .filter(isPair)
    .map((pair) => (isScalar(pair.key) ? String(pair.key.value) : '?'))
    .join('.');
}

function scalarOf(text: string): unknown {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
