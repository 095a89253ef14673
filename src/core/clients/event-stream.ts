import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { readChunks, tooLarge } from './http.js';

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Reads server-sent events until the stream ends.
 *
 * @param maxBytes  of one event
 * @param onRetry  told how long the server wants to be left alone before the stream is asked for again
 * @throws MCPConnectionError UPS209 for a larger event, UPS203 for a stream that breaks; what `onEvent` throws
 */
export function readEvents(
  response: IncomingMessage,
  maxBytes: number,
  onEvent: (event: EventSourceMessage) => void,
  onRetry?: (retryMs: number) => void,
): Promise<void> {
  let pending = 0;
  const parser = createParser({
    onEvent: (event) => {
      pending = 0;
      onEvent(event);
    },
    ...(onRetry === undefined ? {} : { onRetry }),
  });
  const decoder = new StringDecoder('utf8');
  // The beginning of a line, as bytes: a large message is one line, and what turns out to be too large never becomes
  // a string beside them.
  let parts: Buffer[] = [];
  let isBegun = false;
  let endedWithCr = false;
  const feed = (text: string) => {
    const isFirst = !isBegun && text !== '';
    isBegun ||= isFirst;
    endedWithCr = text.endsWith('\r');
    const shown = isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    // The parser would wait for what comes after a CR, which may be the end of an event.
    parser.feed(endedWithCr ? `${shown}\n` : shown);
  };
  return readChunks(response, (received) => {
    pending += received.length;
    // The other half of a line's end that was taken for a whole one.
    const chunk = endedWithCr && received[0] === LF ? received.subarray(1) : received;
    endedWithCr = false;
    const end = Math.max(chunk.lastIndexOf(LF), chunk.lastIndexOf(CR)) + 1;
    if (end > 0) {
      parts.push(chunk.subarray(0, end));
      const text = parts.map((part) => decoder.write(part)).join('');
      parts = [];
      feed(text);
    }
    if (end < chunk.length) {
      parts.push(chunk.subarray(end));
      endedWithCr = false;
    }
    // An event that came to its end within this chunk has set the count to 0.
    if (pending > maxBytes) throw tooLarge(maxBytes);
  });
}
