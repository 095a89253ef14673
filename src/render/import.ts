import type { ImportedServer, ImportResult } from '../core/config/import.js';
import { shellWord } from './command-line.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';

const NOTE =
  'Imported servers have priority 100 and no domains: give each the domains that it answers for, and a priority.';

/** `mcpx servers import` for programs. */
export function importReport(result: ImportResult): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'ServerImport',
    output_file: result.outputFile,
    dry_run: result.dryRun,
    written: result.changed && !result.dryRun,
    sources: result.sources,
    servers: result.servers.map(({ reason, ...server }) => ({ ...server, reason: reason ?? null })),
    yaml: result.yaml,
    notes: result.changed ? [NOTE] : [],
  };
}

export function renderImport(result: ImportResult, view: View): string {
  const ink = paint(view.color);
  const parts: string[] = [];
  if (result.servers.length > 0) parts.push(serverTable(result.servers, view));
  const remarks = result.servers.flatMap(({ id, notes, warnings }) => [
    ...warnings.map(
      ({ code, message }) => `${ink.yellow('warning')} ${code} ${plain(`${id}: ${message}`)}\n`,
    ),
    ...notes.map((note) => `${ink.dim('note')} ${plain(`${id}: ${note}`)}\n`),
  ]);
  if (result.changed) remarks.push(`${ink.dim('note')} ${NOTE}\n`);
  if (remarks.length > 0) parts.push(remarks.join(''));
  const file = plain(result.outputFile);
  const count = result.servers.filter(({ status }) => status === 'added' || status === 'replaced').length;
  const what = `${count} ${count === 1 ? 'server' : 'servers'}`;
  if (!result.changed) parts.push(`Nothing to write: ${file} stays as it is.\n`);
  else if (result.dryRun) {
    const lines = result.yaml.split('\n').map(plain).join('\n');
    parts.push(`Would write ${what} to ${file}:\n\n${lines}`);
  } else parts.push(`Wrote ${what} to ${file}. Next: mcpx validate-config ${shellWord(file)}\n`);
  return parts.join('\n');
}

function serverTable(servers: readonly ImportedServer[], view: View): string {
  const columns = [
    { title: 'SERVER', least: 12 },
    { title: 'STATUS' },
    { title: 'FROM', least: 16 },
    { title: 'WHY', least: 16, drop: 1 },
  ];
  const rows = servers.map(({ id, status, file, reason }): Cell[] => [
    { text: id, ink: 'bold' },
    { text: status, ink: STATUS_INK[status] },
    { text: file },
    { text: reason ?? '-' },
  ]);
  return renderTable(columns, rows, view);
}

const STATUS_INK = { added: 'green', replaced: 'green', unchanged: 'dim', skipped: 'yellow' } as const;
