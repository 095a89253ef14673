import type { ServerConfig, TransportKind } from '../config/config.js';
import { ConfigurationError } from '../errors.js';
import { startStdioServer, type Child } from './child-process.js';
import { HttpOrigin } from './http.js';
import { SseTransport } from './sse-transport.js';
import { StdioTransport } from './stdio-transport.js';
import { StreamableHttpTransport } from './streamable-http-transport.js';
import type { ConnectOptions, LeanTransport } from './transport.js';

/** Where a server is, for attempts to connect that use the same sockets. */
export function createOrigin({ url, headers }: ServerConfig): HttpOrigin | undefined {
  return url === undefined ? undefined : new HttpOrigin(new URL(url), headers);
}

/**
 * The one factory of transports.
 *
 * @param origin  that other attempts to connect use as well
 * @throws ConfigurationError where the server lacks what the transport needs; a checked configuration never does
 */
export function createTransport(
  server: ServerConfig,
  kind: Exclude<TransportKind, 'auto'>,
  { maxBytes, redact }: ConnectOptions,
  child?: Promise<Child>,
  origin?: HttpOrigin,
): LeanTransport {
  switch (kind) {
    case 'stdio': {
      if (server.command === undefined) throw lacking(server, kind, 'command');
      return new StdioTransport(child ?? startStdioServer(server), maxBytes, redact);
    }
    case 'sse':
    case 'streamable-http': {
      if (server.url === undefined) throw lacking(server, kind, 'url');
      const url = new URL(server.url);
      return kind === 'sse'
        ? new SseTransport(url, server.headers, maxBytes)
        : new StreamableHttpTransport(origin?.share() ?? new HttpOrigin(url, server.headers), maxBytes);
    }
    default:
      throw new ConfigurationError('CFG106', `${server.id}: transport "${String(kind)}" is not supported`, {
        context: { server: server.id },
        hint: 'one of: sse, streamable-http, stdio, auto',
      });
  }
}

function lacking(server: ServerConfig, kind: string, key: string): ConfigurationError {
  return new ConfigurationError('CFG107', `${server.id}: transport ${kind} needs "${key}"`, {
    context: { server: server.id },
  });
}
