import { logFieldsOf } from '../errors.js';
import type { Operation } from '../operation.js';
import type { Gathered, Outcome } from './outcome.js';

/** Logs how a server fared; a failed run must be understood from its log alone. */
export function logOutcome(op: Operation, outcome: Outcome): void {
  const server = outcome.server.id;
  const about = { attempts: outcome.attempts, duration_ms: Math.round(outcome.durationMs) };
  for (const { uri, error } of outcome.resources) {
    if (error === undefined) continue;
    op.log('resource.failed', { server, uri, ...logFieldsOf(error) }, 'warn');
  }
  if (outcome.status === 'failed') {
    const { error, phase } = outcome;
    const isStopped = error.code === 'UPS219';
    const fields = {
      server,
      phase,
      ...logFieldsOf(error),
      stopped_by: error.context['stopped_by'],
      ...about,
    };
    op.log(isStopped ? 'server.stopped' : 'server.failed', fields, isStopped ? 'info' : 'warn');
    return;
  }
  const { resources, templates, stale, cache } = outcome;
  const failures = resources.filter((resource) => resource.error !== undefined).length;
  const counts = {
    resources: resources.length - failures,
    templates: templates.length,
    bytes: resources.reduce((sum, { bytes }) => sum + bytes, 0),
    cached: cache.hits,
  };
  if (outcome.status === 'partial') {
    const { error, phase } = outcome;
    op.log(
      'server.partial',
      { server, phase, ...logFieldsOf(error), failures: Math.max(1, failures), ...counts, ...about },
      'warn',
    );
  } else if (stale !== undefined) {
    const fields = { server, ...logFieldsOf(stale.error), age_ms: stale.ageMs, ...counts, ...about };
    op.log('server.stale', fields, 'warn');
  } else {
    op.log('server.gathered', { server, ...counts, ...about });
  }
  for (const { code, message } of outcome.warnings)
    op.log('server.warning', { server, code, message }, 'warn');
}

/** How a gather ended, and through whom. */
interface Ending extends Pick<Gathered, 'outcomes' | 'complete' | 'durationMs' | 'mode'> {
  /** The required server whose failure stopped the others. */
  readonly decidedBy: string | undefined;
  /** Whoever asked stopped it: Ctrl-C, a deadline above this one. */
  readonly isStopped: boolean;
}

export function logGathered(op: Operation, ending: Ending): void {
  const { outcomes, complete, durationMs, mode, decidedBy, isStopped } = ending;
  const failed = outcomes.filter(({ status }) => status === 'failed');
  const nobody = failed.length > 0 && failed.length === outcomes.length;
  const ended = isStopped
    ? 'stopped'
    : decidedBy !== undefined
      ? 'fail-fast'
      : nobody
        ? 'nobody-usable'
        : complete
          ? 'complete'
          : 'degraded';
  const all = outcomes.flatMap(({ resources }) => resources);
  const unread = all.filter(({ error }) => error !== undefined);
  op.log(
    'gather.finished',
    {
      ended,
      mode,
      decided_by: decidedBy,
      complete,
      servers: outcomes.length,
      failed: failed.length,
      resources: all.length - unread.length,
      ...(unread.length === 0 ? {} : { resources_failed: unread.length }),
      duration_ms: Math.round(durationMs),
    },
    ended === 'complete' ? 'info' : 'warn',
  );
}
