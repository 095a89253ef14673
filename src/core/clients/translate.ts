import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { MCPOrchestratorException } from '../errors.js';
import {
  attribute,
  contextOf,
  kindOf,
  quote,
  timedOut,
  type Circumstances,
  type Phase,
} from './circumstances.js';
import { httpStatusError } from './http-status.js';

/** An error as a server sent it, for whoever passes it on; without secrets of ours. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

// Beside the errors, not in them: what servers send may be long, and is not for logs and reports.
const RPC_ERRORS = new WeakMap<MCPOrchestratorException, RpcError>();

/** What the server answered, where that is what an error of ours came from. */
export function rpcErrorOf(error: unknown): RpcError | undefined {
  return error instanceof MCPOrchestratorException ? RPC_ERRORS.get(error) : undefined;
}

const ASKED: Readonly<Partial<Record<Phase, string>>> = { call: 'the call', negotiate: 'the MCP handshake' };

/**
 * Makes one of our errors of whatever a request to a server failed with, by type and code, and says which server
 * and what was going on. Text that the server sent is shortened and freed of secrets and control characters.
 */
export function translate(error: unknown, at: Circumstances): MCPOrchestratorException {
  if (error instanceof MCPOrchestratorException) return attribute(error, at);
  const { server, phase } = at;
  const context = contextOf(at);
  const Kind = kindOf(at);

  const inner = error instanceof SdkError ? error.cause : undefined;
  if (inner instanceof MCPOrchestratorException) return translate(inner, at);
  if (error instanceof SdkHttpError) {
    const { status } = error;
    const retryAfter = (error.data as { retryAfter?: unknown }).retryAfter;
    return translate(
      httpStatusError(
        status,
        server.url ?? 'http://unknown',
        typeof retryAfter === 'string' ? retryAfter : undefined,
      ),
      at,
    );
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) return timedOut(at);
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed) {
    return new Kind('UPS203', `${server.id}: the connection closed before the answer came`, {
      context,
      hint: 'The server may have crashed or restarted; look at its log.',
    });
  }
  if (error instanceof ProtocolError) {
    const said = quote(error.message, at.redact);
    const what =
      at.uri === undefined ? `answered ${ASKED[phase] ?? phase}` : `answered the read of ${at.uri}`;
    const translated = new Kind(
      'UPS217',
      `${server.id} ${what} with error ${error.code}${said === '' ? '' : `: ${said}`}`,
      {
        context: { ...context, rpc_code: error.code },
        hint: 'The server refused the request; its documentation or log tells why.',
      },
    );
    RPC_ERRORS.set(translated, {
      code: error.code,
      message: at.redact(error.message),
      ...(error.data === undefined ? {} : { data: JSON.parse(at.redact(JSON.stringify(error.data))) }),
    });
    return translated;
  }
  const text = quote(error instanceof Error ? error.message : String(error), at.redact);
  return new Kind('UPS206', `${server.id} does not speak MCP as expected: ${text}`, {
    context,
    hint: 'Check that the url is an MCP endpoint and that transport and protocol fit it.',
  });
}
