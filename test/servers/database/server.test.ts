import { createServer as createSocket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as V1SseTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as V1HttpTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../../../src/core/logging/logger.js';
import { createOperation } from '../../../src/core/operation.js';
import { startDatabaseServer } from '../../../src/servers/database/start.js';
import type { Served } from '../../../src/servers/serve.js';
import { freePort } from '../../fixtures/executable.js';
import { buildDatabase } from './build.js';

const RUNAWAY = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';
const listening = { host: '127.0.0.1', port: 0, transport: 'http' } as const;

let built: Awaited<ReturnType<typeof buildDatabase>>;
let served: Served;

beforeAll(async () => {
  built = await buildDatabase();
  served = await start();
});
afterAll(() => served.close(1000));

function start(
  options: {
    readonly host?: string;
    readonly port?: number;
    readonly queryTimeoutMs?: number;
    readonly maxRows?: number;
  } = {},
  logger: Logger = silentLogger,
) {
  const { workers, shop: session } = built;
  const source = { kind: 'embedded', session } as const;
  return startDatabaseServer({ ...listening, workers, source, ...options }, createOperation({ logger }));
}

const info = { name: 'test', version: '1' };

const PEERS = {
  'the v2 client over SSE': async ({ urls }: Served) => {
    const client = new Client(info);
    await client.connect(new SSEClientTransport(new URL(urls?.sse ?? '')));
    return client;
  },
  'the v2 client over Streamable HTTP, revision 2025': async ({ urls }: Served) => {
    const client = new Client(info);
    await client.connect(new StreamableHTTPClientTransport(new URL(urls?.mcp ?? '')));
    return client;
  },
  'the v2 client over Streamable HTTP, revision 2026': async ({ urls }: Served) => {
    const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new StreamableHTTPClientTransport(new URL(urls?.mcp ?? '')));
    return client;
  },
  'the v1 client over SSE': async ({ urls }: Served) => {
    const client = new V1Client(info);
    await client.connect(new V1SseTransport(new URL(urls?.sse ?? '')));
    return client;
  },
  'the v1 client over Streamable HTTP': async ({ urls }: Served) => {
    const client = new V1Client(info);
    await client.connect(new V1HttpTransport(new URL(urls?.mcp ?? '')));
    return client;
  },
};

interface ToolAnswer {
  readonly isError?: boolean;
  readonly structuredContent: Readonly<Record<string, unknown>>;
  readonly content: readonly { readonly text: string }[];
}

type Peer = Pick<Client, 'close'> & {
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
};

async function ask(client: Peer, query: string, more: Record<string, unknown> = {}): Promise<ToolAnswer> {
  return (await client.callTool({ name: 'execute_query', arguments: { query, ...more } })) as ToolAnswer;
}

/** Answers an assertion with the client, which is closed whatever happens. */
async function withClient<Result>(on: Served, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = await PEERS['the v2 client over SSE'](on);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

describe.each(Object.entries(PEERS))('the database server and %s', (_, connect) => {
  it('lists and reads the metadata, runs a query and explains a failed one', async () => {
    const client = await connect(served);
    try {
      const { resources } = await client.listResources();
      expect(resources).toMatchObject([
        { uri: 'database://metadata', name: 'Database Metadata', mimeType: 'application/json' },
      ]);
      const { contents } = await client.readResource({ uri: 'database://metadata' });
      const [content] = contents as { uri: string; text: string; mimeType: string }[];
      expect(content).toMatchObject({ uri: 'database://metadata', mimeType: 'application/json' });
      expect(JSON.parse(content?.text ?? '')).toMatchObject({ dialect: 'postgresql', schemas: ['public'] });

      const { tools } = await client.listTools();
      expect(tools).toContainEqual(
        expect.objectContaining({
          name: 'execute_query',
          annotations: expect.objectContaining({ readOnlyHint: true }),
        }),
      );
      const answer = await ask(client, 'SELECT product_id, price FROM products ORDER BY 1', { max_rows: 2 });
      expect(answer.isError ?? false).toBe(false);
      expect(answer.structuredContent).toMatchObject({
        columns: [
          { name: 'product_id', type: 'integer' },
          { name: 'price', type: 'numeric' },
        ],
        row_count: 2,
        truncated: true,
        query: 'SELECT product_id, price FROM products ORDER BY 1',
        elapsed_ms: expect.any(Number),
      });
      expect(JSON.parse(answer.content[0]?.text ?? '')).toEqual(answer.structuredContent);

      const failed = await ask(client, 'SELECT prise FROM products');
      expect(failed.isError).toBe(true);
      expect(failed.structuredContent).toMatchObject({
        category: 'syntax_or_access',
        sqlstate: '42703',
        position: 8,
        hint: expect.any(String),
      });
      expect(failed.content[0]?.text).toContain('42703');
      const refused = await ask(client, 'COMMIT; DROP TABLE sales');
      expect(refused.structuredContent).toMatchObject({ category: 'syntax_or_access', sqlstate: '42601' });
    } finally {
      await client.close();
    }
  });
});

describe('the database server', () => {
  it('reads one table by its template, completes its name, and knows no other', async () => {
    await withClient(served, async (client) => {
      const { contents } = await client.readResource({ uri: 'database://table/orders' });
      const [content] = contents as { text: string }[];
      expect(JSON.parse(content?.text ?? '')).toMatchObject({ name: 'orders', primary_key: ['order_id'] });
      const { completion } = await client.complete({
        ref: { type: 'ref/resource', uri: 'database://table/{name}' },
        argument: { name: 'name', value: 'or' },
      });
      expect(completion.values).toEqual(['order_items', 'orders']);
      for (const uri of [
        'database://table/nothing',
        'database://table/%E0%A4%A',
        'database://table/__proto__',
      ]) {
        await expect(client.readResource({ uri })).rejects.toThrow();
      }
    });
  });

  it('gives 1000 rows unless asked for more, and never more than its cap', async () => {
    await withClient(served, async (client) => {
      const many = 'SELECT * FROM generate_series(1, 20000)';
      expect((await ask(client, many)).structuredContent).toMatchObject({ row_count: 1000, truncated: true });
      const most = await ask(client, many, { max_rows: 10_000 });
      expect(most.structuredContent).toMatchObject({ row_count: 10_000, truncated: true });
      for (const max_rows of [0, -1, 1.5, 10_001, 'all']) {
        const wrong = await ask(client, many, { max_rows }).catch(() => ({ isError: true }));
        expect(wrong.isError, String(max_rows)).toBe(true);
      }
    });
  });

  it('answers health, resources and other queries while a query runs away, and ends that one', async () => {
    const own = await start({ queryTimeoutMs: 10_000 });
    try {
      await withClient(own, async (client) => {
        let over = false;
        const runaway = ask(client, RUNAWAY).finally(() => (over = true));
        const health = await fetch(own.urls?.health ?? '');
        expect(health.status).toBe(200);
        await health.body?.cancel();
        expect((await client.readResource({ uri: 'database://metadata' })).contents).toHaveLength(1);
        expect((await ask(client, 'SELECT 1 AS n')).structuredContent).toMatchObject({ rows: [[1]] });
        expect(over).toBe(false);
        const stopped = await runaway;
        expect(stopped.isError).toBe(true);
        expect(stopped.structuredContent).toMatchObject({ category: 'timeout', sqlstate: '57014' });
      });
    } finally {
      await own.close(0);
    }
  });

  it('lowers its default with its cap', async () => {
    const own = await start({ maxRows: 5 });
    try {
      await withClient(own, async (client) => {
        expect((await ask(client, 'TABLE sales')).structuredContent).toMatchObject({
          row_count: 5,
          truncated: true,
        });
      });
    } finally {
      await own.close(0);
    }
  });

  it('does not load a database where it cannot listen', async () => {
    const events: string[] = [];
    const logger: Logger = { log: (_, event) => void events.push(event) };
    const other = createSocket();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    const { port } = other.address() as AddressInfo;
    try {
      await expect(start({ port }, logger)).rejects.toMatchObject({ code: 'SRV401' });
    } finally {
      other.close();
    }
    await expect(start({ host: '0.0.0.0' }, logger)).rejects.toMatchObject({ code: 'SRV403' });
    expect(events).toEqual([]);
  });

  it('leaves nothing running when its port is taken while the database loads', async () => {
    const port = await freePort();
    const other = createSocket();
    const logger: Logger = {
      log: (_, event) => {
        if (event === 'database.ready') other.listen(port, '127.0.0.1');
      },
    };
    try {
      await expect(start({ port }, logger)).rejects.toMatchObject({ code: 'SRV401' });
    } finally {
      other.close();
    }
  });

  it('closes twice, after a query in flight has had its time', async () => {
    let received: () => void = () => undefined;
    const inFlight = new Promise<void>((resolve) => (received = resolve));
    const logger: Logger = { log: (_, event) => event === 'database.query_received' && received() };
    const own = await start({}, logger);
    const client = await PEERS['the v2 client over Streamable HTTP, revision 2025'](own);
    const answer = ask(client, 'SELECT count(*) FROM generate_series(1, 1000000)');
    await inFlight;
    await Promise.all([answer, own.close(5000), own.close(5000)]);
    expect((await answer).structuredContent).toMatchObject({ rows: [['1000000']] });
    await own.ended;
    await client.close().catch(() => undefined);
  });
});
