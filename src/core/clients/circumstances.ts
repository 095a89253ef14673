import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError, MCPOrchestratorException, ResourceFetchError } from '../errors.js';

/** Text of servers in our messages is cut here: it explains, it does not carry data. */
const MAX_FOREIGN_TEXT = 300;

/** What mcpx was doing with a server, as reports and logs name it. */
export type Phase = 'resolve' | 'start' | 'connect' | 'negotiate' | 'list' | 'read' | 'decode' | 'call';

export interface Circumstances {
  readonly server: ServerConfig;
  readonly phase: Phase;
  readonly elapsedMs: number;
  /** The limit that ran out, where one did. */
  readonly timeoutMs: number;
  readonly uri?: string;
  readonly redact: (text: string) => string;
}

/** In the context of an error: another session may be opened, which is no repetition of a failure. */
export const SESSION_EXPIRED = 'session_expired';

/** What every error about a server tells: which one, what was going on, and for how long. */
export function contextOf(at: Circumstances): Readonly<Record<string, unknown>> {
  return {
    server: at.server.id,
    phase: at.phase,
    elapsed_ms: Math.round(at.elapsedMs),
    ...(at.uri === undefined ? {} : { uri: at.uri }),
  };
}

/** Errors of a phase are of one class. */
export function kindOf({ phase }: Circumstances): typeof MCPConnectionError {
  return phase === 'list' || phase === 'read' || phase === 'decode' ? ResourceFetchError : MCPConnectionError;
}

/**
 * Says which server an error of ours is about and what was going on, where it does not tell yet; a reason for which
 * somebody else stopped the operation becomes UPS219.
 */
export function attribute(error: unknown, at: Circumstances): MCPOrchestratorException {
  const Kind = kindOf(at);
  if (!(error instanceof MCPOrchestratorException)) {
    return new Kind('UPS219', `${at.server.id}: the operation was stopped`, {
      context: contextOf(at),
      ...(error instanceof Error ? { cause: cleaned(error, at.redact) } : {}),
    });
  }
  // Whoever stopped an operation says why, and with which exit status; that is no fault of the server.
  if (error.context['server'] !== undefined || error.code === 'UPS219') return error;
  return new Kind(error.code, `${at.server.id}: ${at.redact(error.message)}`, {
    context: { ...contextOf(at), ...error.context },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.fix === undefined ? {} : { fix: error.fix }),
    ...(error.cause === undefined ? {} : { cause: cleaned(error.cause, at.redact) }),
  });
}

const UNDONE: Readonly<Partial<Record<Phase, string>>> = {
  resolve: 'have its host name resolved',
  start: 'start',
  connect: 'complete the connection',
  negotiate: 'complete the MCP handshake',
};

/** The error for a limit that ran out, by what was waited for. */
export function timedOut(at: Circumstances): MCPOrchestratorException {
  const context = contextOf(at);
  const seconds = `${Number((at.timeoutMs / 1000).toPrecision(3))} s`;
  const { server, phase } = at;
  const undone = UNDONE[phase];
  if (undone !== undefined) {
    return new MCPConnectionError('UPS201', `${server.id} did not ${undone} within ${seconds}`, {
      context: { ...context, timeout_ms: at.timeoutMs },
      hint: 'Is the server healthy? A slow one needs a larger connect_timeout.',
    });
  }
  const what = at.uri === undefined ? phase : `read of ${at.uri}`;
  return new ResourceFetchError('UPS204', `${server.id} did not answer the ${what} within ${seconds}`, {
    context: { ...context, timeout_ms: at.timeoutMs },
    hint: 'A slow server needs a larger timeout.',
  });
}

// oxlint-disable-next-line no-control-regex -- they are what is taken out
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Foreign text on one line, without control characters and secrets, and not too long. */
export function quote(text: string, redact: (text: string) => string): string {
  const plain = redact(text).replace(CONTROLS, ' ').trim();
  return plain.length > MAX_FOREIGN_TEXT ? `${plain.slice(0, MAX_FOREIGN_TEXT)}…` : plain;
}

function cleaned(cause: unknown, redact: (text: string) => string): unknown {
  if (!(cause instanceof Error)) return undefined;
  const copy = new Error(quote(cause.message, redact));
  copy.name = cause.name;
  return copy;
}
