import {
  McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  type CallToolResult,
} from '@modelcontextprotocol/server';
import { createOperation, type Operation } from '../../core/operation.js';
import { readVersion } from '../../core/version.js';
import type { DatabaseDescription, Engine, QueryLimits } from './engine.js';
import { QueryError } from './query-error.js';
import { inputSchema, outputSchema } from './tool-schema.js';

export interface DatabaseServerOptions {
  readonly queryTimeoutMs?: number;
  /** What a caller may ask for at most; 1000, or this if it is less, when the caller does not say. */
  readonly maxRows?: number;
}

const METADATA_URI = 'database://metadata';
const DEFAULT_ROWS = 1000;
const MAX_ROWS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
const QUERY_TIMEOUT_MS = 10_000;
const JSON_TYPE = 'application/json';

/** One MCP server over the engine; all instances share the engine, none owns it. */
export function createDatabaseServer(
  engine: Engine,
  { queryTimeoutMs = QUERY_TIMEOUT_MS, maxRows = MAX_ROWS }: DatabaseServerOptions,
  op: Operation,
): McpServer {
  const server = new McpServer(
    { name: 'mcpx-database', title: 'mcpx database', version: readVersion() },
    {
      instructions: `Read ${METADATA_URI} for the tables, then ask with execute_query in PostgreSQL's dialect.`,
    },
  );
  registerMetadata(server, engine);
  registerTableTemplate(server, engine);
  server.registerTool(
    'execute_query',
    {
      title: 'Execute a query',
      description: `Runs one read-only PostgreSQL statement and returns its rows. The tables are in ${METADATA_URI}.`,
      inputSchema: inputSchema(Math.min(DEFAULT_ROWS, maxRows), maxRows),
      outputSchema,
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
    async ({ query, max_rows }, context) => {
      const limits = { maxRows: max_rows, timeoutMs: queryTimeoutMs, maxBytes: MAX_BYTES };
      return executeQuery(engine, query, limits, queryOperation(op, context.mcpReq.signal));
    },
  );
  return server;
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
    { title: 'Database Table', description: 'One table of the metadata, by its name', mimeType: JSON_TYPE },
    async (uri, { name }) => {
      const { tables } = await engine.describe();
      const table = tables.find((candidate) => candidate.name === decodeName(name));
      if (table === undefined) throw new ResourceNotFoundError(uri.href);
      return jsonContents(uri.href, table);
    },
  );
}

/** An operation of its own for each call, stopped with the call and with the server. */
function queryOperation(op: Operation, signal: AbortSignal): Operation {
  const own = createOperation({ signal: AbortSignal.any([signal, op.signal]) });
  return {
    ...own,
    log: (event, fields, level) => op.log(event, { query_operation_id: own.id, ...fields }, level),
  };
}

async function executeQuery(
  engine: Engine,
  query: string,
  limits: QueryLimits,
  op: Operation,
): Promise<CallToolResult> {
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round((performance.now() - startedAt) * 10) / 10;
  op.log('database.query_received', { characters: query.length }, 'debug');
  try {
    const { columns, rows, truncated } = await engine.query(query, limits, op);
    op.log('database.query', { rows: rows.length, truncated, elapsed_ms: elapsedMs() });
    const result = { columns, rows, row_count: rows.length, truncated, query, elapsed_ms: elapsedMs() };
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const failure = error.toFailure();
    // The query itself may hold personal data, so the log has its fate only.
    op.log('database.query_failed', { sqlstate: failure.sqlstate, elapsed_ms: elapsedMs() }, 'warn');
    return {
      isError: true,
      content: [{ type: 'text', text: failureText(error) }],
      structuredContent: { ...failure },
    };
  }
}

function failureText(error: QueryError): string {
  const { category, sqlstate, message, position, hint } = error.toFailure();
  const place = position === null ? '' : ` at character ${position}`;
  return `${category} (SQLSTATE ${sqlstate})${place}: ${message}${hint === null ? '' : `\n${hint}`}`;
}

function jsonContents(uri: string, value: unknown) {
  return { contents: [{ uri, mimeType: JSON_TYPE, text: JSON.stringify(value) }] };
}

function tableNames({ tables }: DatabaseDescription): string[] {
  return tables.map(({ name }) => name);
}

function decodeName(name: string | readonly string[] | undefined): string {
  try {
    return decodeURIComponent(String(name));
  } catch {
    // A stray percent sign names no table.
    return '';
  }
}
