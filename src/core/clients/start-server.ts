import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerConfig, StartConfig } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException } from '../errors.js';
import type { Operation } from '../operation.js';
import { createDeadline } from '../resilience/deadline.js';
import { silently } from '../telemetry/span.js';
import { Child } from './child-process.js';
import { connect, type ResourceClient } from './resource-client.js';
import type { ConnectOptions } from './transport.js';

/** How `start.command: mcpx` is run: the program and the arguments before those of the configuration. */
export interface OwnExecutable {
  readonly command: string;
  readonly args: readonly string[];
}

/** Pauses between looks at a server that is starting. */
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 200;

/** Failures that a server which is still starting may show. */
const NOT_READY: ReadonlySet<string> = new Set(['UPS201', 'UPS202', 'UPS203', 'UPS205']);

/**
 * Starts a server by its `start` block and waits until it lists.
 *
 * Two mcpx may find the same server missing and both start it: one of the children then fails to get the port
 * and ends, and the server of the other is used. So the end of the child is no failure as long as something
 * answers at the URL.
 *
 * @returns the connection, and the child if it is ours to stop
 * @throws MCPConnectionError UPS216 where the command cannot be run, UPS212 where it ends, UPS213 where it is
 *   not ready in time
 */
export async function startServer(
  server: ServerConfig,
  start: StartConfig,
  own: OwnExecutable,
  options: ConnectOptions,
  op: Operation,
): Promise<{ client: ResourceClient; child: Child | undefined }> {
  const started = performance.now();
  const context = () => ({
    server: server.id,
    phase: 'start',
    elapsed_ms: Math.round(performance.now() - started),
  });
  const isOwn = start.command === 'mcpx';
  let child: Child;
  try {
    child = await Child.start({
      command: isOwn ? own.command : start.command,
      args: isOwn ? [...own.args, ...start.args] : start.args,
      env: { ...process.env, ...start.env },
      ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
    });
  } catch (error) {
    if (!(error instanceof MCPOrchestratorException)) throw error;
    throw new MCPConnectionError(error.code, `${server.id}: ${error.message}`, {
      context: context(),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error.cause,
    });
  }
  // A server's output is not ours to read, but a full pipe would stop it.
  child.process.stdout?.resume();
  op.log('server.starting', { server: server.id, pid: child.pid });

  /** How the last look at it ended, by which one that does not listen is told from one that refuses us. */
  let lastLook: string | undefined;
  using deadline = createDeadline(
    start.readyTimeoutMs,
    () =>
      new MCPConnectionError(
        'UPS213',
        `${server.id} was started and not ready within ${start.readyTimeoutMs / 1000} s`,
        {
          context: context(),
          hint: 'Run its start command by hand, or give it a larger start.ready_timeout.',
          ...(lastLook === undefined
            ? child.lastWords(options.redact)
            : { cause: new Error(lastLook, child.lastWords(options.redact)) }),
        },
      ),
    op.signal,
  );
  try {
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 1.5, LONGEST_LOOK_MS)) {
      // Looked at before the attempt: a child that ended may have left the port to another one.
      const ended = child.hasExited;
      try {
        const looking = { ...op, signal: deadline.signal, span: silently(op.span) };
        const client = await connect(server, options, looking);
        await client.listResources(looking).catch(async (error: unknown) => {
          await client.close();
          throw error;
        });
        const ours = !child.hasExited;
        if (!ours) await child.stop(false);
        op.log('server.ready', { ...context(), pid: child.pid, ours });
        return { client, child: ours ? child : undefined };
      } catch (error) {
        if (deadline.signal.aborted) throw deadline.signal.reason;
        if (!(error instanceof MCPOrchestratorException) || !NOT_READY.has(error.code)) throw error;
        lastLook = error.message;
        if (ended && error.code === 'UPS202') throw endedEarly();
        await sleep(pause, undefined, { signal: deadline.signal }).catch(() => {
          throw deadline.signal.reason as Error;
        });
      }
    }
  } catch (error) {
    await child.stop(false);
    throw error;
  }

  function endedEarly(): MCPConnectionError {
    return new MCPConnectionError(
      'UPS212',
      `${server.id}: its start command ended (${child.describeExit()})`,
      {
        context: context(),
        hint: options.redact(`Run it by hand to see why: ${[start.command, ...start.args].join(' ')}`),
        ...child.lastWords(options.redact),
      },
    );
  }
}
