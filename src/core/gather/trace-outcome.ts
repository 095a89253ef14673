import { noSpan, type Span } from '../telemetry/span.js';
import type { Gathered, Outcome } from './outcome.js';

/** Tells OpenTelemetry how a server fared. */
export function traceOutcome(span: Span, outcome: Outcome): void {
  if (span === noSpan) return;
  const { connection, resources, templates } = outcome;
  const failures = resources.filter(({ error }) => error !== undefined).length;
  span.set({
    'mcpx.server.status': outcome.status,
    'mcpx.server.resources': resources.length - failures,
    'mcpx.server.resources_failed': failures,
    'mcpx.server.templates': templates.length,
    'mcpx.server.bytes': resources.reduce((sum, { bytes }) => sum + bytes, 0),
    'mcpx.server.retries': Math.max(0, outcome.attempts - 1),
    'mcpx.cache.hits': outcome.cache.hits,
    'mcpx.cache.misses': outcome.cache.misses,
    'mcpx.cache.stale': outcome.stale !== undefined,
    'mcpx.transport': connection?.transport,
    'mcp.protocol.version': connection?.protocolVersion,
    ...(outcome.status === 'ok' ? {} : { 'mcpx.phase': outcome.phase }),
  });
  if (outcome.status !== 'ok') span.fail(outcome.error);
}

/** Tells OpenTelemetry what came of a gather. */
export function traceGathered(
  span: Span,
  { outcomes, complete }: Pick<Gathered, 'outcomes' | 'complete'>,
): void {
  if (span === noSpan) return;
  const resources = outcomes.flatMap((outcome) => outcome.resources);
  const failures = resources.filter(({ error }) => error !== undefined).length;
  span.set({
    'mcpx.complete': complete,
    'mcpx.servers.failed': outcomes.filter(({ status }) => status === 'failed').length,
    'mcpx.resources': resources.length - failures,
    'mcpx.resources_failed': failures,
  });
}
