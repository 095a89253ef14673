import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { readEvents } from '../../../src/core/clients/event-stream.js';

const LIMIT = 100_000;

/** The events of a stream that comes in these pieces. */
async function eventsOf(pieces: readonly Uint8Array[], maxBytes = LIMIT): Promise<string[]> {
  const events: string[] = [];
  const stream = Readable.from(pieces.map((piece) => Buffer.from(piece))) as unknown as IncomingMessage;
  await readEvents(stream, maxBytes, ({ event, data }) => events.push(`${event ?? 'message'}: ${data}`));
  return events;
}

const TEXT =
  'event: one\ndata: é€😀\n\n: comment\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\revent: x\rdata: d\r\r:\n';
const EVENTS = ['one: é€😀', 'message: a\nb', 'message: c', 'x: d'];

it('events are the same however the bytes are cut', async () => {
  const bytes = Buffer.from(TEXT);
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    expect(await eventsOf(pieces), `${size}`).toEqual(EVENTS);
  }
});

it('what is not ended by the end of the stream is no event', async () => {
  expect(await eventsOf([Buffer.from('data: a\n\ndata: b\n')])).toEqual(['message: a']);
});

it('an event that is too large is refused while it comes, in one line or in many', async () => {
  const line = Buffer.alloc(LIMIT / 4, 'x');
  const oneLine = [Buffer.from('data: '), line, line, line, line, line];
  await expect(eventsOf(oneLine)).rejects.toMatchObject({ code: 'UPS209' });
  const manyLines = Array.from({ length: LIMIT / 10 }, () => Buffer.from('data: xxxxx\n'));
  await expect(eventsOf(manyLines)).rejects.toMatchObject({ code: 'UPS209' });
  const manyEvents = Array.from({ length: LIMIT / 10 }, () => Buffer.from('data: xxxxx\n\n'));
  expect(await eventsOf(manyEvents)).toHaveLength(LIMIT / 10);
});
