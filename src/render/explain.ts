import type { CatalogueEntry } from '../core/error-catalogue.js';
import { ERROR_CODES, type ErrorCode } from '../core/errors.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { plain, type View } from './terminal.js';
import { wordsOf, wrapWords } from './wrap.js';

/** `mcpx explain` for programs: every code without its texts. */
export function codeList(): Readonly<Record<string, unknown>> {
  return { api_version: 'mcpx/v1', kind: 'CodeList', codes: codeLines() };
}

/** One value for each code, in the order of the table. */
export function codeLines(): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(ERROR_CODES).map(([code, { name, exit, meaning }]) => ({
    code,
    name,
    exit_code: exit,
    meaning,
  }));
}

/** `mcpx explain CODE` for programs. */
export function codeReport(code: ErrorCode, entry: CatalogueEntry): Readonly<Record<string, unknown>> {
  const { name, exit, meaning } = ERROR_CODES[code];
  return {
    api_version: 'mcpx/v1',
    kind: 'Code',
    code,
    name,
    exit_code: exit,
    meaning,
    causes: entry.causes,
    example: entry.example,
    remedies: entry.remedies,
  };
}

export function renderCodes(view: View): string {
  const columns = [
    { title: 'CODE' },
    { title: 'NAME', drop: 1 },
    { title: 'EXIT', align: 'right' as const },
    { title: 'MEANING', least: 24 },
  ];
  const rows = Object.entries(ERROR_CODES).map(([code, { name, exit, meaning }]): Cell[] => [
    { text: code, ink: 'bold' },
    { text: name },
    { text: String(exit) },
    { text: meaning },
  ]);
  return renderTable(columns, rows, view);
}

export function renderCode(code: ErrorCode, entry: CatalogueEntry, view: View): string {
  const ink = paint(view.color);
  const { name, exit, meaning } = ERROR_CODES[code];
  const list = (title: string, items: readonly string[]) =>
    `\n${ink.dim(title)}\n${items.map((item) => wrapped(item, view.width)).join('')}`;
  const example = entry.example.split('\n').map((line) => `  ${plain(line)}\n`);
  return [
    `${ink.bold(code)} ${name} (exit status ${exit})\n`,
    wrapped(meaning, view.width, '', ''),
    list('Usual causes', entry.causes),
    `\n${ink.dim('Example')}\n${example.join('')}`,
    list('What to do', entry.remedies),
  ].join('');
}

function wrapped(text: string, width?: number, bullet = '  - ', indent = '    '): string {
  return wrapWords(wordsOf(text), width, indent, bullet);
}
