import { McpServer, ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server';
import type { Operation } from '../../core/operation.js';
import { readVersion } from '../../core/version.js';
import type { DirectServer } from '../direct/caller.js';
import type { DatabaseDescription, Engine, TableDescription } from './engine.js';
import { MAX_QUERY_CHARS } from './policy.js';
import { isNamed } from './search-values.js';
import type { ToolLimits } from './tool-schema.js';
import { DatabaseTools } from './tools.js';

/** What is left out has its default. */
export type DatabaseServerOptions = { readonly [Limit in keyof ToolLimits]?: number | undefined };

const METADATA_URI = 'database://metadata';
const JSON_TYPE = 'application/json';

/** One MCP server over the engine; all instances share the engine, none owns it. */
export function createDatabaseServer(
  engine: Engine,
  options: DatabaseServerOptions,
  op: Operation,
  era: 'legacy' | 'modern' = 'legacy',
): McpServer {
  const server = new McpServer(
    { name: 'mcpx-database', title: 'mcpx database', version: readVersion() },
    {
      instructions: `Read ${METADATA_URI} for the tables, then ask with execute_query in PostgreSQL's dialect.`,
    },
  );
  registerMetadata(server, engine);
  registerTableTemplate(server, engine);
  const limits: ToolLimits = {
    queryTimeoutMs: options.queryTimeoutMs ?? 10_000,
    maxRows: options.maxRows ?? 10_000,
    maxBytes: options.maxBytes ?? 8 * 1024 * 1024,
    maxQueryChars: Math.min(options.maxQueryChars ?? MAX_QUERY_CHARS, MAX_QUERY_CHARS),
  };
  const tools = new DatabaseTools(engine, limits, op);
  tools.register(server);
  if (era === 'modern') return server;
  const answerDirectly: DirectServer['answerDirectly'] = (...request) => tools.answerDirectly(...request);
  return Object.assign(server, { answerDirectly }) satisfies DirectServer;
}

function registerMetadata(server: McpServer, engine: Engine): void {
  server.registerResource(
    'Database Metadata',
    METADATA_URI,
    {
      title: 'Database Metadata',
      description: 'Tables and columns with types and descriptions, keys, relationships and row counts',
      mimeType: JSON_TYPE,
    },
    async () => {
      // The names are for the policy.
      const { names: _, ...published } = await engine.describe();
      return jsonContents(METADATA_URI, published);
    },
  );
}

function registerTableTemplate(server: McpServer, engine: Engine): void {
  const template = new ResourceTemplate('database://table/{name}', {
    // The metadata resource holds all of them, so listing each again would only repeat it.
    list: undefined,
    complete: {
      name: async (start) => tableNames(await engine.describe()).filter((name) => name.startsWith(start)),
    },
  });
  server.registerResource(
    'Database Table',
    template,
    {
      title: 'Database Table',
      description: 'One table of the metadata, by its name, with its schema where that is not the first one',
      mimeType: JSON_TYPE,
    },
    async (uri, { name }) => {
      const { tables } = await engine.describe();
      const wanted = decodeName(name);
      const table = tables.find((candidate) => isNamed(candidate, wanted));
      if (table === undefined) throw new ResourceNotFoundError(uri.href);
      return jsonContents(uri.href, table);
    },
  );
}

function jsonContents(uri: string, value: unknown) {
  return { contents: [{ uri, mimeType: JSON_TYPE, text: JSON.stringify(value) }] };
}

/** A table whose name an earlier schema has too goes with its schema. */
function tableNames({ tables }: DatabaseDescription): string[] {
  const isFirst = (table: TableDescription): boolean =>
    tables.find(({ name }) => name === table.name) === table;
  return tables.map((table) => (isFirst(table) ? table.name : `${table.schema}.${table.name}`));
}

function decodeName(name: string | readonly string[] | undefined): string {
  try {
    return decodeURIComponent(String(name));
  } catch {
    // A stray percent sign names no table.
    return '';
  }
}
