import { attribute, type Phase } from '../clients/circumstances.js';
import type { Connections } from '../clients/connections.js';
import type { Connection, ResourceClient } from '../clients/resource-client.js';
import type { ServerConfig } from '../config/config.js';
import { MCPOrchestratorException } from '../errors.js';
import { decodeNames } from '../gather/decode.js';
import { gatherServer } from '../gather/gather-server.js';
import { selects } from '../gather/select.js';
import type { Operation } from '../operation.js';
import type { InspectedServer, ListedNames } from './inspection.js';

interface InspectServerOptions {
  /** When the whole must be over, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  readonly redact: (text: string) => string;
  readonly onPhase?: (server: ServerConfig, phase: Phase | 'done') => void;
}

/** Connects to one server if need be, and lists everything that it has. */
export async function inspectServer(
  server: ServerConfig,
  connections: Connections,
  options: InspectServerOptions,
  op: Operation,
): Promise<InspectedServer> {
  const started = performance.now();
  const { include: _include, ...unfiltered } = server;
  const outcome = await gatherServer(
    // Everything is listed first, so that a server without resources differs from one whose resources are left out.
    { ...unfiltered, exclude: [] },
    connections,
    {
      failFast: false,
      listOnly: true,
      oneShot: false,
      deadlineAt: options.deadlineAt,
      redact: options.redact,
      account: () => undefined,
      // Its tools are still to come.
      onPhase: (_, phase) => phase !== 'done' && options.onPhase?.(server, phase),
    },
    op,
  );
  const answered = outcome.status !== 'failed';
  const [tools, prompts] = answered
    ? await Promise.all([
        names('tool', (client) => client.listTools(op)),
        names('prompt', (client) => client.listPrompts(op)),
      ])
    : [NOTHING, NOTHING];
  await connections.release(server.id);
  options.onPhase?.(server, 'done');
  return {
    server,
    outcome: {
      ...outcome,
      server,
      ...named(outcome.connection, options.redact),
      resources: outcome.resources.filter(({ uri }) => selects(server, uri)),
      durationMs: performance.now() - started,
    },
    listed: outcome.resources.length,
    tools,
    prompts,
    started: connections.hasStarted(server.id),
  };

  async function names(
    what: 'tool' | 'prompt',
    list: (client: ResourceClient) => Promise<{ readonly items: readonly unknown[] }>,
  ): Promise<ListedNames> {
    try {
      const { items } = await connections
        .policyOf(server)
        .run(async () => list(await connections.get(server, op)), op, {
          deadlineAt: options.deadlineAt,
          onRetry: (_, attempt) =>
            op.log('server.retry', { server: server.id, listing: `${what}s`, attempt }),
        });
      const { names, malformed } = decodeNames(server.id, what, items);
      return { names: names.map(options.redact), malformed };
    } catch (caught) {
      if (!op.signal.aborted && !(caught instanceof MCPOrchestratorException)) throw caught;
      const error = attribute(op.signal.aborted ? op.signal.reason : caught, {
        server,
        phase: 'list',
        elapsedMs: performance.now() - started,
        timeoutMs: server.timeoutMs,
        redact: options.redact,
      });
      op.log('server.partial', { server: server.id, listing: `${what}s`, code: error.code }, 'warn');
      return { names: [], malformed: [], error };
    }
  }
}

/** A server may say what it likes, also back what we sent it. */
function named(
  connection: Connection | undefined,
  redact: (text: string) => string,
): { readonly connection?: Connection } {
  if (connection === undefined) return {};
  const { serverName, serverVersion } = connection;
  return {
    connection: {
      ...connection,
      ...(serverName === undefined ? {} : { serverName: redact(serverName) }),
      ...(serverVersion === undefined ? {} : { serverVersion: redact(serverVersion) }),
    },
  };
}

const NOTHING: ListedNames = { names: [], malformed: [] };
