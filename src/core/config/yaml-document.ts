import {
  Composer,
  Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Parser,
  visit,
  YAMLParseError,
  type Alias,
  type CST,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { FilledIn } from './filled-in.js';
import { interpolate } from './interpolate.js';
import { Lines } from './lines.js';
import type { Problem, Range } from './problem.js';
import { findControlCharacter, syntaxMistakes, tokensOf } from './syntax.js';

export type Path = readonly PropertyKey[];

/** Where the values of a file stand. */
export interface Places {
  /** The file is JSON, or YAML in its style. */
  readonly isJson: boolean;
  /** The place of the value at `path`, or of the nearest mapping around it that exists. */
  rangeOf(path: Path): Range;
  /** The place of the last key of `path` itself. */
  keyRangeOf(path: Path): Range;
  /** Whether the value stands at its place itself, and not where an alias stands for it. */
  standsAt(path: Path): boolean;
}

/** A parsed YAML or JSON file that knows where each of its values stands. */
export interface YamlDocument extends Places {
  /** Plain data without aliases; `undefined` where the syntax is broken. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Every text that took values of the environment. */
  readonly filledIn: readonly FilledIn[];
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
  const lines = new Lines(text);
  const control = findControlCharacter(text);
  // Behind a control character the parser loses count.
  const { document, tooDeepAt, tokens } = parse(control === undefined ? text : '');
  const pairs = new PairIndex();
  const mistakes = control === undefined ? syntaxMistakes(document.errors, text, tokens) : [control];
  if (tooDeepAt !== undefined) {
    const hint = 'no setting lies deeper than a few levels: is this the right file?';
    mistakes.push({ start: tooDeepAt, end: tooDeepAt, message: 'this is nested too deeply', hint });
  }
  const problems: Problem[] = mistakes.map(({ start, end, ...mistake }) => ({
    severity: 'error',
    code: 'CFG103',
    ...mistake,
    path: '',
    file,
    range: rangeAt(start, end),
  }));

  const filledIn: FilledIn[] = [];
  const syntaxIsBroken = problems.length > 0;
  if (!syntaxIsBroken) {
    findDuplicates();
    fillIn();
  }

  let value: unknown;
  if (!syntaxIsBroken) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      const alias = failingAlias();
      const message = alias?.message ?? (error instanceof Error ? firstLine(error.message) : String(error));
      const range = alias === undefined ? rangeAt(0, 0) : rangeOfNode(alias.node);
      const hint = 'write the settings out, or put them below "defaults"';
      problems.push({ severity: 'error', code: 'CFG103', message, hint, path: '', file, range });
    }
  }

  return {
    value,
    problems,
    filledIn,
    isJson: /^\s*[{[]/.test(text),
    standsAt: (path) => findPair(document, path, pairs) !== undefined,
    rangeOf: (path) => nodeRange(path) ?? rangeAt(0, 0),
    keyRangeOf: (path) => {
      const pair = findPair(document, path, pairs);
      return pair?.key === undefined ? (nodeRange(path) ?? rangeAt(0, 0)) : rangeOfNode(pair.key);
    },
  };

  function findDuplicates(): void {
    visit(document, {
      Map(_, map, ancestors) {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          if (seen.has(key.value)) {
            problems.push({
              severity: 'error',
              code: 'CFG110',
              message: 'this key stands in the mapping already',
              hint: 'remove or rename one of the two',
              path: [pathOf(ancestors), String(key.value)].filter((part) => part !== '').join('.'),
              file,
              range: rangeOfNode(key),
            });
          }
          seen.add(key.value);
        }
      },
    });
  }

  function fillIn(): void {
    visit(document, {
      Scalar(key, node, ancestors) {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
        const filled = interpolate(node.value, env);
        if (filled.unreadable) {
          problems.push({
            severity: 'error',
            code: 'CFG106',
            // Without the text itself, which may hold a credential as its default.
            message: 'a "${" here begins no reference that can be read',
            hint: 'write ${VARIABLE} or ${VARIABLE:-default}; $${ stands for a ${ that is meant as it is',
            path: pathOf(ancestors),
            file,
            range: rangeOfNode(node),
          });
        }
        // A text may hold the same one several times.
        const ofEditors = new Map(filled.ofEditors.map(({ reference, hint }) => [reference, hint]));
        for (const [reference, hint] of ofEditors) {
          problems.push({
            severity: 'error',
            code: 'CFG109',
            message: `only an editor fills in ${reference}`,
            hint,
            path: pathOf(ancestors),
            file,
            range: rangeOfNode(node),
          });
        }
        if (!filled.changed) return;
        const keys = keysOf(ancestors);
        if (filled.variables.length > 0)
          filledIn.push({ keys, text: filled.text, variables: filled.variables });
        for (const name of new Set(filled.unset)) {
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
        // An unquoted ${TIMEOUT} may stand for a number or a boolean, as if its value had been typed there.
        const isText = node.type !== 'PLAIN' || keys.slice(2).some((step) => TEXT_SETTINGS.has(step));
        node.value = isText ? filled.text : scalarOf(filled.text);
      },
    });
  }

  /** The alias that cannot be written out; the library does not say which. */
  function failingAlias(): { readonly node: Node; readonly message: string } | undefined {
    const aliases: Alias[] = [];
    visit(document, {
      Alias(_, node) {
        aliases.push(node);
      },
    });
    const [first] = aliases;
    if (first === undefined) return undefined;
    const anchors = new Set<string>();
    visit(document, {
      Node(_, node) {
        if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
      },
    });
    const unknown = aliases.find(({ source }) => !anchors.has(source));
    return unknown === undefined
      ? { node: first, message: 'aliases stand for too much of the file' }
      : { node: unknown, message: `no anchor &${unknown.source} stands before this alias` };
  }

  function rangeAt(start: number, end: number): Range {
    return lines.range(start, end);
  }

  function rangeOfNode(node: Node): Range {
    const [start, end] = node.range ?? [0, 0];
    return rangeAt(start, end);
  }

  function nodeRange(path: Path): Range | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const pair = findPair(document, path.slice(0, length), pairs);
      const node = pair?.value ?? pair?.key;
      // For a value that is missing the key of the mapping around it is the place to look at.
      if (node !== undefined) return rangeOfNode(length === path.length ? node : (pair?.key ?? node));
    }
    return undefined;
  }
}

/** Deeper than any setting by far. */
const MAX_DEPTH = 100;

interface Parsed {
  readonly document: Document;
  readonly tooDeepAt: number | undefined;
  readonly tokens: readonly CST.Token[];
}

function parse(text: string): Parsed {
  const { stackTraceLimit } = Error;
  // Each problem is an error object, and of a million stacks nobody reads one: they would take ten times as long.
  Error.stackTraceLimit = 0;
  try {
    const tokens = [...new Parser().parse(text)];
    // The steps after this one call themselves for each level. Where the stack runs out in the middle of a regular
    // expression, V8 ends the whole process instead of throwing.
    const tooDeepAt = findTooDeep(tokens);
    // Comparing each key with all before it takes quadratic time; duplicates are looked for below.
    const composer = new Composer({
      prettyErrors: false,
      uniqueKeys: false,
      strict: true,
      // What is wrong is told by us, and not as a warning of the process as well.
      logLevel: 'silent',
    });
    const [first, second] = composer.compose(tooDeepAt === undefined ? tokens : [], true, text.length);
    const document = first ?? new Document();
    if (second !== undefined) {
      const place: [number, number] = [second.range[0], second.range[1]];
      document.errors.push(new YAMLParseError(place, 'MULTIPLE_DOCS', ''));
    }
    return { document, tooDeepAt, tokens };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Where the nesting exceeds what is sensible. */
function findTooDeep(tokens: readonly CST.Token[]): number | undefined {
  for (const { token, depth } of tokensOf(tokens)) if (depth > MAX_DEPTH) return token.offset;
  return undefined;
}

/** The pairs of a mapping by key, made once for each mapping that is asked for; of equal keys the last, whose value counts. */
class PairIndex {
  readonly #byMap = new Map<YAMLMap, ReadonlyMap<string, Pair>>();

  find(map: YAMLMap, key: string): Pair | undefined {
    let byKey = this.#byMap.get(map);
    if (byKey === undefined) {
      const scalars = map.items.filter((item) => isScalar(item.key));
      byKey = new Map(scalars.map((item) => [String((item.key as { value: unknown }).value), item]));
      this.#byMap.set(map, byKey);
    }
    return byKey.get(key);
  }
}

function findPair(
  document: Document,
  path: Path,
  pairs: PairIndex,
): { key: Node | undefined; value: Node | undefined } | undefined {
  let node: unknown = document.contents;
  let key: Node | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = pairs.find(node, String(step));
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
  return keysOf(ancestors).join('.');
}

function keysOf(ancestors: readonly unknown[]): string[] {
  return ancestors.filter(isPair).map((pair) => (isScalar(pair.key) ? String(pair.key.value) : '?'));
}

/** Settings of a server that take texts: a key of digits only is no number there. */
const TEXT_SETTINGS = new Set([
  'args',
  'capabilities',
  'command',
  'cwd',
  'domains',
  'env',
  'headers',
  'inherit_env',
  'name',
  'resources',
  'url',
]);

function scalarOf(text: string): unknown {
  // Only what a number writes as itself: 007 and 1.50 would come back as something else.
  if (/^-?\d+(?:\.\d+)?$/.test(text) && String(Number(text)) === text) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
