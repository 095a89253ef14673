import type { CacheCounts } from '../cache/cache.js';
import type { Freshness } from '../cache/lifetime.js';
import type { Connection } from '../clients/resource-client.js';
import type { Phase } from '../clients/circumstances.js';
import type { ServerConfig } from '../config/config.js';
import type { ErrorCode, MCPOrchestratorException } from '../errors.js';

/** One content of a resource. JSON is parsed; what cannot be text stays base64. */
export type Content = { readonly uri: string; readonly mimeType?: string } & (
  | { readonly kind: 'json'; readonly data: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'blob'; readonly blob: string }
);

export interface GatheredResource {
  /** The name, or the URI where another resource of the server bears the same name. */
  readonly key: string;
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  /** Of all contents as they came. */
  readonly bytes: number;
  readonly contents: readonly Content[];
  readonly freshness: Freshness;
  /** Why there are no contents. */
  readonly error?: MCPOrchestratorException;
}

export interface GatheredTemplate {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
}

export interface Warning {
  readonly code: ErrorCode;
  readonly server: string;
  readonly message: string;
}

interface OutcomeBase {
  readonly server: ServerConfig;
  readonly durationMs: number;
  /** Requests that were tried again count as attempts of the server: 1 means that nothing was repeated, 0 that it
   * was not asked at all. */
  readonly attempts: number;
  readonly connection?: Connection;
  readonly resources: readonly GatheredResource[];
  readonly templates: readonly GatheredTemplate[];
  readonly warnings: readonly Warning[];
  /** Of its list of resources. */
  readonly freshness: Freshness;
  /** Lists, templates and contents that were kept, and those that it was asked for. */
  readonly cache: CacheCounts;
  /** Some answers are kept ones whose time is over, because of this failure (`serve_stale_on_error`). */
  readonly stale?: { readonly ageMs: number; readonly error: MCPOrchestratorException };
}

/** How one configured server fared. `partial`: it answered, and some of its resources could not be had. */
export type Outcome =
  | (OutcomeBase & { readonly status: 'ok' })
  | (OutcomeBase & {
      readonly status: 'partial' | 'failed';
      readonly phase: Phase;
      readonly error: MCPOrchestratorException;
    });

/** Several servers know the same thing; who wins and why. */
export interface Conflict {
  readonly kind: 'resource-uri' | 'template-uri';
  readonly key: string;
  readonly winner: string;
  readonly losers: readonly string[];
  readonly rule: string;
}

/** What a gather found: an outcome for each server that was asked, best priority first. */
export interface Gathered {
  readonly mode: 'fail-fast' | 'degraded';
  /** Whether nothing is missing that was required. */
  readonly complete: boolean;
  readonly outcomes: readonly Outcome[];
  readonly conflicts: readonly Conflict[];
  readonly durationMs: number;
}
