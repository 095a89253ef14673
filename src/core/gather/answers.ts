import type { Answer, CacheMode, Question, ResourceCache } from '../cache/cache.js';
import { NOT_CACHED, type CachePolicy } from '../cache/lifetime.js';
import type { Shelf } from '../cache/entry.js';
import type { Connection, RawList, RawRead, ResourceClient } from '../clients/resource-client.js';
import { MCPOrchestratorException } from '../errors.js';
import type { Operation } from '../operation.js';
import { wholesOf } from './sub-resources.js';

/** What a gather wants of a cache. */
export type AnswerCache = Pick<ResourceCache, 'load' | 'peek' | 'keep' | 'drop'>;

/** The cache as a gather uses it for one server. */
export interface ServerCache<Cache extends AnswerCache = ResourceCache> {
  readonly cache: Cache;
  readonly shelf: Shelf;
  readonly policy: CachePolicy;
  readonly mode: CacheMode;
  readonly serveStaleOnError: boolean;
  /**
   * Called before a list, or the resource of a URI, is asked for that may be kept: what changes from then on is heard
   * of.
   */
  readonly follow?: (client: ResourceClient, uri: string | undefined, op: Operation) => Promise<void>;
  /** This is the only gather of its process. */
  readonly isAlone?: boolean;
}

/** Asks the server itself; connects first where need be. */
export type Ask = <T>(
  call: (client: ResourceClient, op: Operation) => Promise<T>,
  op: Operation,
) => Promise<T>;

/** Credentials that are refused now must not be answered from then, and a resource that is gone is gone. */
const NEVER_STALE: ReadonlySet<string> = new Set(['UPS207', 'UPS217', 'UPS219']);

/** What was read at a URI, as the cache is asked for it. */
export function readQuestion(kept: ServerCache, uri: string): Question {
  return questionOf(kept, readName(uri), isRead);
}

function questionOf(kept: ServerCache<AnswerCache>, name: string, accepts: Question['accepts']): Question {
  const { shelf, policy, mode, isAlone = false } = kept;
  return { shelf, name, policy, mode, accepts, isAlone, mayBeStale: (failure) => mayBeStale(kept, failure) };
}

/** Whether answers whose time is over may stand in for a failure. */
export function mayBeStale(
  { mode, policy, serveStaleOnError }: Pick<ServerCache, 'mode' | 'policy' | 'serveStaleOnError'>,
  failure: unknown,
): boolean {
  const isOn = mode !== 'off' && policy.ttlMs > 0;
  if (!isOn || !serveStaleOnError || !(failure instanceof MCPOrchestratorException)) return false;
  return !NEVER_STALE.has(failure.code);
}

/** What one server answers: kept answers while they are fresh, else its own. */
export class Answers {
  readonly #kept: ServerCache<AnswerCache> | undefined;
  readonly #ask: Ask;
  hits = 0;
  misses = 0;
  /** Failures that a stale answer stood in for. */
  readonly failures: MCPOrchestratorException[] = [];
  #lastConnection: Connection | undefined;

  /** @param kept  where answers may come from; without it every one is the server's own */
  constructor(kept: ServerCache<AnswerCache> | undefined, ask: Ask) {
    this.#kept = kept;
    this.#ask = ask;
  }

  listResources(op: Operation): Promise<Answer<RawList>> {
    return this.#answer('resources/list', isList, (client, inner) => client.listResources(inner), op);
  }

  listResourceTemplates(op: Operation): Promise<Answer<RawList>> {
    return this.#answer(
      'resources/templates/list',
      isList,
      (client, inner) => client.listResourceTemplates(inner),
      op,
    );
  }

  read(uri: string, op: Operation): Promise<Answer<RawRead>> {
    return this.#answer(readName(uri), isRead, (client, inner) => client.readResource(uri, inner), op, uri);
  }

  /** An answer that turned out to be malformed is asked for anew the next time. */
  drop(name: (typeof LIST_NAMES)[number] | { readonly uri: string }): void {
    this.#kept?.cache.drop(this.#kept.shelf, typeof name === 'string' ? name : readName(name.uri));
  }

  /** What the connection was that kept answers came over. */
  get keptConnection(): Connection | undefined {
    const kept = this.#kept?.cache.peek(this.#kept.shelf, CONNECTION);
    return isConnection(kept) ? kept : undefined;
  }

  /** Once for each connection: what it is does not change while it lasts. */
  #keepConnection(connection: Connection, { cache, shelf }: ServerCache<AnswerCache>): void {
    if (this.#lastConnection === connection) return;
    this.#lastConnection = connection;
    // Plain data that was written as JSON; loading Node's own comparison would cost every run a millisecond.
    const isKept = JSON.stringify(cache.peek(shelf, CONNECTION)) === JSON.stringify(connection);
    if (!isKept) cache.keep(shelf, CONNECTION, connection);
  }

  async #answer<T extends RawList | RawRead>(
    name: string,
    accepts: (value: unknown) => boolean,
    call: (client: ResourceClient, op: Operation) => Promise<T>,
    op: Operation,
    uri?: string,
  ): Promise<Answer<T>> {
    if (this.#kept === undefined) {
      this.misses += 1;
      return { value: await this.#ask(call, op), freshness: NOT_CACHED };
    }
    const kept = this.#kept;
    const { cache, policy, mode } = kept;
    const mayKeep = mode !== 'off' && policy.ttlMs > 0;
    const answer = await cache.load<T>(
      questionOf(kept, name, accepts),
      async (inner) => {
        const { ttlMs, cacheScope, ...value } = await this.#ask(async (client, asked) => {
          if (mayKeep) await kept.follow?.(client, uri, asked);
          const result = await call(client, asked);
          if (mayKeep) this.#keepConnection(client.connection, kept);
          return result;
        }, inner);
        return {
          value: value as T,
          ...(ttlMs === undefined ? {} : { hintMs: ttlMs }),
          ...(cacheScope === undefined ? {} : { scope: cacheScope }),
        };
      },
      op,
    );
    if (answer.freshness.hit) this.hits += 1;
    else this.misses += 1;
    if (answer.failure instanceof MCPOrchestratorException) this.failures.push(answer.failure);
    return answer;
  }
}

/** The names under which the cache keeps the lists. */
export const LIST_NAMES = ['resources/list', 'resources/templates/list'] as const;

const CONNECTION = 'connection';

/** Forgets what was read at a URI that has changed, and at every URI that it may be part of. */
export function dropRead(cache: ResourceCache, shelf: Shelf, uri: string): void {
  const changed = wholesOf(uri);
  if (changed === undefined) cache.drop(shelf);
  else for (const each of changed) cache.drop(shelf, readName(each));
}

/** The name under which the cache keeps what was read at a URI. */
function readName(uri: string): string {
  return `resources/read ${uri}`;
}

function isList(value: unknown): boolean {
  return Array.isArray((value as Partial<RawList> | null)?.items);
}

function isRead(value: unknown): boolean {
  return Array.isArray((value as Partial<RawRead> | null)?.contents);
}

function isConnection(value: unknown): value is Connection {
  const { transport, protocolVersion, era, capabilities } = (value ?? {}) as Partial<
    Record<keyof Connection, unknown>
  >;
  return (
    typeof transport === 'string' &&
    typeof protocolVersion === 'string' &&
    typeof era === 'string' &&
    Array.isArray(capabilities)
  );
}
