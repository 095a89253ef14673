import type { ServerConfig } from '../config/config.js';
import { ResourceFetchError } from '../errors.js';
import { listed, meant } from '../nearest.js';

/** The configured servers in the order in which they answer: lowest priority number first, ties by id. */
export class Registry {
  readonly servers: readonly ServerConfig[];
  readonly #byId: ReadonlyMap<string, ServerConfig>;

  constructor(servers: readonly ServerConfig[]) {
    this.servers = [...servers].sort(byPriority);
    this.#byId = new Map(servers.map((server) => [server.id, server]));
  }

  find(id: string): ServerConfig | undefined {
    return this.#byId.get(id);
  }

  /** @throws ResourceFetchError RES306 for an id that is not configured */
  named(id: string): ServerConfig {
    const found = this.find(id);
    if (found !== undefined) return found;
    const known = this.servers.map((server) => server.id);
    throw new ResourceFetchError('RES306', `no server "${id}" is configured`, {
      context: { known },
      hint: `${meant(id, known)}Configured: ${listed(known)}.`,
      fix: 'mcpx servers list',
    });
  }

  /**
   * The servers that handle a domain, best first; at least one.
   *
   * @throws ResourceFetchError RES301 for a domain that nobody handles
   */
  handling(domain: string): readonly ServerConfig[] {
    const servers = this.forDomain(domain);
    if (servers.length > 0) return servers;
    const known = this.domains();
    throw new ResourceFetchError('RES301', `no server handles the domain "${domain}"`, {
      context: { known },
      hint:
        known.length === 0
          ? 'No server has domains.'
          : `${meant(domain, known)}Known domains: ${listed(known)}.`,
      fix: 'mcpx servers list',
    });
  }

  /** The servers that handle a domain, best first; empty for a domain that nobody handles. */
  forDomain(domain: string): readonly ServerConfig[] {
    return this.servers.filter((server) => server.domains.includes(domain));
  }

  /** Every domain that some server handles, sorted. */
  domains(): readonly string[] {
    return [...new Set(this.servers.flatMap((server) => server.domains))].sort();
  }
}

/** Ties go by id, so that the order of keys in the file never decides who wins. */
function byPriority(a: ServerConfig, b: ServerConfig): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
