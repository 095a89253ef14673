import type { Duplex } from 'node:stream';

const DATA_ROW = 'D'.charCodeAt(0);
const HEADER_BYTES = 5;

/**
 * Follows the messages of PostgreSQL's protocol as they come in, and tells of a row that announces more bytes than it
 * may have, at its first byte. To begin between two messages.
 */
export class MessageSizes {
  maxRowBytes = Infinity;
  onLargeRow: () => void = () => undefined;
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerBytes = 0;
  private bodyBytes = 0;

  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.bodyBytes > 0) {
        const part = Math.min(this.bodyBytes, chunk.length - at);
        this.bodyBytes -= part;
        at += part;
        continue;
      }
      const part = Math.min(HEADER_BYTES - this.headerBytes, chunk.length - at);
      this.header.set(chunk.subarray(at, at + part), this.headerBytes);
      this.headerBytes += part;
      at += part;
      if (this.headerBytes === HEADER_BYTES) this.begin();
    }
  }

  private begin(): void {
    this.headerBytes = 0;
    // The length counts itself, but not the byte of the kind before it.
    this.bodyBytes = this.header.readUInt32BE(1) - 4;
    if (this.header[0] === DATA_ROW && this.bodyBytes > this.maxRowBytes) this.onLargeRow();
  }
}

/** Watches a driver's connection: the driver itself would collect the whole of a row first, up to 1 GB. */
export class MessageGuard extends MessageSizes {
  constructor(readonly stream: Duplex) {
    super();
    stream.on('data', (chunk: Buffer) => this.read(chunk));
  }
}
