import { freshnessReport } from './freshness.js';
import type { Content, Gathered, GatheredResource, Outcome } from '../core/gather/outcome.js';

export interface ReportHead {
  readonly operationId: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** The `GatherReport` of `mcpx gather --json`; it only ever grows. */
export function gatherReport(gathered: Gathered, head: ReportHead): Readonly<Record<string, unknown>> {
  return {
    ...reportHead(gathered, head),
    servers: Object.fromEntries(
      gathered.outcomes.map((outcome) => [outcome.server.id, serverReport(outcome)]),
    ),
    ...reportTail(gathered),
  };
}

/** The last line of `-o ndjson`: the report without the servers, which had a line each. */
export function gatherSummary(gathered: Gathered, head: ReportHead): Readonly<Record<string, unknown>> {
  const statuses = gathered.outcomes.map((outcome) => [outcome.server.id, statusOf(outcome)]);
  return {
    ...reportHead(gathered, head),
    kind: 'GatherSummary',
    servers: Object.fromEntries(statuses),
    ...reportTail(gathered),
  };
}

/** A line of `-o ndjson`. */
export function gatherServerLine(outcome: Outcome, operationId: string): Readonly<Record<string, unknown>> {
  return {
    kind: 'GatherServer',
    operation_id: operationId,
    server: outcome.server.id,
    ...serverReport(outcome),
  };
}

function reportHead(gathered: Gathered, head: ReportHead) {
  return {
    api_version: 'mcpx/v1',
    kind: 'GatherReport',
    operation_id: head.operationId,
    started_at: head.startedAt,
    duration_ms: Math.round(gathered.durationMs),
    mode: gathered.mode,
    complete: gathered.complete,
  };
}

function reportTail(gathered: Gathered) {
  const hits = gathered.outcomes.reduce((sum, { cache }) => sum + cache.hits, 0);
  const misses = gathered.outcomes.reduce((sum, { cache }) => sum + cache.misses, 0);
  return {
    conflicts: gathered.conflicts,
    cache: { hits, misses, hit_rate: hits === 0 ? 0 : hits / (hits + misses) },
    warnings: gathered.outcomes.flatMap((outcome) => outcome.warnings),
  };
}

function serverReport(outcome: Outcome): Readonly<Record<string, unknown>> {
  const { server, connection } = outcome;
  return {
    name: server.name,
    status: statusOf(outcome),
    required: server.required,
    priority: server.priority,
    domains: server.domains,
    capabilities: server.capabilities,
    transport: connection?.transport ?? server.transport,
    protocol_version: connection?.protocolVersion ?? null,
    era: connection?.era ?? null,
    duration_ms: Math.round(outcome.durationMs),
    attempts: outcome.attempts,
    cache: freshnessReport(outcome.freshness),
    resources: Object.fromEntries(
      outcome.resources.map((resource) => [resource.key, resourceReport(resource)]),
    ),
    templates: outcome.templates.map((template) => ({
      uri_template: template.uriTemplate,
      name: template.name,
      ...optional('title', template.title),
      ...optional('description', template.description),
      ...optional('mime_type', template.mimeType),
    })),
    error: errorOf(outcome),
  };
}

/** `stale`: everything is there, and some of it is older than it should be, because the server failed. */
function statusOf(outcome: Outcome): string {
  return outcome.status === 'ok' && outcome.stale !== undefined ? 'stale' : outcome.status;
}

function errorOf(outcome: Outcome) {
  if (outcome.status !== 'ok') return { ...outcome.error.toJSON(), phase: outcome.phase };
  return outcome.stale?.error.toJSON() ?? null;
}

function resourceReport(resource: GatheredResource): Readonly<Record<string, unknown>> {
  const { contents, freshness } = resource;
  const [only] = contents;
  return {
    uri: resource.uri,
    ...(resource.key === resource.name ? {} : { name: resource.name }),
    ...optional('title', resource.title),
    ...optional('mime_type', resource.mimeType ?? only?.mimeType),
    ...optional('description', resource.description),
    bytes: resource.bytes,
    ...(contents.length === 1 && only !== undefined ? contentReport(only) : {}),
    ...(contents.length > 1
      ? {
          contents: contents.map((content) => ({
            uri: content.uri,
            ...optional('mime_type', content.mimeType),
            ...contentReport(content),
          })),
        }
      : {}),
    ...(resource.error === undefined ? {} : { error: resource.error.toJSON() }),
    cache: freshnessReport(freshness),
  };
}

function contentReport(content: Content): Readonly<Record<string, unknown>> {
  if (content.kind === 'json') return { data: content.data };
  return content.kind === 'text' ? { text: content.text } : { blob: content.blob };
}

function optional(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}
