import type { GatewayCounts, GatewayStatus, ServerStatus } from '../core/clients/gateway-status.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { humanMs } from './units.js';

const INKS = { up: 'green', starting: 'yellow', down: 'red' } as const;

/** `mcpx gateway status` for people. */
export function renderGatewayStatus(status: GatewayStatus, view: View): string {
  const { servers } = status;
  const table = renderTable(
    [
      { title: 'SERVER', least: 14 },
      { title: 'STATUS' },
      { title: 'PRI', align: 'right', drop: 1 },
      { title: 'PROTOCOL', drop: 5 },
      { title: 'RES', align: 'right', drop: 3 },
      { title: 'TEMPLATES', align: 'right', drop: 4 },
      { title: 'TOOLS', align: 'right', drop: 3 },
      { title: 'PROMPTS', align: 'right', drop: 4 },
      { title: 'REQUESTS', align: 'right' },
      { title: 'ERRORS', align: 'right' },
      { title: 'P50', align: 'right', drop: 2 },
      { title: 'P95', align: 'right', drop: 2 },
    ],
    servers.map(row),
    view,
  );
  const down = servers.flatMap(({ id, error }) =>
    error === null ? [] : [`${plain(id)}: ${plain(error.code)} ${plain(error.message)}`],
  );
  return [table, summary(status), ...down].join('\n').concat('\n');
}

function row(server: ServerStatus): readonly Cell[] {
  const { entries } = server;
  const number = (value: number): Cell => ({ text: String(value) });
  const time = (value: number | null): Cell =>
    value === null ? { text: '-', ink: 'dim' } : { text: humanMs(value) };
  const protocol =
    server.transport === null ? '-' : `${server.protocol_version ?? ''} ${server.transport}`.trim();
  return [
    { text: server.id },
    { text: server.status, ink: INKS[server.status] },
    number(server.priority),
    { text: protocol },
    number(entries.resources),
    number(entries.templates),
    number(entries.tools),
    number(entries.prompts),
    number(server.requests),
    server.errors > 0 ? { text: String(server.errors), ink: 'red' } : number(server.errors),
    time(server.p50_ms),
    time(server.p95_ms),
  ];
}

function summary(status: GatewayStatus): string {
  const { ready, mode, sessions, in_flight: inFlight, uptime_ms: uptimeMs } = status;
  return [
    ready ? 'ready' : 'not ready',
    plain(mode),
    `up ${humanMs(uptimeMs)}`,
    `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
    `${inFlight} in flight`,
    share('list', status.cache, 'fresh'),
    share('read', status.reads, 'from the cache'),
  ].join(', ');
}

function share(noun: string, { hits, misses, hit_rate: rate }: GatewayCounts, kept: string): string {
  return hits + misses === 0 ? `no ${noun} asked for yet` : `${percent(rate)} of ${noun}s ${kept}`;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
