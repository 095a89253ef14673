import type { Config } from '../../core/config/config.js';
import { differenceOf } from '../../core/config/difference.js';
import type { OwnExecutable } from '../../core/clients/start-server.js';
import type { Operation } from '../../core/operation.js';
import { MCPOrchestrator } from '../../core/orchestrator.js';
import { serve, type Served, type ServeOptions } from '../serve.js';
import { Gateway } from './gateway.js';
import { Relays } from './relays.js';
import { createGatewayServer } from './server.js';
import { gatewayPages } from './status.js';
import { ownSpan, type Tracing } from './tracing.js';

export interface GatewayServeOptions extends ServeOptions {
  readonly ownExecutable: OwnExecutable;
  /** `off`: every list and every read reaches its server. */
  readonly cache?: 'use' | 'off';
  /** Traces and measures requests, where somebody asks for that. */
  readonly tracing?: Tracing | undefined;
}

export interface ServedGateway extends Served {
  readonly gateway: Gateway;
  /** Takes another configuration over; servers that did not change keep their connections and sessions. */
  readonly reconfigure: (config: Config) => Promise<void>;
}

/**
 * Serves all configured servers as one. It is ready before they are: who is missing stands in every list.
 *
 * @throws ServeError where the address cannot be listened on
 */
export async function startGateway(
  config: Config,
  { ownExecutable, cache = 'use', tracing, ...options }: GatewayServeOptions,
  caller: Operation,
): Promise<ServedGateway> {
  const op = { ...caller, span: ownSpan(tracing) };
  const relays = new Relays();
  const orchestrator = new MCPOrchestrator(config, { ownExecutable, serverRequests: relays });
  const gateway = new Gateway(
    config,
    {
      use: (server, ...rest) => orchestrator.use(server.id, ...rest),
      relays,
      cacheOf: (server) => orchestrator.cacheOf(server, cache),
      isGuarded: options.bearerToken !== undefined,
      tracing,
    },
    op,
  );
  const stop = async () => {
    gateway.stop();
    await orchestrator.close();
  };
  try {
    const served = await serve(
      ({ era, outcome }) => createGatewayServer(gateway, era, outcome),
      {
        ...options,
        subscriptions: gateway.subscriptions,
        pages: gatewayPages(gateway),
        maxInFlight: config.gateway.maxInFlight,
      },
      op,
    );
    gateway.notify = served.notify;
    gateway.start();
    const stopped = served.ended.then(stop);
    return {
      ...served,
      gateway,
      reconfigure: (next) =>
        gateway.reconfigure(next, differenceOf(gateway.config, next), () => orchestrator.reconfigure(next)),
      ended: stopped,
      close: async (graceMs) => {
        await served.close(graceMs);
        await stopped;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
