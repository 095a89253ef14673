import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import type { ServerConfig, TransportKind } from '../config/config.js';
import {
  noSpan,
  readTraceContext,
  type Attributes,
  type Span,
  type SpanOptions,
  type TraceContext,
} from '../telemetry/span.js';
import type { LeanTransport } from './transport.js';

type Params = Record<string, unknown>;

/**
 * What a request to a server is for OpenTelemetry.
 *
 * @see OpenTelemetry semantic conventions for the Model Context Protocol, "Client"
 */
export function requestSpan(
  method: string,
  params: Params,
  attributes: Attributes,
  redact: (text: string) => string,
): { readonly name: string; readonly options: SpanOptions } {
  const tool = method === 'tools/call' && typeof params['name'] === 'string' ? params['name'] : undefined;
  const prompt = method === 'prompts/get' && typeof params['name'] === 'string' ? params['name'] : undefined;
  const target = tool ?? prompt;
  return {
    name: target === undefined ? method : `${method} ${redact(target)}`,
    options: {
      kind: 'client',
      redact,
      attributes: {
        'mcp.method.name': method,
        'mcp.resource.uri': typeof params['uri'] === 'string' ? withoutCredentials(params['uri']) : undefined,
        'gen_ai.operation.name': tool === undefined ? undefined : 'execute_tool',
        'gen_ai.tool.name': tool,
        'gen_ai.prompt.name': prompt,
        ...attributes,
      },
    },
  };
}

/** The headers that carry the trace of a message, for what looks at HTTP alone. */
export function traceHeaders(message: JSONRPCMessage): Readonly<Record<string, string>> {
  const meta: unknown = 'method' in message ? message.params?.['_meta'] : undefined;
  return { ...readTraceContext(meta ?? {}) };
}

/** Where a server is; of its URL host and port alone, since path and query may hold credentials. */
export function addressOf(server: ServerConfig, kind: Exclude<TransportKind, 'auto'>): Attributes {
  const about = { 'mcpx.server.id': server.id };
  if (kind === 'stdio' || server.url === undefined) return { ...about, 'network.transport': 'pipe' };
  const { hostname, port, protocol } = new URL(server.url);
  return {
    ...about,
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
}

/** URIs of resources are the server's own words, and some are database addresses with a password. */
function withoutCredentials(uri: string): string {
  return uri.replace(/[?#].*$/s, '').replace(/(:\/\/)[^/@]*@/, '$1');
}

/**
 * The requests of one connection on their way: each carries the trace of its span in `_meta`, so that the spans of
 * the server hang below ours.
 *
 * @see Model Context Protocol, SEP-414, "Request metadata": `traceparent` and `tracestate`, without a prefix
 */
export class TracedRequests {
  readonly #spans = new Map<string, Span>();
  #connecting: Span = noSpan;

  /** The parameters of a request, which carry its span. */
  stamp(params: Params, span: Span): Params {
    const { context } = span;
    if (context === undefined) return params;
    this.#spans.set(context.traceparent, span);
    return withTrace(params, context);
  }

  /** To be called for each span that was stamped, once the answer is there. */
  done({ context }: Span): void {
    if (context !== undefined) this.#spans.delete(context.traceparent);
  }

  /** Messages that carry no span of their own, the SDK's handshake above all, carry that of the connecting. */
  follow(transport: LeanTransport, connecting: Span): void {
    const { context } = connecting;
    if (context === undefined) return;
    this.#connecting = connecting;
    const send = transport.send.bind(transport);
    transport.send = (message, options) => send(this.#outgoing(message, context), options);
  }

  #outgoing(message: JSONRPCMessage, connecting: TraceContext): JSONRPCMessage {
    if (!('method' in message)) return message;
    const own = (message.params?.['_meta'] as { traceparent?: unknown } | undefined)?.traceparent;
    const span = typeof own === 'string' ? this.#spans.get(own) : this.#connecting;
    if ('id' in message) span?.set({ 'jsonrpc.request.id': String(message.id) });
    if (own !== undefined) return message;
    return { ...message, params: withTrace(message.params ?? {}, connecting) };
  }
}

function withTrace(params: Params, context: TraceContext): Params {
  return { ...params, _meta: { ...(params['_meta'] as Params | undefined), ...context } };
}
