import type { McpServer, ServerEvent, ServerEventBus, ServerNotifier } from '@modelcontextprotocol/server';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { MAX_SUBSCRIPTIONS, type Subscriptions } from './subscriptions.js';

/**
 * Passes the events of a bus on to the one client of a long-lived server instance, until the returned function
 * is called. In the legacy era it also keeps the book of `resources/subscribe`, which the SDK leaves to us; in
 * the modern era the SDK filters by `subscriptions/listen`.
 */
export function followChanges(
  server: McpServer,
  bus: ServerEventBus,
  era: 'legacy' | 'modern',
  subscriptions: Subscriptions,
): () => void {
  const subscribed = new Set<string>();
  const { resources, tools, prompts } = server.server.getCapabilities();
  if (era === 'legacy' && resources?.subscribe === true) keepBook(server, subscribed, subscriptions);

  const unsubscribe = bus.subscribe((event) => {
    if (era === 'legacy' && server.server.getClientCapabilities() === undefined) return;
    // A client that left meanwhile is no reason to fail the change for the others.
    void deliver(event).catch(() => undefined);
  });
  return () => {
    unsubscribe();
    for (const uri of subscribed) subscriptions.remove(uri);
    subscribed.clear();
  };

  async function deliver(event: ServerEvent): Promise<void> {
    switch (event.kind) {
      case 'resource_updated':
        if (resources?.subscribe === true && (era === 'modern' || subscribed.has(event.uri))) {
          const { uri, part = uri } = event as ResourceUpdated;
          await server.server.sendResourceUpdated({ uri: era === 'modern' ? uri : part });
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

export interface Notifier extends ServerNotifier {
  /**
   * @param uri  what clients subscribed to
   * @param part  what of it has changed, where that is another resource. Clients of 2026-07-28 are told of `uri`: the
   *   SDK lets nothing through to them that they did not name
   */
  resourceUpdated(uri: string, part?: string): void;
}

type ResourceUpdated = Extract<ServerEvent, { kind: 'resource_updated' }> & { readonly part?: string };

export function createNotifier(bus: ServerEventBus): Notifier {
  return {
    resourceUpdated: (uri, part = uri) => {
      const event: ResourceUpdated = { kind: 'resource_updated', uri, part };
      bus.publish(event);
    },
    resourcesChanged: () => bus.publish({ kind: 'resources_list_changed' }),
    toolsChanged: () => bus.publish({ kind: 'tools_list_changed' }),
    promptsChanged: () => bus.publish({ kind: 'prompts_list_changed' }),
  };
}

function keepBook(server: McpServer, subscribed: Set<string>, subscriptions: Subscriptions): void {
  server.server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
    if (subscribed.has(uri)) return {};
    if (subscribed.size >= MAX_SUBSCRIPTIONS) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidRequest,
        `More than ${MAX_SUBSCRIPTIONS} subscriptions`,
      );
    }
    subscribed.add(uri);
    try {
      await subscriptions.add(uri);
    } catch (error) {
      subscribed.delete(uri);
      throw error;
    }
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    if (subscribed.delete(uri)) subscriptions.remove(uri);
    return {};
  });
}
