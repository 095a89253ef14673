import type { McpServer } from '@modelcontextprotocol/server';
import { ServeError } from '../core/errors.js';
import type { Operation } from '../core/operation.js';
import type { Notifier } from './changes.js';
import { isLoopback } from './guard.js';
import { assertFree, serveHttp } from './http.js';
import type { Pages } from './pages.js';
import { serveStdio } from './stdio.js';
import { Subscriptions, type SubscriptionListener } from './subscriptions.js';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly transport: 'http' | 'stdio';
  /** When set, every MCP request must carry it. */
  readonly bearerToken?: string;
  /** Lets an address off loopback be listened on without a token. */
  readonly allowUnauthenticated?: boolean;
  /** Browser origins (`https://app.example`) that may call, beyond loopback pages. */
  readonly allowOrigins?: readonly string[];
  /** Names that clients may use for this machine in `Host`, with or without a port. */
  readonly allowHosts?: readonly string[];
  /** Told of the resources that clients subscribe to, where that takes more than remembering them. */
  readonly subscriptions?: SubscriptionListener;
  /** What is answered over HTTP beside MCP. */
  readonly pages?: Pages;
  /** Requests that are answered at once; more are refused with 429. Unlimited when left out. */
  readonly maxInFlight?: number;
  /** Longest time that a client may take to send a request (30 s); then it is answered with 408. */
  readonly requestTimeoutMs?: number;
}

/**
 * Builds one server: per session in the revisions up to 2025-11-25, per request in 2026-07-28. Instances share
 * their data through whatever the function closes over, never through the instance.
 */
export type CreateServer = (context: ServerContext) => McpServer;

export interface ServerContext {
  readonly era: 'legacy' | 'modern';
  /** What the only request of the server is answered with: it was asked for already. */
  readonly outcome?: Promise<Record<string, unknown>>;
}

export interface Served {
  readonly transport: 'http' | 'stdio';
  /** The real one where 0 was asked for. */
  readonly port?: number;
  readonly urls?: { readonly sse: string; readonly mcp: string; readonly health: string };
  /**
   * Tells every connected client of both eras: `resourceUpdated` reaches those that subscribed to the URI, the
   * others all whose server declares `listChanged`.
   */
  readonly notify: Notifier;
  /** Resolves when the server ended: closed, or over stdio because its input ended. */
  readonly ended: Promise<void>;
  /**
   * Takes no new requests, lets what is in flight finish for up to `graceMs` (5000), then closes streams and
   * sockets. Safe to call twice.
   */
  readonly close: (graceMs?: number) => Promise<void>;
}

/**
 * Serves MCP over stdio, or over HTTP with legacy SSE (`/sse`, `/messages`) and Streamable HTTP of both eras
 * (`/mcp`) on one port. Aborting the operation closes the server.
 *
 * @throws ServeError SRV401 the port is taken, SRV402 the address cannot be listened on, SRV403 an address off
 *   loopback without token
 */
export async function serve(
  createServer: CreateServer,
  options: ServeOptions,
  op: Operation,
): Promise<Served> {
  op.signal.throwIfAborted();
  const subscriptions = new Subscriptions(options.subscriptions);
  if (options.transport === 'stdio')
    return closedOnAbort(serveStdio(createServer, op, process, subscriptions), op);
  assertGuarded(options);
  return closedOnAbort(await serveHttp(createServer, options, op, subscriptions), op);
}

/**
 * Finds out what would keep `serve` from listening, for a server that takes long to get ready.
 *
 * @throws ServeError as `serve`
 */
export async function assertServable(options: ServeOptions): Promise<void> {
  if (options.transport === 'stdio') return;
  assertGuarded(options);
  await assertFree(options);
}

function assertGuarded(options: ServeOptions): void {
  if (
    !isLoopback(options.host) &&
    options.bearerToken === undefined &&
    options.allowUnauthenticated !== true
  ) {
    throw new ServeError('SRV403', `Listening on ${options.host} would open this server to the network`, {
      context: { host: options.host },
      hint: 'Set a token with --bearer-token-env NAME, or pass --allow-unauthenticated if everyone may use it.',
    });
  }
  if (options.bearerToken === '') {
    throw new ServeError('SRV403', 'The bearer token is empty', {
      hint: 'Set the variable to a long random text.',
    });
  }
}

function closedOnAbort(served: Served, op: Operation): Served {
  const close = () => void served.close();
  op.signal.addEventListener('abort', close, { once: true });
  void served.ended.then(() => op.signal.removeEventListener('abort', close));
  if (op.signal.aborted) close();
  return served;
}
