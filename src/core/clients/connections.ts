import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../errors.js';
import { inSpan, withSignal, type Operation } from '../operation.js';
import { abortable } from '../resilience/deadline.js';
import { startStdioServer, type Child } from './child-process.js';
import type { ResourceClient } from './resource-client.js';
import { ServerPolicy } from './server-policy.js';
import type { OwnExecutable } from './start-server.js';
import type { ConnectOptions, ConnectPhase } from './transport.js';

/** One attempt to connect, shared by all who wait for it; it ends early when the last of them has gone. */
interface Attempt {
  readonly client: Promise<ResourceClient>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * The open connections, one a server, and the servers that were started for them.
 *
 * Whoever asks for a server at the same time shares one attempt to connect.
 */
export class Connections {
  readonly #options: ConnectOptions;
  readonly #own: OwnExecutable;
  readonly #isCurrent: (server: ServerConfig) => boolean;
  readonly #attempts = new Map<string, Attempt>();
  readonly #open = new Map<string, ResourceClient>();
  readonly #children = new Map<string, Child>();
  readonly #policies = new Map<string, ServerPolicy>();
  /** How far the latest attempt to connect to each server has come, or came. */
  readonly #phases = new Map<string, () => ConnectPhase>();
  /** Attempts and connections that are coming to their end. */
  readonly #closing = new Set<Promise<unknown>>();
  #closed = false;

  /** @param isCurrent  false for a server that has another configuration by now: nobody connects to it any more */
  constructor(
    options: ConnectOptions,
    own: OwnExecutable,
    isCurrent: (server: ServerConfig) => boolean = () => true,
  ) {
    this.#options = options;
    this.#own = own;
    this.#isCurrent = isCurrent;
  }

  /** The connection to a server if it is open now. */
  find(id: string): ResourceClient | undefined {
    const client = this.#open.get(id);
    return client?.isOpen === true ? client : undefined;
  }

  /** How far connecting to a server has come; of an attempt that is over, how far it came. */
  phaseOf(id: string): ConnectPhase {
    return this.#phases.get(id)?.() ?? 'connect';
  }

  /** How a server is treated: the same for all who ask it. */
  policyOf(server: ServerConfig): ServerPolicy {
    const known = this.#policies.get(server.id);
    if (known !== undefined) return known;
    const policy = new ServerPolicy(server);
    if (this.#isCurrent(server)) this.#policies.set(server.id, policy);
    return policy;
  }

  /**
   * The connection to a server: the open one, else a new one; where nothing answers and the server has a
   * `start` block, after starting it.
   */
  async get(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    if (this.#closed) throw closedError();
    // A gather that began before would open the old address again, and under its id that would pass for the new one.
    if (!this.#isCurrent(server)) throw reconfiguredError(server.id);
    op.signal.throwIfAborted();
    const open = this.find(server.id);
    if (open !== undefined) return open;
    const attempt = this.#attempts.get(server.id) ?? this.#attempt(server, op);
    attempt.waiting += 1;
    try {
      const client = await abortable(attempt.client, op.signal);
      if (client.isOpen) return client;
      // Somebody may have replaced it while we waited.
      if (this.#attempts.get(server.id) === attempt) this.#forget(server.id, client);
    } catch (error) {
      if (op.signal.aborted && attempt.waiting === 1) attempt.controller.abort(op.signal.reason);
      if (!op.signal.aborted || attempt.waiting === 1) this.#drop(server.id, attempt);
      throw error;
    } finally {
      attempt.waiting -= 1;
    }
    return this.get(server, op);
  }

  /** Whether a server runs because we started it by its `start` block. */
  hasStarted(id: string): boolean {
    return this.#children.get(id)?.hasExited === false;
  }

  /**
   * Closes the connection to a server that is not needed any more; a server that was started runs on until `close`.
   *
   * @returns once the closing has begun: the process of a stdio server hears of it in the next turn of the event loop,
   *   and can end while its caller works on
   */
  async release(id: string): Promise<void> {
    const client = this.#open.get(id);
    if (client === undefined) return;
    this.#forget(id, client);
    if (client.connection.transport === 'stdio') await nextTurn();
  }

  /**
   * Ends all that there is for a server: its connection, the process that was started for it, and what is remembered of
   * its failures. The next one who asks for it connects anew.
   */
  async retire(id: string): Promise<void> {
    const attempt = this.#attempts.get(id);
    this.#attempts.delete(id);
    this.#open.delete(id);
    this.#policies.delete(id);
    const child = this.#children.get(id);
    this.#children.delete(id);
    if (attempt !== undefined) {
      attempt.controller.abort(reconfiguredError(id));
      const ending = attempt.client.then((client) => client.close()).catch(() => undefined);
      this.#track(ending);
      await ending;
    }
    if (child === undefined) return;
    const stopping = child.stop(false);
    this.#track(stopping);
    await stopping;
  }

  /** Closes everything, started servers last. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const attempts = [...this.#attempts.values()];
    this.#attempts.clear();
    this.#open.clear();
    for (const { controller } of attempts) controller.abort(closedError());
    await Promise.all(
      attempts.map(({ client }) => client.then((connected) => connected.close()).catch(() => undefined)),
    );
    await Promise.all(this.#closing);
    const children = [...this.#children.values()];
    this.#children.clear();
    await Promise.all(children.map((child) => child.stop(false)));
  }

  #attempt(server: ServerConfig, op: Operation): Attempt {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const client = this.#connect(server, withSignal(op, controller.signal));
    const attempt = { client, controller, waiting: 0 };
    this.#attempts.set(server.id, attempt);
    return attempt;
  }

  #drop(id: string, attempt: Attempt): void {
    if (this.#attempts.get(id) === attempt) this.#attempts.delete(id);
    // What it started is still being stopped, and `close` waits for that; a connection that came too late is closed.
    this.#track(attempt.client.then((client) => client.close()).catch(() => undefined));
  }

  #track(ending: Promise<unknown>): void {
    this.#closing.add(ending);
    void ending.finally(() => this.#closing.delete(ending));
  }

  async #connect(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    const started = performance.now();
    const attributes = { 'mcpx.server.id': server.id };
    const client = await inSpan(
      op,
      'connect',
      { attributes, redact: this.#options.redact },
      async (inner) => {
        const connected = await this.#connectOrStart(server, inner);
        inner.span.set({
          'mcpx.transport': connected.connection.transport,
          'mcp.protocol.version': connected.connection.protocolVersion,
        });
        return connected;
      },
    );
    if (this.#closed || op.signal.aborted) {
      await client.close();
      throw this.#closed ? closedError() : op.signal.reason;
    }
    this.#open.set(server.id, client);
    const { transport, protocolVersion, era } = client.connection;
    op.log('server.connected', {
      server: server.id,
      transport,
      protocol_version: protocolVersion,
      era,
      duration_ms: Math.round(performance.now() - started),
    });
    return client;
  }

  async #connectOrStart(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    op.signal.throwIfAborted();
    // The processes of all stdio servers come up while the protocol is still being loaded.
    const child = server.transport === 'stdio' ? startStdioServer(server) : undefined;
    if (child !== undefined) await nextTurn();
    const { connect } = await import('./resource-client.js');
    const { limit } = this.policyOf(server);
    const options: ConnectOptions = {
      ...this.#options,
      onConnecting: (phase) => this.#phases.set(server.id, phase),
      ...(limit === undefined ? {} : { limit }),
    };
    try {
      return await connect(server, options, op, child);
    } catch (error) {
      await child?.then((started) => started.stop()).catch(() => undefined);
      const nobodyThere = error instanceof MCPOrchestratorException && error.code === 'UPS202';
      if (!nobodyThere || server.start === undefined || op.signal.aborted) throw error;
      // One that we started before and that has died since makes room for its successor.
      await this.#children.get(server.id)?.stop(false);
      const { startServer } = await import('./start-server.js');
      this.#phases.set(server.id, () => 'start');
      const { start } = server;
      const started = await inSpan(op, 'start server', {}, (inner) =>
        startServer(server, start, this.#own, { ...options, onConnecting: nobody }, inner),
      );
      if (started.child !== undefined) {
        this.#children.set(server.id, started.child);
        if (this.#closed) await started.child.stop(false);
      }
      return started.client;
    }
  }

  #forget(id: string, client: ResourceClient): void {
    this.#attempts.delete(id);
    this.#open.delete(id);
    this.#track(client.close());
  }
}

/** Looks at a server that is starting belong to its start. */
function nobody(): void {}

function reconfiguredError(id: string): MCPConnectionError {
  return new MCPConnectionError('UPS219', `${id} is configured anew`);
}

function closedError(): MCPConnectionError {
  return new MCPConnectionError('UPS219', 'the orchestrator is closed');
}
