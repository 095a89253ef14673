import { Client, ProtocolError, type StandardSchemaV1, type Transport } from '@modelcontextprotocol/client';
import { readVersion } from '../version.js';
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

  #takeAnswersOf(transport: Transport): void {
    const dispatch = transport.onmessage;
    if (dispatch === this.#dispatch) return;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's transport is no event target
    transport.onmessage = this.#dispatch = (message, extra) => {
      if ('id' in message && !('method' in message)) this._onresponse(message);
      else dispatch?.(message, extra);
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
