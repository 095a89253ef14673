import pLimit from 'p-limit';
import type { Connection, ResourceClient } from '../clients/resource-client.js';
import type { Connections } from '../clients/connections.js';
import { attribute, type Phase } from '../clients/circumstances.js';
import type { ServerConfig } from '../config/config.js';
import { MCPOrchestratorException, ResourceFetchError } from '../errors.js';
import type { Operation } from '../operation.js';
import { decodeContents, decodeResources, decodeTemplates, type ListedResource } from './decode.js';
import type { Freshness, GatheredResource, Outcome, Warning } from './outcome.js';
import { selects } from './select.js';

/** Resources of one server that are read at once. */
const READS_AT_ONCE = 8;

export interface GatherServerOptions {
  readonly failFast: boolean;
  /** Only lists, reads nothing. */
  readonly listOnly: boolean;
  readonly redact: (text: string) => string;
  /** Counts what all servers gave, and throws where it is too much. */
  readonly account: (bytes: number) => void;
  /** Lets go of the connection as soon as the server is done with. */
  readonly oneShot: boolean;
  /** When the whole must be over, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  readonly onPhase?: (server: ServerConfig, phase: Phase | 'done') => void;
}

/**
 * Connects to one server if need be, lists everything it has, and reads it.
 *
 * @returns its outcome; a failure is a value, since in degraded mode it is part of the answer
 * @throws only what is no MCPOrchestratorException, which is a bug
 */
export async function gatherServer(
  server: ServerConfig,
  connections: Connections,
  options: GatherServerOptions,
  op: Operation,
): Promise<Outcome> {
  const started = performance.now();
  const warnings: Warning[] = [];
  let phase: Phase = 'connect';
  let attempts = 1;
  let connection: Connection | undefined;
  const enter = (next: Phase) => {
    phase = next;
    options.onPhase?.(server, next);
  };
  const base = () => ({
    server,
    durationMs: performance.now() - started,
    attempts,
    ...(connection === undefined ? {} : { connection }),
    warnings,
  });

  enter('connect');
  try {
    await ask((client) => Promise.resolve(client));
    enter('list');
    const [listed, listedTemplates] = await Promise.all([
      ask((client) => client.listResources(op)),
      ask((client) => client.listResourceTemplates(op)),
    ]);
    const { resources, malformed } = decodeResources(server.id, listed.items);
    const { templates, malformed: malformedTemplates } = decodeTemplates(server.id, listedTemplates.items);
    const broken = [...malformed, ...malformedTemplates];
    if (options.failFast && broken[0] !== undefined) throw broken[0];

    enter('read');
    const chosen = keyed(resources.filter((resource) => selects(server, resource.uri)));
    const limit = pLimit(READS_AT_ONCE);
    const gathered = await Promise.all(
      chosen.map(([key, resource]) =>
        limit(() => (options.listOnly ? unread(key, resource) : read(key, resource))),
      ),
    );
    op.signal.throwIfAborted();
    if (options.oneShot) connections.release(server.id);
    const failures = [...broken, ...gathered.flatMap(({ error }) => (error === undefined ? [] : [error]))];
    const [first] = failures;
    options.onPhase?.(server, 'done');
    const all = { ...base(), resources: gathered, templates };
    if (first === undefined) {
      op.log('server.gathered', {
        server: server.id,
        resources: gathered.length,
        duration_ms: ms(all.durationMs),
      });
      return { ...all, status: 'ok' };
    }
    op.log(
      'server.partial',
      { server: server.id, failures: failures.length, code: first.code, duration_ms: ms(all.durationMs) },
      'warn',
    );
    return { ...all, status: 'partial', phase: phaseOf(first, phase), error: first };
  } catch (caught) {
    options.onPhase?.(server, 'done');
    const error = toFailure(caught);
    const all = { ...base(), resources: [], templates: [] };
    op.log(
      error.code === 'UPS219' ? 'server.stopped' : 'server.failed',
      {
        server: server.id,
        phase: phaseOf(error, phase),
        code: error.code,
        message: error.message,
        attempts,
        duration_ms: ms(all.durationMs),
      },
      error.code === 'UPS219' ? 'info' : 'warn',
    );
    return { ...all, status: 'failed', phase: phaseOf(error, phase), error };
  }

  /** Asks the server, again where the failure may pass, over a new connection where the old one broke. */
  async function ask<T>(call: (client: ResourceClient) => Promise<T>): Promise<T> {
    return connections.policyOf(server).run(
      async () => {
        const client = await connections.get(server, op);
        connection = client.connection;
        return call(client);
      },
      op,
      {
        deadlineAt: options.deadlineAt,
        onRetry: (error, attempt, pauseMs) => {
          attempts = Math.max(attempts, attempt + 1);
          const code = error instanceof MCPOrchestratorException ? error.code : undefined;
          op.log('server.retry', { server: server.id, phase, code, attempt, pause_ms: ms(pauseMs) });
        },
      },
    );
  }

  async function read(key: string, resource: ListedResource): Promise<GatheredResource> {
    try {
      const { contents: raw } = await ask((client) => client.readResource(resource.uri, op));
      const { contents, bytes, notJson } = decodeContents(server.id, resource.uri, raw);
      options.account(bytes);
      if (notJson > 0) {
        warnings.push({
          code: 'UPS211',
          server: server.id,
          message: `${resource.uri} is said to be JSON and is not; it is given as text`,
        });
      }
      return { ...resource, key, contents, bytes, freshness: NOT_CACHED };
    } catch (caught) {
      const error = toFailure(caught);
      // The first failure decides in fail-fast mode, and an operation that was stopped is over in every mode.
      if (options.failFast || op.signal.aborted) throw error;
      return { ...resource, key, contents: [], bytes: 0, freshness: NOT_CACHED, error };
    }
  }

  /** Names are the keys of the result; what would fall under a taken name gets its URI instead. */
  function keyed(resources: readonly ListedResource[]): readonly (readonly [string, ListedResource])[] {
    const byKey = new Map<string, ListedResource>();
    const uris = new Set<string>();
    const allUris = new Set(resources.map(({ uri }) => uri));
    for (const resource of resources) {
      if (uris.has(resource.uri)) {
        warnings.push({ code: 'UPS211', server: server.id, message: `lists ${resource.uri} more than once` });
        continue;
      }
      uris.add(resource.uri);
      // A name that is another resource's URI would stand in the way of that one.
      const isTaken =
        byKey.has(resource.name) || (allUris.has(resource.name) && resource.name !== resource.uri);
      if (isTaken) {
        const message = `has several resources named "${resource.name}"; ${resource.uri} is listed by its URI`;
        warnings.push({ code: 'UPS211', server: server.id, message });
      }
      byKey.set(isTaken ? resource.uri : resource.name, resource);
    }
    return [...byKey];
  }

  function toFailure(caught: unknown): MCPOrchestratorException {
    if (op.signal.aborted) return attribute(op.signal.reason, circumstances());
    if (caught instanceof MCPOrchestratorException) return attribute(caught, circumstances());
    throw caught;
  }

  function circumstances() {
    return {
      server,
      phase,
      elapsedMs: performance.now() - started,
      timeoutMs: server.timeoutMs,
      redact: options.redact,
    };
  }
}

function unread(key: string, resource: ListedResource): GatheredResource {
  return { ...resource, key, contents: [], bytes: 0, freshness: NOT_CACHED };
}

/** There is no cache yet: every answer is the server's own. */
const NOT_CACHED: Freshness = { hit: false, source: 'none', ttlMs: 0, ageMs: 0, scope: 'private' };

function phaseOf(error: MCPOrchestratorException, otherwise: Phase): Phase {
  const { phase } = error.context;
  return typeof phase === 'string' ? (phase as Phase) : otherwise;
}

function ms(duration: number): number {
  return Math.round(duration);
}

/** The bound of a whole gather, across all servers. */
export function createAccount(maxBytes: number): (bytes: number) => void {
  let total = 0;
  return (bytes) => {
    total += bytes;
    if (total > maxBytes) {
      throw new ResourceFetchError(
        'UPS209',
        `the gather is larger than ${Math.round(maxBytes / 1024 ** 2)} MiB`,
        {
          context: { max_bytes: maxBytes },
          hint: 'Gather fewer servers at once, or exclude large resources.',
        },
      );
    }
  };
}
