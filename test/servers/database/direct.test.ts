import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { startDatabaseServer } from '../../../src/servers/database/start.js';
import type { Served } from '../../../src/servers/serve.js';
import { buildDatabase } from './build.js';

type Fields = Record<string, unknown>;

/** A header that means nothing before 2026-07-28, and that sends a request through the SDK. */
const BY_SDK = { 'mcp-name': 'whatever' };

const call = (name: unknown, given?: unknown, more: Fields = {}): Fields => ({
  method: 'tools/call',
  params: { name, arguments: given, ...more },
});

const REQUESTS: Readonly<Record<string, Fields>> = {
  'a query': call('execute_query', { query: 'SELECT 1 AS n, NULL, now() > now() AS x' }),
  'a query of few rows': call('execute_query', { query: 'TABLE products', max_rows: 2 }),
  'a query that fails': call('execute_query', { query: 'SELECT prise FROM products' }),
  'a query that is refused': call('execute_query', { query: 'DROP TABLE sales' }),
  'no query at all': call('execute_query', { query: ' ' }),
  'a plan': call('explain_query', { query: 'SELECT 1' }),
  'words that are found': call('search_objects', { words: 'customer city', limit: 3 }),
  'a value that is found': call('search_values', { value: 'Berlin' }),
  'a call with a token': call('execute_query', { query: 'SELECT 1' }, { _meta: { progressToken: 7 } }),
  'a call with something more': call('execute_query', { query: 'SELECT 1' }, { task: {} }),
  'arguments that do not fit': call('execute_query', { query: 5 }),
  'arguments beyond a limit': call('execute_query', { query: 'SELECT 1', max_rows: 1_000_000 }),
  'an argument that nobody knows': call('execute_query', { query: 'SELECT 1', format: 'csv' }),
  'arguments that are a list': call('execute_query', []),
  'no arguments': call('execute_query'),
  'a tool that is none': call('drop_table', {}),
  'a tool with the name of something else': call('toString', {}),
  'no tool': call(undefined, {}),
  'a list': { method: 'tools/list' },
  'a read': { method: 'resources/read', params: { uri: 'database://table/orders' } },
  'a read of nothing': { method: 'resources/read', params: { uri: 'database://table/none' } },
};

describe('whichever way it takes through the database server', () => {
  let served: Served;
  let headers: Record<string, string>;

  beforeAll(async () => {
    const { workers, shop: session } = await buildDatabase();
    served = await startDatabaseServer(
      { host: '127.0.0.1', port: 0, transport: 'http', workers, source: { kind: 'embedded', session } },
      createOperation(),
    );
    headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const clientInfo = { name: 'raw', version: '1' };
    const response = await post({
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
    });
    await response.text();
    headers = { ...headers, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' };
  });
  afterAll(() => served?.close(0));

  function post(message: Fields, more: Record<string, string> = {}): Promise<Response> {
    return fetch(served.urls?.mcp ?? '', {
      method: 'POST',
      headers: { ...headers, ...more },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'x', ...message }),
    });
  }

  /** The answer without how long it took. */
  async function ask(message: Fields, more?: Record<string, string>): Promise<unknown> {
    const text = await (await post(message, more)).text();
    const body = /^data: (.*)$/m.exec(text)?.[1] ?? text;
    return JSON.parse(body.replaceAll(/(elapsed_ms\\?":)[\d.]+/g, '$10'));
  }

  it.each(Object.entries(REQUESTS))('%s is answered the same', async (_, request) => {
    const answer = await ask(request);
    expect(answer).toEqual(await ask(request, BY_SDK));
    expect(answer).toMatchObject({ id: 'x' });
  });

  it('a call does without the SDK, and what more there is goes through it', async () => {
    const byUs = async (request: Fields | undefined, more?: Record<string, string>): Promise<boolean> => {
      const response = await post(request ?? {}, more);
      await response.text();
      // The SDK's streams do not know yet how long they will be.
      return response.headers.has('content-length');
    };
    expect(await byUs(REQUESTS['a query'])).toBe(true);
    expect(await byUs(REQUESTS['a query'], BY_SDK)).toBe(false);
  });
});
