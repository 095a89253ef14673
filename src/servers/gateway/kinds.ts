import { specTypeSchemas } from '@modelcontextprotocol/server';
import type { RawList, ResourceClient } from '../../core/clients/resource-client.js';
import type { ServerConfig } from '../../core/config/config.js';
import { ResourceFetchError } from '../../core/errors.js';
import { matchesGlob, selects } from '../../core/gather/select.js';
import type { Operation } from '../../core/operation.js';
import { ADDRESS_TEMPLATE } from './own-template.js';

/** What a server lists, and the gateway merges. */
export type ListKind = 'resources' | 'templates' | 'tools' | 'prompts';

/** One well-formed entry of a list, as its server sent it. */
export interface Entry {
  /** What it is asked for by: a URI, a URI template or a name. */
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface KindDefinition {
  readonly kind: ListKind;
  /** How messages call one entry. */
  readonly noun: string;
  /** Where the entries stand in the result. */
  readonly resultKey: string;
  readonly keyName: string;
  /** Entries of several servers may bear one name without meaning the same thing. */
  readonly isNamed: boolean;
  readonly schema: (typeof specTypeSchemas)['Tool' | 'Prompt' | 'Resource' | 'ResourceTemplate'];
  list(client: ResourceClient, op: Operation): Promise<RawList>;
  isOffered(server: ServerConfig, key: string): boolean;
}

export const KINDS: Readonly<Record<ListKind, KindDefinition>> = {
  resources: {
    kind: 'resources',
    noun: 'resource',
    resultKey: 'resources',
    keyName: 'uri',
    isNamed: false,
    schema: specTypeSchemas.Resource,
    list: (client, op) => client.listResources(op),
    isOffered: selects,
  },
  templates: {
    kind: 'templates',
    noun: 'resource template',
    resultKey: 'resourceTemplates',
    keyName: 'uriTemplate',
    isNamed: false,
    schema: specTypeSchemas.ResourceTemplate,
    list: (client, op) => client.listResourceTemplates(op),
    // Which URIs a template stands for only shows when one is read. A server that is a gateway as well lists addresses
    // that would be taken for ours.
    isOffered: (_, key) => key !== ADDRESS_TEMPLATE,
  },
  tools: {
    kind: 'tools',
    noun: 'tool',
    resultKey: 'tools',
    keyName: 'name',
    isNamed: true,
    schema: specTypeSchemas.Tool,
    list: (client, op) => client.listTools(op),
    isOffered: ({ tools }, name) => {
      const isIncluded = tools.include === undefined || tools.include.some((glob) => matchesGlob(glob, name));
      return isIncluded && !tools.exclude.some((glob) => matchesGlob(glob, name));
    },
  },
  prompts: {
    kind: 'prompts',
    noun: 'prompt',
    resultKey: 'prompts',
    keyName: 'name',
    isNamed: true,
    schema: specTypeSchemas.Prompt,
    list: (client, op) => client.listPrompts(op),
    isOffered: () => true,
  },
};

export const LIST_KINDS = Object.keys(KINDS) as readonly ListKind[];

/**
 * Splits a list into what may be offered and one error for each entry that is malformed: strict clients refuse a
 * whole list for one of those. What is listed twice counts once.
 */
export function decodeEntries(
  { kind, noun, keyName, schema, isOffered }: KindDefinition,
  server: ServerConfig,
  items: readonly unknown[],
): { readonly entries: readonly Entry[]; readonly malformed: readonly ResourceFetchError[] } {
  const entries = new Map<string, Entry>();
  const malformed: ResourceFetchError[] = [];
  for (const [index, item] of items.entries()) {
    const checked = schema['~standard'].validate(item);
    const value = item as Readonly<Record<string, unknown>>;
    const key = 'issues' in checked && checked.issues !== undefined ? undefined : value[keyName];
    if (typeof key !== 'string' || key === '') {
      malformed.push(
        new ResourceFetchError('UPS211', `${server.id} lists a malformed ${noun} (number ${index + 1})`, {
          context: { server: server.id, phase: 'decode', list: kind, index },
          hint: 'This is a fault of the server; report it to its authors.',
        }),
      );
    } else if (!entries.has(key) && isOffered(server, key)) {
      entries.set(key, { key, value });
    }
  }
  return { entries: [...entries.values()], malformed };
}
