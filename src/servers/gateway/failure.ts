import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { rpcErrorOf } from '../../core/clients/translate.js';
import { MCPOrchestratorException } from '../../core/errors.js';
import type { ServerOutcome } from './gateway.js';
import { KINDS, type ListKind } from './kinds.js';

/** "Resource not found" of the revisions up to 2025-11-25; the SDK finds the code for each era itself. */
const RESOURCE_NOT_FOUND = -32002;
const INVALID_PARAMS = -32602;

/** Whether a server says that it has no such resource, in the words of either era. */
export function isNotFound(error: unknown): boolean {
  const rpc = rpcErrorOf(error);
  if (rpc === undefined) return false;
  return rpc.code === RESOURCE_NOT_FOUND || (rpc.code === INVALID_PARAMS && isUriAlone(rpc.data));
}

function isUriAlone(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'uri' in data && Object.keys(data).length === 1;
}

/**
 * What a client is told: an error of a server word for word, one of ours with its code, server and hint in `data`.
 *
 * @param uri  what the client asked for, where it asked for a resource
 */
export function toProtocolError(error: unknown, uri?: string): unknown {
  if (uri !== undefined && isNotFound(error)) return new ResourceNotFoundError(uri);
  const rpc = rpcErrorOf(error);
  if (rpc !== undefined) return ProtocolError.fromError(rpc.code, rpc.message, rpc.data);
  if (!(error instanceof MCPOrchestratorException)) return error;
  const { code, message, hint, context } = error;
  const { server } = context;
  return new ProtocolError(ProtocolErrorCode.InternalError, message, {
    code,
    ...(typeof server === 'string' ? { server } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Nothing has the name; servers that could not be asked may. */
export function unknownName(kind: ListKind, name: string, missing: readonly ServerOutcome[]): ProtocolError {
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `Unknown ${KINDS[kind].noun}: ${name}${whoIsMissing(missing)}`,
    missing.length === 0 ? undefined : { missing: missing.map(({ upstream }) => upstream.server.id) },
  );
}

export function unknownResource(uri: string, missing: readonly ServerOutcome[]): ProtocolError {
  // What else stands in its data would hide from older clients that nothing was found.
  return missing.length === 0
    ? new ResourceNotFoundError(uri)
    : ProtocolError.fromError(INVALID_PARAMS, `Resource not found: ${uri}${whoIsMissing(missing)}`, { uri });
}

function whoIsMissing(missing: readonly ServerOutcome[]): string {
  if (missing.length === 0) return '';
  return ` (not asked, since not available: ${missing.map(({ upstream }) => upstream.server.id).join(', ')})`;
}
