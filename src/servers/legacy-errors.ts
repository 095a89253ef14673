import type { JSONRPCMessage } from '@modelcontextprotocol/server';

const INVALID_PARAMS = -32602;
const RESOURCE_NOT_FOUND = -32002;

/**
 * The SDK answers a missing resource with -32602 in every era. The revisions up to 2025-11-25 have -32002 for
 * it, and their clients look for that; `data` that holds nothing but the URI is the SDK's mark of this error.
 */
export function asLegacyError(message: JSONRPCMessage): JSONRPCMessage {
  if (!('error' in message) || message.error.code !== INVALID_PARAMS) return message;
  const data: unknown = message.error.data;
  if (typeof data !== 'object' || data === null || !('uri' in data) || Object.keys(data).length !== 1)
    return message;
  return { ...message, error: { ...message.error, code: RESOURCE_NOT_FOUND } };
}
