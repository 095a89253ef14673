import type { Conflict, Gathered, GatheredResource, Outcome } from '../core/gather/outcome.js';
import { ageText } from './freshness.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { humanBytes, humanMs } from './units.js';

/** Resources of one server that the table for people names; the JSON has them all. */
const MOST_RESOURCES = 20;

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
  const ages = gathered.outcomes.map(({ freshness, resources }) =>
    ageText([freshness, ...resources.map((resource) => resource.freshness)]),
  );
  // Nobody should take a kept answer for a new one because the terminal is narrow.
  const anyKept = ages.some((age) => age !== '-');
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'STATUS' },
    { title: 'PRI', align: 'right' as const, drop: 3 },
    { title: 'DOMAINS', least: 12, drop: 4 },
    { title: 'ERA', drop: 5 },
    { title: 'RES', align: 'right' as const },
    { title: 'BYTES', align: 'right' as const, drop: 2 },
    { title: 'CACHE', drop: anyKept ? 0 : 6 },
    { title: 'TIME', align: 'right' as const, drop: 1 },
  ];
  const rows = gathered.outcomes.map((outcome, index): Cell[] => {
    const isStale = outcome.status === 'ok' && outcome.stale !== undefined;
    return [
      { text: outcome.server.id, ink: 'bold' },
      isStale ? { text: 'stale', ink: 'yellow' } : { text: outcome.status, ink: INK[outcome.status] },
      { text: String(outcome.server.priority) },
      { text: outcome.server.domains.join(', ') },
      {
        text:
          outcome.connection === undefined
            ? '-'
            : `${outcome.connection.era} ${outcome.connection.transport}`,
      },
      { text: countText(outcome.resources) },
      { text: bytesText(outcome.resources) },
      { text: ages[index] ?? '-' },
      { text: humanMs(outcome.durationMs) },
    ];
  });
  return renderTable(columns, rows, view);
}

const INK = { ok: 'green', partial: 'yellow', failed: 'red' } as const;

/** How many there are, and of how many where some could not be read. */
function countText(resources: readonly GatheredResource[]): string {
  const there = resources.filter(({ error }) => error === undefined).length;
  return there === resources.length ? String(there) : `${there} of ${resources.length}`;
}

/** `-` for resources that were listed and not read. */
function bytesText(resources: readonly GatheredResource[]): string {
  const isListOnly = resources.length > 0 && resources.every((r) => r.contents.length === 0 && r.bytes === 0);
  return isListOnly ? '-' : humanBytes(resources.reduce((sum, { bytes }) => sum + bytes, 0));
}

function resourceTable(gathered: Gathered, view: View): string {
  const rows = gathered.outcomes.flatMap((outcome): Cell[][] => {
    const shown = outcome.resources
      .slice(0, MOST_RESOURCES)
      .map((resource): Cell[] => [
        { text: outcome.server.id },
        { text: resource.key },
        { text: resource.uri, ink: 'dim' },
        { text: resource.error === undefined ? bytesText([resource]) : resource.error.code },
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
  const resources = gathered.outcomes.flatMap((outcome) => outcome.resources);
  const answered = gathered.outcomes.filter(({ status }) => status !== 'failed').length;
  const count = `${countText(resources)} resource${resources.length === 1 ? '' : 's'} from ${answered} of ${gathered.outcomes.length} server${gathered.outcomes.length === 1 ? '' : 's'} in ${humanMs(gathered.durationMs)}`;
  return gathered.complete ? count : `${ink.yellow('incomplete:')} ${count}`;
}
