import { ResourceFetchError, type MCPOrchestratorException } from '../errors.js';
import { nestsDeeper } from '../nesting.js';
import type { Content, GatheredTemplate } from './outcome.js';

/** A resource as a server lists it. */
export interface ListedResource {
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
}

/** Splits a list into its well-formed entries and one error for each that is none. */
export function decodeResources(
  serverId: string,
  items: readonly unknown[],
): {
  readonly resources: readonly ListedResource[];
  readonly malformed: readonly MCPOrchestratorException[];
} {
  const resources: ListedResource[] = [];
  const malformed: MCPOrchestratorException[] = [];
  for (const [index, item] of items.entries()) {
    const entry = asObject(item);
    const { uri, name } = entry;
    if (!isText(uri) || !isText(name)) {
      malformed.push(malformedEntry(serverId, 'resource', index, isText(uri) ? 'name' : 'uri'));
    } else {
      resources.push({ uri, name, ...described(entry) });
    }
  }
  return { resources, malformed };
}

export function decodeTemplates(
  serverId: string,
  items: readonly unknown[],
): {
  readonly templates: readonly GatheredTemplate[];
  readonly malformed: readonly MCPOrchestratorException[];
} {
  const templates: GatheredTemplate[] = [];
  const malformed: MCPOrchestratorException[] = [];
  for (const [index, item] of items.entries()) {
    const entry = asObject(item);
    const { uriTemplate, name } = entry;
    if (!isText(uriTemplate) || !isText(name)) {
      malformed.push(
        malformedEntry(serverId, 'template', index, isText(uriTemplate) ? 'name' : 'uriTemplate'),
      );
    } else {
      templates.push({ uriTemplate, name, ...described(entry) });
    }
  }
  return { templates, malformed };
}

/** The names of tools or prompts, each once, and one error for each entry that has none. */
export function decodeNames(
  serverId: string,
  what: 'tool' | 'prompt',
  items: readonly unknown[],
): { readonly names: readonly string[]; readonly malformed: readonly MCPOrchestratorException[] } {
  const names = new Set<string>();
  const malformed: MCPOrchestratorException[] = [];
  for (const [index, item] of items.entries()) {
    const { name } = asObject(item);
    if (isText(name)) names.add(name);
    else malformed.push(malformedEntry(serverId, what, index, 'name'));
  }
  return { names: [...names], malformed };
}

/**
 * Decodes what a server returned for a resource.
 *
 * @param bytes  of the texts and blobs as they came
 * @param notJson  how many contents claim to be JSON and are not, or are nested too deeply; they are kept as text
 * @param garbled  how many texts hold U+FFFD, which stands for bytes that were no UTF-8
 * @throws ResourceFetchError UPS211 for a content without text and blob, or whose blob is no base64
 */
export function decodeContents(
  serverId: string,
  uri: string,
  raw: readonly unknown[],
): {
  readonly contents: readonly Content[];
  readonly bytes: number;
  readonly notJson: number;
  readonly garbled: number;
} {
  let bytes = 0;
  let notJson = 0;
  let garbled = 0;
  const contents = raw.map((item): Content => {
    const entry = asObject(item);
    const { mimeType } = entry;
    const head = {
      uri: isText(entry['uri']) ? entry['uri'] : uri,
      ...(isText(mimeType) ? { mimeType } : {}),
    };
    if (typeof entry['text'] === 'string') {
      const { text } = entry;
      bytes += Buffer.byteLength(text);
      if (text.includes('\uFFFD')) garbled += 1;
      const json = claimsJson(mimeType, text) ? parseJson(text) : undefined;
      if (json !== undefined) return { ...head, kind: 'json', data: json.value };
      if (claimsJson(mimeType, '')) notJson += 1;
      return { ...head, kind: 'text', text };
    }
    if (typeof entry['blob'] === 'string' && !NOT_BASE64.test(entry['blob'])) {
      bytes += Buffer.byteLength(entry['blob'], 'base64');
      return { ...head, kind: 'blob', blob: entry['blob'] };
    }
    throw new ResourceFetchError(
      'UPS211',
      typeof entry['blob'] === 'string'
        ? `${serverId} returned a blob of ${uri} that is not base64`
        : `${serverId} returned a content of ${uri} with neither text nor blob`,
      {
        context: { server: serverId, phase: 'decode', uri },
        hint: 'This is a fault of the server; report it to its authors.',
      },
    );
  });
  return { contents, bytes, notJson, garbled };
}

/** Both alphabets of RFC 4648, and the line breaks of MIME. */
const NOT_BASE64 = /[^\w+/\-=\s]/;

/** By its type; where there is none, what looks like a JSON object or list is taken for one. */
function claimsJson(mimeType: unknown, text: string): boolean {
  if (isText(mimeType)) return /^[^;]*[/+]json\s*(;|$)/i.test(mimeType);
  return /^\s*[{[]/.test(text);
}

/** Deeper than any document; what prints a report calls itself for each level. */
const MAX_DEPTH = 1000;

function parseJson(text: string): { readonly value: unknown } | undefined {
  if (nestsDeeper(text, MAX_DEPTH)) return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function described(entry: Readonly<Record<string, unknown>>): {
  title?: string;
  description?: string;
  mimeType?: string;
} {
  const { title, description, mimeType } = entry;
  return {
    ...(isText(title) ? { title } : {}),
    ...(isText(description) ? { description } : {}),
    ...(isText(mimeType) ? { mimeType } : {}),
  };
}

function malformedEntry(serverId: string, what: string, index: number, key: string): ResourceFetchError {
  return new ResourceFetchError(
    'UPS211',
    `${serverId} lists a ${what} without a usable "${key}" (number ${index + 1})`,
    {
      context: { server: serverId, phase: 'decode', index },
      hint: 'This is a fault of the server; report it to its authors.',
    },
  );
}

function asObject(item: unknown): Record<string, unknown> {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : {};
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
