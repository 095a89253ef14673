import type { ResolvedValue, ValueSource } from '../core/config/resolved.js';
import { paint } from './paint.js';
import { escapeControls, type View } from './terminal.js';

/** YAML that reads as a configuration again, each value with its source as a comment. */
export function renderResolved(values: readonly ResolvedValue[], view: View): string {
  const ink = paint(view.color);
  const lines: { readonly text: string; readonly comment?: string }[] = [];
  let before: readonly string[] = [];
  for (const { path, value, source, inheritedFrom } of values) {
    const parents = path.slice(0, -1);
    // Keys of the mappings around it that have not been written yet.
    const shared = parents.findIndex((key, index) => key !== before[index]);
    for (let depth = shared === -1 ? parents.length : shared; depth < parents.length; depth += 1) {
      lines.push({ text: `${'  '.repeat(depth)}${keyText(parents[depth] ?? '')}:` });
    }
    before = parents;
    const text = `${'  '.repeat(parents.length)}${keyText(path.at(-1) ?? '')}: ${valueText(value)}`;
    lines.push({ text, comment: sourceText(source, inheritedFrom) });
  }
  const width = Math.min(
    60,
    Math.max(0, ...lines.map(({ text, comment }) => (comment === undefined ? 0 : text.length))),
  );
  return lines
    .map(({ text, comment }) =>
      comment === undefined ? `${text}\n` : `${text.padEnd(width)} ${ink.dim(`# ${comment}`)}\n`,
    )
    .join('');
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

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  return escapeControls(JSON.stringify(value));
}
