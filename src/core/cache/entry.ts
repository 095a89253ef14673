import type { Scope } from './lifetime.js';

/** One kept answer: a list, the templates, or what was read at one URI. */
export interface Entry {
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  /** The time to live that the server gave, where it gave one. */
  readonly hintMs?: number;
  readonly scope: Scope;
  /** Its server may have changed it without our hearing of it: it is only good as a stale answer. */
  readonly isOutdated?: true;
  /** About what it takes in memory and on disk. */
  readonly bytes: number;
  /** JSON: what the server sent, not decoded, so that nobody who uses it can change what is kept. */
  readonly value: unknown;
}

/** What belongs to one server under one set of credentials. */
export interface Shelf {
  /** A digest of address and credentials: another token never finds the same shelf. */
  readonly key: string;
  /** Its id in the configuration, for people. */
  readonly server: string;
  /** Where it is, without credentials, for people. */
  readonly address: string;
}

/** Bytes of the texts in a value, and a little for everything around them. */
export function weigh(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 16;
  if (typeof value !== 'object' || value === null) return 16;
  let bytes = 32;
  // Lists of pairs would be as large as a list of a thousand resources itself.
  for (const key in value) {
    if (Object.hasOwn(value, key)) bytes += key.length + weigh((value as Record<string, unknown>)[key]);
  }
  return bytes;
}
