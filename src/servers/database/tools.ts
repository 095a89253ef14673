import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { createOperationId, type Operation } from '../../core/operation.js';
import { noSpan } from '../../core/telemetry/span.js';
import type { Caller } from '../direct/caller.js';
import type { DirectRequest } from '../direct/request.js';
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

interface Tool {
  readonly config: {
    readonly title: string;
    readonly description: string;
    readonly inputSchema: z.ZodType<Arguments>;
    readonly outputSchema: z.ZodType;
    readonly annotations: typeof READ_ONLY;
  };
  /** With arguments as the schema gives them. */
  run(given: Arguments, call: Call): Promise<CallToolResult>;
}

type Arguments = Readonly<Record<string, unknown>>;

/** The tools of one MCP server, whichever way a call has come. */
export class DatabaseTools {
  private readonly tools: Readonly<Record<string, Tool>>;

  constructor(
    private readonly engine: Engine,
    private readonly limits: ToolLimits,
    private readonly op: Operation,
  ) {
    this.tools = toolsOf(limits);
  }

  register(server: McpServer): void {
    for (const [name, { config, run }] of Object.entries(this.tools)) {
      server.registerTool(name, config, (given: Arguments, context) =>
        run(given, this.callOf(context.mcpReq.signal)),
      );
    }
  }

  /**
   * The same result as through the SDK, which would check it against the schema once more.
   *
   * @returns undefined for whatever the SDK is to answer: unknown tools, wrong arguments, anything more than a plain call
   */
  async answerDirectly(
    { method, params }: DirectRequest,
    { signal }: Caller,
  ): Promise<CallToolResult | undefined> {
    if (method !== 'tools/call' || Object.keys(params).some((key) => !CALL_FIELDS.has(key))) return undefined;
    const { name, arguments: given = {} } = params;
    const tool = typeof name === 'string' && Object.hasOwn(this.tools, name) ? this.tools[name] : undefined;
    const read = tool?.config.inputSchema.safeParse(given);
    if (tool === undefined || read?.success !== true) return undefined;
    try {
      return await tool.run(read.data, this.callOf(signal));
    } catch (error) {
      return { content: [{ type: 'text', text: messageOf(error) }], isError: true };
    }
  }

  private callOf(signal: AbortSignal): Call {
    return { engine: this.engine, limits: this.limits, op: ownOperation(this.op, signal) };
  }
}

const CALL_FIELDS: ReadonlySet<string> = new Set(['name', 'arguments', '_meta']);

function toolsOf(limits: ToolLimits): Readonly<Record<string, Tool>> {
  return {
    execute_query: tool(
      'Execute a query',
      'Runs one read-only PostgreSQL statement and returns its rows. The tables are in database://metadata.',
      executeQuerySchemas(limits),
      ({ query, max_rows }, call) => executeQuery(query, max_rows, call),
    ),
    explain_query: tool(
      'Explain a query',
      'Tells how PostgreSQL would run a query, with estimated rows and cost, without running it.',
      explainQuerySchemas(limits),
      ({ query }, call) => explainQuery(query, call),
    ),
    search_objects: tool(
      'Search tables and columns',
      'Finds tables and columns by words of their names and descriptions.',
      searchObjectsSchemas,
      ({ words, limit }, call) =>
        answer('search_objects', '', call, async ({ engine, op }) =>
          searchObjects(words, limit, await engine.describe(op)),
        ),
    ),
    search_values: tool(
      'Search values',
      'Finds the tables and columns that hold a value, as in "where does Berlin occur?", and says what it did not look at.',
      searchValuesSchemas,
      (request, call) =>
        answer('search_values', '', call, ({ engine, op }) =>
          searchValues(
            engine,
            request,
            {
              timeoutMs: call.limits.queryTimeoutMs,
              scannedRows: SCANNED_ROWS,
              maxBytes: call.limits.maxBytes,
            },
            op,
          ),
        ),
    ),
  };
}

function tool<Given extends Arguments>(
  title: string,
  description: string,
  schemas: { readonly inputSchema: z.ZodType<Given>; readonly outputSchema: z.ZodType },
  run: (given: Given, call: Call) => Promise<CallToolResult>,
): Tool {
  return {
    config: { title, description, ...schemas, annotations: READ_ONLY },
    run: (given, call) => run(given as Given, call),
  };
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

/** An operation of its own for each call, stopped with the call. */
function ownOperation(op: Operation, signal: AbortSignal): Operation {
  const id = createOperationId();
  return {
    id,
    signal,
    span: noSpan,
    log: (event, fields, level) => op.log(event, { query_operation_id: id, ...fields }, level),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
