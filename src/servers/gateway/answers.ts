import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { Freshness } from '../../core/cache/lifetime.js';
import { createOperationId, type Operation } from '../../core/operation.js';
import type { Span } from '../../core/telemetry/span.js';
import type { Caller } from '../direct/caller.js';
import { toProtocolError } from './failure.js';
import { combinedHints } from './freshness.js';
import type { Gateway, MergedList } from './gateway.js';
import { KINDS, LIST_KINDS, type ListKind } from './kinds.js';
import type { RequestOutcome } from './measures.js';
import { describeEntry, describeList, passedOn } from './meta.js';
import { OWN_TEMPLATE } from './own-template.js';
import { pageOf } from './paging.js';
import { isPlainResult } from './plain.js';
import { writeRead } from './reads.js';
import { askedIn, startRequestSpan } from './tracing.js';
import {
  callTool,
  complete,
  getPrompt,
  readNow,
  readResource,
  type Params,
  type Passage,
} from './requests.js';

type Result = Record<string, unknown>;
type Send = (gateway: Gateway, params: Params, passage: Passage) => Promise<Result>;

const LISTS: Readonly<Record<ListKind, string>> = {
  resources: 'resources/list',
  templates: 'resources/templates/list',
  tools: 'tools/list',
  prompts: 'prompts/list',
};

/** The first page of a list, as clients of the older revisions are given it; with its text where they may have it as it is. */
interface FirstPage {
  readonly result: Result;
  readonly text: string | undefined;
}

const firstPages = new WeakMap<MergedList['listed'], FirstPage>();

export interface AnswersOptions {
  readonly era: 'legacy' | 'modern';
  /** Makes the result of a tool one that the client's revision knows, given what the tool says of its results. */
  readonly project: (result: Result, outputSchema: Params | undefined) => Result;
}

/** What the gateway answers to the clients of one session, whichever way a request has come. */
export class Answers {
  readonly #gateway: Gateway;
  readonly #options: AnswersOptions;
  readonly #lists: ReadonlyMap<string, ListKind> = new Map(LIST_KINDS.map((kind) => [LISTS[kind], kind]));
  readonly #sends: ReadonlyMap<string, Send> = new Map<string, Send>([
    ['resources/read', readResource],
    ['prompts/get', getPrompt],
    ['completion/complete', complete],
    ['tools/call', (...request) => this.#callTool(...request)],
  ]);

  constructor(gateway: Gateway, options: AnswersOptions) {
    this.#gateway = gateway;
    this.#options = options;
  }

  /** The methods that are answered. */
  get methods(): readonly string[] {
    return [...this.#lists.keys(), ...this.#sends.keys()];
  }

  /**
   * @param params  as the client sent them, with answers to what a server asked for before
   * @throws ProtocolError for whatever goes wrong
   */
  answer(method: string, params: Params, caller: Caller): Promise<Result> {
    const kind = this.#lists.get(method);
    if (kind !== undefined) return this.#list(kind, params, caller);
    const send = this.#sends.get(method);
    if (send === undefined) throw new Error(`${method} is none of the gateway's`);
    return this.#pass(method, params, caller, send);
  }

  /**
   * The answer to a client of the older revisions as JSON where it is known and nothing is to be asked or traced for it:
   * a merged list, or what was read and is still fresh.
   */
  answerAtOnce(method: string, params: Params, client: string | undefined): string | undefined {
    if (this.#gateway.tracing !== undefined) return undefined;
    if (method === 'resources/read') return this.#readAtOnce(params, client);
    const kind = this.#lists.get(method);
    return kind === undefined ? undefined : this.#listAtOnce(kind, params);
  }

  #listAtOnce(kind: ListKind, { cursor }: Params): string | undefined {
    const started = performance.now();
    const { measures, upstreams } = this.#gateway;
    const merged = cursor === undefined ? this.#gateway.mergedNow(kind) : undefined;
    // What is refused, for a conflict or a server that is missing, was never given to anybody.
    const text = merged === undefined ? undefined : firstPages.get(merged.listed)?.text;
    if (text === undefined) return undefined;
    measures.listHits += upstreams.length;
    measures.record({ method: LISTS[kind], outcome: 'ok', durationMs: performance.now() - started });
    return text;
  }

  #readAtOnce(params: Params, client: string | undefined): string | undefined {
    const started = performance.now();
    const known = readNow(this.#gateway, params);
    if (known === undefined) return undefined;
    this.#gateway.measures.readHits += 1;
    const told: Told = {
      operationId: createOperationId(),
      method: 'resources/read',
      params,
      server: known.upstream.server.id,
      isKept: true,
      client,
    };
    this.#tell(told, started, 'ok', 'ok');
    return writeRead(known.upstream, known.answer);
  }

  async #callTool(gateway: Gateway, params: Params, passage: Passage): Promise<Result> {
    const { tool, result } = await callTool(gateway, params, passage);
    if (result['resultType'] === 'input_required') return result;
    // Revisions before 2026-07-28 want structured results to be objects.
    return this.#options.project(result, tool.entry.value['outputSchema'] as Params | undefined);
  }

  async #list(kind: ListKind, params: Params, caller: Caller): Promise<Result> {
    const { measures, config } = this.#gateway;
    const started = performance.now();
    const span = this.#startSpan(LISTS[kind], params, caller, createOperationId());
    const record = (outcome: RequestOutcome) =>
      measures.record({ method: LISTS[kind], outcome, durationMs: performance.now() - started });
    try {
      const merged = await this.#gateway.list(kind, span);
      span.set({
        'mcpx.complete': merged.isComplete,
        'mcpx.servers.failed': merged.outcomes.filter(({ outcome }) => outcome.status === 'failed').length,
      });
      const { cursor } = params;
      const isLasting = cursor === undefined && this.#isLasting(merged);
      const known = isLasting ? firstPages.get(merged.listed) : undefined;
      if (known !== undefined) {
        record('ok');
        return known.result;
      }
      const page = pageOf(kind, merged.listed, cursor, config.gateway.pageSize);
      const parts = merged.outcomes.flatMap(({ outcome }) => ('held' in outcome ? [outcome.held] : []));
      const isWhole = parts.length === merged.outcomes.length;
      record('ok');
      // Behind all others, so on the last page.
      const own = kind === 'templates' && page.nextCursor === undefined ? [OWN_TEMPLATE] : [];
      const result = {
        [KINDS[kind].resultKey]: [...page.entries.map(describeEntry), ...own],
        ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }),
        ...(this.#options.era === 'modern' ? combinedHints(parts, isWhole) : {}),
        _meta: describeList(merged),
      };
      if (isLasting) {
        const text = isPlainResult(LISTS[kind], result) ? JSON.stringify(result) : undefined;
        firstPages.set(merged.listed, { result, text });
      }
      return result;
    } catch (error) {
      record('error');
      const told = toProtocolError(error);
      span.fail(told);
      throw told;
    } finally {
      span.end();
    }
  }

  /** Whether nothing of an answer changes while the list is what it is: neither an age, nor hints, nor a failure. */
  #isLasting({ outcomes }: MergedList): boolean {
    return this.#options.era === 'legacy' && outcomes.every(({ outcome }) => outcome.status === 'ok');
  }

  #startSpan(method: string, params: Params, caller: Caller, operationId: string): Span {
    const { tracing } = this.#gateway;
    return startRequestSpan(tracing, {
      method,
      params,
      id: caller.requestId,
      protocolVersion: caller.protocolVersion,
      operationId,
      parent: tracing === undefined ? undefined : askedIn(params, caller),
    });
  }

  /** Measures a request, and writes into the log who asked whom for what, and how that went; never any contents. */
  #tell(
    { operationId, method, params, server, isKept, client }: Told,
    started: number,
    outcome: string,
    measured: RequestOutcome,
  ): void {
    const { name, uri } = params;
    const durationMs = performance.now() - started;
    const { measures, op } = this.#gateway;
    measures.record({ method, server, outcome: measured, durationMs, isKept: isKept === true });
    op.log('gateway.request', {
      operation_id: operationId,
      method,
      name: typeof name === 'string' ? shortened(name) : undefined,
      uri: typeof uri === 'string' ? shortened(uri) : undefined,
      server: server ?? null,
      source: isKept === undefined ? undefined : isKept ? 'cache' : 'live',
      client: client === undefined ? null : shortened(client),
      outcome,
      duration_ms: Math.round(durationMs),
    });
  }

  /** Sends a request on, and tells how that went. */
  async #pass(method: string, params: Params, caller: Caller, send: Send): Promise<Result> {
    const { measures } = this.#gateway;
    const started = performance.now();
    const uri = typeof params['uri'] === 'string' ? params['uri'] : undefined;
    const id = createOperationId();
    const span = this.#startSpan(method, params, caller, id);
    const op = operationOf(this.#gateway.op, id, caller.signal, span);
    let answering: string | undefined;
    let freshness: Freshness | undefined;
    const tell = (outcome: string, measured: RequestOutcome) => {
      const isKept = freshness?.hit;
      const told = { operationId: id, method, params, server: answering, isKept, client: caller.name };
      this.#tell(told, started, outcome, measured);
    };
    try {
      const result = await send(this.#gateway, passedParams(params, caller), {
        op,
        options: { ...progressOf(params, caller), relay: caller },
        hasHints: this.#options.era === 'modern',
        onServer: (server) => {
          answering = server;
          span.set({ 'mcpx.server.id': server });
        },
        onRead: (found) => {
          freshness = found;
          span.set({ 'mcpx.cache.hit': found.hit, 'mcpx.cache.stale': found.stale === true });
          if (found.hit) measures.readHits += 1;
          else measures.readMisses += 1;
        },
      });
      if (result['isError'] === true) span.set({ 'error.type': 'tool_error' });
      tell(result['isError'] === true ? 'tool_error' : 'ok', result['isError'] === true ? 'error' : 'ok');
      return result;
    } catch (caught) {
      const error = toProtocolError(caught, uri);
      if (caller.signal.aborted) tell('cancelled', 'cancelled');
      else tell(error instanceof ProtocolError ? `error ${error.code}` : 'bug', 'error');
      span.fail(error);
      if (error instanceof ProtocolError) throw error;
      op.log('gateway.bug', { message: String(error) }, 'error');
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error');
    } finally {
      span.end();
    }
  }
}

/** A request as the log and the measures tell of it. */
interface Told {
  readonly operationId: string;
  readonly method: string;
  readonly params: Params;
  /** Who answered; `undefined` where nobody was found. */
  readonly server: string | undefined;
  /** Whether what was read had been kept; `undefined` where nothing was read. */
  readonly isKept: boolean | undefined;
  readonly client: string | undefined;
}

/** Clients choose it, and a line of the log is not where megabytes belong. */
const MOST_IN_LOG = 500;

function shortened(text: string): string {
  return text.length <= MOST_IN_LOG ? text : `${text.slice(0, MOST_IN_LOG)}…`;
}

/** The parameters as they go on, without what was for us alone. */
function passedParams(params: Params, caller: Caller): Params {
  const { progressToken: _ours, ...meta } = passedOn(params['_meta']);
  return { ...params, _meta: { ...meta, ...askedIn(params, caller) } };
}

function progressOf(params: Params, caller: Caller): Pick<Passage['options'], 'onProgress'> {
  const progressToken = (params['_meta'] as Params | undefined)?.['progressToken'];
  if (progressToken === undefined) return {};
  return {
    onProgress: (progress) => caller.tell('notifications/progress', { ...progress, progressToken }),
  };
}

function operationOf(op: Operation, id: string, signal: AbortSignal, span: Span): Operation {
  return {
    id,
    signal,
    span,
    log: (event, fields, level) => op.log(event, { operation_id: id, ...fields }, level),
  };
}
