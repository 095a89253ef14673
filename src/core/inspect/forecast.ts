import type { InspectedServer, Forecast } from './inspection.js';
import { ERROR_CODES } from '../errors.js';

/**
 * What a gather would come to, by its own rules: fail-fast ends with the first failure of a required server, degraded
 * with what is there, and either fails where no server is left.
 *
 * @param servers  in the order in which they finished
 */
export function forecast(servers: readonly InspectedServer[], failFast: boolean): Forecast {
  const mode = failFast ? 'fail-fast' : 'degraded';
  const outcomes = servers.map(({ outcome }) => outcome);
  const failing = outcomes.flatMap((outcome) => (outcome.status === 'ok' ? [] : [outcome]));
  const first = failing.find(({ server }) => failFast && server.required);
  if (first !== undefined) {
    const { error } = first;
    return { mode, result: 'failure', exitCode: error.exitCode, code: error.code, message: error.message };
  }
  const failed = failing.filter(({ status }) => status === 'failed');
  if (failed.length === outcomes.length) {
    const allRefused = failed.every(({ error }) => error.code === 'UPS207');
    const code = allRefused ? 'UPS207' : 'UPS214';
    const message = allRefused ? 'every server refused our credentials' : 'no server is usable';
    return { mode, result: 'failure', exitCode: ERROR_CODES[code].exit, code, message };
  }
  const complete = failing.every(({ server }) => !server.required);
  return {
    mode,
    result: complete ? 'complete' : 'degraded',
    exitCode: complete ? 0 : 6,
    resources: outcomes.reduce((sum, { resources }) => sum + resources.length, 0),
    answering: outcomes.length - failed.length,
  };
}
