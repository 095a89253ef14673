import {
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  ResourceTemplate,
  type CacheHint,
} from '@modelcontextprotocol/server';
import { readVersion } from '../../core/version.js';
import { registerResolveProduct, RESOLVE_PRODUCT } from './resolve-product.js';
import {
  ALIASES_URI,
  MAPPINGS_URI,
  productJson,
  SUMMARY_URI,
  type MetadataStore,
  type ResourceUri,
} from './store.js';

const MIME_TYPE = 'application/json';
const TEMPLATE = 'product-aliases://{alias}';
/** As long as the documents let resources be cached; who must know earlier subscribes. */
const CACHE_TTL_MS = 300_000;

const RESOURCES: readonly {
  readonly uri: ResourceUri;
  readonly name: string;
  readonly description: string;
}[] = [
  {
    uri: ALIASES_URI,
    name: 'Product Aliases',
    description:
      'Every product with its canonical id and name, its aliases, database references and categories',
  },
  {
    uri: MAPPINGS_URI,
    name: 'Column Mappings',
    description: 'SQL expressions by the words that people use for them',
  },
  {
    uri: SUMMARY_URI,
    name: 'Metadata Summary',
    description: 'How many products and mappings there are, when they last changed, and their version',
  },
];

export interface MetadataServerOptions {
  /** Whether caches may share answers between users; not so behind a token. */
  readonly cacheScope?: 'public' | 'private';
}

/** One instance for one session or request; all of them read the same store. */
export function createMetadataServer(store: MetadataStore, options: MetadataServerOptions = {}): McpServer {
  const cacheHint: CacheHint = { ttlMs: CACHE_TTL_MS, cacheScope: options.cacheScope ?? 'public' };
  const server = new McpServer(
    { name: 'mcpx-product-metadata', title: 'Product Metadata', version: readVersion() },
    {
      capabilities: { resources: { subscribe: true, listChanged: true } },
      instructions:
        'Product names and their aliases, and SQL expressions for the words that people use. ' +
        `Read ${TEMPLATE} to look one product up by any of its names, or call ${RESOLVE_PRODUCT} for a name that ` +
        'people typed: it knows near names too, and never guesses between several.',
      cacheHints: {
        'server/discover': cacheHint,
        'resources/list': cacheHint,
        'resources/templates/list': cacheHint,
        'tools/list': cacheHint,
      },
    },
  );
  for (const { uri, name, description } of RESOURCES) {
    server.registerResource(name, uri, { description, mimeType: MIME_TYPE, cacheHint }, () => ({
      contents: [{ uri, mimeType: MIME_TYPE, text: store.snapshot.texts[uri] }],
    }));
  }
  // The SDK lists what was registered; the size and date of our resources change while a session lasts.
  server.server.setRequestHandler('resources/list', () => {
    const { texts, modified } = store.snapshot;
    return {
      resources: RESOURCES.map((resource) => ({
        ...resource,
        mimeType: MIME_TYPE,
        size: Buffer.byteLength(texts[resource.uri]),
        annotations: { lastModified: modified },
      })),
    };
  });

  server.registerResource(
    'Product by alias',
    new ResourceTemplate(TEMPLATE, {
      list: undefined,
      complete: { alias: (value) => [...store.namesLike(value)] },
    }),
    {
      description:
        'One product by its key, canonical id, canonical name or one of its aliases (percent-encoded)',
      mimeType: MIME_TYPE,
      cacheHint,
    },
    (uri, { alias }) => {
      const name = decoded(String(alias));
      const found = name === undefined ? [] : store.find(name);
      const [only] = found;
      if (only === undefined) throw new ResourceNotFoundError(uri.href);
      if (found.length > 1) {
        const keys = found.map(({ key }) => key);
        throw new ProtocolError(
          ProtocolErrorCode.InvalidParams,
          `${name} stands for several products: ${keys.join(', ')}`,
          {
            uri: uri.href,
            candidates: keys,
          },
        );
      }
      const text = JSON.stringify({ key: only.key, ...productJson(only.product) });
      return { contents: [{ uri: uri.href, mimeType: MIME_TYPE, text }] };
    },
  );
  registerResolveProduct(server, store);
  return server;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
