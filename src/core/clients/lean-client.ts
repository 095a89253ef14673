import {
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  type JSONRPCResponse,
  type StandardSchemaV1,
  type Transport,
} from '@modelcontextprotocol/client';
import { readVersion } from '../version.js';
import { PendingRequests } from './pending-requests.js';
import type { ServerRequests } from './server-requests.js';

/** Where the entries of a list are while the SDK looks at the rest. */
const ENTRIES = Symbol('entries');
const LISTS = ['resources', 'resourceTemplates', 'tools', 'prompts'];

type Result = Record<string, unknown> & { readonly [ENTRIES]?: Readonly<Record<string, unknown>> };

/** From 2026-07-28 on the SDK checks results by their method: one malformed entry would cost the whole list. */
function withoutEntries(result: Result): Result {
  // Of the older revisions it passes on whatever came.
  const list = 'resultType' in result ? LISTS.find((key) => Array.isArray(result[key])) : undefined;
  return list === undefined ? result : { ...result, [list]: [], [ENTRIES]: { [list]: result[list] } };
}

function withEntries({ [ENTRIES]: entries, ...rest }: Result): Record<string, unknown> {
  return { ...rest, ...entries };
}

/** The older revisions know no types of results. */
function withoutType(result: Record<string, unknown>): Record<string, unknown> {
  if (!('resultType' in result)) return result;
  const { resultType: _, ...rest } = result;
  return rest;
}

/** As the SDK tells of a request that was given up. */
function toSdkError(reason: unknown): SdkError {
  return reason instanceof SdkError ? reason : new SdkError(SdkErrorCode.RequestTimeout, String(reason));
}

/** Lets the SDK pass a result on as it came: what is inside is checked by us, entry by entry. */
export const ANY_OBJECT: StandardSchemaV1<unknown, Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'mcpx',
    validate: (value: unknown) => {
      if (typeof value !== 'object' || value === null)
        return { issues: [{ message: 'the result is not an object' }] };
      const result = value as Result;
      return { value: result[ENTRIES] === undefined ? result : withEntries(result) };
    },
  },
};

/** The little of an `initialize` result that a connection rests on (2025-11-25, "Lifecycle"). */
const INITIALIZE_RESULT: StandardSchemaV1<unknown, Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'mcpx',
    validate: (value: unknown) => {
      const { protocolVersion, capabilities } = (value ?? {}) as Record<string, unknown>;
      return typeof protocolVersion === 'string' && typeof capabilities === 'object' && capabilities !== null
        ? { value: value as Record<string, unknown> }
        : { issues: [{ message: 'the result names no protocol version or no capabilities' }] };
    },
  },
};

/**
 * The SDK's client, spared of what a gather never needs: for its one `initialize` it would build the schemas of the
 * whole protocol (10 ms of a start that takes 60), and it would set up a validator of tool outputs.
 */
export class LeanClient extends Client {
  /** Ours, once it stands before that of the SDK. */
  #dispatch: Transport['onmessage'];
  /** What was asked by `ask`, by id. */
  readonly #asked = new Map<number, (answer: JSONRPCResponse | Error) => void>();
  readonly #pending = new PendingRequests();

  /** @param answering  who answers requests of the server, and what for */
  constructor(
    mode: 'legacy' | { readonly pin: string },
    answering?: { readonly serverId: string; readonly requests: ServerRequests },
  ) {
    super(
      { name: 'mcpx', version: readVersion() },
      {
        versionNegotiation: { mode },
        jsonSchemaValidator: NO_VALIDATOR,
        ...(answering === undefined ? {} : { capabilities: answering.requests.capabilities }),
      },
    );
    if (answering === undefined) return;
    const { serverId, requests } = answering;
    this.fallbackRequestHandler = ({ method, params }, { mcpReq }) =>
      requests.answer(serverId, { method, params: { ...params } }, mcpReq.signal);
  }

  /**
   * Connects, and hands answers over as our transports deliver them: their frame has been checked. The SDK checks it
   * twice more by schemas that copy the whole answer, which is half of what a small answer costs.
   */
  override async connect(...[transport, options]: Parameters<Client['connect']>): Promise<void> {
    await super.connect(transport, options);
    this.#takeAnswersOf(transport);
  }

  /**
   * Asks a server of the older revisions for something of which nothing but the answer is wanted: what `request` comes to
   * then, without what it keeps ready for more, which was half of what a small request cost.
   *
   * @throws SdkError | ProtocolError  as `request` does
   */
  ask(
    method: string,
    params: Record<string, unknown>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const { transport } = this;
      if (transport === undefined) throw new Error('Not connected');
      if (signal.aborted) throw toSdkError(signal.reason);
      const id = this['_requestMessageId']++;
      const settle = (answer: JSONRPCResponse | Error) => {
        this.#asked.delete(id);
        this.#pending.remove(id);
        if (answer instanceof Error) reject(answer);
        else if ('result' in answer) resolve(withoutType(answer.result));
        else reject(ProtocolError.fromError(answer.error.code, answer.error.message, answer.error.data));
      };
      this.#asked.set(id, settle);
      this.#pending.add(id, timeoutMs, signal, (ending) => {
        const reason =
          'reason' in ending
            ? ending.reason
            : new SdkError(SdkErrorCode.RequestTimeout, 'Request timed out', { timeout: ending.timeoutMs });
        this.#cancel(id, String(reason));
        settle(toSdkError(reason));
      });
      transport.send({ method, params, jsonrpc: '2.0', id }).catch(settle);
    });
  }

  /** Tells the server that nobody waits for an answer any more. */
  #cancel(requestId: number, reason: string): void {
    const params = { requestId, reason };
    // A connection that does not take it has ended, which is told in its own way.
    this.transport
      ?.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      .catch(() => undefined);
  }

  protected override _onclose(): void {
    super._onclose();
    const closed = new SdkError(SdkErrorCode.ConnectionClosed, 'Connection closed');
    for (const settle of this.#asked.values()) settle(closed);
  }

  #takeAnswersOf(transport: Transport): void {
    const dispatch = transport.onmessage;
    if (dispatch === this.#dispatch) return;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's transport is no event target
    transport.onmessage = this.#dispatch = (message, extra) => {
      if (!('id' in message) || 'method' in message) {
        dispatch?.(message, extra);
        return;
      }
      // Some servers give numbers back as texts.
      const settle = this.#asked.get(Number(message.id));
      if (settle === undefined) this._onresponse(message);
      else settle(message);
    };
  }

  // Notifications are dispatched a microtask later; an answer in the same packet would overtake the progress before it.
  protected override _onresponse(response: Parameters<Client['_onresponse']>[0]): void {
    queueMicrotask(() => this.#answer(response));
  }

  /** What the SDK's `_onresponse` does, without the check. */
  #answer(response: Parameters<Client['_onresponse']>[0]): void {
    const { id } = response;
    const handler = typeof id === 'number' ? this['_responseHandlers'].get(id) : undefined;
    // The rest is its own: subscriptions, ids as text, answers that nobody waits for.
    if (typeof id !== 'number' || handler === undefined) {
      super._onresponse(response);
      return;
    }
    this['_responseHandlers'].delete(id);
    this['_cleanupTimeout'](id);
    this['_progressHandlers'].delete(id);
    if ('result' in response) handler({ ...response, result: withoutEntries(response.result) });
    else handler(ProtocolError.fromError(response.error.code, response.error.message, response.error.data));
  }

  // The overloads of `request` are the SDK's; what passes through is what came in.
  override request: Client['request'] = ((...input: Parameters<Client['request']>) => {
    const [request, second] = input as unknown as [{ method: string }, unknown];
    const base = super.request.bind(this) as (...passed: unknown[]) => Promise<unknown>;
    if (request.method === 'initialize') {
      if (this.transport !== undefined) this.#takeAnswersOf(this.transport);
      return base(request, INITIALIZE_RESULT, second);
    }
    return base(...input);
  }) as Client['request'];
}

/** `callTool` of the SDK would check structured results; we call tools by `request`, and their users check. */
const NO_VALIDATOR = {
  getValidator: () => {
    throw new Error('mcpx validates no tool results');
  },
};
