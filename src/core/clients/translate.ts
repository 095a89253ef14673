import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException, ResourceFetchError } from '../errors.js';
import { httpStatusError } from './http-status.js';

/** Text of servers in our messages is cut here: it explains, it does not carry data. */
const MAX_FOREIGN_TEXT = 300;

/** What mcpx was doing with a server, as reports and logs name it. */
export type Phase = 'resolve' | 'start' | 'connect' | 'negotiate' | 'list' | 'read' | 'decode' | 'call';

export interface Circumstances {
  readonly server: ServerConfig;
  readonly phase: Phase;
  readonly elapsedMs: number;
  /** The limit that ran out, where one did. */
  readonly timeoutMs: number;
  readonly uri?: string;
  readonly redact: (text: string) => string;
}

/**
 * Makes one of our errors of whatever a request to a server failed with, by type and code, and says which server
 * and what was going on. Text that the server sent is shortened and freed of secrets and control characters.
 */
export function translate(error: unknown, at: Circumstances): MCPOrchestratorException {
  const { server, phase, elapsedMs } = at;
  const context = {
    server: server.id,
    phase,
    elapsed_ms: Math.round(elapsedMs),
    ...(at.uri === undefined ? {} : { uri: at.uri }),
  };
  const Kind =
    phase === 'list' || phase === 'read' || phase === 'decode' ? ResourceFetchError : MCPConnectionError;

  if (error instanceof MCPOrchestratorException) {
    // Told already by the layer below; here the server and the phase come in.
    if (error.context['server'] !== undefined) return error;
    return new Kind(error.code, `${server.id}: ${at.redact(error.message)}`, {
      context: { ...context, ...error.context },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      ...(error.cause === undefined ? {} : { cause: cleaned(error.cause, at.redact) }),
    });
  }
  const inner = error instanceof SdkError ? error.cause : undefined;
  if (inner instanceof MCPOrchestratorException) return translate(inner, at);
  if (error instanceof SdkHttpError) {
    const { status } = error;
    const retryAfter = (error.data as { retryAfter?: unknown }).retryAfter;
    return translate(httpStatusError(status, typeof retryAfter === 'string' ? retryAfter : undefined), at);
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) return timedOut(at, context);
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed) {
    return new Kind('UPS203', `${server.id}: the connection closed before the answer came`, {
      context,
      hint: 'The server may have crashed or restarted; look at its log.',
    });
  }
  if (error instanceof ProtocolError) {
    const said = quote(error.message, at.redact);
    const what =
      at.uri === undefined
        ? `answered ${phase === 'call' ? 'the call' : phase}`
        : `answered the read of ${at.uri}`;
    return new Kind(
      'UPS217',
      `${server.id} ${what} with error ${error.code}${said === '' ? '' : `: ${said}`}`,
      {
        context: { ...context, rpc_code: error.code },
        hint: 'The server refused the request; its documentation or log tells why.',
      },
    );
  }
  const text = quote(error instanceof Error ? error.message : String(error), at.redact);
  return new Kind('UPS206', `${server.id} does not speak MCP as expected: ${text}`, {
    context,
    hint: 'Check that the url is an MCP endpoint and that transport and protocol fit it.',
  });
}

export function timedOut(at: Circumstances, context: Record<string, unknown>): MCPOrchestratorException {
  const seconds = `${Number((at.timeoutMs / 1000).toPrecision(3))} s`;
  const { server, phase } = at;
  if (phase === 'connect' || phase === 'negotiate' || phase === 'start') {
    return new MCPConnectionError(
      'UPS201',
      `${server.id} did not complete the connection within ${seconds}`,
      {
        context: { ...context, timeout_ms: at.timeoutMs },
        hint: 'Is the server healthy? A slow one needs a larger connect_timeout.',
      },
    );
  }
  const what = at.uri === undefined ? phase : `read of ${at.uri}`;
  return new ResourceFetchError('UPS204', `${server.id} did not answer the ${what} within ${seconds}`, {
    context: { ...context, timeout_ms: at.timeoutMs },
    hint: 'A slow server needs a larger timeout.',
  });
}

// oxlint-disable-next-line no-control-regex -- they are what is taken out
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Foreign text on one line, without control characters and secrets, and not too long. */
export function quote(text: string, redact: (text: string) => string): string {
  const plain = redact(text).replace(CONTROLS, ' ').trim();
  return plain.length > MAX_FOREIGN_TEXT ? `${plain.slice(0, MAX_FOREIGN_TEXT)}…` : plain;
}

function cleaned(cause: unknown, redact: (text: string) => string): unknown {
  if (!(cause instanceof Error)) return undefined;
  const copy = new Error(quote(cause.message, redact));
  copy.name = cause.name;
  return copy;
}
