import { ConfigurationError, MCPConnectionError } from '../errors.js';
import { createDeadline } from '../resilience/deadline.js';
import { HttpOrigin, readBody } from './http.js';
import { httpStatusError } from './http-status.js';

/** What a running gateway tells of itself (`GET /status`), and `mcpx gateway status` shows. */
export interface GatewayStatus {
  readonly api_version: 'mcpx/v1';
  readonly kind: 'GatewayStatus';
  readonly version: string;
  readonly ready: boolean;
  readonly mode: 'fail-fast' | 'degraded';
  readonly uptime_ms: number;
  /** Sessions of clients that are open. */
  readonly sessions: number;
  /** Requests that are not answered yet. */
  readonly in_flight: number;
  /** Of the lists that were asked for, how many were fresh. */
  readonly cache: GatewayCounts;
  /** Of the resources that were read, how many were kept and fresh. */
  readonly reads: GatewayCounts;
  /** Best server first. */
  readonly servers: readonly ServerStatus[];
}

export interface GatewayCounts {
  readonly hits: number;
  readonly misses: number;
  readonly hit_rate: number;
}

export interface ServerStatus {
  readonly id: string;
  readonly status: 'starting' | 'up' | 'down';
  readonly priority: number;
  readonly required: boolean;
  /** `null` while there is no connection. */
  readonly transport: string | null;
  readonly protocol_version: string | null;
  /** How many of each it lists. */
  readonly entries: Readonly<Record<'resources' | 'templates' | 'tools' | 'prompts', number>>;
  readonly requests: number;
  readonly errors: number;
  /** Of the last few hundred requests that reached it; `null` before the first one. */
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  /** Why it is down. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

const LONGEST_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Asks a running gateway how it fares.
 *
 * @param url  of the gateway, whatever its path
 * @throws ConfigurationError CLI901 for what is no address
 * @throws MCPConnectionError by the kind of failure; UPS206 where something else answers
 */
export async function readGatewayStatus(
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<GatewayStatus> {
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    throw new ConfigurationError('CLI901', `--url cannot be ${JSON.stringify(url)}`, {
      hint: 'It takes an address such as http://127.0.0.1:8003.',
    });
  }
  const target = new URL('/status', url);
  const origin = new HttpOrigin(target, token === undefined ? {} : { authorization: `Bearer ${token}` });
  using deadline = createDeadline(
    LONGEST_MS,
    () => new MCPConnectionError('UPS204', `the gateway did not answer within ${LONGEST_MS / 1000} s`),
    signal,
  );
  try {
    const response = await origin.request({
      method: 'GET',
      headers: { accept: 'application/json' },
      signal: deadline.signal,
    });
    const status = response.statusCode ?? 0;
    if (status === 404) throw noGateway(target);
    if (status !== 200) {
      response.destroy();
      throw httpStatusError(status, target.href, response.headers['retry-after']);
    }
    return parse(await readBody(response, MAX_BYTES), target);
  } catch (error) {
    throw deadline.signal.aborted ? deadline.signal.reason : error;
  } finally {
    origin.close();
  }
}

function parse(text: string, target: URL): GatewayStatus {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw noGateway(target);
  }
  const { kind, servers } = (value ?? {}) as { kind?: unknown; servers?: unknown };
  if (kind !== 'GatewayStatus' || !Array.isArray(servers)) throw noGateway(target);
  return value as GatewayStatus;
}

function noGateway(target: URL): MCPConnectionError {
  return new MCPConnectionError('UPS206', `what answers at ${target.origin} is no gateway of mcpx`, {
    hint: 'Name the address that `mcpx serve gateway` printed: --url http://127.0.0.1:8003.',
  });
}
