import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { createOperation, type Operation } from '../../core/operation.js';
import type { Cell, Engine } from './engine.js';
import { withNearNames } from './near-names.js';
import { ONE_READ } from './policy-error.js';
import { QueryError } from './query-error.js';
import { searchObjects } from './search-objects.js';
import { searchValues } from './search-values.js';
import {
  executeQuerySchemas,
  explainQuerySchemas,
  searchObjectsSchemas,
  searchValuesSchemas,
  type ToolLimits,
} from './tool-schema.js';

const READ_ONLY = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

/** Rows of one table that `search_values` looks at: more would take the time of the other tables. */
const SCANNED_ROWS = 100_000;

interface Call {
  readonly engine: Engine;
  readonly limits: ToolLimits;
  readonly op: Operation;
}

export function registerTools(server: McpServer, engine: Engine, limits: ToolLimits, op: Operation): void {
  const call = (context: { readonly mcpReq: { readonly signal: AbortSignal } }): Call => ({
    engine,
    limits,
    op: ownOperation(op, context.mcpReq.signal),
  });
  server.registerTool(
    'execute_query',
    {
      title: 'Execute a query',
      description:
        'Runs one read-only PostgreSQL statement and returns its rows. The tables are in database://metadata.',
      ...executeQuerySchemas(limits),
      annotations: READ_ONLY,
    },
    async ({ query, max_rows }, context) => executeQuery(query, max_rows, call(context)),
  );
  server.registerTool(
    'explain_query',
    {
      title: 'Explain a query',
      description:
        'Tells how PostgreSQL would run a query, with estimated rows and cost, without running it.',
      ...explainQuerySchemas(limits),
      annotations: READ_ONLY,
    },
    async ({ query }, context) => explainQuery(query, call(context)),
  );
  server.registerTool(
    'search_objects',
    {
      title: 'Search tables and columns',
      description: 'Finds tables and columns by words of their names and descriptions.',
      ...searchObjectsSchemas,
      annotations: READ_ONLY,
    },
    async ({ words, limit }, context) =>
      answer('search_objects', '', call(context), async ({ op: own }) =>
        searchObjects(words, limit, await engine.describe(own)),
      ),
  );
  server.registerTool(
    'search_values',
    {
      title: 'Search values',
      description:
        'Finds the tables and columns that hold a value, as in "where does Berlin occur?", and says what it did not look at.',
      ...searchValuesSchemas,
      annotations: READ_ONLY,
    },
    async (request, context) =>
      answer('search_values', '', call(context), ({ op: own }) =>
        searchValues(
          engine,
          request,
          { timeoutMs: limits.queryTimeoutMs, scannedRows: SCANNED_ROWS, maxBytes: limits.maxBytes },
          own,
        ),
      ),
  );
}

function executeQuery(query: string, maxRows: number, call: Call): Promise<CallToolResult> {
  return answer('execute_query', query, call, async ({ engine, limits, op }) => {
    checkLength(query, limits);
    const wanted = { maxRows, timeoutMs: limits.queryTimeoutMs, maxBytes: limits.maxBytes };
    const { columns, rows, truncated } = await engine.query(query, wanted, op);
    return { columns, rows, row_count: rows.length, truncated, query };
  });
}

const EXPLAIN = 'EXPLAIN (FORMAT JSON) ';

function explainQuery(query: string, call: Call): Promise<CallToolResult> {
  return answer('explain_query', query, call, async ({ engine, limits, op }) => {
    checkLength(query, limits);
    const wanted = { maxRows: 10_000, timeoutMs: limits.queryTimeoutMs, maxBytes: limits.maxBytes };
    const { rows } = await engine.query(EXPLAIN + query, wanted, op).catch((error: unknown) => {
      throw error instanceof QueryError ? shifted(error) : error;
    });
    const plan = planOf(rows[0]?.[0]);
    return { plan, estimated_rows: plan['Plan Rows'] ?? 0, estimated_cost: plan['Total Cost'] ?? 0, query };
  });
}

/** A document with numbers that JavaScript would change comes as text; here that does not matter. */
function planOf(cell: Cell | undefined): Readonly<Record<string, unknown>> {
  const document: unknown = typeof cell === 'string' ? JSON.parse(cell) : cell;
  const [entry] = document as readonly { readonly Plan: Readonly<Record<string, unknown>> }[];
  return entry?.Plan ?? {};
}

/** The error as it would be without EXPLAIN before the query. */
function shifted(error: QueryError): QueryError {
  const { code, sqlstate, message, position, hint = null, cause } = error;
  const own = position === null || position <= EXPLAIN.length ? null : position - EXPLAIN.length;
  return new QueryError(code, sqlstate, message, { position: own, hint, cause });
}

/** @throws QueryError 54000 */
function checkLength(query: string, { maxQueryChars }: ToolLimits): void {
  if (query.trim() === '') throw new QueryError('SQL503', '42601', 'The query is empty.', ONE_READ);
  if (query.length <= maxQueryChars) return;
  throw new QueryError('SQL505', '54000', `The query is longer than ${maxQueryChars} characters.`);
}

/** Gives the result as structure and as text, and a failure of the query as one that a model can act on. */
async function answer(
  tool: string,
  query: string,
  call: Call,
  run: (call: Call) => Promise<object>,
): Promise<CallToolResult> {
  const { op, engine } = call;
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round((performance.now() - startedAt) * 10) / 10;
  op.log('database.query_received', { tool, characters: query.length }, 'debug');
  try {
    const result = { ...(await run(call)), elapsed_ms: elapsedMs() };
    const { row_count, truncated } = result as { readonly row_count?: number; readonly truncated?: boolean };
    op.log('database.query', { tool, rows: row_count, truncated, elapsed_ms: result.elapsed_ms });
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const described = await engine.describe(op).catch(() => undefined);
    const failure = (described === undefined ? error : withNearNames(error, query, described)).toFailure();
    // The query itself may hold personal data, so the log has its fate only.
    op.log('database.query_failed', { tool, sqlstate: failure.sqlstate, elapsed_ms: elapsedMs() }, 'warn');
    const { category, sqlstate, message, position, hint } = failure;
    const place = position === null ? '' : ` at character ${position}`;
    const text = `${category} (SQLSTATE ${sqlstate})${place}: ${message}${hint === null ? '' : `\n${hint}`}`;
    // A SQLSTATE does not tell several statements from other mistakes of syntax.
    const _meta = { 'mcpx/code': error.code };
    return { isError: true, content: [{ type: 'text', text }], structuredContent: { ...failure }, _meta };
  }
}

/** An operation of its own for each call, stopped with the call and with the server. */
function ownOperation(op: Operation, signal: AbortSignal): Operation {
  const own = createOperation({ signal: AbortSignal.any([signal, op.signal]) });
  return {
    ...own,
    log: (event, fields, level) => op.log(event, { query_operation_id: own.id, ...fields }, level),
  };
}
