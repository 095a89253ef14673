import { parentPort } from 'node:worker_threads';
import { checkQuery, loadParser, type PolicyOptions } from './policy.js';
import { QueryError } from './query-error.js';
import type { PolicyReply, PolicyRequest } from './policy-thread.js';

/** The thread for long queries: it answers whether one may run. */
const port = parentPort;
if (port === null) throw new Error('this file is the start of a worker thread');
const reply = (message: PolicyReply): void => port.postMessage(message);

let options: PolicyOptions = { schemas: [] };
try {
  await loadParser();
  reply({ kind: 'ready' });
  port.on('message', (request: PolicyRequest) => {
    if (request.kind === 'options') options = request.options;
    else void checkQuery(request.sql, options).then(() => reply({ kind: 'passed' }), refuse);
  });
} catch (error) {
  reply({ kind: 'failed', message: messageOf(error) });
}

function refuse(error: unknown): void {
  if (!(error instanceof QueryError)) return reply({ kind: 'broken', message: messageOf(error) });
  reply({ kind: 'refused', code: error.code, failure: error.toFailure() });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
