import type { ServerConfig } from '../config/config.js';
import { EXECUTE_QUERY } from './claims.js';
import type { DomainOutlook, InspectedServer } from './inspection.js';

/**
 * Who answers for a domain now and who is next, by the rules of a resolution.
 *
 * @param ofDomain  best priority first
 */
export function outlookOf(
  domain: string,
  ofDomain: readonly ServerConfig[],
  inspected: readonly InspectedServer[],
  failFast: boolean,
): DomainOutlook {
  const outcomes = ofDomain.flatMap(({ id }) =>
    inspected.filter(({ server }) => server.id === id).map(({ outcome }) => outcome),
  );
  const [first, second] = outcomes.filter(({ status }) => status !== 'failed');
  const isBlocked = failFast && outcomes.some(({ server, status }) => server.required && status !== 'ok');
  return {
    domain,
    servers: ofDomain.map(({ id }) => id),
    ...(first === undefined || isBlocked ? {} : { answers: first.server.id }),
    ...(second === undefined || isBlocked ? {} : { next: second.server.id }),
  };
}

/** The server that runs queries: the best of those that claim `execute_query` and have the tool. */
export function findExecutor(inspected: readonly InspectedServer[]): string | undefined {
  return inspected.find(
    ({ server, tools }) => server.capabilities.includes(EXECUTE_QUERY) && tools.names.includes(EXECUTE_QUERY),
  )?.server.id;
}
