import { AsyncLocalStorage } from 'node:async_hooks';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { ServerRequest, ServerRequests } from '../../core/clients/server-requests.js';

/** A request of a client that is under way at a server, and the way back to that client. */
export interface Relay {
  /** Tells clients apart; the same for all requests of a session. */
  readonly client: object;
  /** What the client said it can do. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Asks the client; absent in 2026-07-28, where servers cannot ask by requests. */
  readonly ask:
    ((request: ServerRequest, signal: AbortSignal) => Promise<Record<string, unknown>>) | undefined;
  /** From which level on the client wants log messages of this request, if any. */
  readonly logLevel: string | undefined;
  /** Tells the client of something that belongs to this request. */
  readonly tell: (method: string, params: Readonly<Record<string, unknown>>) => void;
}

/** The capability that a client needs to be asked for something. */
const NEEDED: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};

interface Flight extends Relay {
  /** Questions of the server that the client has not answered yet. */
  asking: number;
}

/**
 * Passes what servers ask on to the client whose request made them ask.
 *
 * Over Streamable HTTP the question comes on the stream of that request. Over SSE and stdio it comes on the one
 * connection that all clients share: there it is passed on while only one client has requests at the server.
 */
export class Relays implements ServerRequests {
  readonly capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
  readonly #current = new AsyncLocalStorage<Flight>();
  readonly #flights = new Map<string, Set<Flight>>();
  readonly #questions = new Map<string, number>();

  /**
   * Sends a request to a server on behalf of a client.
   *
   * @param send  given whether the server waits for the client now, which is no silence of the server
   */
  async run<T>(serverId: string, relay: Relay, send: (isAsking: () => boolean) => Promise<T>): Promise<T> {
    const flight = { ...relay, asking: 0 };
    const flights = this.#flights.get(serverId) ?? new Set();
    this.#flights.set(serverId, flights.add(flight));
    try {
      return await this.#current.run(flight, () => send(() => flight.asking > 0));
    } finally {
      flights.delete(flight);
    }
  }

  /** How often a server has asked for something, whatever came of it. */
  questionsOf(serverId: string): number {
    return this.#questions.get(serverId) ?? 0;
  }

  /** The request that brought about what is being received now; none where that is not known, or it is over. */
  current(serverId: string): Relay | undefined {
    const flight = this.#current.getStore();
    return flight !== undefined && this.#flights.get(serverId)?.has(flight) === true ? flight : undefined;
  }

  async answer(
    serverId: string,
    request: ServerRequest,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    this.#questions.set(serverId, this.questionsOf(serverId) + 1);
    const flight = this.#current.getStore() ?? this.#onlyClient(serverId);
    const needed = NEEDED[request.method];
    if (needed === undefined) throw refusal(`${request.method} is not passed on to clients`);
    if (flight.ask === undefined) {
      throw refusal(
        'The client behind the gateway speaks 2026-07-28, where servers ask in their results: it cannot be asked so',
      );
    }
    if (flight.capabilities[needed] === undefined) {
      throw refusal(`The client behind the gateway does not support ${needed}`);
    }
    flight.asking += 1;
    try {
      return await flight.ask(request, signal);
    } finally {
      flight.asking -= 1;
    }
  }

  #onlyClient(serverId: string): Flight {
    const flights = [...(this.#flights.get(serverId) ?? [])];
    const clients = new Set(flights.map(({ client }) => client));
    const [first] = flights;
    if (first === undefined) throw refusal('No client has a request at this server: nobody can be asked');
    if (clients.size > 1) {
      throw refusal(
        `${clients.size} clients have requests at this server, and its transport does not tell which one is meant`,
      );
    }
    return first;
  }
}

function refusal(message: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.MethodNotFound, message);
}
