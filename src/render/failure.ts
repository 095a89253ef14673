import type { Problem } from '../core/config/problem.js';
import { describeProblem } from '../core/config/problem.js';
import { ERROR_CODES, type MCPOrchestratorException } from '../core/errors.js';
import { commandToTry, type Typed } from './command-line.js';
import { excerptOf } from './excerpt.js';
import { paint } from './paint.js';
import { escapeControls, plain, type View } from './terminal.js';

/**
 * An error for people: what failed, why, and what to do next. Every problem of a file has its own line.
 *
 * @param typed  the command line that failed, as far as it could be read
 */
export function renderFailure(error: MCPOrchestratorException, view: View, typed?: Typed): string {
  const ink = paint(view.color);
  const { code } = error;
  const lines = [`${ink.red('error')} ${ink.bold(code)} ${ERROR_CODES[code].name}: ${plain(error.message)}`];
  const problems = (error.context['problems'] ?? []) as readonly Problem[];
  if (problems.length > 0) {
    for (const problem of problems) lines.push(`  ${plain(describeProblem(problem))}`);
    return `${lines.join('\n')}\n`;
  }
  lines.push(...queryExcerpt(error, view));
  for (const cause of error.toJSON().causes) lines.push(`  ${ink.dim('cause:')} ${plain(cause)}`);
  for (const detail of failedDetails(error)) lines.push(`  ${ink.dim('server:')} ${plain(detail)}`);
  if (error.hint !== undefined) lines.push(`  ${ink.dim('hint:')}  ${plain(error.hint)}`);
  const { fix } = error;
  if (fix !== undefined) lines.push(`  ${ink.dim('try:')}   ${plain(commandToTry({ fix, code }, typed))}`);
  return `${lines.join('\n')}\n`;
}

/** The place in a query that the database names: 1-based, in characters. */
function queryExcerpt({ context }: MCPOrchestratorException, view: View): string[] {
  const { query, position } = context;
  if (typeof query !== 'string' || typeof position !== 'number' || position < 1) return [];
  const before = Array.from(query)
    .slice(0, position - 1)
    .join('');
  const start = before.lastIndexOf('\n') + 1;
  const [line = ''] = query.slice(start).split(/\r?\n/, 1);
  const column = before.length - start;
  const word = /^(?:[\p{L}\p{N}_$]+|"(?:[^"]|"")*")/u.exec(line.slice(column))?.[0] ?? '';
  const number = before.split('\n').length;
  const place = { line, number, column, length: Math.max(1, word.length) };
  return excerptOf(place, paint(view.color).red, view).trimEnd().split('\n');
}

/** The other servers that failed on their own; those that were only stopped tell nothing. */
function failedDetails(error: MCPOrchestratorException): string[] {
  const details = (error.context['details'] ?? []) as readonly Readonly<Record<string, unknown>>[];
  return details
    .filter(
      (detail) =>
        detail['status'] !== 'ok' && detail['code'] !== 'UPS219' && detail['message'] !== error.message,
    )
    .map((detail) => `${String(detail['code'])} ${String(detail['message'])}`);
}

/** The one JSON line on stderr that stands for a failure where the result would have been machine-readable. */
export function renderFailureJson(
  error: MCPOrchestratorException,
  operationId: string,
  typed?: Typed,
): string {
  const { context, fix, ...rest } = error.toJSON();
  const { details, problems, ...others } = context ?? {};
  const body = {
    ...rest,
    ...(fix === undefined ? {} : { fix: commandToTry({ fix, code: error.code }, typed) }),
    ...(details === undefined ? {} : { details }),
    ...(problems === undefined ? {} : { problems }),
    ...(Object.keys(others).length > 0 ? { context: others } : {}),
    operation_id: operationId,
  };
  return `${escapeControls(JSON.stringify({ error: body }))}\n`;
}
