import type { Freshness } from '../core/cache/lifetime.js';
import type { Content } from '../core/gather/outcome.js';
import { freshnessReport } from './freshness.js';
import { escapeControls, plain } from './terminal.js';

/** One resource for programs. */
export function resourceReport(
  server: string,
  uri: string,
  contents: readonly Content[],
  freshness: Freshness,
): Readonly<Record<string, unknown>> {
  return {
    api_version: 'mcpx/v1',
    kind: 'Resource',
    server,
    uri,
    cache: freshnessReport(freshness),
    contents: contents.map((content) => ({
      uri: content.uri,
      ...(content.mimeType === undefined ? {} : { mime_type: content.mimeType }),
      ...(content.kind === 'json' ? { data: content.data } : {}),
      ...(content.kind === 'text' ? { text: content.text } : {}),
      ...(content.kind === 'blob' ? { blob: content.blob } : {}),
    })),
  };
}

/**
 * The contents themselves: JSON indented, text as it is, binary as its bytes. On a terminal, text loses what
 * could move the cursor, and of binary only the size is told; JSON has escapes for the same.
 */
export function resourceContents(
  contents: readonly Content[],
  toTerminal: boolean,
): readonly (string | Uint8Array)[] {
  return contents.map((content) => {
    if (content.kind === 'json') return `${escapeControls(JSON.stringify(content.data, null, 2))}\n`;
    if (content.kind === 'blob') {
      const bytes = Buffer.from(content.blob, 'base64');
      return toTerminal
        ? `(${bytes.length} bytes of ${plain(content.mimeType ?? 'binary')}; redirect to a file to keep them)\n`
        : bytes;
    }
    const text = toTerminal ? content.text.split('\n').map(plain).join('\n') : content.text;
    return text.endsWith('\n') ? text : `${text}\n`;
  });
}
