import type { Connection } from '../clients/resource-client.js';
import type { Connections } from '../clients/connections.js';
import type { ServerPolicy } from '../clients/server-policy.js';
import { attribute, type Phase } from '../clients/circumstances.js';
import type { ServerConfig } from '../config/config.js';
import { MCPOrchestratorException, ResourceFetchError } from '../errors.js';
import type { Operation } from '../operation.js';
import { NOT_CACHED } from '../cache/lifetime.js';
import type { Freshness } from '../cache/lifetime.js';
import { Answers, type AnswerCache, type Ask, type ServerCache } from './answers.js';
import { atOnce } from './at-once.js';
import { decodeContents, decodeResources, decodeTemplates, type ListedResource } from './decode.js';
import type { GatheredResource, Outcome, Warning } from './outcome.js';
import { selects, type Selection } from './select.js';

/** Resources of one server that are read at once. */
const READS_AT_ONCE = 8;

/** The way to the servers. */
export interface Reach extends Pick<Connections, 'get' | 'release' | 'phaseOf'> {
  policyOf(server: ServerConfig): Pick<ServerPolicy, 'run'>;
}

export interface GatherServerOptions {
  readonly failFast: boolean;
  /** Only lists, reads nothing. */
  readonly listOnly: boolean;
  /** Which of the resources that its configuration lets through; all when left out. */
  readonly selection?: Selection;
  /** Of the contents of one resource. */
  readonly maxBytes?: number;
  readonly redact: (text: string) => string;
  /** Counts what all servers gave, and throws where it is too much. */
  readonly account: (bytes: number) => void;
  /** Lets go of the connection as soon as the server is done with. */
  readonly oneShot: boolean;
  /** When the whole must be over, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** Where answers may come from instead; without it the server is asked for everything. */
  readonly cache?: ServerCache<AnswerCache>;
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
  connections: Reach,
  options: GatherServerOptions,
  op: Operation,
): Promise<Outcome> {
  const started = performance.now();
  const warnings: Warning[] = [];
  let phase: Phase = 'connect';
  let attempts = 0;
  let connection: Connection | undefined;
  let connecting: Promise<void> | undefined;
  let freshness = NOT_CACHED;
  const answers = new Answers(options.cache, ask);
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
    freshness,
    cache: { hits: answers.hits, misses: answers.misses },
  });

  enter('connect');
  try {
    const [listed, listedTemplates] = await Promise.all([
      answers.listResources(op),
      answers.listResourceTemplates(op),
    ]);
    freshness = listed.freshness;
    const { resources, malformed } = decodeResources(server.id, listed.value.items);
    const { templates, malformed: malformedTemplates } = decodeTemplates(
      server.id,
      listedTemplates.value.items,
    );
    if (malformed.length > 0) answers.drop('resources/list');
    if (malformedTemplates.length > 0) answers.drop('resources/templates/list');
    const broken = [...malformed, ...malformedTemplates];
    if (options.failFast && broken[0] !== undefined) throw broken[0];

    enter('read');
    const { selection = {} } = options;
    const chosen = keyed(resources.filter(({ uri }) => selects(server, uri) && selects(selection, uri)));
    const gathered = options.listOnly
      ? chosen.map(([key, resource]) => unread(key, resource, listed.freshness))
      : await atOnce(chosen, READS_AT_ONCE, ([key, resource]) => read(key, resource));
    const stale = staleness(gathered);
    // An answer that was kept for this case is there all the same.
    if (stale === undefined) op.signal.throwIfAborted();
    if (options.oneShot) await connections.release(server.id);
    if (attempts === 0) connection = answers.keptConnection;
    const failures = [...broken, ...gathered.flatMap(({ error }) => (error === undefined ? [] : [error]))];
    const [first] = failures;
    options.onPhase?.(server, 'done');
    const all = { ...base(), resources: gathered, templates, ...(stale === undefined ? {} : { stale }) };
    if (first === undefined) return { ...all, status: 'ok' };
    return { ...all, status: 'partial', phase: phaseOf(first, phase), error: first };
  } catch (caught) {
    options.onPhase?.(server, 'done');
    const error = toFailure(caught);
    const all = { ...base(), resources: [], templates: [] };
    return { ...all, status: 'failed', phase: phaseOf(error, phaseNow()), error };
  }

  /** Asks the server, again where the failure may pass, over a new connection where the old one broke. */
  async function ask<T>(...[call, inner]: Parameters<Ask>): Promise<T> {
    // The first who asks connects, for all: a server that is down is not tried again by each of them.
    if (connection === undefined) {
      connecting ??= attempt(async () => {
        connection = (await connections.get(server, inner)).connection;
      }, inner);
      await connecting;
    }
    if (phase === 'connect') enter('list');
    return attempt(async () => {
      const client = await connections.get(server, inner);
      connection = client.connection;
      return call(client, inner) as Promise<T>;
    }, inner);
  }

  function attempt<T>(call: () => Promise<T>, inner: Operation): Promise<T> {
    attempts = Math.max(attempts, 1);
    return connections.policyOf(server).run(call, inner, {
      deadlineAt: options.deadlineAt,
      onRetry: (error, tried, pauseMs) => {
        attempts = Math.max(attempts, tried + 1);
        const { code, context } = error as MCPOrchestratorException;
        const uri = context['uri'] as string | undefined;
        const fields = { phase: phaseNow(), uri, code, attempt: tried, pause_ms: ms(pauseMs) };
        op.log('server.retry', { server: server.id, ...fields });
        op.span.event('retry', fields);
      },
    });
  }

  async function read(key: string, resource: ListedResource): Promise<GatheredResource> {
    try {
      const { value, freshness: age } = await answers.read(resource.uri, op);
      const { contents, bytes, notJson, garbled } = decoded(resource.uri, value.contents);
      if (bytes > (options.maxBytes ?? Infinity)) throw tooMany(resource.uri, bytes, options.maxBytes);
      options.account(bytes);
      if (notJson > 0) {
        warnings.push({
          code: 'UPS211',
          server: server.id,
          message: `${resource.uri} is said to be JSON and is not; it is given as text`,
        });
      }
      if (garbled > 0) {
        warnings.push({
          code: 'UPS211',
          server: server.id,
          message: `${resource.uri} holds characters that could not be read (U+FFFD): its server sent no UTF-8`,
        });
      }
      return { ...resource, key, contents, bytes, freshness: age };
    } catch (caught) {
      const error = toFailure(caught);
      // The first failure decides in fail-fast mode, and an operation that was stopped is over in every mode.
      if (options.failFast || op.signal.aborted) throw error;
      return { ...resource, key, contents: [], bytes: 0, freshness: NOT_CACHED, error };
    }
  }

  function decoded(uri: string, raw: readonly unknown[]) {
    try {
      return decodeContents(server.id, uri, raw);
    } catch (error) {
      answers.drop({ uri });
      throw error;
    }
  }

  /** How old the oldest answer is that stands in for a server which failed, and says so. */
  function staleness(resources: readonly GatheredResource[]): Outcome['stale'] {
    const [error] = answers.failures;
    if (error === undefined) return undefined;
    const ages = [freshness, ...resources.map((resource) => resource.freshness)].map(({ ageMs }) => ageMs);
    const ageMs = Math.max(...ages);
    warnings.push({
      code: 'UPS224',
      server: server.id,
      message: `answers are up to ${Math.round(ageMs / 1000)} s old, since ${error.message}`,
    });
    return { ageMs, error };
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

  /** While it connects, the step of connecting; what is kept may have been listed before. */
  function phaseNow(): Phase {
    const isConnecting = connecting !== undefined && connection === undefined;
    return phase === 'connect' || isConnecting ? connections.phaseOf(server.id) : phase;
  }

  function circumstances() {
    return {
      server,
      phase: phaseNow(),
      elapsedMs: performance.now() - started,
      timeoutMs: server.timeoutMs,
      redact: options.redact,
    };
  }
}

function tooMany(uri: string, bytes: number, maxBytes: number | undefined): ResourceFetchError {
  return new ResourceFetchError(
    'UPS209',
    `${uri} has ${bytes} bytes, more than the ${maxBytes} that were asked for`,
    {
      context: { uri, bytes, max_bytes: maxBytes },
      hint: 'Raise --max-bytes, or leave the resource out with --exclude.',
    },
  );
}

function unread(key: string, resource: ListedResource, freshness: Freshness): GatheredResource {
  return { ...resource, key, contents: [], bytes: 0, freshness };
}

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
