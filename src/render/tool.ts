import type { ListedTool, ToolArgument } from '../core/clients/tool-arguments.js';
import type { ServerTools } from '../core/orchestrator.js';
import { paint } from './paint.js';
import { renderTable, type Cell } from './table.js';
import { escapeControls, plain, type View } from './terminal.js';

/** `mcpx call --list` for programs. */
export function toolList(servers: readonly ServerTools[]): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'ToolList',
    complete: servers.every(({ error }) => error === undefined),
    servers: servers.map(({ server, tools, error }) => ({
      server,
      tools: tools.map(({ name, description, inputSchema }) => ({
        name,
        ...(description === undefined ? {} : { description }),
        input_schema: inputSchema,
      })),
      error: error === undefined ? null : { code: error.code, message: error.message },
    })),
  };
}

/** For people: every tool with what it takes; of a single one each argument by itself. */
export function renderTools(servers: readonly ServerTools[], view: View): string {
  const all = servers.flatMap(({ server, tools }) => tools.map((tool) => ({ server, tool })));
  const [first] = all;
  const failed = servers.flatMap(({ server, error }) =>
    error === undefined
      ? []
      : [`${plain(server)}: ${error.code} ${plain(withoutPrefix(error.message, server))}\n`],
  );
  if (first === undefined) return ['there are no tools\n', ...failed].join('');
  const text = all.length === 1 ? renderTool(first.server, first.tool, view) : renderAll(all, view);
  return [text, ...(failed.length === 0 ? [] : ['\n', ...failed])].join('');
}

/** Many messages begin with the server that they are about. */
function withoutPrefix(message: string, server: string): string {
  return message.startsWith(`${server}: `) ? message.slice(server.length + 2) : message;
}

function renderAll(
  all: readonly { readonly server: string; readonly tool: ListedTool }[],
  view: View,
): string {
  const columns = [
    { title: 'TOOL', least: 8 },
    { title: 'SERVER', least: 6, drop: 1 },
    { title: 'ARGUMENTS', least: 9 },
    { title: 'DESCRIPTION', least: 16, drop: 2 },
  ];
  const rows = all.map(({ server, tool }): Cell[] => [
    { text: tool.name, ink: 'bold' },
    { text: server },
    { text: namesOf(tool) },
    { text: tool.description?.split('\n', 1)[0] ?? '', ink: 'dim' },
  ]);
  return renderTable(columns, rows, view);
}

function namesOf({ arguments: all, takesOthers }: ListedTool): string {
  const names = all.map(({ name, required }) => `${name}${required ? '' : '?'}`);
  return [...names, ...(takesOthers ? ['…'] : [])].join(', ') || '-';
}

function renderTool(server: string, tool: ListedTool, view: View): string {
  const ink = paint(view.color);
  const head = `${ink.bold(plain(tool.name))} of ${plain(server)}\n`;
  const about = tool.description === undefined ? '' : `${plain(tool.description)}\n`;
  if (tool.arguments.length === 0)
    return `${head}${about}\nit takes ${tool.takesOthers ? 'any' : 'no'} arguments\n`;
  const columns = [
    { title: 'ARGUMENT', least: 8 },
    { title: 'TYPE', least: 8 },
    { title: 'REQUIRED', drop: 1 },
    { title: 'DESCRIPTION', least: 16, drop: 2 },
  ];
  const rows = tool.arguments.map(({ name, type, required, description }: ToolArgument): Cell[] => [
    { text: name, ink: 'bold' },
    { text: type },
    { text: required ? 'yes' : 'no' },
    { text: description ?? '', ink: 'dim' },
  ]);
  const others = tool.takesOthers ? 'and others, which -o json tells of\n' : '';
  return `${head}${about}\n${renderTable(columns, rows, view)}${others}`;
}

/** A result of a tool for programs. */
export function toolReport(
  server: string,
  tool: string,
  result: { readonly content: readonly unknown[]; readonly structuredContent?: unknown },
): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'ToolResult',
    server,
    tool,
    ...(result.structuredContent === undefined ? {} : { structured_content: result.structuredContent }),
    content: result.content,
  };
}

/** For people: the structured result as indented JSON, else the texts; of what is no text its kind is told. */
export function toolText(
  result: { readonly content: readonly unknown[]; readonly structuredContent?: unknown },
  toTerminal: boolean,
): string {
  if (result.structuredContent !== undefined) {
    return `${escapeControls(JSON.stringify(result.structuredContent, null, 2))}\n`;
  }
  const parts = result.content.map((part) => {
    const { type, text, mimeType } = (part ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof text !== 'string')
      return `(${
        [type, mimeType]
          .filter((name) => typeof name === 'string')
          .map((name) => plain(name))
          .join(', ') || 'nothing'
      })`;
    return toTerminal ? text.split('\n').map(plain).join('\n') : text;
  });
  return parts.map((text) => (text.endsWith('\n') ? text : `${text}\n`)).join('');
}
