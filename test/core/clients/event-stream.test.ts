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

it.each([
  ['that ends its lines with CR', ['data: a\r\r', 'data: b\r\r'], ['message: a', 'message: b']],
  [
    'whose CR LF comes in two pieces',
    ['data: a\r', '\n\r', '\ndata: b\r\n\r', '\n'],
    ['message: a', 'message: b'],
  ],
  [
    'whose event ends with a CR and whose next one begins with LF',
    ['data: a\r\r', '\n\ndata: b\n\n'],
    ['message: a', 'message: b'],
  ],
  ['that begins with a byte order mark', ['\ufeffdata: a\n\n'], ['message: a']],
])('of a stream %s every event is there as soon as it has ended', async (_, pieces, events) => {
  expect(await eventsOf(pieces.map((piece) => Buffer.from(piece)))).toEqual(events);
});

it('a CR ends an event before anything else comes', async () => {
  let isOpen = true;
  let told = () => {};
  const seen = new Promise<void>((resolve) => (told = resolve));
  async function* pieces() {
    yield Buffer.from('data: a\r\r');
    await seen;
    isOpen = false;
  }
  const stream = Readable.from(pieces()) as unknown as IncomingMessage;
  await readEvents(stream, LIMIT, () => {
    expect(isOpen).toBe(true);
    told();
  });
  await seen;
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
