/** What is generated from the sources: the published JSON Schema, and the README's tables of settings and of codes. */
import { ERROR_CATALOGUE, type CatalogueEntry } from '../src/core/error-catalogue.js';
import { ERROR_CODES, type ErrorCode } from '../src/core/errors.js';
import { configJsonSchema } from '../src/core/config/schema.js';

export const TABLE_BEGIN = '<!-- configuration:begin -->';
export const TABLE_END = '<!-- configuration:end -->';
export const CODES_BEGIN = '<!-- codes:begin -->';
export const CODES_END = '<!-- codes:end -->';

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly env?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
}

/** `resources/mcp_config_schema.json`, byte for byte. */
export function schemaFile(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

/** The Markdown table of every setting, without the markers around it. */
export function configurationTable(): string {
  const schema = configJsonSchema() as JsonSchema;
  const rows = Object.entries(schema.properties ?? {})
    .filter(([key]) => key !== '$schema')
    .flatMap(([key, child]) => rowsOf(key, child, false));
  return markdownTable(['Setting', 'Type', 'Default', 'Environment', 'Meaning'], rows);
}

/** The Markdown table of every code, without the markers around it. */
export function codesTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { name, exit, meaning }]) => {
    const { remedies }: CatalogueEntry = ERROR_CATALOGUE[code as ErrorCode];
    return [code, `\`${name}\``, String(exit), meaning, remedies[0] ?? ''].map(escaped);
  });
  return markdownTable(['Code', 'Name', 'Exit', 'Meaning', 'What to do first'], rows);
}

function markdownTable(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

/** A README with its tables between their markers, or `undefined` where a marker is missing. */
export function withTables(readme: string): string | undefined {
  const settings = replaceBetween(readme, TABLE_BEGIN, TABLE_END, configurationTable());
  return settings && replaceBetween(settings, CODES_BEGIN, CODES_END, codesTable());
}

function replaceBetween(text: string, beginMark: string, endMark: string, table: string): string | undefined {
  const begin = text.indexOf(beginMark);
  const end = text.indexOf(endMark);
  if (begin === -1 || end < begin) return undefined;
  return `${text.slice(0, begin + beginMark.length)}\n\n${table}\n${text.slice(end)}`;
}

function escaped(cell: string): string {
  return cell.replaceAll('|', String.raw`\|`);
}

function rowsOf(path: string, schema: JsonSchema, required: boolean): string[][] {
  const servers = schema.additionalProperties;
  if (path === 'mcp_servers' && typeof servers === 'object') return rowsOf(`${path}.<id>`, servers, false);
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([key, child]) =>
      rowsOf(`${path}.${key}`, child, schema.required?.includes(key) === true),
    );
  }
  return [
    [
      `\`${path}\``,
      typeText(schema),
      schema.default === undefined ? (required ? 'required' : '') : `\`${JSON.stringify(schema.default)}\``,
      environmentText(path, schema),
      schema.description ?? '',
    ].map(escaped),
  ];
}

/** Settings of the `orchestration` section have names of their own; all others have that of their path. */
function environmentText(path: string, { env }: JsonSchema): string {
  if (env !== undefined) return `\`${env}\``;
  const [section, , ...rest] = path.split('.');
  if (section === 'defaults' || section === 'gateway')
    return `\`MCPX_${path.toUpperCase().replaceAll('.', '__')}\``;
  return `\`MCPX_SERVERS__<ID>__${rest.join('__').toUpperCase()}\``;
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) {
    const lower = new Set(schema.enum.map((value) => String(value).toLowerCase()));
    // Levels may be written in small letters too; naming both would only be long.
    const shown = lower.size < schema.enum.length ? schema.enum.slice(0, lower.size) : schema.enum;
    return shown.map((value) => `\`${String(value)}\``).join(', ');
  }
  if (schema.anyOf !== undefined) {
    const pattern = schema.anyOf.find((option) => option.pattern !== undefined)?.pattern;
    if (pattern !== undefined) return pattern.includes('ms') ? 'duration' : 'size';
    return schema.anyOf.map(typeText).includes('text') ? 'text' : schema.anyOf.map(typeText).join(' or ');
  }
  if (schema.type === 'array') return `list of ${typeText(schema.items ?? {})}s`;
  if (schema.type === 'object') return 'mapping of texts';
  if (schema.type === 'boolean') return '`true`, `false`';
  if (schema.type === 'integer' || schema.type === 'number') return numberText(schema);
  return 'text';
}

function numberText({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const kind = type === 'integer' ? 'whole number' : 'number';
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}`;
  if (minimum === undefined) return kind;
  // The schema library writes the largest safe integer where nothing else bounds a whole number.
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return isBounded ? `${kind}, ${minimum} to ${maximum}` : `${kind} from ${minimum}`;
}
