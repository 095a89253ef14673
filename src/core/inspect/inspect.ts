import pLimit from 'p-limit';
import type { Phase } from '../clients/circumstances.js';
import type { Connections } from '../clients/connections.js';
import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError } from '../errors.js';
import { conflictsAmong, findConflicts } from '../gather/conflicts.js';
import { withSignal, type Operation } from '../operation.js';
import type { Registry } from '../registry/registry.js';
import { createDeadline } from '../resilience/deadline.js';
import { forecast } from './forecast.js';
import { inspectServer } from './inspect-server.js';
import type { Collision, InspectedServer, Inspection } from './inspection.js';
import { findExecutor, outlookOf } from './outlook.js';

export interface InspectOptions {
  readonly failFast: boolean;
  readonly deadlineMs: number;
  /** How much of the deadline has gone already. */
  readonly spentMs: number;
  /** Servers that are worked on at once. */
  readonly concurrency: number;
  readonly redact: (text: string) => string;
  readonly onPhase?: (server: ServerConfig, phase: Phase | 'done') => void;
}

/**
 * Asks every server side by side what it has: lists resources, templates, tools and prompts, reads nothing.
 *
 * No failure of a server stops the others or is thrown.
 *
 * @throws the reason for which the operation was stopped from outside
 * @see document 003, "Validation command"
 */
export async function inspect(
  registry: Registry,
  connections: Connections,
  options: InspectOptions,
  op: Operation,
): Promise<Inspection> {
  const started = performance.now();
  const { deadlineMs, failFast } = options;
  // Not nothing, so that each server still says that it was not waited for.
  const leftMs = Math.max(1, deadlineMs - options.spentMs);
  using deadline = createDeadline(
    leftMs,
    () =>
      new MCPConnectionError('UPS208', `not finished within the deadline of ${deadlineMs / 1000} s`, {
        context: { deadline_ms: deadlineMs },
        hint: 'Look at why it is slow, or give a longer --deadline.',
      }),
    op.signal,
  );
  const inner = withSignal(op, deadline.signal);
  const limit = pLimit(options.concurrency);
  const byEnd: InspectedServer[] = [];

  op.log('inspect.started', { servers: registry.servers.length });
  const servers = await Promise.all(
    registry.servers.map((server) =>
      limit(async () => {
        const inspected = await inspectServer(
          server,
          connections,
          { ...options, deadlineAt: started + leftMs },
          inner,
        );
        byEnd.push(inspected);
        return inspected;
      }),
    ),
  );
  if (op.signal.aborted) throw op.signal.reason;
  const durationMs = performance.now() - started;
  const expected = forecast(byEnd, failFast);
  op.log('inspect.finished', {
    servers: servers.length,
    failed: servers.filter(({ outcome }) => outcome.status === 'failed').length,
    exit_code: expected.exitCode,
    duration_ms: Math.round(durationMs),
  });
  const executor = findExecutor(servers);
  return {
    servers,
    collisions: collisionsAmong(servers, options.redact),
    domains: registry
      .domains()
      .map((domain) => outlookOf(domain, registry.forDomain(domain), servers, failFast)),
    ...(executor === undefined ? {} : { executor }),
    forecast: expected,
    durationMs,
  };
}

function collisionsAmong(
  servers: readonly InspectedServer[],
  redact: (text: string) => string,
): readonly Collision[] {
  const collisions: readonly Collision[] = [
    ...findConflicts(servers.map(({ outcome }) => outcome)),
    ...conflictsAmong('tool-name', servers, ({ tools }) => tools.names),
    ...conflictsAmong('prompt-name', servers, ({ prompts }) => prompts.names),
  ];
  return collisions.map((collision) => ({ ...collision, key: redact(collision.key) }));
}
