import { ResourceTemplate, type McpServer } from '@modelcontextprotocol/server';
import { PNG } from './everything-content.js';

export function registerResources(server: McpServer): void {
  server.registerResource(
    'Static text',
    'test://static-text',
    { description: 'A text that never changes', mimeType: 'text/plain' },
    ({ href: uri }) => ({
      contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
    }),
  );
  server.registerResource(
    'Static binary',
    'test://static-binary',
    { description: 'A picture of one pixel', mimeType: 'image/png' },
    ({ href: uri }) => ({ contents: [{ uri, mimeType: 'image/png', blob: PNG }] }),
  );
  server.registerResource(
    'Watched',
    'test://watched-resource',
    { description: 'A resource to subscribe to', mimeType: 'text/plain' },
    ({ href: uri }) => ({ contents: [{ uri, mimeType: 'text/plain', text: 'watched' }] }),
  );
  server.registerResource(
    'Template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'Data by its id', mimeType: 'application/json' },
    ({ href: uri }, { id }) => ({
      contents: [
        {
          uri,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }),
        },
      ],
    }),
  );
}
