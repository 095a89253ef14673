import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';
import { isMapping } from '../mapping.js';
import { nestsDeeper } from '../nesting.js';

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
    // A byte order mark is no part of JSON, and everybody's `fetch` takes it off.
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch {
    // Not the parser's own words: they quote a piece of the text, and half a secret is not recognised as one.
    throw new MCPConnectionError('UPS206', 'the server sent something that is not JSON', {
      context: { characters: text.length },
      hint: 'Is there really an MCP server at this address?',
    });
  }
  if (nestsDeeper(text, MAX_DEPTH)) {
    throw new MCPConnectionError('UPS206', `the server sent JSON of more than ${MAX_DEPTH} levels`, {
      context: { characters: text.length },
      hint: 'This is a fault of the server; report it to its authors.',
    });
  }
  const messages = (Array.isArray(value) ? (value as readonly unknown[]) : [value]).map(toMessage);
  if (!messages.every((message) => message !== undefined)) {
    throw new MCPConnectionError('UPS206', 'the server sent JSON that is not JSON-RPC 2.0', {
      hint: 'Is there really an MCP server at this address?',
    });
  }
  return messages;
}

/** Deeper than anybody means: whoever walks through a value, or writes it, needs stack for each level. */
const MAX_DEPTH = 256;

/**
 * The message of a value, or `undefined` for what is none. The SDK passes over a response that is not exactly as it
 * should be, and the caller would wait for its timeout: what a response has beyond its frame is left out.
 *
 * @throws MCPConnectionError UPS206 for an error that names no request: the server could not read what we sent
 */
function toMessage(value: unknown): JSONRPCMessage | undefined {
  if (!isMapping(value) || value['jsonrpc'] !== '2.0') return undefined;
  const { id, method, result, error } = value;
  if (typeof method === 'string') return value as unknown as JSONRPCMessage;
  const isError = isMapping(error) && Number.isInteger(error['code']);
  if (isError && (id === null || id === undefined)) {
    throw new MCPConnectionError(
      'UPS206',
      `the server sent error ${String(error['code'])} without the id of a request`,
      {
        hint: 'It could not read what it was sent: does it speak MCP at this address?',
        ...(typeof error['message'] === 'string' ? { cause: new Error(error['message']) } : {}),
      },
    );
  }
  if (!isId(id)) return undefined;
  if (isError) {
    const { code, message, data } = error;
    const text = typeof message === 'string' ? message : '';
    return {
      jsonrpc: '2.0',
      id,
      error: { code: Number(code), message: text, ...(data === undefined ? {} : { data }) },
    };
  }
  return isMapping(result) ? { jsonrpc: '2.0', id, result } : undefined;
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' || Number.isInteger(id);
}

/** The id of a response, or `undefined` for a request or a notification. */
export function responseId(message: JSONRPCMessage): string | number | undefined {
  return 'method' in message || !('id' in message) ? undefined : (message.id ?? undefined);
}
