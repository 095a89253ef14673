import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { Offered } from './catalogue.js';
import type { ListKind } from './kinds.js';

interface Page {
  readonly entries: readonly Offered[];
  readonly nextCursor?: string;
}

/** Where a page ended: the last entry that was on it, by what orders the list. */
type Position = readonly [kind: ListKind, priority: number, serverId: string, exposed: string];

/**
 * One page of a merged list. A cursor names the last entry of the page before, not its number: entries that come or
 * go in between shift nothing, and another instance with the same servers understands it too.
 *
 * @throws ProtocolError -32602 for a cursor that is none of this list
 */
export function pageOf(kind: ListKind, listed: readonly Offered[], cursor: unknown, size: number): Page {
  const start = cursor === undefined ? 0 : startAfter(readCursor(kind, cursor), listed);
  const entries = listed.slice(start, start + size);
  const last = entries.at(-1);
  if (last === undefined || start + size >= listed.length) return { entries };
  const position: Position = [kind, last.server.priority, last.server.id, last.exposed];
  return { entries, nextCursor: Buffer.from(JSON.stringify(position)).toString('base64url') };
}

function startAfter([, priority, serverId, exposed]: Position, listed: readonly Offered[]): number {
  const sameServer = listed.findIndex(({ server }) => server.id === serverId);
  const start = listed.findIndex((offered, index) => {
    if (offered.server.id === serverId) return offered.exposed > exposed;
    if (sameServer !== -1) return index > sameServer;
    // The server has left meanwhile: whatever would stand behind it comes next.
    const { server } = offered;
    return server.priority > priority || (server.priority === priority && server.id > serverId);
  });
  return start === -1 ? listed.length : start;
}

function readCursor(kind: ListKind, cursor: unknown): Position {
  try {
    const text = Buffer.from(String(cursor), 'base64url').toString('utf8');
    const position: unknown = JSON.parse(text);
    if (isPosition(position) && position[0] === kind) return position;
  } catch {
    // What is no JSON is no cursor of ours.
  }
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid cursor: ask for the first page again');
}

function isPosition(value: unknown): value is Position {
  return (
    Array.isArray(value) &&
    value.length === 4 &&
    typeof value[0] === 'string' &&
    typeof value[1] === 'number' &&
    typeof value[2] === 'string' &&
    typeof value[3] === 'string'
  );
}
