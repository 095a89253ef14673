import type { McpServer, ServerEvent, ServerEventBus, ServerNotifier } from '@modelcontextprotocol/server';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';

/** More than any client needs, and little enough that a hostile one cannot fill the memory. */
const MAX_SUBSCRIPTIONS = 1000;

/**
 * Passes the events of a bus on to the one client of a long-lived server instance, until the returned function
 * is called. In the legacy era it also keeps the book of `resources/subscribe`, which the SDK leaves to us; in
 * the modern era the SDK filters by `subscriptions/listen`.
 */
export function followChanges(server: McpServer, bus: ServerEventBus, era: 'legacy' | 'modern'): () => void {
  const subscribed = new Set<string>();
  const { resources, tools, prompts } = server.server.getCapabilities();
  if (era === 'legacy' && resources?.subscribe === true) keepBook(server, subscribed);

  return bus.subscribe((event) => {
    if (era === 'legacy' && server.server.getClientCapabilities() === undefined) return;
    // A client that left meanwhile is no reason to fail the change for the others.
    void deliver(event).catch(() => undefined);
  });

  async function deliver(event: ServerEvent): Promise<void> {
    switch (event.kind) {
      case 'resource_updated':
        if (resources?.subscribe === true && (era === 'modern' || subscribed.has(event.uri))) {
          await server.server.sendResourceUpdated({ uri: event.uri });
        }
        return;
      case 'resources_list_changed':
        if (resources?.listChanged === true) await server.server.sendResourceListChanged();
        return;
      case 'tools_list_changed':
        if (tools?.listChanged === true) await server.server.sendToolListChanged();
        return;
      case 'prompts_list_changed':
        if (prompts?.listChanged === true) await server.server.sendPromptListChanged();
    }
  }
}

export function createNotifier(bus: ServerEventBus): ServerNotifier {
  return {
    resourceUpdated: (uri) => bus.publish({ kind: 'resource_updated', uri }),
    resourcesChanged: () => bus.publish({ kind: 'resources_list_changed' }),
    toolsChanged: () => bus.publish({ kind: 'tools_list_changed' }),
    promptsChanged: () => bus.publish({ kind: 'prompts_list_changed' }),
  };
}

function keepBook(server: McpServer, subscribed: Set<string>): void {
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    if (subscribed.size >= MAX_SUBSCRIPTIONS && !subscribed.has(params.uri)) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidRequest,
        `More than ${MAX_SUBSCRIPTIONS} subscriptions`,
      );
    }
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
