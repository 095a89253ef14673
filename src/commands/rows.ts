import { ConfigurationError, MCPOrchestratorException, retold } from '../core/errors.js';
import { queryCsv, queryLines, queryReport, queryTable, type QueryResult } from '../render/query.js';
import type { CommandInput } from './command.js';
import { viewOf, writeValue } from './output.js';

/** @throws ConfigurationError CLI901 for `--csv` beside another format */
export function assertOneFormat({ options, global }: CommandInput): void {
  if (options['csv'] !== true || global.output === 'table') return;
  throw new ConfigurationError('CLI901', `--csv and --output ${global.output} contradict each other`);
}

/** An error that knows its place in a query, with the query, so that the place can be shown; any other as it is. */
export function withQuery(error: unknown, query: string): unknown {
  if (!(error instanceof MCPOrchestratorException) || !('position' in error.context)) return error;
  return retold(error, { context: { ...error.context, query } });
}

/**
 * Prints rows in the format of the command line.
 *
 * @param asked  how many rows the user wanted at most
 * @returns 6 where rows are missing that nobody asked to leave out, else 0
 */
export async function printRows(
  { options, global, io }: CommandInput,
  server: string,
  result: QueryResult,
  asked?: number,
): Promise<number> {
  if (options['csv'] === true) await io.out(queryCsv(result, io.stdoutIsTerminal));
  else if (global.output === 'table') await io.out(queryTable(server, result, viewOf(global, io)));
  else if (global.output === 'ndjson') {
    for (const line of queryLines(server, result)) await writeValue(line, 'ndjson', io);
  } else await writeValue(queryReport(server, result), global.output, io);
  const wanted = asked !== undefined && result.rows.length >= asked;
  if (!result.truncated || wanted) return 0;
  if (!global.quiet) {
    io.err(
      `warning: there are more than these ${result.rows.length} rows; ask for them with --max-rows or LIMIT\n`,
    );
  }
  return 6;
}
