import { McpServer } from '@modelcontextprotocol/server';
import { registerAskingTools } from './everything-asking.js';
import { registerPrompts } from './everything-prompts.js';
import { registerResources } from './everything-resources.js';
import { registerTools } from './everything-tools.js';
import { requestStates } from './everything-states.js';

/** Lists that tools of the suite change, the same for all sessions and requests. */
export class ChangingLists {
  readonly changes = { toolsChanged: 0, promptsChanged: 0 };
  readonly #listeners: ((changed: keyof ChangingLists['changes']) => void)[] = [];

  onChange(listener: (changed: keyof ChangingLists['changes']) => void): void {
    this.#listeners.push(listener);
  }

  change(changed: keyof ChangingLists['changes']): void {
    this.changes[changed] += 1;
    for (const listener of this.#listeners) listener(changed);
  }
}

export interface Everything {
  readonly server: McpServer;
  /** Takes a change over into a server that lives longer than a request, and tells its client. */
  follow(changed: keyof ChangingLists['changes']): void;
}

/** A server with the tools, resources and prompts that the suite's scenarios name. */
export function createEverything(lists: ChangingLists): Everything {
  const server = new McpServer(
    { name: 'everything', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        completions: {},
        resources: { subscribe: true, listChanged: true },
      },
      requestState: { verify: (state, context) => requestStates.verify(state, context) },
    },
  );
  const changing = {
    toolsChanged: registerTools(server, lists),
    promptsChanged: registerPrompts(server, lists),
  };
  registerAskingTools(server);
  registerResources(server);
  // Sessions keep no list of who watches what: nothing here ever changes.
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));
  return {
    server,
    follow: (changed) => changing[changed].update({ description: describeChanges(lists.changes[changed]) }),
  };
}

/** The description of what changes. */
export function describeChanges(count: number): string {
  return `Has changed ${count} times`;
}
