import { digest } from '../digest.js';
import type { Entry, Shelf } from './entry.js';

/** A shelf as it lies on disk: a line that says what it is, with a digest of the rest, and the entries as JSON. */
export interface ShelfFile extends Shelf {
  readonly entries: readonly (readonly [string, Entry])[];
}

/** Goes up with every change of what a file means; other formats count as not there. */
const FORMAT = 1;

export function printShelf({ key, server, address, entries }: ShelfFile): string {
  const body = JSON.stringify(entries);
  const head = JSON.stringify({ format: FORMAT, key, server, address, sha256: digest(body) });
  return `${head}\n${body}`;
}

/**
 * @param key  of the shelf that is looked for: a file under a wrong name is another server's
 * @param isChecked  its digest was right before, and nobody has written to it since
 * @throws where the file is cut off, changed, of another format or of another shelf
 */
export function parseShelf(text: string, key: string, isChecked = false): ShelfFile {
  const end = text.indexOf('\n');
  const head = JSON.parse(text.slice(0, end)) as Readonly<Record<string, unknown>>;
  const body = text.slice(end + 1);
  const isWhole = isChecked || head['sha256'] === digest(body);
  if (head['format'] !== FORMAT || head['key'] !== key || !isWhole) {
    throw new Error('not the shelf that was looked for');
  }
  const { server, address } = head;
  const entries = JSON.parse(body) as readonly (readonly [string, Entry])[];
  if (typeof server !== 'string' || typeof address !== 'string' || !entries.every(isEntry)) {
    throw new Error('not a shelf');
  }
  return { key, server, address, entries };
}

function isEntry(pair: unknown): boolean {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string') return false;
  const { storedAt, hintMs, scope, bytes } = (pair[1] ?? {}) as Partial<Record<keyof Entry, unknown>>;
  return (
    Number.isFinite(storedAt) &&
    (hintMs === undefined || Number.isFinite(hintMs)) &&
    (scope === 'public' || scope === 'private') &&
    Number.isSafeInteger(bytes) &&
    (bytes as number) > 0
  );
}
