import type { Transport } from '@modelcontextprotocol/client';
import type { RateLimit } from '../resilience/limit.js';

/** A transport of ours, below the SDK's client. */
export interface LeanTransport extends Transport {
  /** Why the connection ended, where it did not end because we closed it. */
  readonly failure: Error | undefined;
}

export interface ConnectOptions {
  readonly redact: (text: string) => string;
  /** Upper bound of one message. */
  readonly maxBytes: number;
  /** Where each request waits for its turn; absent where there is no limit. */
  readonly limit?: RateLimit;
}

/** Bounds of one message from a server. */
export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
