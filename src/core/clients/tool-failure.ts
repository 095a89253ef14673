import { MCPOrchestratorException, type ErrorCode } from '../errors.js';
import type { ToolResult } from './resource-client.js';

/** What a database server tells of a failed query; another server's fields may be anything. */
interface QueryFailure {
  readonly sqlstate?: unknown;
  readonly message?: unknown;
  readonly position?: unknown;
  readonly hint?: unknown;
  readonly category?: unknown;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  '25006': 'SQL501',
  '42601': 'SQL503',
  '57014': 'SQL504',
};

const QUERY_CODES: readonly ErrorCode[] = ['SQL501', 'SQL502', 'SQL503', 'SQL504', 'SQL505'];

/**
 * What a tool said when it failed, as an error of ours: with SQLSTATE and position where it is a query that failed,
 * else with the text that it gave.
 */
export function toolFailure(
  tool: string,
  server: string,
  result: ToolResult,
  redact: (text: string) => string,
): MCPOrchestratorException {
  const { sqlstate, message, position, hint, category } = (result.structuredContent ?? {}) as QueryFailure;
  if (typeof sqlstate === 'string' && typeof message === 'string') {
    return new MCPOrchestratorException(codeIn(result) ?? CODES[sqlstate] ?? 'SQL505', redact(message), {
      context: {
        server,
        sqlstate,
        ...(typeof category === 'string' ? { category } : {}),
        ...(typeof position === 'number' && Number.isSafeInteger(position) ? { position } : {}),
      },
      ...(typeof hint === 'string' ? { hint: redact(hint) } : {}),
    });
  }
  const texts = result.content.map((part) => (part as { text?: unknown } | null)?.text);
  const text = texts.filter((part) => typeof part === 'string').join('\n');
  const isQuery = tool === 'execute_query';
  return new MCPOrchestratorException(
    isQuery ? 'SQL505' : 'UPS217',
    redact(text === '' ? `${tool} of ${server} failed and does not say why` : text),
    { context: { server, tool } },
  );
}

/**
 * A query that failed because more rows were asked for than its tool gives, by the schema that it shows; undefined where
 * that is not the reason.
 */
export function tooManyRows(
  server: string,
  tool: unknown,
  { structuredContent }: ToolResult,
  asked: number | undefined,
): MCPOrchestratorException | undefined {
  const { inputSchema } = (tool ?? {}) as {
    readonly inputSchema?: { readonly properties?: { readonly max_rows?: { readonly maximum?: unknown } } };
  };
  const most = inputSchema?.properties?.max_rows?.maximum;
  // Of a failed query its server tells more.
  if (asked === undefined || typeof most !== 'number' || asked <= most || structuredContent !== undefined)
    return undefined;
  return new MCPOrchestratorException(
    'SQL505',
    `${server} gives at most ${most} rows of a query, and ${asked} were asked for`,
    {
      context: { server, max_rows: most, asked },
      hint: `Pass --max-rows ${most} or less, or have the server give more: mcpx serve database --max-rows ${asked}.`,
    },
  );
}

/** The code that a database server of ours gives to the failure; what another one puts there may be anything. */
function codeIn({ _meta }: ToolResult): ErrorCode | undefined {
  const code = (_meta as { readonly 'mcpx/code'?: unknown } | null | undefined)?.['mcpx/code'];
  return QUERY_CODES.find((known) => known === code);
}
