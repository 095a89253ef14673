import type { ServerConfig } from '../config/config.js';
import type { ErrorCode, MCPOrchestratorException } from '../errors.js';
import type { Conflict, Outcome } from '../gather/outcome.js';

/** Tools or prompts that a server lists. */
export interface ListedNames {
  readonly names: readonly string[];
  /** Entries that have no name. */
  readonly malformed: readonly MCPOrchestratorException[];
  /** Why the list could not be had. */
  readonly error?: MCPOrchestratorException;
}

/** What one configured server turned out to be. */
export interface InspectedServer {
  readonly server: ServerConfig;
  /** As of a gather that only lists: with the resources that `resources.include` and `exclude` let through. */
  readonly outcome: Outcome;
  /** Resources that the server lists, whether or not the configuration lets them through. */
  readonly listed: number;
  readonly tools: ListedNames;
  readonly prompts: ListedNames;
  /** It did not run, and its `start` block started it. */
  readonly started: boolean;
}

/** Several servers have something of one name, and which of them comes first. */
export type Collision = Omit<Conflict, 'kind'> & {
  readonly kind: Conflict['kind'] | 'tool-name' | 'prompt-name';
};

/** Who answers for a domain now, and who would if that server were down. */
export interface DomainOutlook {
  readonly domain: string;
  /** All servers of the domain, best priority first. */
  readonly servers: readonly string[];
  /** Absent where nobody answers now: in fail-fast mode also where a required server of the domain has failed. */
  readonly answers?: string;
  /** The next that is usable; absent where the domain would fall away with the server that answers. */
  readonly next?: string;
}

/** What a gather would come to now, as far as lists tell: it reads the resources as well. */
export type Forecast = {
  readonly mode: 'fail-fast' | 'degraded';
  readonly exitCode: number;
} & (
  | {
      readonly result: 'complete' | 'degraded';
      readonly resources: number;
      /** Servers that answer. */
      readonly answering: number;
    }
  | { readonly result: 'failure'; readonly code: ErrorCode; readonly message: string }
);

/** All servers of a configuration, asked what they have. */
export interface Inspection {
  /** Best priority first. */
  readonly servers: readonly InspectedServer[];
  readonly collisions: readonly Collision[];
  /** By name. */
  readonly domains: readonly DomainOutlook[];
  /** The server that runs queries, where there is one. */
  readonly executor?: string;
  readonly forecast: Forecast;
  readonly durationMs: number;
}
