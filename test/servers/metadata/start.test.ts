import { mkdtemp, readFile, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as V1SseTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as V1HttpTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifies } from '../../verifies.js';
import type { LogFields } from '../../../src/core/logging/logger.js';
import { createOperation } from '../../../src/core/operation.js';
import { startMetadataServer, type MetadataServeOptions } from '../../../src/servers/metadata/start.js';

const SHIPPED = fileURLToPath(new URL('../../../resources/product_metadata.json', import.meta.url));
const ADDRESS = { host: '127.0.0.1', port: 0, transport: 'http' } as const;

const closers: (() => unknown)[] = [];
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcpx-metadata-'));
  file = join(folder, 'products.json');
  await writeFile(file, catalogue());
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await rm(folder, { recursive: true });
});

function catalogue(
  lampName = 'Desk Lamp',
  mappings: object = { revenue: 'SUM(sales.total_amount)' },
): string {
  return JSON.stringify({
    last_updated: '2024-01-01T00:00:00',
    version: '1.2.0',
    product_aliases: {
      lamp: {
        canonical_id: 'P_1',
        canonical_name: lampName,
        aliases: ['light', 'C++ lamp'],
        categories: ['home'],
      },
      tent: { canonical_id: 'P_2', canonical_name: 'Dome Tent', aliases: ['zelt', 'one/two'] },
    },
    column_mappings: mappings,
  });
}

/** A logger whose events a test can wait for. */
function recorder() {
  const events: { event: string; fields: LogFields }[] = [];
  const waiting = new Map<string, ((fields: LogFields) => void)[]>();
  return {
    events,
    log(_level: string, event: string, fields: LogFields = {}) {
      events.push({ event, fields });
      for (const resolve of waiting.get(event)?.splice(0) ?? []) resolve(fields);
    },
    /** The next event of the name from now on. */
    next: (event: string) =>
      new Promise<LogFields>((resolve) => waiting.set(event, [...(waiting.get(event) ?? []), resolve])),
  };
}

async function start(options: Partial<MetadataServeOptions> = {}) {
  const log = recorder();
  const op = createOperation({ logger: log });
  const served = await startMetadataServer({ ...ADDRESS, metadataPath: file, ...options }, op);
  closers.push(() => served.close(0));
  return { ...served, urls: served.urls!, port: served.port!, log };
}

const CLIENTS = [
  'v2 over SSE',
  'v2 over streamable HTTP, 2025-11-25',
  'v2 over streamable HTTP, 2026-07-28',
  'v1 over SSE',
  'v1 over streamable HTTP',
] as const;
type Kind = (typeof CLIENTS)[number];

async function connect(
  { urls }: { urls: { sse: string; mcp: string } },
  kind: Kind,
): Promise<Client | V1Client> {
  const [sse, mcp] = [new URL(urls.sse), new URL(urls.mcp)];
  if (kind.startsWith('v1')) {
    const client = new V1Client({ name: 'v1', version: '1' });
    await client.connect(kind === 'v1 over SSE' ? new V1SseTransport(sse) : new V1HttpTransport(mcp));
    closers.push(() => client.close());
    return client;
  }
  return connectV2(kind === 'v2 over SSE' ? sse : mcp, kind.endsWith('2026-07-28') ? 'modern' : 'legacy');
}

async function connectV2(url: URL, era: 'legacy' | 'modern'): Promise<Client> {
  const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy';
  const client = new Client({ name: 'v2', version: '1' }, { versionNegotiation: { mode } });
  const isSse = url.pathname === '/sse';
  await client.connect(isSse ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url));
  closers.push(() => client.close());
  return client;
}

async function readJson(client: Client | V1Client, uri: string): Promise<unknown> {
  const { contents } = await client.readResource({ uri });
  expect(contents).toHaveLength(1);
  const [content] = contents;
  expect(content).toMatchObject({ uri, mimeType: 'application/json' });
  return JSON.parse((content as { text: string }).text);
}

describe.each(CLIENTS)('the metadata server, to a client of the SDK %s', (kind) => {
  verifies('meta:resources', 'lists its three resources and its template', async () => {
    const client = await connect(await start(), kind);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri, name, mimeType }) => [uri, name, mimeType])).toEqual([
      ['product-aliases://list', 'Product Aliases', 'application/json'],
      ['column-mappings://list', 'Column Mappings', 'application/json'],
      ['metadata-summary://info', 'Metadata Summary', 'application/json'],
    ]);
    for (const { description } of resources) expect(description).toBeTruthy();
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([
      { uriTemplate: 'product-aliases://{alias}', mimeType: 'application/json' },
    ]);
  });

  verifies('meta:aliases', 'gives every product by its key', async () => {
    const client = await connect(await start(), kind);
    expect(await readJson(client, 'product-aliases://list')).toEqual({
      aliases: {
        lamp: {
          canonical_id: 'P_1',
          canonical_name: 'Desk Lamp',
          aliases: ['light', 'C++ lamp'],
          database_references: {},
          categories: ['home'],
        },
        tent: {
          canonical_id: 'P_2',
          canonical_name: 'Dome Tent',
          aliases: ['zelt', 'one/two'],
          database_references: {},
          categories: [],
        },
      },
    });
  });

  verifies('meta:mappings', 'gives the SQL expression of every term', async () => {
    const client = await connect(await start(), kind);
    expect(await readJson(client, 'column-mappings://list')).toEqual({
      mappings: { revenue: 'SUM(sales.total_amount)' },
    });
  });

  verifies('meta:summary', 'counts products and mappings, and gives date and version', async () => {
    const client = await connect(await start(), kind);
    expect(await readJson(client, 'metadata-summary://info')).toEqual({
      total_products: 2,
      total_mappings: 1,
      last_updated: '2024-01-01T00:00:00',
      version: '1.2.0',
    });
  });

  verifies('meta:unknown-uri', 'does not find what is not there', async () => {
    const client = await connect(await start(), kind);
    for (const uri of [
      'product-aliases://nobody',
      'product-aliases://',
      'product-aliases://%zz',
      'column-mappings://other',
      'x://y',
    ]) {
      // On the wire the legacy era has -32002; the v2 client makes it -32602 whichever came.
      const code = kind.startsWith('v1') ? -32002 : -32602;
      await expect(client.readResource({ uri })).rejects.toMatchObject({ code, data: { uri } });
    }
  });

  it('finds a product by its key, id, name and aliases, in any spelling', async () => {
    const client = await connect(await start(), kind);
    for (const name of ['lamp', 'P_1', 'Desk Lamp', 'light', 'C++ lamp', 'desk-LAMP']) {
      expect(await readJson(client, `product-aliases://${encodeURIComponent(name)}`)).toMatchObject({
        key: 'lamp',
        canonical_id: 'P_1',
      });
    }
    expect(await readJson(client, 'product-aliases://one%2Ftwo')).toMatchObject({ key: 'tent' });
  });

  it('completes the template with the names that begin so', async () => {
    const client = await connect(await start(), kind);
    const complete = async (value: string) => {
      const ref = { type: 'ref/resource' as const, uri: 'product-aliases://{alias}' };
      return (await client.complete({ ref, argument: { name: 'alias', value } })).completion.values;
    };
    expect(await complete('L')).toEqual(['lamp', 'light']);
    expect(await complete('de')).toEqual(['Desk Lamp']);
    expect(await complete('nothing')).toEqual([]);
  });

  it('resolves what people type with a tool that only reads', async () => {
    const client = await connect(await start(), kind);
    const { tools } = await client.listTools();
    expect(tools).toMatchObject([
      {
        name: 'resolve_product',
        annotations: { readOnlyHint: true },
        inputSchema: { required: ['term'] },
        outputSchema: { type: 'object' },
      },
    ]);
    const ask = async (term: string, fuzzy?: number) => {
      const answer = await client.callTool({ name: 'resolve_product', arguments: { term, fuzzy } });
      const { content, structuredContent } = answer as {
        content: { text: string }[];
        structuredContent: Record<string, unknown>;
      };
      expect(JSON.parse(content[0]?.text ?? '')).toEqual(structuredContent);
      return structuredContent;
    };
    expect(await ask('desk lmap')).toEqual({
      term: 'desk lmap',
      status: 'resolved',
      entity: {
        canonical_id: 'P_1',
        canonical_name: 'Desk Lamp',
        database_references: {},
        categories: ['home'],
        match: { method: 'fuzzy', on: 'canonical_name', name: 'Desk Lamp', score: expect.any(Number) },
      },
      candidates: [expect.objectContaining({ canonical_id: 'P_1' })],
      column_mappings: [],
      near: [],
    });
    expect(await ask('desk lmap', 0.98)).toMatchObject({ status: 'unknown', entity: null });
    expect(await ask('Revenue')).toMatchObject({
      status: 'unknown',
      column_mappings: [{ user_term: 'revenue', sql_expression: 'SUM(sales.total_amount)' }],
    });
    expect(await ask('')).toMatchObject({ status: 'unknown', candidates: [], near: [] });
    const wrong = await client
      .callTool({ name: 'resolve_product', arguments: { term: 7 } })
      .catch((error: unknown) => ({ isError: true, error }));
    expect(wrong.isError).toBe(true);
  });
});

describe('the metadata server', () => {
  it('says how long answers may be cached, and by whom, in the modern era', async () => {
    const hint = { ttlMs: 300_000, cacheScope: 'public' };
    const open = await connectV2(new URL((await start()).urls.mcp), 'modern');
    expect(await open.listResources()).toMatchObject(hint);
    expect(await open.listResourceTemplates()).toMatchObject(hint);
    expect(await open.listTools()).toMatchObject(hint);
    expect(await open.readResource({ uri: 'column-mappings://list' })).toMatchObject(hint);
    expect(await open.readResource({ uri: 'product-aliases://lamp' })).toMatchObject(hint);

    const { urls } = await start({ bearerToken: 'secret' });
    const client = new Client(
      { name: 'v2', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    const requestInit = { headers: { authorization: 'Bearer secret' } };
    await client.connect(new StreamableHTTPClientTransport(new URL(urls.mcp), { requestInit }));
    closers.push(() => client.close());
    expect(await client.listResources()).toMatchObject({ cacheScope: 'private' });
  });

  it('names the candidates of an ambiguous name and picks none', async () => {
    await writeFile(
      file,
      JSON.stringify({
        product_aliases: {
          a: { canonical_id: 'A', canonical_name: 'Café' },
          b: { canonical_id: 'B', canonical_name: 'CAFE' },
        },
        column_mappings: {},
      }),
    );
    const { log, urls } = await start();
    expect(log.events).toContainEqual({
      event: 'metadata.warning',
      fields: expect.objectContaining({ code: 'CFG124' }),
    });
    const client = await connectV2(new URL(urls.sse), 'legacy');
    expect(await readJson(client, 'product-aliases://CAFE')).toMatchObject({ key: 'b' });
    await expect(client.readResource({ uri: 'product-aliases://cafe' })).rejects.toMatchObject({
      message: expect.stringContaining('a, b'),
    });
  });

  verifies('meta:sample', 'serves the file that comes with mcpx', async () => {
    const { urls } = await start({ metadataPath: SHIPPED, watch: false });
    const client = await connectV2(new URL(urls.sse), 'legacy');
    const { product_aliases, column_mappings } = JSON.parse(await readFile(SHIPPED, 'utf8'));
    expect(await readJson(client, 'product-aliases://list')).toEqual({ aliases: product_aliases });
    expect(await readJson(client, 'column-mappings://list')).toEqual({ mappings: column_mappings });
  });

  for (const [what, text, code] of [
    ['a missing file', undefined, 'CFG101'],
    ['broken JSON', '{"product_aliases": ', 'CFG103'],
    ['a wrong shape', '{"product_aliases": [], "column_mappings": {}}', 'CFG105'],
    [
      'an alias of two products',
      JSON.stringify({
        product_aliases: {
          a: { canonical_id: '1', canonical_name: 'A', aliases: ['x'] },
          b: { canonical_id: '2', canonical_name: 'B', aliases: ['x'] },
        },
        column_mappings: {},
      }),
      'CFG121',
    ],
  ] as const) {
    verifies('meta:malformed', `serves nothing from ${what}`, async () => {
      if (text === undefined) await unlink(file);
      else await writeFile(file, text);
      const probe = createTcpServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      const { port } = probe.address() as AddressInfo;
      await new Promise((resolve) => probe.close(resolve));
      await expect(start({ port })).rejects.toMatchObject({ code, exitCode: 3 });
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
    });
  }
});

describe('a metadata file that changes', () => {
  /** A client that says what it was told, and when. */
  async function subscriber(served: { urls: { sse: string; mcp: string } }, era: 'legacy' | 'modern') {
    const client = await connectV2(new URL(era === 'modern' ? served.urls.mcp : served.urls.sse), era);
    const updated: string[] = [];
    let listChanged = () => {};
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void updated.push(params.uri),
    );
    client.setNotificationHandler('notifications/resources/list_changed', () => listChanged());
    const uris = [
      'product-aliases://list',
      'column-mappings://list',
      'metadata-summary://info',
      'product-aliases://lamp',
      'product-aliases://tent',
    ];
    if (era === 'modern') await client.listen({ resourceSubscriptions: uris, resourcesListChanged: true });
    else for (const uri of uris) await client.subscribeResource({ uri });
    return { client, updated, listChanged: () => new Promise<void>((resolve) => (listChanged = resolve)) };
  }

  for (const era of ['legacy', 'modern'] as const) {
    verifies('meta:reload', `is taken over, and ${era} subscribers of what differs are told`, async () => {
      const served = await start();
      const { client, updated, listChanged } = await subscriber(served, era);
      const before = await client.listResources();
      const told = listChanged();
      await writeFile(file, catalogue('Floor Lamp'));
      await told;
      expect(updated).toEqual(['product-aliases://list', 'product-aliases://lamp']);
      expect(await readJson(client, 'product-aliases://floor%20lamp')).toMatchObject({ key: 'lamp' });
      expect((await client.listResources()).resources).not.toEqual(before.resources);
      expect(served.log.events.filter(({ event }) => event === 'metadata.reloaded')).toHaveLength(1);
    });
  }

  it('is taken over when an editor renames a new file into its place', async () => {
    const { log } = await start();
    for (const name of ['First Lamp', 'Second Lamp']) {
      const reloaded = log.next('metadata.reloaded');
      await writeFile(join(folder, 'products.json.tmp'), catalogue(name));
      await rename(join(folder, 'products.json.tmp'), file);
      expect(await reloaded).toMatchObject({ changed: ['product-aliases://list'] });
    }
  });

  it('is taken over when the link that leads to it points elsewhere', async () => {
    const other = join(folder, 'other.json');
    const link = join(folder, 'link.json');
    await writeFile(other, catalogue('Linked Lamp'));
    await symlink(file, link);
    const { log } = await start({ metadataPath: link });
    const reloaded = log.next('metadata.reloaded');
    await symlink(other, `${link}.tmp`);
    await rename(`${link}.tmp`, link);
    await reloaded;
  });

  it('is what the tool answers from after a change', async () => {
    const served = await start({ watch: false });
    const client = await connectV2(new URL(served.urls.mcp), 'modern');
    const ask = async () => {
      const answer = await client.callTool({ name: 'resolve_product', arguments: { term: 'light' } });
      return (answer.structuredContent as { entity: { canonical_name: string } }).entity.canonical_name;
    };
    expect(await ask()).toBe('Desk Lamp');
    await writeFile(file, catalogue('Floor Lamp'));
    expect(await served.reload()).toBe(true);
    expect(await ask()).toBe('Floor Lamp');
  });

  verifies('meta:reload', 'is refused when it is broken, and the last good data stays', async () => {
    const { log, urls, reload } = await start();
    const client = await connectV2(new URL(urls.sse), 'legacy');
    const refused = log.next('metadata.reload_refused');
    await writeFile(file, '{"product_aliases": {');
    expect(await refused).toMatchObject({ code: 'CFG103', file });
    expect(await readJson(client, 'product-aliases://light')).toMatchObject({ canonical_name: 'Desk Lamp' });
    expect(await reload()).toBe(false);

    const reloaded = log.next('metadata.reloaded');
    await writeFile(file, catalogue('Mended Lamp'));
    await reloaded;
    expect(await readJson(client, 'product-aliases://light')).toMatchObject({
      canonical_name: 'Mended Lamp',
    });
  });

  it('tells nobody when nothing but its date is other', async () => {
    const served = await start();
    const { updated, listChanged } = await subscriber(served, 'legacy');
    const unchanged = served.log.next('metadata.unchanged');
    await utimes(file, new Date(), new Date(Date.now() + 5000));
    await unchanged;
    const told = listChanged();
    await writeFile(file, catalogue('Desk Lamp', { revenue: 'SUM(a)', cost: 'SUM(b)' }));
    await told;
    expect(updated).toEqual(['column-mappings://list', 'metadata-summary://info']);
  });

  it('is read on demand where it is not watched', async () => {
    const { log, reload } = await start({ watch: false });
    await writeFile(file, catalogue('Floor Lamp'));
    expect(log.events.some(({ event }) => event === 'metadata.reloaded')).toBe(false);
    expect(await Promise.all([reload(), reload(), reload()])).toEqual([true, true, true]);
    expect(log.events.filter(({ event }) => event === 'metadata.reloaded')).toHaveLength(1);
    await unlink(file);
    expect(await reload()).toBe(false);
    expect(log.events.at(-1)).toMatchObject({ event: 'metadata.reload_refused', fields: { code: 'CFG101' } });
  });
});
