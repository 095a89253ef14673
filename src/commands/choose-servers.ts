import { ResourceFetchError } from '../core/errors.js';
import type { Registry } from '../core/registry/registry.js';

/**
 * The ids that names and domains of the command line choose together.
 *
 * @throws ResourceFetchError RES301 for a domain that no server handles, or none of the named ones; RES306 for an
 *   unknown id
 */
export function chooseServers(
  registry: Registry,
  named: readonly string[],
  domains: readonly string[] | undefined,
): readonly string[] {
  const known = registry.servers.map(({ id }) => id);
  for (const id of named) {
    if (!known.includes(id)) {
      throw new ResourceFetchError('RES306', `no server "${id}" is configured`, {
        context: { known },
        hint: `Configured: ${known.join(', ')}.`,
        fix: 'mcpx servers list',
      });
    }
  }
  for (const domain of domains ?? []) {
    if (registry.forDomain(domain).length === 0) {
      throw new ResourceFetchError('RES301', `no server handles the domain "${domain}"`, {
        context: { known: registry.domains() },
        hint: `Known domains: ${registry.domains().join(', ')}.`,
        fix: 'mcpx servers list',
      });
    }
  }
  const inDomain = domains?.flatMap((domain) => registry.forDomain(domain).map(({ id }) => id));
  const chosen = known.filter(
    (id) => (named.length === 0 || named.includes(id)) && (inDomain?.includes(id) ?? true),
  );
  if (chosen.length === 0) {
    throw new ResourceFetchError(
      'RES301',
      `none of the named servers handles ${(domains ?? []).join(', ')}`,
      {
        context: { servers: named, domains: domains ?? [] },
        hint: `Handled by: ${[...new Set(inDomain)].join(', ')}.`,
        fix: 'mcpx servers list',
      },
    );
  }
  return chosen;
}
