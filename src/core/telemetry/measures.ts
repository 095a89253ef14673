import type { Attributes as MetricAttributes, Counter, Histogram, Meter } from '@opentelemetry/api';

type Recorded = Readonly<Record<string, unknown>>;

/** Boundaries of durations in seconds, as the conventions for MCP advise. */
const SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** What tells measurements apart. Only what has few values: no URIs, no ids of runs. */
const OF_REQUESTS = [
  'mcp.method.name',
  'error.type',
  'gen_ai.operation.name',
  'gen_ai.tool.name',
  'mcp.protocol.version',
  'network.protocol.name',
  'network.transport',
  'rpc.response.status_code',
  'server.address',
  'server.port',
  'mcpx.server.id',
];
const OF_UNKNOWN = OF_REQUESTS.filter((name) => name !== 'gen_ai.tool.name');
const OF_SERVERS = ['mcpx.server.id', 'mcpx.server.status', 'error.type'];
const OF_GATHERS = ['mcpx.mode', 'mcpx.complete', 'error.type'];

/**
 * Metrics out of spans: how long requests, servers and gathers took, and what came of them. They hold what the
 * spans hold, so the code that works knows spans alone.
 *
 * @see OpenTelemetry semantic conventions for the Model Context Protocol, "Metrics"
 */
export class Measures {
  readonly #requests: Histogram;
  readonly #served: Histogram;
  readonly #servers: Histogram;
  readonly #gathers: Histogram;
  readonly #counters: readonly (readonly [attribute: string, Counter])[];

  constructor(meter: Meter) {
    const duration = (name: string, description: string) =>
      meter.createHistogram(name, {
        unit: 's',
        description,
        advice: { explicitBucketBoundaries: SECONDS },
      });
    const counter = (name: string, unit: string, description: string) =>
      [name, meter.createCounter(name, { unit, description })] as const;
    this.#requests = duration('mcp.client.operation.duration', 'From a request to its answer');
    this.#served = duration('mcp.server.operation.duration', 'From a request of a client to our answer');
    this.#servers = duration('mcpx.server.duration', 'Work on one server in a gather');
    this.#gathers = duration('mcpx.gather.duration', 'Whole gathers');
    this.#counters = [
      counter('mcpx.server.resources', '{resource}', 'Resources that a server gave'),
      counter('mcpx.server.bytes', 'By', 'Contents that a server gave'),
      counter('mcpx.server.retries', '{attempt}', 'Attempts after the first one'),
      counter('mcpx.cache.hits', '{answer}', 'Answers that came from the cache'),
      counter('mcpx.cache.misses', '{answer}', 'Answers that the server had to give'),
    ];
  }

  /** @param isServer  whether we answered, instead of asking */
  record(name: string, seconds: number, attributes: Recorded, isServer: boolean): void {
    if (isServer) {
      // A name that no server knows is whatever somebody made up, and there may be any number of those.
      const isKnown = attributes['mcpx.server.id'] !== undefined;
      this.#served.record(seconds, pick(attributes, isKnown ? OF_REQUESTS : OF_UNKNOWN));
    } else if (attributes['mcp.method.name'] !== undefined) {
      this.#requests.record(seconds, pick(attributes, OF_REQUESTS));
    } else if (name === 'gather') {
      this.#gathers.record(seconds, pick(attributes, OF_GATHERS));
    } else if (name === 'gather server') {
      this.#servers.record(seconds, pick(attributes, OF_SERVERS));
      for (const [attribute, counter] of this.#counters) {
        const value = attributes[attribute];
        if (typeof value === 'number' && value > 0) counter.add(value, pick(attributes, ['mcpx.server.id']));
      }
    }
  }
}

function pick(attributes: Recorded, keys: readonly string[]): MetricAttributes {
  const found = keys.filter((key) => attributes[key] !== undefined);
  return Object.fromEntries(found.map((key) => [key, attributes[key]])) as MetricAttributes;
}
