const SCHEME = 'mcpx://';

/** The address of what exactly one server has, whoever else has the same URI: `mcpx://<server>/<percent-encoded uri>`. */
export function addressOf(serverId: string, uri: string): string {
  return `${SCHEME}${encodeURIComponent(serverId)}/${encodeURIComponent(uri)}`;
}

/** @returns `undefined` for a URI that is no such address */
export function parseAddress(text: string): { readonly serverId: string; readonly uri: string } | undefined {
  const [, server = '', uri = ''] = /^mcpx:\/\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (server === '') return undefined;
  try {
    return { serverId: decodeURIComponent(server), uri: decodeURIComponent(uri) };
  } catch {
    return undefined;
  }
}

/** The name of a tool or prompt with that of its server, of characters that every client takes. */
export function prefixedName(serverId: string, name: string): string {
  return `${serverId.replace(/[^A-Za-z0-9_.-]/g, '_')}__${name}`;
}
