import { MCPConnectionError } from '../errors.js';

/** The hint for a status that people meet often. */
const HINTS: Readonly<Record<number, string>> = {
  401: 'Check the credentials in "headers".',
  403: 'Check the credentials in "headers"; the server may also refuse this Host or Origin.',
  404: 'Is this an MCP server? They usually listen at /mcp (streamable-http) or /sse (sse); check path and transport.',
  405: 'Check the transport: this path takes another one.',
  501: 'Is this an MCP server? It does not know the method.',
  429: 'The server asks for fewer requests; try again later.',
};

/**
 * The error for an HTTP status that is no success.
 *
 * @param url  where it was asked; its query is left out, since it may hold credentials
 * @param retryAfter  the header of that name: seconds or a date (RFC 9110, section 10.2.3)
 */
export function httpStatusError(status: number, url: string, retryAfter?: string): MCPConnectionError {
  const retryAfterMs = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter);
  const context = { status, ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }) };
  const hint = HINTS[status] ?? (status >= 500 ? 'The server failed; look at its log.' : 'Check the url.');
  const refused = status === 401 || status === 403;
  return new MCPConnectionError(
    refused ? 'UPS207' : 'UPS205',
    refused
      ? `the server refused our credentials (HTTP ${status})`
      : `${withoutQuery(url)} answered HTTP ${status}`,
    { context, hint },
  );
}

function withoutQuery(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname}`;
}

function parseRetryAfter(text: string): number | undefined {
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** Statuses that may pass by themselves. */
export const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
