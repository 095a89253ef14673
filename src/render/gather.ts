import type { Conflict, Content, Gathered, GatheredResource, Outcome } from '../core/gather/outcome.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { humanBytes, humanMs } from './units.js';

/** Resources of one server that the table for people names; the JSON has them all. */
const MOST_RESOURCES = 20;

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
  const statuses = gathered.outcomes.map((outcome) => [outcome.server.id, outcome.status]);
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
  const resources = gathered.outcomes.flatMap((outcome) => outcome.resources);
  const hits = resources.filter(({ freshness }) => freshness.hit).length;
  const misses = resources.length - hits;
  return {
    conflicts: gathered.conflicts,
    cache: { hits, misses, hit_rate: resources.length === 0 ? 0 : hits / resources.length },
    warnings: gathered.outcomes.flatMap((outcome) => outcome.warnings),
  };
}

function serverReport(outcome: Outcome): Readonly<Record<string, unknown>> {
  const { server, connection } = outcome;
  return {
    name: server.name,
    status: outcome.status,
    required: server.required,
    priority: server.priority,
    domains: server.domains,
    capabilities: server.capabilities,
    transport: connection?.transport ?? server.transport,
    protocol_version: connection?.protocolVersion ?? null,
    era: connection?.era ?? null,
    duration_ms: Math.round(outcome.durationMs),
    attempts: outcome.attempts,
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
    error: outcome.status === 'ok' ? null : { ...outcome.error.toJSON(), phase: outcome.phase },
  };
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
    cache: {
      hit: freshness.hit,
      source: freshness.source,
      ttl_ms: freshness.ttlMs,
      age_ms: freshness.ageMs,
      scope: freshness.scope,
    },
  };
}

function contentReport(content: Content): Readonly<Record<string, unknown>> {
  if (content.kind === 'json') return { data: content.data };
  return content.kind === 'text' ? { text: content.text } : { blob: content.blob };
}

function optional(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}

/** A gather for people: the servers, what they gave, who knows the same thing, and what failed and why. */
export function renderGather(gathered: Gathered, view: View): string {
  const ink = paint(view.color);
  const parts = [serverTable(gathered, view)];
  const resources = resourceTable(gathered, view);
  if (resources !== '') parts.push(resources);
  const conflicts = gathered.conflicts.map((conflict) => conflictLine(conflict));
  if (conflicts.length > 0)
    parts.push(`${ink.yellow('conflicts')}\n${conflicts.map((line) => `  ${line}\n`).join('')}`);
  const warnings = gathered.outcomes.flatMap((outcome) => outcome.warnings);
  if (warnings.length > 0) {
    parts.push(
      `${ink.yellow('warnings')}\n${warnings.map((w) => `  ${w.code} ${plain(w.server)}: ${plain(w.message)}\n`).join('')}`,
    );
  }
  const failures = gathered.outcomes.flatMap((outcome) => failureLines(outcome, view));
  if (failures.length > 0)
    parts.push(`${ink.red('failures')}\n${failures.map((line) => `  ${line}\n`).join('')}`);
  parts.push(`${summaryLine(gathered, view)}\n`);
  return parts.join('\n');
}

function serverTable(gathered: Gathered, view: View): string {
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'STATUS' },
    { title: 'PRI', align: 'right' as const, drop: 2 },
    { title: 'DOMAINS', least: 12, drop: 4 },
    { title: 'ERA', drop: 5 },
    { title: 'RES', align: 'right' as const },
    { title: 'BYTES', align: 'right' as const, drop: 1 },
    { title: 'CACHE', drop: 6 },
    { title: 'TIME', align: 'right' as const },
  ];
  const rows = gathered.outcomes.map((outcome): Cell[] => {
    const bytes = outcome.resources.reduce((sum, resource) => sum + resource.bytes, 0);
    const hits = outcome.resources.filter(({ freshness }) => freshness.hit).length;
    return [
      { text: outcome.server.id, ink: 'bold' },
      { text: outcome.status, ink: INK[outcome.status] },
      { text: String(outcome.server.priority) },
      { text: outcome.server.domains.join(', ') },
      {
        text:
          outcome.connection === undefined
            ? '-'
            : `${outcome.connection.era} ${outcome.connection.transport}`,
      },
      { text: String(outcome.resources.length) },
      { text: humanBytes(bytes) },
      { text: hits === 0 ? '-' : `${hits}/${outcome.resources.length}` },
      { text: humanMs(outcome.durationMs) },
    ];
  });
  return renderTable(columns, rows, view);
}

const INK = { ok: 'green', partial: 'yellow', failed: 'red' } as const;

function resourceTable(gathered: Gathered, view: View): string {
  const rows = gathered.outcomes.flatMap((outcome): Cell[][] => {
    const shown = outcome.resources
      .slice(0, MOST_RESOURCES)
      .map((resource): Cell[] => [
        { text: outcome.server.id },
        { text: resource.key },
        { text: resource.uri, ink: 'dim' },
        { text: resource.error === undefined ? humanBytes(resource.bytes) : resource.error.code },
      ]);
    const rest = outcome.resources.length - shown.length;
    if (rest > 0)
      shown.push([{ text: outcome.server.id }, { text: `… and ${rest} more` }, { text: '' }, { text: '' }]);
    return shown;
  });
  if (rows.length === 0) return '';
  const columns = [
    { title: 'SERVER', least: 10, drop: 2 },
    { title: 'RESOURCE', least: 16 },
    { title: 'URI', least: 16, drop: 1 },
    { title: 'BYTES', align: 'right' as const },
  ];
  return renderTable(columns, rows, view);
}

function conflictLine(conflict: Conflict): string {
  return plain(
    `${conflict.key}: ${conflict.winner} wins over ${conflict.losers.join(', ')} (${conflict.rule})`,
  );
}

function failureLines(outcome: Outcome, view: View): string[] {
  if (outcome.status === 'ok') return [];
  const ink = paint(view.color);
  const errors = outcome.resources.flatMap(({ error }) => (error === undefined ? [] : [error]));
  return [...new Set([outcome.error, ...errors])].flatMap((error) => [
    `${ink.bold(error.code)} ${plain(error.message)}`,
    ...error.toJSON().causes.map((cause) => `  ${ink.dim('cause:')} ${plain(cause)}`),
    ...(error.hint === undefined ? [] : [`  ${ink.dim('hint:')}  ${plain(error.hint)}`]),
  ]);
}

function summaryLine(gathered: Gathered, view: View): string {
  const ink = paint(view.color);
  const resources = gathered.outcomes.reduce((sum, outcome) => sum + outcome.resources.length, 0);
  const answered = gathered.outcomes.filter(({ status }) => status !== 'failed').length;
  const count = `${resources} resource${resources === 1 ? '' : 's'} from ${answered} of ${gathered.outcomes.length} server${gathered.outcomes.length === 1 ? '' : 's'} in ${humanMs(gathered.durationMs)}`;
  return gathered.complete ? count : `${ink.yellow('incomplete:')} ${count}`;
}
