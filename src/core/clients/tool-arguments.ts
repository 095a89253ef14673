import { MCPOrchestratorException, ResourceFetchError, retold } from '../errors.js';
import { isMapping } from '../mapping.js';
import { listed, meant } from '../nearest.js';

/** One argument of a tool, as its `inputSchema` has it. */
export interface ToolArgument {
  readonly name: string;
  /** In words: `string`, `integer or null`, `"asc" or "desc"`. */
  readonly type: string;
  readonly required: boolean;
  readonly description?: string;
}

/** A tool as a server lists it, as far as it can be read. */
export interface ListedTool {
  readonly name: string;
  readonly description?: string;
  readonly arguments: readonly ToolArgument[];
  /** Whether the schema goes beyond the arguments that it names: by rules for others, or by schemas put together. */
  readonly takesOthers: boolean;
  /** Its server does not say that it only reads. */
  readonly mayWrite: boolean;
  /** As the server sent it. */
  readonly inputSchema: unknown;
}

/** Values of an enumeration that are named; a server may list thousands. */
const MOST_VALUES = 6;

/**
 * Keywords of a schema that let through, or name, what is not among its properties. One that is silent about others takes
 * them as well, by JSON Schema, but its tool does not know them.
 */
const OPEN = ['additionalProperties', 'patternProperties', 'allOf', 'anyOf', 'oneOf', '$ref'] as const;

/** @returns `undefined` for what is no tool */
export function toolOf(value: unknown): ListedTool | undefined {
  if (!isMapping(value) || typeof value['name'] !== 'string') return undefined;
  const { name, description, inputSchema } = value;
  return {
    name,
    ...(typeof description === 'string' ? { description } : {}),
    arguments: argumentsOf(inputSchema),
    takesOthers: isMapping(inputSchema) && OPEN.some((key) => (inputSchema[key] ?? false) !== false),
    inputSchema,
    mayWrite: mayWrite(value),
  };
}

/** Whether a tool does not say that it changes nothing (2025-03-26 and later, "Tool annotations"). */
export function mayWrite({ annotations }: { readonly annotations?: unknown }): boolean {
  return !isMapping(annotations) || annotations['readOnlyHint'] !== true;
}

function argumentsOf(schema: unknown): readonly ToolArgument[] {
  if (!isMapping(schema) || !isMapping(schema['properties'])) return [];
  const required: unknown = schema['required'];
  const names = Array.isArray(required) ? required : [];
  return Object.entries(schema['properties']).map(([name, property]) => {
    const { description } = isMapping(property) ? property : {};
    return {
      name,
      type: typeOf(property),
      required: names.includes(name),
      ...(typeof description === 'string' ? { description } : {}),
    };
  });
}

function typeOf(property: unknown): string {
  if (!isMapping(property)) return 'anything';
  const { type, enum: values, const: only, anyOf, oneOf } = property;
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(values) && values.length > 0) {
    const named = values.slice(0, MOST_VALUES).map((value) => JSON.stringify(value));
    return [...named, ...(values.length > MOST_VALUES ? ['…'] : [])].join(' or ');
  }
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) return type.filter((each) => typeof each === 'string').join(' or ');
  const either: unknown = anyOf ?? oneOf;
  return Array.isArray(either) && either.length > 0
    ? [...new Set(either.slice(0, MOST_VALUES).map(typeOf))].join(' or ')
    : 'anything';
}

/**
 * RES309, with the tools that there are.
 *
 * @param tools  the names of those of all servers; one may come several times
 */
export function unknownTool(name: string, tools: readonly string[]): ResourceFetchError {
  const known = [...new Set(tools)];
  return new ResourceFetchError('RES309', `no server has the tool ${JSON.stringify(name)}`, {
    context: { tool: name, known },
    hint: known.length === 0 ? 'None of them has tools.' : `${meant(name, known)}There are ${listed(known)}.`,
    fix: 'mcpx call --list',
  });
}

/** `query: string, max_rows?: integer` */
function signatureOf({ arguments: all, takesOthers }: ListedTool): string {
  const named = all.map(({ name, type, required }) => `${name}${required ? '' : '?'}: ${type}`);
  if (named.length === 0) return takesOthers ? 'any arguments' : 'no arguments';
  return [...named, ...(takesOthers ? ['…'] : [])].join(', ');
}

/**
 * The failure of a call with what the tool takes as its hint, where the arguments do not fit its schema, or nothing
 * better is known.
 */
export function withSignature<Failure>(
  error: Failure,
  tool: ListedTool,
  args: Readonly<Record<string, unknown>>,
): Failure | MCPOrchestratorException {
  if (!(error instanceof MCPOrchestratorException)) return error;
  const missing = tool.arguments.filter(({ name, required }) => required && !Object.hasOwn(args, name));
  const known = new Set(tool.arguments.map(({ name }) => name));
  const others = tool.takesOthers ? [] : Object.keys(args).filter((name) => !known.has(name));
  const fits = missing.length === 0 && others.length === 0;
  if (fits && (error.code !== 'UPS217' || error.hint !== undefined)) return error;
  const misfits = [
    ...(missing.length === 0 ? [] : [`${missing.map(({ name }) => name).join(', ')} missing`]),
    ...(others.length === 0 ? [] : [`${others.join(', ')} unknown`]),
  ];
  const misfit = fits ? '' : ` (${misfits.join('; ')})`;
  return retold(error, { hint: `${tool.name} takes ${signatureOf(tool)}${misfit}.` });
}
