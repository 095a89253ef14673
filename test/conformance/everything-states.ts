import { randomBytes } from 'node:crypto';
import { createRequestStateCodec } from '@modelcontextprotocol/server';

/** Signs what a tool has to know again when its answer comes back. */
export const requestStates = createRequestStateCodec<{ readonly step: number }>({ key: randomBytes(32) });
