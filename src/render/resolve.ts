import type { DomainCandidate, DomainResolution, DomainTerm } from '../core/resolve/resolve-domain.js';
import type { Candidate, DescriptionConflict, Match, Mention } from '../core/resolve/types.js';
import { retyped, type Typed } from './command-line.js';
import { ageText } from './freshness.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';

/** Rows of one list that people get to see; the JSON has them all. */
const MOST_ROWS = 20;
const MOST_VALUE = 200;

export interface ResolveView extends View {
  /** Shows every candidate. */
  readonly all: boolean;
  /** The command line that asked, for those that ask for something near. */
  readonly typed?: Typed;
}

/** A label and what it labels; `command` is to be copied, so it is never broken. */
interface Line {
  readonly label: string;
  readonly text: string;
  readonly ink?: 'red' | 'yellow';
  readonly isCommand?: boolean;
}

/** A resolution for people: what was found and where, who lost and by which rule, and what to type next. */
export function renderResolve(resolution: DomainResolution, view: ResolveView): string {
  const { items, mentions, domain } = resolution;
  const parts =
    mentions !== undefined
      ? [renderMentions(mentions, view)]
      : items.length === 0
        ? renderDomain(resolution, view)
        : items.map((item) => renderTerm(item, domain, view));
  parts.push(...notes(resolution, view));
  if (items.length > 1) parts.push(`${summary(items)}\n`);
  return parts.join('\n');
}

function renderDomain(resolution: DomainResolution, view: ResolveView): string[] {
  const { domain, winner, candidates, resources, fallbackUsed } = resolution;
  const ink = paint(view.color);
  const how = fallbackUsed ? ` ${ink.yellow('(fallback)')}` : '';
  const head =
    `${ink.bold(plain(domain))}: ${ink.green(plain(winner.server))} (priority ${winner.priority}) answers${how}\n` +
    lines([{ label: 'why', text: winner.reason }], view);
  const parts = [head];
  const others = candidates.filter(({ server }) => server !== winner.server);
  if (others.length > 0) parts.push(serverTable(others, view));
  if (resources.length > 0) {
    const columns = [
      { title: 'RESOURCE', least: 16 },
      { title: 'URI', least: 16 },
      { title: 'DESCRIPTION', least: 20, drop: 1 },
    ];
    const rows = shown(resources, view).map(({ key, uri, description }): Cell[] => [
      { text: key },
      { text: uri, ink: 'dim' },
      { text: description ?? '' },
    ]);
    parts.push(`${renderTable(columns, rows, view)}${rest(resources.length, rows.length)}`);
  } else parts.push(`${plain(winner.server)} has no resources\n`);
  return parts;
}

function serverTable(servers: readonly DomainCandidate[], view: ResolveView): string {
  const columns = [
    { title: 'PASSED OVER', least: 12 },
    { title: 'STATUS' },
    { title: 'PRI', align: 'right' as const },
    { title: 'WHY', least: 12 },
  ];
  const rows = servers.map(({ server, status, priority, reason }): Cell[] => [
    { text: server, ink: 'bold' },
    { text: status.replace('_', ' '), ink: STATUS_INK[status] },
    { text: String(priority) },
    { text: reason },
  ]);
  return renderTable(columns, rows, view);
}

const STATUS_INK = { ok: 'green', partial: 'yellow', failed: 'red', not_asked: 'dim' } as const;

function renderTerm(item: DomainTerm, domain: string, view: ResolveView): string {
  if (item.status === 'ambiguous') return renderAmbiguous(item, domain, view);
  if (item.status === 'unknown') return renderUnknown(item, domain, view);
  return renderResolved(item, view);
}

function renderResolved(item: DomainTerm, view: ResolveView): string {
  const ink = paint(view.color);
  const { entity, column_mappings, winner, candidates } = item;
  const [column] = column_mappings;
  const term = plain(item.term);
  const pairs: Line[] = [];
  let head: string;
  if (entity !== null) {
    head = `${term} → ${ink.green(ink.bold(plain(entity.canonical_name)))}  ${ink.dim(plain(entity.canonical_id))}`;
    pairs.push({ label: 'match', text: matchText(entity.match) });
    pairs.push(...serverLine(item));
    Object.entries(entity.database_references).forEach(([place, value], number) =>
      pairs.push({ label: number === 0 ? 'data' : '', text: `${place} = ${valueText(value)}` }),
    );
    if (entity.categories.length > 0) pairs.push({ label: 'categories', text: entity.categories.join(', ') });
    pairs.push(...columnLines(item));
  } else {
    head = `${term} → ${ink.green(ink.bold(plain(column?.sql_expression ?? '')))}`;
    if (column !== undefined) pairs.push({ label: 'match', text: matchText(column.match) });
    pairs.push(...serverLine(item));
  }
  pairs.push(...item.conflicts.flatMap(conflictLines));
  pairs.push(...item.warnings.map(warningLine));
  const score = entity?.match.method ?? column?.match.method;
  const marker = score === 'fuzzy' ? ` ${ink.yellow('(near match)')}` : '';
  const others = candidates.slice(1);
  const table =
    view.all && others.length > 0 && winner !== null
      ? `\n${candidateTable('LESS LIKELY', others, view)}`
      : '';
  return `${head}${marker}\n${lines(pairs, view)}${table}`;
}

function serverLine({ winner, fallback_used }: DomainTerm): readonly Line[] {
  if (winner === null) return [];
  const { server, priority, reason } = winner;
  return [
    { label: 'server', text: `${server} (priority ${priority}): ${reason}` },
    ...(fallback_used
      ? [{ label: 'fallback', text: 'a server of better priority is missing from this answer' }]
      : []),
  ];
}

function conflictLines(conflict: DescriptionConflict): readonly Line[] {
  const { losers, rule, differences } = conflict;
  const says = differences.map(({ field, value, winning_value }) => ({
    label: '',
    text: `${field}: ${valueText(value)} instead of ${valueText(winning_value)}`,
  }));
  const lost = `${losers.join(', ')} (${rule})${differences.length === 0 ? ', says the same' : ''}`;
  return [{ label: 'lost', text: lost }, ...says];
}

function renderAmbiguous(item: DomainTerm, domain: string, view: ResolveView): string {
  const ink = paint(view.color);
  const { candidates } = item;
  const isPart = candidates.every(({ match }) => match.method === 'partial');
  const what = isPart ? `is part of ${candidates.length} names` : `fits ${candidates.length} equally well`;
  const head = `${plain(item.term)} ${ink.yellow('is ambiguous')}: it ${what}`;
  const asks = candidates.flatMap(({ ask }) => ask ?? []);
  const [first] = asks;
  const pairs = columnLines(item);
  pairs.push(
    first === undefined
      ? { label: 'type', text: 'nothing tells them apart by name; choose a server with --server' }
      : commandLine(domain, first, view),
  );
  return `${head}\n${candidateTable('CANDIDATE', candidates, view)}${lines(pairs, view)}`;
}

function renderUnknown(item: DomainTerm, domain: string, view: ResolveView): string {
  const ink = paint(view.color);
  const { candidates, near } = item;
  const known = new Set(candidates.map(({ canonical_id }) => canonical_id));
  const all = [...candidates, ...near.filter(({ canonical_id }) => !known.has(canonical_id))];
  const head = `${quoted(plain(item.term))} ${ink.red('is unknown')} in ${plain(domain)}`;
  const pairs = columnLines(item);
  if (item.column_mappings.length > 0 && domain !== 'column_mappings') {
    pairs.push(commandLine('column_mappings', item.term, view));
  }
  const [first] = all;
  if (first === undefined) {
    if (pairs.length === 0) pairs.push({ label: 'near', text: 'nothing' });
    return `${head}\n${lines(pairs, view)}`;
  }
  if (pairs.length === 0) pairs.push(commandLine(domain, first.canonical_name, view));
  return `${head}\n${candidateTable('NEAREST', all, view)}${lines(pairs, view)}`;
}

function columnLines({ column_mappings }: DomainTerm): Line[] {
  return column_mappings.map(({ user_term, sql_expression }) => ({
    label: 'column',
    text: `${user_term} = ${sql_expression}`,
  }));
}

function warningLine({ code, message }: { readonly code: string; readonly message: string }): Line {
  return { label: 'warning', ink: 'yellow', text: `${code} ${message}` };
}

function candidateTable(title: string, candidates: readonly Candidate[], view: ResolveView): string {
  const columns = [
    { title: `  ${title}`, least: 18 },
    { title: 'ID', least: 10 },
    { title: 'SCORE', align: 'right' as const },
    { title: 'MATCH', least: 12, drop: 2 },
    { title: 'SERVER', least: 10, drop: 1 },
  ];
  const rows = shown(candidates, view).map((candidate): Cell[] => [
    { text: `  ${candidate.canonical_name}`, ink: 'bold' },
    { text: candidate.canonical_id },
    { text: candidate.score.toFixed(2) },
    { text: matchText(candidate.match), ink: 'dim' },
    { text: candidate.server },
  ]);
  return `${renderTable(columns, rows, view)}${rest(candidates.length, rows.length)}`;
}

function renderMentions(mentions: readonly Mention[], view: ResolveView): string {
  if (mentions.length === 0) return 'nothing of the sentence is known\n';
  const columns = [
    { title: 'AT', align: 'right' as const },
    { title: 'TEXT', least: 12 },
    { title: 'MEANS', least: 16 },
    { title: 'ID', least: 8, drop: 1 },
    { title: 'MATCH', least: 12, drop: 2 },
    { title: 'SERVER', least: 10, drop: 3 },
  ];
  const rows = mentions.map((mention): Cell[] => {
    const { start, end, text, status, entity, winner, candidates, column_mappings } = mention;
    const [column] = column_mappings;
    const match = entity?.match ?? column?.match;
    const means =
      status === 'ambiguous'
        ? `ambiguous: ${candidates.map(({ canonical_name }) => canonical_name).join(', ')}`
        : (entity?.canonical_name ?? column?.sql_expression ?? '');
    return [
      { text: `${start}-${end}` },
      { text, ink: 'bold' },
      { text: means, ink: status === 'ambiguous' ? 'yellow' : 'green' },
      { text: entity?.canonical_id ?? '-' },
      { text: status === 'ambiguous' || match === undefined ? '-' : matchText(match), ink: 'dim' },
      { text: winner?.server ?? '-' },
    ];
  });
  return renderTable(columns, rows, view);
}

/** Warnings of the catalogues, and the servers that are missing from the answer. */
function notes({ candidates, warnings, items }: DomainResolution, view: ResolveView): string[] {
  const told = new Set(items.flatMap((item) => item.warnings.map(({ message }) => message)));
  const pairs: Line[] = [
    ...warnings.filter(({ message }) => !told.has(message)).map(warningLine),
    ...candidates.flatMap(({ server, status, error }) =>
      error === undefined
        ? []
        : [{ label: status, ink: 'red' as const, text: `${server}: ${error.code} ${error.message}` }],
    ),
    ...keptLine(candidates),
  ];
  return pairs.length === 0 ? [] : [lines(pairs, view)];
}

/** Which answers are not of this moment. */
function keptLine(candidates: readonly DomainCandidate[]): Line[] {
  const kept = candidates.flatMap(({ server, freshness }) =>
    freshness?.hit === true ? [`${server} ${ageText([freshness])}`] : [],
  );
  return kept.length === 0 ? [] : [{ label: 'cached', text: kept.join(', ') }];
}

function summary(items: readonly DomainTerm[]): string {
  const count = (status: DomainTerm['status']) => items.filter((item) => item.status === status).length;
  return `${items.length} terms: ${count('resolved')} resolved, ${count('ambiguous')} ambiguous, ${count('unknown')} unknown`;
}

function matchText({ method, on, name, score }: Match): string {
  const near = method === 'exact' ? '' : ` ${score.toFixed(2)}`;
  return `${method}${near}, ${on.replace('_', ' ')} ${quoted(name)}`;
}

const LABEL = 'categories'.length;
const INDENT = LABEL + 4;

/** Labelled lines, wrapped with the text under the text. */
function lines(pairs: readonly Line[], view: View): string {
  const width = view.width === undefined ? Infinity : Math.max(20, view.width - INDENT);
  return pairs
    .flatMap(({ label, text, ink, isCommand = false }) => {
      const [first = '', ...more] = isCommand ? [plain(text)] : wrap(plain(text), width);
      const head = paint(view.color)[ink ?? 'dim'](label.padEnd(LABEL));
      return [
        `  ${label === '' ? ' '.repeat(LABEL) : head}  ${first}`,
        ...more.map((line) => ' '.repeat(INDENT) + line),
      ];
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** Breaks a text at spaces, and a word that is longer than a line wherever the line ends. */
function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      wrapped.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
    while (line.length > width) {
      wrapped.push(line.slice(0, width));
      line = line.slice(width);
    }
  }
  return [...wrapped, line];
}

function shown<Item>(items: readonly Item[], view: ResolveView): readonly Item[] {
  return view.all ? items : items.slice(0, MOST_ROWS);
}

function rest(all: number, shownCount: number): string {
  return all > shownCount ? `  … and ${all - shownCount} more\n` : '';
}

function commandLine(domain: string, term: string, view: ResolveView): Line {
  const { typed = { command: 'resolve', operands: [], flags: [] } } = view;
  const text = retyped(typed, { operands: [domain, term], drops: ['--in'] });
  return { label: 'type', text, isCommand: true };
}

function quoted(text: string): string {
  return `"${text}"`;
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? quoted(value) : (JSON.stringify(value) ?? 'nothing');
  const said = value === null ? 'nothing' : text;
  return said.length > MOST_VALUE ? `${said.slice(0, MOST_VALUE)}…` : said;
}
