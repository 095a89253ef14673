/** What is generated from the configuration schema: the published JSON Schema and the README's table. */
import { configJsonSchema } from '../src/core/config/schema.js';

export const TABLE_BEGIN = '<!-- configuration:begin -->';
export const TABLE_END = '<!-- configuration:end -->';

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
  const cells = [['Setting', 'Type', 'Default', 'Environment', 'Meaning'], ...rows];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`;
  const [head, ...body] = cells;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

/** A README with the table between its markers, or `undefined` where the markers are missing. */
export function withTable(readme: string): string | undefined {
  const begin = readme.indexOf(TABLE_BEGIN);
  const end = readme.indexOf(TABLE_END);
  if (begin === -1 || end < begin) return undefined;
  return `${readme.slice(0, begin + TABLE_BEGIN.length)}\n\n${configurationTable()}\n${readme.slice(end)}`;
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
    ].map((cell) => cell.replaceAll('|', String.raw`\|`)),
  ];
}

/** Settings of the `orchestration` section have names of their own; all others have that of their path. */
function environmentText(path: string, { env }: JsonSchema): string {
  if (env !== undefined) return `\`${env}\``;
  const [section, , ...rest] = path.split('.');
  if (section === 'defaults') return `\`MCPX_${path.toUpperCase().replaceAll('.', '__')}\``;
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
