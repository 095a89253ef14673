import type { DomainCandidate, DomainResolution, DomainTerm } from '../core/resolve/resolve-domain.js';
import type { Mention, ResolutionWarning } from '../core/resolve/types.js';
import { freshnessReport } from './freshness.js';

type Report = Readonly<Record<string, unknown>>;

/** `mcpx resolve` for programs: `Resolution`, `ResolutionList` or `Mentions`. It only ever grows. */
export function resolveReport(resolution: DomainResolution, operationId: string): Report {
  const { items, mentions } = resolution;
  const [first] = items;
  if (mentions !== undefined) {
    return {
      ...head('Mentions', resolution, operationId),
      fallback_used: resolution.fallbackUsed,
      mentions: mentions.map(mentionReport),
      ...tail(resolution),
    };
  }
  if (first === undefined) return domainReport(resolution, operationId);
  if (items.length > 1) {
    return {
      ...head('ResolutionList', resolution, operationId),
      items: items.map(termReport),
      ...tail(resolution),
    };
  }
  const { warnings, ...term } = termReport(first);
  return {
    ...head('Resolution', resolution, operationId),
    ...term,
    ...tail(resolution, warnings),
  };
}

/** The lines of `-o ndjson`: one for each term or mention, then how the servers fared; one for a domain alone. */
export function resolveLines(resolution: DomainResolution, operationId: string): readonly Report[] {
  const { domain, items, mentions, fallbackUsed } = resolution;
  if (mentions === undefined && items.length === 0) return [domainReport(resolution, operationId)];
  const about = { operation_id: operationId, domain };
  const lines =
    mentions?.map((mention) => ({ kind: 'Mention', ...about, ...mentionReport(mention) })) ??
    items.map((item) => ({ kind: 'Resolution', ...about, ...termReport(item) }));
  return [
    ...lines,
    {
      ...head('ResolutionSummary', resolution, operationId),
      fallback_used: fallbackUsed,
      ...tail(resolution),
    },
  ];
}

function domainReport(resolution: DomainResolution, operationId: string): Report {
  const { winner, candidates, fallbackUsed, resources, templates } = resolution;
  return {
    ...head('Resolution', resolution, operationId),
    term: null,
    status: 'resolved',
    winner,
    candidates: candidates.map(candidateReport),
    fallback_used: fallbackUsed,
    resources: Object.fromEntries(
      resources.map(({ key, uri, name, title, mimeType, description }) => [
        key,
        {
          uri,
          ...(key === name ? {} : { name }),
          ...(title === undefined ? {} : { title }),
          ...(mimeType === undefined ? {} : { mime_type: mimeType }),
          ...(description === undefined ? {} : { description }),
        },
      ]),
    ),
    templates: templates.map(({ uriTemplate, name }) => ({ uri_template: uriTemplate, name })),
    warnings: resolution.warnings,
  };
}

function head(kind: string, { domain, mode, complete }: DomainResolution, operationId: string): Report {
  return { api_version: 'mcpx/v1', kind, operation_id: operationId, domain, mode, complete };
}

/** A tie that a term has told already is not told again. */
function tail({ candidates, warnings }: DomainResolution, own: readonly ResolutionWarning[] = []): Report {
  const all = new Map([...own, ...warnings].map((warning) => [warning.message, warning]));
  return { servers: candidates.map(candidateReport), warnings: [...all.values()] };
}

function candidateReport({ freshness, ...candidate }: DomainCandidate): Report {
  return { ...candidate, ...(freshness === undefined ? {} : { cache: freshnessReport(freshness) }) };
}

function termReport(item: DomainTerm) {
  const { term, status, winner, candidates, fallback_used, entity, column_mappings, near } = item;
  const { conflicts, warnings } = item;
  return {
    term,
    status,
    winner,
    candidates,
    fallback_used,
    entity,
    column_mappings,
    near,
    conflicts,
    warnings,
  };
}

function mentionReport(mention: Mention): Report {
  const { start, end, text, status, winner, entity, candidates, column_mappings, conflicts } = mention;
  return { start, end, text, status, winner, entity, candidates, column_mappings, conflicts };
}
