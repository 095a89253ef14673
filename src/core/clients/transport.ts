import type { Transport } from '@modelcontextprotocol/client';
import type { Phase } from './circumstances.js';
import type { ServerRequests } from './server-requests.js';
import type { RateLimit } from '../resilience/limit.js';

/** A transport of ours, below the SDK's client. */
export interface LeanTransport extends Transport {
  /** Why the connection ended, where it did not end because we closed it. */
  readonly failure: Error | undefined;
  /** How far connecting has come; `negotiate` once messages can be exchanged. */
  readonly phase: ConnectPhase;
  /**
   * Opens the stream on which a server of the older revisions tells what nobody asked for, and resolves when it ends;
   * transports that carry everything on one connection have none.
   */
  listen?(onOpen: () => void): Promise<'ended' | 'unsupported'>;
}

/** The steps of connecting, in their order: `start` stands for the first two where there is a process. */
export type ConnectPhase = Extract<Phase, 'resolve' | 'start' | 'connect' | 'negotiate'>;

export interface ConnectOptions {
  readonly redact: (text: string) => string;
  /** Upper bound of one message. */
  readonly maxBytes: number;
  /** Who answers what servers ask of their client; absent where nobody does. */
  readonly serverRequests?: ServerRequests;
  /** Where each request waits for its turn; absent where there is no limit. */
  readonly limit?: RateLimit;
  /** Given, as connecting begins, what tells from then on how far it has come. */
  readonly onConnecting?: (phase: () => ConnectPhase) => void;
}

/** Bounds of one message from a server. */
export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
