import type { ServerConfig } from '../config/config.js';
import { MCPOrchestratorException } from '../errors.js';
import type { Operation } from '../operation.js';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startStdioServer, type Child } from './child-process.js';
import type { ConnectOptions, ResourceClient } from './resource-client.js';
import type { OwnExecutable } from './start-server.js';

/**
 * The open connections, one a server, and the servers that were started for them.
 *
 * Whoever asks for a server at the same time shares one attempt to connect.
 */
export class Connections {
  readonly #options: ConnectOptions;
  readonly #own: OwnExecutable;
  readonly #clients = new Map<string, Promise<ResourceClient>>();
  readonly #open = new Map<string, ResourceClient>();
  readonly #children = new Map<string, Child>();
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: ConnectOptions, own: OwnExecutable) {
    this.#options = options;
    this.#own = own;
  }

  /** The connection to a server if it is open now. */
  find(id: string): ResourceClient | undefined {
    const client = this.#open.get(id);
    return client?.isOpen === true ? client : undefined;
  }

  /**
   * The connection to a server: the open one, else a new one; where nothing answers and the server has a
   * `start` block, after starting it.
   */
  async get(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    const known = this.#clients.get(server.id);
    if (known !== undefined) {
      const client = await known;
      if (client.isOpen) return client;
      // Somebody may have replaced it while we waited.
      if (this.#clients.get(server.id) === known) this.#forget(server.id, client);
      return this.get(server, op);
    }
    const attempt = this.#connect(server, op);
    this.#clients.set(server.id, attempt);
    try {
      return await attempt;
    } catch (error) {
      if (this.#clients.get(server.id) === attempt) this.#clients.delete(server.id);
      throw error;
    }
  }

  /** Closes the connection to a server that is not needed any more; a server that was started runs on until `close`. */
  release(id: string): void {
    const client = this.#open.get(id);
    if (client !== undefined) this.#forget(id, client);
  }

  /** Closes everything, started servers last. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const attempts = [...this.#clients.values()];
    this.#clients.clear();
    this.#open.clear();
    await Promise.all(
      attempts.map((attempt) => attempt.then((client) => client.close()).catch(() => undefined)),
    );
    await Promise.all(this.#closing);
    const children = [...this.#children.values()];
    this.#children.clear();
    await Promise.all(children.map((child) => child.stop(false)));
  }

  async #connect(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    const client = await this.#connectOrStart(server, op);
    if (this.#closed) await client.close();
    this.#open.set(server.id, client);
    const { transport, protocolVersion, era } = client.connection;
    op.log('server.connected', { server: server.id, transport, protocol_version: protocolVersion, era });
    return client;
  }

  async #connectOrStart(server: ServerConfig, op: Operation): Promise<ResourceClient> {
    op.signal.throwIfAborted();
    // The processes of all stdio servers come up while the protocol is still being loaded.
    const child = server.transport === 'stdio' ? startStdioServer(server) : undefined;
    if (child !== undefined) await nextTurn();
    const { connect } = await import('./resource-client.js');
    try {
      return await connect(server, this.#options, op, child);
    } catch (error) {
      await child?.then((started) => started.stop()).catch(() => undefined);
      const nobodyThere = error instanceof MCPOrchestratorException && error.code === 'UPS202';
      if (!nobodyThere || server.start === undefined || op.signal.aborted) throw error;
      // One that we started before and that has died since makes room for its successor.
      await this.#children.get(server.id)?.stop(false);
      const { startServer } = await import('./start-server.js');
      const started = await startServer(server, server.start, this.#own, this.#options, op);
      if (started.child !== undefined) {
        this.#children.set(server.id, started.child);
        if (this.#closed) await started.child.stop(false);
      }
      return started.client;
    }
  }

  #forget(id: string, client: ResourceClient): void {
    this.#clients.delete(id);
    this.#open.delete(id);
    const closing = client.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
