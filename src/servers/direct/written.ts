import type { JSONRPCMessage } from '@modelcontextprotocol/server';

/** Results that many are given, with their text once it was asked for. */
const texts = new WeakMap<object, string | undefined>();

/** Has a result be written only once, however many get it. It must not change any more. */
export function writeOnce(result: object): void {
  texts.set(result, undefined);
}

/** The JSON of a message. */
export function textOf(message: JSONRPCMessage): string {
  if (!('result' in message) || !texts.has(message.result)) return JSON.stringify(message);
  const { result, id } = message;
  const text = texts.get(result) ?? JSON.stringify(result);
  texts.set(result, text);
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`;
}
