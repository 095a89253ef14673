import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  localhostHostValidation,
  localhostOriginValidation,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  toWebRequest,
} from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, isLegacyRequest } from '@modelcontextprotocol/server';
import { ChangingLists, createEverything } from './everything.js';

/** What the suite expects of a server, on the SDK alone: what passes here has to pass behind mcpx as well. */
export interface EverythingServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves both eras at one address of 127.0.0.1: 2026-07-28 without state, the revisions before with sessions. */
export async function startEverythingServer(): Promise<EverythingServer> {
  const lists = new ChangingLists();
  const modern = createMcpHandler(() => createEverything(lists).server, { legacy: 'reject' });
  lists.onChange((changed) => modern.notify[changed]());
  const answerModern = toNodeHandler(modern);
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

  async function answerLegacy(request: IncomingMessage, response: ServerResponse, body: unknown) {
    const id = request.headers['mcp-session-id'];
    const session = typeof id === 'string' ? sessions.get(id) : undefined;
    if (session !== undefined) return session.handleRequest(request, response, body);
    if (id !== undefined || !isInitializeRequest(body)) {
      response.writeHead(id === undefined ? 400 : 404).end();
      return;
    }
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (sessionId) => {
        sessions.set(sessionId, transport);
      },
      onsessionclosed: (sessionId) => {
        sessions.delete(sessionId);
      },
    });
    const { server, follow } = createEverything(lists);
    lists.onChange(follow);
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
  }

  const isAllowedHost = localhostHostValidation();
  const isAllowedOrigin = localhostOriginValidation();
  const http = createServer((request, response) => {
    if (!isAllowedHost(request, response) || !isAllowedOrigin(request, response)) return;
    answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'POST' ? await readJson(request) : undefined;
    const isLegacy = await isLegacyRequest(await toWebRequest(request, body), body);
    await (isLegacy ? answerLegacy(request, response, body) : answerModern(request, response, body));
  }

  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([modern.close(), ...[...sessions.values()].map((session) => session.close())]);
      http.close();
      http.closeAllConnections();
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}
