import type { GatewayCounts, GatewayStatus, ServerStatus } from '../../core/clients/gateway-status.js';
import { readVersion } from '../../core/version.js';
import type { HttpLoad, Page, Pages } from '../pages.js';
import type { Gateway } from './gateway.js';
import { LIST_KINDS, type ListKind } from './kinds.js';
import { labels } from './measures.js';
import type { Upstream } from './upstream.js';

/** Degraded, one server that answers is enough; else every required one has to. */
export function isReady({ config, upstreams }: Gateway): boolean {
  if (!config.failFast) return upstreams.some(({ state }) => state === 'up');
  return upstreams.every(({ state, server }) => state === 'up' || !server.required);
}

/** The pages of a gateway for supervisors, Prometheus and `mcpx gateway status`. */
export function gatewayPages(gateway: Gateway): Pages {
  const started = performance.now();
  return {
    '/readyz': {
      isOpen: true,
      answer: (load) => {
        const ready = isReady(gateway) && !load.isDraining;
        const servers = Object.fromEntries(gateway.upstreams.map(({ server, state }) => [server.id, state]));
        // Who asks without a token needs to know whether, not who.
        const body = { status: ready ? 'ready' : 'not ready', ...(load.isAuthorized ? { servers } : {}) };
        return json(body, ready ? 200 : 503);
      },
    },
    '/status': { answer: (load) => json(statusOf(gateway, load, performance.now() - started)) },
    '/metrics': {
      answer: (load) => ({
        status: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: `${metricsOf(gateway, load).join('\n')}\n`,
      }),
    },
  };
}

function statusOf(gateway: Gateway, load: HttpLoad, uptimeMs: number): GatewayStatus {
  const { listHits, listMisses, readHits, readMisses } = gateway.measures;
  return {
    api_version: 'mcpx/v1',
    kind: 'GatewayStatus',
    version: readVersion(),
    ready: isReady(gateway) && !load.isDraining,
    mode: gateway.config.failFast ? 'fail-fast' : 'degraded',
    uptime_ms: Math.round(uptimeMs),
    sessions: load.sessions,
    in_flight: load.inFlight,
    cache: countsOf(listHits, listMisses),
    reads: countsOf(readHits, readMisses),
    servers: gateway.upstreams.map((upstream) => serverStatus(gateway, upstream)),
  };
}

function countsOf(hits: number, misses: number): GatewayCounts {
  return { hits, misses, hit_rate: hits === 0 ? 0 : hits / (hits + misses) };
}

function serverStatus({ measures }: Gateway, upstream: Upstream): ServerStatus {
  const { server, state, client, error } = upstream;
  const { requests, errors, p50Ms, p95Ms } = measures.of(server.id);
  const count = (kind: ListKind) => upstream.lastHeld(kind)?.entries.length ?? 0;
  return {
    id: server.id,
    status: state,
    priority: server.priority,
    required: server.required,
    transport: client?.connection.transport ?? null,
    protocol_version: client?.connection.protocolVersion ?? null,
    entries: {
      resources: count('resources'),
      templates: count('templates'),
      tools: count('tools'),
      prompts: count('prompts'),
    },
    requests,
    errors,
    p50_ms: p50Ms === null ? null : Math.round(p50Ms * 10) / 10,
    p95_ms: p95Ms === null ? null : Math.round(p95Ms * 10) / 10,
    error: state !== 'down' || error === undefined ? null : { code: error.code, message: error.message },
  };
}

function metricsOf(gateway: Gateway, load: HttpLoad): string[] {
  const { upstreams, measures } = gateway;
  const gauge = (name: string, help: string, samples: readonly string[]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples.map((sample) => `${name}${sample}`),
  ];
  const counter = (name: string, help: string, value: number) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    `${name} ${value}`,
  ];
  return [
    ...gauge('mcpx_gateway_ready', 'Whether the gateway is ready.', [` ${Number(isReady(gateway))}`]),
    ...gauge(
      'mcpx_gateway_server_up',
      'Whether a server behind the gateway is connected.',
      upstreams.map(({ server, state }) => `{${labels({ server: server.id })}} ${Number(state === 'up')}`),
    ),
    ...gauge(
      'mcpx_gateway_list_entries',
      'What a server lists.',
      upstreams.flatMap((upstream) =>
        LIST_KINDS.map(
          (list) =>
            `{${labels({ server: upstream.server.id, list })}} ${upstream.lastHeld(list)?.entries.length ?? 0}`,
        ),
      ),
    ),
    ...gauge('mcpx_gateway_sessions', 'Open sessions of clients.', [` ${load.sessions}`]),
    ...gauge('mcpx_gateway_requests_in_flight', 'Requests that are not answered yet.', [` ${load.inFlight}`]),
    ...counter(
      'mcpx_gateway_list_hits_total',
      'Lists of servers that were fresh when asked for.',
      measures.listHits,
    ),
    ...counter('mcpx_gateway_list_misses_total', 'Lists that servers were asked for.', measures.listMisses),
    ...counter(
      'mcpx_gateway_read_hits_total',
      'Reads that were answered from what is kept.',
      measures.readHits,
    ),
    ...counter('mcpx_gateway_read_misses_total', 'Reads that waited for a server.', measures.readMisses),
    ...measures.lines(),
    ...gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [
      ` ${process.memoryUsage.rss()}`,
    ]),
  ];
}

function json(value: unknown, status = 200): Page {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}
