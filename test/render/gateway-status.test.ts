import { describe, expect, it } from 'vitest';
import type { GatewayStatus, ServerStatus } from '../../src/core/clients/gateway-status.js';
import { renderGatewayStatus } from '../../src/render/gateway-status.js';

const server = (id: string): ServerStatus => ({
  id,
  status: 'starting',
  priority: 100,
  required: true,
  transport: 'streamable-http',
  protocol_version: '2026-07-28',
  entries: { resources: 10_000, templates: 10, tools: 500, prompts: 5 },
  requests: 12_345_678,
  errors: 123_456,
  p50_ms: 1234,
  p95_ms: 12_345,
  error: null,
});

const STATUS: GatewayStatus = {
  api_version: 'mcpx/v1',
  kind: 'GatewayStatus',
  version: '0.1.0',
  ready: true,
  mode: 'degraded',
  uptime_ms: 1,
  sessions: 0,
  in_flight: 0,
  cache: { hits: 0, misses: 0, hit_rate: 0 },
  reads: { hits: 0, misses: 0, hit_rate: 0 },
  servers: [server('product_metadata_mcp'), server('a')],
};

describe('the status of a gateway', () => {
  it.each([120, 80, 60, 42])('has a table that fits into %i columns', (width) => {
    const [table = ''] = renderGatewayStatus(STATUS, { color: false, width }).split('\n\n');
    const lines = table.split('\n');
    expect(Math.max(...lines.map((line) => line.length)), table).toBeLessThanOrEqual(width);
    for (const title of ['SERVER', 'STATUS', 'REQUESTS', 'ERRORS']) expect(lines[0]).toContain(title);
  });
});
