import type { ResolvedValue, ValueSource } from '../core/config/resolved.js';
import { paint } from './paint.js';
import { escapeControls, type View } from './terminal.js';
import { wrapWords, type Word } from './wrap.js';

interface Line {
  readonly depth: number;
  /** Without the indentation. */
  readonly words: readonly Word[];
  readonly comment?: string;
}

/** Comments begin no further to the right, and no further to the left than this on a narrow terminal. */
const MOST_COLUMN = 60;
const LEAST_COLUMN = 30;

/** YAML that reads as a configuration again, each value with its source as a comment. */
export function renderResolved(values: readonly ResolvedValue[], view: View): string {
  const lines: Line[] = [];
  let before: readonly string[] = [];
  for (const { path, value, source, inheritedFrom } of values) {
    const parents = path.slice(0, -1);
    // Keys of the mappings around it that have not been written yet.
    const shared = parents.findIndex((key, index) => key !== before[index]);
    for (let depth = shared === -1 ? parents.length : shared; depth < parents.length; depth += 1) {
      lines.push({ depth, words: [{ text: `${keyText(parents[depth] ?? '')}:` }] });
    }
    before = parents;
    const words = [{ text: `${keyText(path.at(-1) ?? '')}:` }, ...wordsOfValue(value)];
    lines.push({ depth: parents.length, words, comment: sourceText(source, inheritedFrom) });
  }
  const column = columnOfComments(lines, view.width);
  return lines.map((line) => textOf(line, column, view)).join('');
}

function columnOfComments(lines: readonly Line[], width = Infinity): number {
  const commented = lines.filter(({ comment }) => comment !== undefined);
  const longest = Math.max(0, ...commented.map(({ comment = '' }) => comment.length + 3));
  const room = Math.max(LEAST_COLUMN, width - longest);
  return Math.min(MOST_COLUMN, room, Math.max(0, ...commented.map(widthOf)));
}

function widthOf({ depth, words }: Line): number {
  return words.reduce((sum, { text }) => sum + text.length + 1, 2 * depth - 1);
}

/** On one line; where a terminal has no room for that, the comment before it, and a long list on several lines. */
function textOf(line: Line, column: number, view: View): string {
  const { depth, words, comment } = line;
  const indent = '  '.repeat(depth);
  const text = wrapWords(words, view.width, `${indent}    `, indent);
  if (comment === undefined) return text;
  const ink = paint(view.color);
  const padded =
    indent +
    words
      .map((word) => word.text)
      .join(' ')
      .padEnd(column - indent.length);
  if (padded.length + comment.length + 3 <= (view.width ?? Infinity)) {
    return `${padded} ${ink.dim(`# ${comment}`)}\n`;
  }
  return `${indent}${ink.dim(`# ${comment}`)}\n${text}`;
}

/** The same for programs: the configuration, and the source of each value by its path. */
export function resolvedJson(
  file: string,
  values: readonly ResolvedValue[],
): Readonly<Record<string, unknown>> {
  // Without a prototype, since an id may be any word, and `constructor` is one.
  const config = Object.create(null) as Record<string, unknown>;
  for (const { path, value } of values) put(config, path, value);
  return {
    api_version: 'mcpx/v1',
    kind: 'ResolvedConfig',
    file,
    config,
    sources: values.map(({ path, source: { kind, ...rest }, inheritedFrom }) => ({
      path,
      source: kind,
      ...rest,
      ...(inheritedFrom === undefined ? {} : { inherited_from: inheritedFrom }),
    })),
  };
}

function put(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node = root;
  for (const key of path.slice(0, -1)) {
    node[key] ??= Object.create(null);
    node = node[key] as Record<string, unknown>;
  }
  node[path.at(-1) ?? ''] = value;
}

function sourceText(source: ValueSource, inheritedFrom: string | undefined): string {
  const text = ownSourceText(source);
  return inheritedFrom === undefined ? text : `${text} (${inheritedFrom})`;
}

function ownSourceText(source: ValueSource): string {
  switch (source.kind) {
    case 'flag':
      return `flag ${source.flag}`;
    case 'environment':
      return `environment ${source.variable}`;
    case 'file': {
      const variables = source.variables.map((name) => `\${${name}}`);
      return [`file ${source.line}:${source.column}`, ...variables].join(', ');
    }
    default:
      return 'default';
  }
}

function keyText(key: string): string {
  return /^[A-Za-z_][\w-]*$/.test(key) ? key : escapeControls(JSON.stringify(key));
}

/** A list may be broken between its items. */
function wordsOfValue(value: unknown): readonly Word[] {
  if (!Array.isArray(value) || value.length === 0) return [{ text: valueText(value) }];
  return value.map((item, index) => {
    const open = index === 0 ? '[' : '';
    const close = index === value.length - 1 ? ']' : ',';
    return { text: `${open}${valueText(item)}${close}` };
  });
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  return escapeControls(JSON.stringify(value));
}
