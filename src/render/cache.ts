import type { KeptShelf } from '../core/cache/disk-store.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { humanBytes, humanMs } from './units.js';

/** `mcpx cache stats` for programs. Ages in milliseconds. */
export function cacheStats(
  folder: string | undefined,
  shelves: readonly KeptShelf[],
  now: number,
): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'CacheStats',
    folder: folder ?? null,
    entries: shelves.reduce((sum, { entries }) => sum + entries.length, 0),
    bytes: bytesOf(shelves),
    servers: shelves.map((shelf) => ({
      server: shelf.server,
      address: shelf.address,
      entries: shelf.entries.length,
      bytes: shelf.fileBytes,
      newest_age_ms: agesOf(shelf, now).newest,
      oldest_age_ms: agesOf(shelf, now).oldest,
    })),
  };
}

export function renderCacheStats(
  folder: string | undefined,
  shelves: readonly KeptShelf[],
  now: number,
  view: View,
): string {
  if (folder === undefined) return 'no cache: neither XDG_CACHE_HOME nor HOME says where it could be\n';
  if (shelves.length === 0) return `nothing is kept in ${plain(folder)}\n`;
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'ADDRESS', least: 12, drop: 1 },
    { title: 'ENTRIES', align: 'right' as const },
    { title: 'BYTES', align: 'right' as const },
    { title: 'NEWEST', align: 'right' as const, drop: 2 },
    { title: 'OLDEST', align: 'right' as const },
  ];
  const rows = shelves.map((shelf): Cell[] => {
    const { newest, oldest } = agesOf(shelf, now);
    return [
      { text: shelf.server, ink: 'bold' },
      { text: shelf.address, ink: 'dim' },
      { text: String(shelf.entries.length) },
      { text: humanBytes(shelf.fileBytes) },
      { text: humanMs(newest) },
      { text: humanMs(oldest) },
    ];
  });
  const total = `${humanBytes(bytesOf(shelves))} in ${plain(folder)}\n`;
  return `${renderTable(columns, rows, view)}\n${total}`;
}

export function cacheCleared(removed: number, named: readonly string[]): Readonly<Record<string, unknown>> {
  return { api_version: 'mcpx/v1', kind: 'CacheCleared', servers: named, removed };
}

export function renderCacheCleared(removed: number, named: readonly string[]): string {
  const whose = named.length === 0 ? '' : ` of ${named.map(plain).join(', ')}`;
  if (removed === 0) return `nothing was kept${whose}\n`;
  return `forgot the answers${whose} (${removed} ${removed === 1 ? 'file' : 'files'})\n`;
}

function bytesOf(shelves: readonly KeptShelf[]): number {
  return shelves.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
}

function agesOf({ entries }: KeptShelf, now: number): { readonly newest: number; readonly oldest: number } {
  const ages = entries.map(([, { storedAt }]) => Math.max(0, now - storedAt));
  return { newest: Math.min(...ages), oldest: Math.max(...ages) };
}
