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
  for (const id of named) registry.named(id);
  const inDomain = domains?.flatMap((domain) => registry.handling(domain).map(({ id }) => id));
  const chosen = registry.servers
    .map(({ id }) => id)
    .filter((id) => (named.length === 0 || named.includes(id)) && (inDomain?.includes(id) ?? true));
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
