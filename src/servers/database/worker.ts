import { parentPort, workerData } from 'node:worker_threads';
import { PgliteSession, type SessionOptions } from './pglite-session.js';
import { QueryError } from './query-error.js';
import type { WorkerQuery, WorkerReply } from './worker-protocol.js';

/** The thread of one embedded database: each query goes to the session. */
const port = parentPort;
if (port === null) throw new Error('this file is the start of a worker thread');
const reply = (message: WorkerReply): void => port.postMessage(message);

try {
  const options = workerData as SessionOptions;
  const session = await PgliteSession.open(options);
  reply({ kind: 'ready', description: session.description });
  port.on('message', ({ sql, ...limits }: WorkerQuery) => {
    session.query(sql, limits).then(
      (rows) => reply({ kind: 'rows', result: rows }),
      (error: unknown) => reply(failureReply(error)),
    );
  });
} catch (error) {
  const missing = (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
  reply({ kind: 'failed', message: messageOf(error), missing });
}

function failureReply(error: unknown): WorkerReply {
  if (!(error instanceof QueryError)) return { kind: 'broken', message: messageOf(error) };
  return { kind: 'refused', ...error.toFailure() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
