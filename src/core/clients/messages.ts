import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';

/**
 * Parses what a server sent as one JSON-RPC message or a batch of them.
 *
 * Only the frame is checked here; the SDK and the gather step check what is inside.
 *
 * @throws MCPConnectionError UPS206 for anything else
 */
export function parseMessages(text: string): readonly JSONRPCMessage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MCPConnectionError('UPS206', 'the server sent something that is not JSON', {
      hint: 'Is there really an MCP server at this address?',
      cause,
    });
  }
  const messages: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!messages.every(isMessage)) {
    throw new MCPConnectionError('UPS206', 'the server sent JSON that is not JSON-RPC 2.0', {
      hint: 'Is there really an MCP server at this address?',
    });
  }
  return messages;
}

function isMessage(value: unknown): value is JSONRPCMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as {
    jsonrpc?: unknown;
    method?: unknown;
    id?: unknown;
    result?: unknown;
    error?: unknown;
  };
  if (message.jsonrpc !== '2.0') return false;
  if (typeof message.method === 'string') return true;
  if (typeof message.id !== 'string' && typeof message.id !== 'number' && message.id !== null) return false;
  return (
    isObject(message.result) ||
    (isObject(message.error) && typeof (message.error as { code?: unknown }).code === 'number')
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** The id of a response, or `undefined` for a request or a notification. */
export function responseId(message: JSONRPCMessage): string | number | undefined {
  return 'method' in message || !('id' in message) ? undefined : (message.id ?? undefined);
}
