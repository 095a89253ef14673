import type { Phase } from '../clients/circumstances.js';
import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError, NoMCPAvailableError, retold, type MCPOrchestratorException } from '../errors.js';
import { inSpan, withSignal, type Operation } from '../operation.js';
import { createDeadline, NO_DEADLINE } from '../resilience/deadline.js';
import type { AnswerCache, ServerCache } from './answers.js';
import { atOnce } from './at-once.js';
import { findConflicts } from './conflicts.js';
import { createAccount, gatherServer, type Reach } from './gather-server.js';
import type { Gathered, Outcome } from './outcome.js';
import type { Selection } from './select.js';
import { logGathered, logOutcome } from './log-outcome.js';
import { traceGathered, traceOutcome } from './trace-outcome.js';

/** All contents of one gather together. */
const MAX_GATHER_BYTES = 512 * 1024 * 1024;

export interface GatherOptions {
  readonly failFast: boolean;
  readonly listOnly?: boolean;
  readonly selection?: Selection;
  /** Of the contents of one resource. */
  readonly maxBytes?: number;
  /** Lets go of each connection as soon as its server is done with, since no other request follows. */
  readonly oneShot?: boolean;
  readonly deadlineMs: number;
  /** Nobody is asked, so nothing is waited for and nothing need be stopped. */
  readonly asksNobody?: boolean;
  /** Servers that are worked on at once. */
  readonly concurrency: number;
  readonly redact: (text: string) => string;
  readonly cacheOf: (server: ServerConfig) => ServerCache<AnswerCache>;
  readonly onPhase?: (server: ServerConfig, phase: Phase | 'done') => void;
  /** Called with each outcome as soon as it is known, in the order in which servers finish. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

/**
 * Asks every server for all of its resources, side by side, best priority first.
 *
 * @param servers  in priority order
 * @returns one outcome per server, in that order
 * @throws MCPConnectionError | ResourceFetchError  fail-fast: the first failure of a required server; its
 *   `context.outcomes` tells how all fared
 * @throws NoMCPAvailableError  degraded: every server failed
 * @see document 001, "Behaviors"; document 003, Tasks 5 and 6
 */
export async function gather(
  servers: readonly ServerConfig[],
  connections: Reach,
  options: GatherOptions,
  op: Operation,
): Promise<Gathered> {
  const attributes = {
    'mcpx.mode': options.failFast ? 'fail-fast' : 'degraded',
    'mcpx.list_only': options.listOnly ?? false,
    'mcpx.servers': servers.length,
    'mcpx.operation.id': op.id,
  };
  return inSpan(op, 'gather', { attributes, redact: options.redact }, (inner) =>
    gatherAll(servers, connections, options, inner),
  );
}

async function gatherAll(
  servers: readonly ServerConfig[],
  connections: Reach,
  options: GatherOptions,
  op: Operation,
): Promise<Gathered> {
  const started = performance.now();
  const seconds = options.deadlineMs / 1000;
  const isOver = () =>
    new MCPConnectionError('UPS208', `not finished within the deadline of ${seconds} s`, {
      context: { deadline_ms: options.deadlineMs },
      hint: 'Look at the slow servers, or give a longer --deadline.',
    });
  using deadline =
    options.asksNobody === true ? NO_DEADLINE : createDeadline(options.deadlineMs, isOver, op.signal);
  const inner = withSignal(op, deadline.signal);
  const account = createAccount(MAX_GATHER_BYTES);
  let firstFailure: MCPOrchestratorException | undefined;
  let decidedBy: string | undefined;

  const mode = options.failFast ? 'fail-fast' : 'degraded';
  op.log('gather.started', { servers: servers.length, mode, deadline_ms: options.deadlineMs });
  const outcomes = await atOnce(servers, options.concurrency, async (server) => {
    const failFast = options.failFast && server.required;
    const asked = {
      failFast,
      listOnly: options.listOnly ?? false,
      ...(options.selection === undefined ? {} : { selection: options.selection }),
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
      oneShot: options.oneShot ?? false,
      deadlineAt: started + options.deadlineMs,
      redact: options.redact,
      account,
      cache: { ...options.cacheOf(server), isAlone: options.oneShot ?? false },
      ...(options.onPhase === undefined ? {} : { onPhase: options.onPhase }),
    };
    const attributes = { 'mcpx.server.id': server.id, 'mcpx.server.priority': server.priority };
    const outcome = await inSpan(inner, 'gather server', { attributes }, async (part) => {
      const fared = await gatherServer(server, connections, asked, part);
      traceOutcome(part.span, fared);
      logOutcome(part, fared);
      return fared;
    });
    if (failFast && outcome.status !== 'ok' && firstFailure === undefined) {
      firstFailure = outcome.error;
      decidedBy = server.id;
      deadline.abort(
        new MCPConnectionError('UPS219', `stopped, since ${server.id} failed`, {
          context: { stopped_by: server.id },
        }),
      );
    }
    options.onOutcome?.(outcome);
    return outcome;
  });
  const durationMs = performance.now() - started;
  const failed = outcomes.filter(({ status }) => status === 'failed');
  const complete = outcomes.every(({ status, server }) => status === 'ok' || !server.required);
  traceGathered(op.span, { outcomes, complete });
  const isStopped = op.signal.aborted;
  logGathered(op, { outcomes, complete, durationMs, mode, decidedBy, isStopped });

  // Whoever stopped the whole knows why; the servers' failures are only its echo.
  if (op.signal.aborted) throw op.signal.reason;
  if (firstFailure !== undefined) throw withDetails(firstFailure, outcomes);
  const [first] = failed;
  if (first !== undefined && failed.length === outcomes.length) {
    // Servers that are there and refuse us need other credentials, not a start.
    if (failed.every((outcome) => outcome.status === 'failed' && outcome.error.code === 'UPS207')) {
      throw withDetails(
        first.status === 'failed' ? first.error : new MCPConnectionError('UPS207', 'refused'),
        outcomes,
      );
    }
    throw new NoMCPAvailableError('UPS214', 'no server is usable', {
      context: { details: outcomes.map(describeOutcome) },
      cause: first.status === 'failed' ? first.error : undefined,
      hint: 'Start the servers, or check their addresses.',
      fix: 'mcpx validate-config --connect',
    });
  }
  return {
    mode,
    complete,
    outcomes,
    conflicts: findConflicts(outcomes),
    durationMs,
  };
}

/** The first failure with the fates of all servers, and still of its own class and code. */
function withDetails(
  error: MCPOrchestratorException,
  outcomes: readonly Outcome[],
): MCPOrchestratorException {
  // One that was only stopped may have an answer.
  const mayAnswer = outcomes.some((each) => each.status !== 'failed' || each.error.code === 'UPS219');
  return retold(error, {
    context: { ...error.context, details: outcomes.map(describeOutcome) },
    fix: error.fix ?? (mayAnswer ? 'mcpx gather --degraded' : 'mcpx validate-config --connect'),
  });
}

/** One line of `error.details`: how a server fared, without any of its data. */
export function describeOutcome(outcome: Outcome): Readonly<Record<string, unknown>> {
  return {
    server: outcome.server.id,
    status: outcome.status,
    duration_ms: Math.round(outcome.durationMs),
    attempts: outcome.attempts,
    ...(outcome.status === 'ok'
      ? {}
      : {
          phase: outcome.phase,
          code: outcome.error.code,
          message: outcome.error.message,
          ...(outcome.error.hint === undefined ? {} : { hint: outcome.error.hint }),
        }),
  };
}
