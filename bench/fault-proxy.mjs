// A TCP proxy that spoils connections on their way to a server: `node fault-proxy.mjs <target port> <seed> <rate>`.
// It prints {"port": …} when it is ready, and {"faults": {…}} for each line on its standard input, at whose end it
// ends. It is a process of its own, so that its sockets are not counted with those of whoever is measured.
import net from 'node:net';
import { createInterface } from 'node:readline';
import { randomFrom } from './random.mjs';

const [, , target, seed, rate] = process.argv;
const random = randomFrom(Number(seed));
const counts = {};

const between = (least, most) => Math.round(least + random() * (most - least));
const RESPONSE_503 =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy';

/** What happens to a connection, by its name; each takes over from the moment when it was accepted. */
const FAULTS = {
  /** Nobody answers, and nobody hangs up. */
  silence: (client) => client.resume(),
  /** Hung up at once. */
  refusal: (client) => client.resetAndDestroy(),
  /** HTTP 503 to the first request, whatever it is. */
  overload: (client) => client.once('data', () => client.end(RESPONSE_503)),
  /** Reset after some bytes of the answer. */
  reset: (client) => passOn(client, { bytes: between(1, 3000), end: () => client.resetAndDestroy() }),
  /** An orderly end after some bytes of the answer, as if there were no more. */
  truncation: (client) => passOn(client, { bytes: between(1, 3000), end: () => client.destroy() }),
  /** Everything arrives, a little later. */
  latency: (client) => passOn(client, { delayMs: between(5, 150) }),
};

/** @param {{bytes?: number, end?: () => void, delayMs?: number}} spoiling of what comes from the server */
function passOn(client, { bytes = Infinity, end = () => {}, delayMs = 0 } = {}) {
  const server = net.connect(Number(target), '127.0.0.1');
  const close = () => (client.destroy(), server.destroy());
  for (const socket of [client, server]) socket.on('error', close).on('close', close);
  client.on('data', (chunk) => server.write(chunk));
  client.on('end', () => server.end());
  let left = bytes;
  server.on('data', (chunk) => {
    const part = chunk.subarray(0, Math.max(0, left));
    left -= chunk.length;
    const write = () => {
      if (client.destroyed) return;
      if (left > 0) client.write(part);
      // What was written first must be out before it breaks, or the fault would be one of another kind.
      else client.write(part, () => (end(), server.destroy()));
    };
    if (delayMs === 0) write();
    else setTimeout(write, delayMs);
  });
  server.on('end', () => setTimeout(() => client.end(), delayMs));
}

const names = Object.keys(FAULTS);
const proxy = net.createServer((client) => {
  client.on('error', () => client.destroy());
  const name = random() < Number(rate) ? (names[Math.floor(random() * names.length)] ?? 'silence') : 'none';
  counts[name] = (counts[name] ?? 0) + 1;
  if (name === 'none') passOn(client);
  else FAULTS[name](client);
});
proxy.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: proxy.address().port })}\n`),
);

createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify({ faults: counts })}\n`))
  .on('close', () => process.exit(0));
