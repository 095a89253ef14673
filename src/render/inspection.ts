import type { ConnectedFile } from '../core/inspect/connected-file.js';
import type { DomainOutlook, InspectedServer, Inspection, ListedNames } from '../core/inspect/inspection.js';
import { renderCount, renderProblems } from './diagnostics.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { humanMs } from './units.js';
import { wordsOf, wrapWords, type Word } from './wrap.js';

/** Checked and connected files for people: their servers and domains, then every problem, then what a gather would do. */
export function renderConnected(files: readonly ConnectedFile[], view: View): string {
  const ink = paint(view.color);
  const parts = files.flatMap(({ file, inspection }) => {
    if (inspection === undefined) return [];
    const head = files.length === 1 ? '' : `${ink.bold(plain(file))}\n`;
    return [head + serverTable(inspection, view), domainTable(inspection, view)];
  });
  parts.push(renderProblems(files, view));
  const forecasts = files
    .flatMap((file) => forecastLine(file, files.length > 1, view))
    .map((line) => wrapWords(line, view.width, '  '));
  parts.push(forecasts.join('') + renderCount(files));
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function serverTable({ servers }: Inspection, view: View): string {
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'STATUS' },
    { title: 'PRI', align: 'right' as const, drop: 2 },
    { title: 'TRANSPORT', drop: 3 },
    { title: 'PROTOCOL', drop: 4 },
    { title: 'IMPLEMENTATION', least: 12, drop: 6 },
    { title: 'RES', align: 'right' as const },
    { title: 'TEMPL', align: 'right' as const, drop: 5 },
    { title: 'TOOLS', align: 'right' as const },
    { title: 'PROMPTS', align: 'right' as const, drop: 5 },
    { title: 'TIME', align: 'right' as const, drop: 1 },
  ];
  return renderTable(columns, servers.map(serverRow), view);
}

function serverRow({ server, outcome, tools, prompts, started }: InspectedServer): Cell[] {
  const { connection, status } = outcome;
  const head: Cell[] = [
    { text: server.id, ink: 'bold' },
    {
      text: status === 'ok' && started ? 'started' : status,
      ink: status === 'ok' ? 'green' : status === 'failed' && server.required ? 'red' : 'yellow',
    },
    { text: String(server.priority) },
    { text: connection?.transport ?? server.transport },
  ];
  const time: Cell = { text: humanMs(outcome.durationMs) };
  if (connection === undefined || status === 'failed') {
    return [...head, ...Array.from({ length: 6 }, (): Cell => ({ text: '-' })), time];
  }
  const { era, protocolVersion, serverName = '', serverVersion = '' } = connection;
  return [
    ...head,
    { text: `${era} ${protocolVersion}` },
    { text: `${serverName} ${serverVersion}`.trim() || '-' },
    { text: String(outcome.resources.length) },
    { text: String(outcome.templates.length) },
    { text: countOf(tools) },
    { text: countOf(prompts) },
    time,
  ];
}

function countOf({ names, error }: ListedNames): string {
  return error === undefined ? String(names.length) : '?';
}

/** Domains of the same servers stand together. */
function domainTable({ domains }: Inspection, view: View): string {
  if (domains.length === 0) return '';
  const groups = new Map<string, DomainOutlook[]>();
  for (const outlook of domains) {
    const key = JSON.stringify([outlook.answers, outlook.next, outlook.servers]);
    groups.set(key, [...(groups.get(key) ?? []), outlook]);
  }
  const rows = [...groups.values()].flatMap((group): Cell[][] => {
    const [first] = group;
    return first === undefined ? [] : [domainRow(first, group.map(({ domain }) => domain).join(', '))];
  });
  const columns = [
    { title: 'DOMAINS', least: 12 },
    { title: 'ANSWERS', least: 12 },
    { title: 'NEXT', least: 8 },
  ];
  return renderTable(columns, rows, view);
}

function domainRow({ servers: [best = ''], answers, next }: DomainOutlook, domains: string): Cell[] {
  const answering: Cell =
    answers === undefined
      ? { text: 'nobody', ink: 'red' }
      : answers === best
        ? { text: answers }
        : { text: `${answers} (instead of ${best})`, ink: 'yellow' };
  return [{ text: domains }, answering, next === undefined ? { text: 'nobody', ink: 'dim' } : { text: next }];
}

function forecastLine(
  { file, inspection, skipped }: ConnectedFile,
  named: boolean,
  view: View,
): readonly (readonly Word[])[] {
  const ink = paint(view.color);
  const of = named ? wordsOf(`${plain(file)}:`) : [];
  if (skipped === true) {
    return [[...of, ...wordsOf('not connected,', ink.yellow), ...wordsOf('since the file has errors')]];
  }
  if (inspection === undefined) return [];
  const { forecast, servers, executor } = inspection;
  const exit = `(exit status ${forecast.exitCode})`;
  if (forecast.result === 'failure') {
    const why = `${forecast.code} ${plain(forecast.message)} ${exit}`;
    return [[...of, ...wordsOf('a gather now would'), ...wordsOf('fail:', ink.red), ...wordsOf(why)]];
  }
  const { resources, answering, result } = forecast;
  const isComplete = result === 'complete';
  const word = wordsOf(isComplete ? 'complete:' : 'incomplete:', isComplete ? ink.green : ink.yellow);
  const count = `${resources} resource${resources === 1 ? '' : 's'}`;
  const from = `${answering} of ${servers.length} server${servers.length === 1 ? '' : 's'}`;
  const queries = executor === undefined ? exit : `${exit}; queries go to ${plain(executor)}`;
  return [
    [...of, ...wordsOf('a gather now would be'), ...word, ...wordsOf(`${count} from ${from} ${queries}`)],
  ];
}
