import type { ServerConfig } from '../config/config.js';

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
