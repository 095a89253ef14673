import { escapeControls, plain } from './terminal.js';

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
