import { describe, expect, it } from 'vitest';
import { MCPOrchestrator } from '../../src/core/orchestrator.js';
import { createOperation, type Operation } from '../../src/core/operation.js';
import type { LogFields } from '../../src/core/logging/logger.js';
import {
  catalogueResources,
  MAPPINGS,
  startCatalogueUpstream,
  WAND,
} from '../fixtures/catalogue-upstream.js';
import { configOf, type FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream, type FakeUpstream } from '../fixtures/fake-upstream.js';
import { verifies } from '../verifies.js';

const RIVAL = { ...WAND, canonical_name: 'Wand, Professional', aliases: ['abra', 'hocus'] };

function server({ url }: FakeUpstream, priority: number, rest: FileSettings = {}): FileSettings {
  return { url, priority, domains: ['products'], ...rest };
}

function orchestratorFor(servers: Readonly<Record<string, FileSettings>>, orchestration: FileSettings = {}) {
  return new MCPOrchestrator(configOf(servers, orchestration));
}

/** An operation whose log lines a test can look at. */
function loggedOperation(): Operation & { lines: { level: string; event: string; fields: LogFields }[] } {
  const lines: { level: string; event: string; fields: LogFields }[] = [];
  const logger = {
    log: (level: string, event: string, fields: LogFields = {}) => void lines.push({ level, event, fields }),
  };
  return Object.assign(createOperation({ id: 'op-7', logger }), { lines });
}

/** A port where nothing listens. */
async function closedUpstream(): Promise<FakeUpstream> {
  const upstream = await startFakeUpstream();
  await upstream.close();
  return upstream;
}

describe('a domain', () => {
  verifies(
    'resolve:domain',
    'is answered by the server of the lowest number, and the log says why',
    async () => {
      await using one = await startCatalogueUpstream({ wand: WAND });
      await using ten = await startCatalogueUpstream({ wand: WAND });
      await using orchestrator = orchestratorFor({ ten: server(ten, 10), one: server(one, 1) });
      const op = loggedOperation();
      expect(await orchestrator.resolve('products', {}, op)).toMatchObject({
        winner: { server: 'one', priority: 1, reason: 'priority 1 < 10 (ten)' },
        fallbackUsed: false,
        complete: true,
        candidates: [
          { server: 'one', status: 'ok', reason: 'priority 1 < 10 (ten)' },
          { server: 'ten', status: 'ok', reason: 'priority 1 < 10' },
        ],
        resources: [{ key: 'Product Aliases', uri: 'product-aliases://list' }],
        items: [],
      });
      expect(one.reads.size).toBe(0);
      expect(op.lines.find(({ event }) => event === 'resolve.domain')?.fields).toMatchObject({
        operation_id: 'op-7',
        domain: 'products',
        winner: 'one',
        passed_over: [{ server: 'ten', status: 'ok', rule: 'priority 1 < 10' }],
      });
    },
  );

  it('is answered by the next server where the best is down and fail-fast is off, and says so', async () => {
    const down = await closedUpstream();
    await using ten = await startCatalogueUpstream({ wand: WAND });
    await using orchestrator = orchestratorFor(
      { one: server(down, 1), ten: server(ten, 10) },
      { fail_fast: false },
    );
    const op = loggedOperation();
    expect(await orchestrator.resolve('products', {}, op)).toMatchObject({
      winner: { server: 'ten', reason: 'one (priority 1) is failed' },
      fallbackUsed: true,
      complete: false,
      candidates: [{ server: 'one', status: 'failed', error: { code: 'UPS202' } }, { server: 'ten' }],
    });
    expect(op.lines.find(({ event }) => event === 'resolve.domain')).toMatchObject({
      level: 'warn',
      fields: { fallback_used: true },
    });
    const [abra] = (await orchestrator.resolve('products', { terms: ['abra'] })).items;
    expect(abra).toMatchObject({
      status: 'resolved',
      fallback_used: true,
      winner: { server: 'ten', reason: 'one (priority 1) is failed; the only server that knows it' },
    });
    await expect(orchestrator.resolve('products', { fallback: false })).rejects.toMatchObject({
      code: 'UPS202',
      context: { server: 'one' },
    });
    expect(await orchestrator.getResourcesForDomain('products')).toHaveProperty('Product Aliases');
  });

  it('fails in fail-fast mode where any required server of it is down', async () => {
    const down = await closedUpstream();
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using orchestrator = orchestratorFor({ one: server(one, 1), ten: server(down, 10) });
    for (const terms of [[], ['abra']]) {
      await expect(orchestrator.resolve('products', { terms })).rejects.toMatchObject({
        code: 'UPS202',
        context: { server: 'ten' },
      });
    }
  });

  it('needs no server that the configuration does not require', async () => {
    const down = await closedUpstream();
    await using ten = await startCatalogueUpstream({ wand: WAND });
    await using orchestrator = orchestratorFor({
      one: server(down, 1, { required: false }),
      ten: server(ten, 10),
    });
    expect(await orchestrator.resolve('products', { terms: ['abra'] })).toMatchObject({
      complete: true,
      fallbackUsed: true,
      items: [{ status: 'resolved', fallback_used: true }],
    });
    expect(await orchestrator.getResourcesForDomain('products')).toHaveProperty('Product Aliases');
  });

  it('that nobody handles is an error with those that somebody does', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using orchestrator = orchestratorFor({
      one: server(one, 1),
      other: { url: one.url, priority: 2, domains: ['sales'] },
    });
    await expect(orchestrator.resolve('produkts')).rejects.toMatchObject({
      code: 'RES301',
      exitCode: 7,
      context: { known: ['products', 'sales'] },
      hint: 'Did you mean "products"? Known domains: products, sales.',
    });
    await expect(orchestrator.resolve('products', { server: 'other' })).rejects.toMatchObject({
      code: 'RES301',
      hint: 'Servers of the domain: one.',
    });
    await expect(orchestrator.resolve('products', { server: 'nobody' })).rejects.toMatchObject({
      code: 'RES306',
    });
    expect(one.connections).toBe(0);
  });
});

describe('terms', () => {
  verifies(
    'resolve:conflict',
    'that servers describe differently are taken from the best; rule and differences are in answer and log',
    async () => {
      await using one = await startCatalogueUpstream({ wand: WAND });
      await using ten = await startCatalogueUpstream({ wand: RIVAL });
      await using orchestrator = orchestratorFor({ ten: server(ten, 10), one: server(one, 1) });
      const op = loggedOperation();
      const { items } = await orchestrator.resolve('products', { terms: ['abra', 'hocus'] }, op);
      const conflict = {
        kind: 'entity',
        key: 'PROD_123',
        winner: 'one',
        losers: ['ten'],
        rule: 'priority 1 < 10',
      };
      expect(items).toMatchObject([
        {
          entity: { canonical_name: 'Magic Wand Pro' },
          winner: { server: 'one' },
          conflicts: [{ ...conflict, differences: [{ field: 'canonical_name' }, { field: 'aliases' }] }],
        },
        { entity: { canonical_name: 'Magic Wand Pro' }, winner: { server: 'one' } },
      ]);
      expect(op.lines.filter(({ event }) => event === 'resolve.conflict')).toEqual([
        {
          level: 'info',
          event: 'resolve.conflict',
          fields: {
            operation_id: 'op-7',
            domain: 'products',
            ...conflict,
            differing: ['canonical_name', 'aliases'],
          },
        },
      ]);
      // One gather for all terms.
      expect(one.reads.get('product-aliases://list')).toBe(1);
    },
  );

  it('of servers of equal priority go by id, with a warning in answer and log', async () => {
    await using a = await startCatalogueUpstream({ wand: WAND });
    await using b = await startCatalogueUpstream({ wand: RIVAL });
    // Files with such a tie are refused in a domain, so the core meets it only by way of the library.
    const config = configOf({ beta: server(b, 5), alpha: server(a, 6) });
    const servers = config.servers.map((one) => ({ ...one, priority: 5 }));
    await using orchestrator = new MCPOrchestrator({ ...config, servers });
    const op = loggedOperation();
    const { items, warnings } = await orchestrator.resolve('products', { terms: ['abra'] }, op);
    expect(items).toMatchObject([{ winner: { server: 'alpha' }, warnings: [{ code: 'RES302' }] }]);
    expect(warnings).toMatchObject([{ code: 'RES302', server: 'beta' }]);
    expect(op.lines.filter(({ event }) => event === 'resolve.tie')).toMatchObject([
      { level: 'warn', fields: { operation_id: 'op-7', code: 'RES302' } },
    ]);
  });

  it('are asked only of the servers of the domain, and of the one that is named', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using ten = await startCatalogueUpstream({ book: { ...WAND, canonical_id: 'B_1' } });
    await using stranger = await startCatalogueUpstream({ wand: WAND });
    await using orchestrator = orchestratorFor({
      one: server(one, 1),
      ten: server(ten, 10),
      stranger: server(stranger, 2, { domains: ['sales'] }),
    });
    const { items } = await orchestrator.resolve('products', { terms: ['abra'] });
    expect(items).toMatchObject([{ status: 'ambiguous', candidates: [{ ask: 'PROD_123' }, { ask: 'B_1' }] }]);
    expect(stranger.connections).toBe(0);
    const asked = one.connections;
    const answer = await orchestrator.resolve('products', { terms: ['abra'], server: 'ten' });
    expect(answer).toMatchObject({
      winner: { server: 'ten', reason: 'the server that was asked for' },
      candidates: [
        { server: 'one', status: 'not_asked' },
        { server: 'ten', status: 'ok' },
      ],
      items: [{ status: 'resolved', entity: { canonical_id: 'B_1' } }],
    });
    expect(one.connections).toBe(asked);
  });

  verifies(
    'resolve:not-cached',
    'are answered from what the servers say now, while an unchanged catalogue is indexed once',
    async () => {
      await using upstream = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
      await using orchestrator = orchestratorFor({ one: server(upstream, 1) }, { resource_cache_ttl: 0 });
      const ask = async () => (await orchestrator.resolve('products', { terms: ['abra'] })).items[0];
      const before = await ask();
      expect(before).toMatchObject({ entity: { canonical_id: 'PROD_123' } });
      const again = await ask();
      expect(again).toEqual(before);
      // The same index gives the very same values; the answer around them is made anew.
      expect(again).not.toBe(before);
      expect(again?.entity?.database_references).toBe(before?.entity?.database_references);
      upstream.change({ resources: catalogueResources({ wand: { ...WAND, canonical_id: 'PROD_999' } }) });
      expect(await ask()).toMatchObject({ entity: { canonical_id: 'PROD_999' } });
      upstream.change({ resources: catalogueResources({}) });
      expect(await ask()).toMatchObject({ status: 'unknown' });
      expect(upstream.reads.get('product-aliases://list')).toBe(4);
    },
  );

  it('are column terms in the domain of the mappings, and come along with products elsewhere', async () => {
    await using upstream = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    await using orchestrator = orchestratorFor({
      one: server(upstream, 1, { domains: ['products', 'column_mappings'] }),
    });
    const terms = ['Sales Amount', 'abra', 'sales', 'sales amuont'];
    expect((await orchestrator.resolve('column_mappings', { terms })).items).toMatchObject([
      { status: 'resolved', entity: null, column_mappings: [{ sql_expression: 'sales.total_amount' }] },
      { status: 'unknown', candidates: [] },
      { status: 'ambiguous', candidates: [{ canonical_id: 'sales tax' }, { canonical_id: 'sales amount' }] },
      { status: 'resolved', column_mappings: [{ match: { method: 'fuzzy' } }] },
    ]);
    expect((await orchestrator.resolve('products', { terms })).items).toMatchObject([
      { status: 'unknown', column_mappings: [{ sql_expression: 'sales.total_amount' }] },
      { status: 'resolved', entity: { canonical_id: 'PROD_123' } },
      { status: 'unknown' },
      { status: 'unknown', column_mappings: [{ user_term: 'sales amount' }] },
    ]);
  });

  it('find the resources of a server without aliases by name, title and URI', async () => {
    await using files = await startFakeUpstream({
      resources: [
        { uri: 'file:///q3.csv', name: 'q3.csv', title: 'Third Quarter', text: 'a,b' },
        {
          uri: 'file:///ls.json',
          name: 'shell',
          mimeType: 'application/json',
          text: '{"aliases":{"ll":"ls"}}',
        },
      ],
    });
    await using orchestrator = orchestratorFor({ files: server(files, 1) });
    const { items } = await orchestrator.resolve('products', {
      terms: ['third quarter', 'q3.csv', 'file:///q3.csv', 'Shell'],
    });
    expect(items.map(({ entity }) => entity?.canonical_id)).toEqual([
      'file:///q3.csv',
      'file:///q3.csv',
      'file:///q3.csv',
      'file:///ls.json',
    ]);
  });

  it('of a sentence come with their places', async () => {
    await using upstream = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    await using orchestrator = orchestratorFor({ one: server(upstream, 1) });
    const sentence = 'the sales amount of magic wands';
    const { mentions, items } = await orchestrator.resolve('products', { sentence });
    expect(items).toEqual([]);
    expect(mentions?.map(({ text, status }) => [text, status])).toEqual([
      ['sales amount', 'resolved'],
      ['magic wands', 'resolved'],
    ]);
  });
});

describe('an entity by priority', () => {
  verifies('resolve:entity', 'is a resource of that name, else what the name means', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    await using ten = await startFakeUpstream({
      resources: [
        { uri: 'x://1', name: 'Product Aliases', text: 'from ten' },
        { uri: 'x://2', name: 'Only Here', text: 'here' },
      ],
    });
    await using orchestrator = orchestratorFor({ ten: server(ten, 10), one: server(one, 1) });
    expect(await orchestrator.resolveEntityWithPriority('Product Aliases', 'products')).toMatchObject({
      server: 'one',
      priority: 1,
      entity: { aliases: { wand: { canonical_id: 'PROD_123' } } },
    });
    expect(await orchestrator.resolveEntityWithPriority('Only Here', 'products')).toEqual({
      server: 'ten',
      priority: 10,
      entity: 'here',
    });
    expect(await orchestrator.resolveEntityWithPriority('magic wnad', 'products')).toMatchObject({
      server: 'one',
      entity: { canonical_id: 'PROD_123', match: { method: 'fuzzy' } },
    });
    expect(await orchestrator.resolveEntityWithPriority('nothing', 'products')).toBeUndefined();
    expect(await orchestrator.resolveEntityWithPriority('abra', 'weather')).toBeUndefined();
  });

  it('that may be several things is an error, not a guess', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using ten = await startCatalogueUpstream({ book: { ...WAND, canonical_id: 'B_1' } });
    await using orchestrator = orchestratorFor({ one: server(one, 1), ten: server(ten, 10) });
    await expect(orchestrator.resolveEntityWithPriority('abra', 'products')).rejects.toMatchObject({
      code: 'RES303',
      exitCode: 8,
      context: { candidates: ['PROD_123', 'B_1'] },
    });
  });
});
