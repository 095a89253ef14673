import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { main } from '../../src/cli.js';
import type { Io } from '../../src/commands/command.js';
import { MAPPINGS, startCatalogueUpstream, WAND } from '../fixtures/catalogue-upstream.js';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import type { FakeUpstream } from '../fixtures/fake-upstream.js';

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

function server({ url }: FakeUpstream, priority: number, rest: FileSettings = {}): FileSettings {
  return { url, priority, domains: ['products', 'column_mappings'], ...rest };
}

/** Runs one `mcpx resolve` in this process, on a configuration of these servers. */
async function resolve(
  servers: Readonly<Record<string, FileSettings>>,
  args: readonly string[],
  orchestration: FileSettings = {},
): Promise<Ran> {
  using folder = temporaryFolder();
  const file = folder.write('mcpx.yaml', configText(servers, orchestration));
  let out = '';
  let err = '';
  const io: Io = {
    env: {},
    cwd: folder.path,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: undefined,
    readerIsGone: false,
    signal: new AbortController().signal,
    ownExecutable: { command: 'false', args: [] },
    out: async (text) => void (out += String(text)),
    err: (text) => void (err += text),
    readInput: () => Promise.resolve(''),
    onSignal: () => () => undefined,
  };
  const status = await main(['resolve', '--config', file, ...args], io);
  return { status, out, err };
}

function json({ out }: Ran): Record<string, unknown> {
  return JSON.parse(out) as Record<string, unknown>;
}

const BOOK = { canonical_id: 'BOOK_1', canonical_name: 'Book of Spells', aliases: ['abra'] };

/** How fresh an answer is that the server gave just now, without a cache. */
const ASKED = { hit: false, source: 'none', ttl_ms: 0, age_ms: 0, scope: 'private' };

describe('mcpx resolve', () => {
  it('of a domain tells the winner, its resources and who was passed over', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using ten = await startCatalogueUpstream({ wand: WAND });
    const servers = { one: server(one, 1), ten: server(ten, 10) };
    const text = await resolve(servers, ['products']);
    expect(text.status).toBe(0);
    expect(text.err).toBe('');
    expect(text.out).toBe(
      [
        'products: one (priority 1) answers',
        '  why         priority 1 < 10 (ten)',
        '',
        'PASSED OVER  STATUS  PRI  WHY',
        'ten          ok       10  priority 1 < 10',
        '',
        'RESOURCE         URI                     DESCRIPTION',
        'Product Aliases  product-aliases://list',
        '',
      ].join('\n'),
    );
    const report = json(await resolve(servers, ['products', '--json']));
    expect(report).toEqual({
      api_version: 'mcpx/v1',
      kind: 'Resolution',
      operation_id: expect.any(String),
      domain: 'products',
      mode: 'fail-fast',
      complete: true,
      term: null,
      status: 'resolved',
      winner: { server: 'one', priority: 1, reason: 'priority 1 < 10 (ten)' },
      candidates: [
        { server: 'one', priority: 1, status: 'ok', reason: 'priority 1 < 10 (ten)', cache: ASKED },
        { server: 'ten', priority: 10, status: 'ok', reason: 'priority 1 < 10', cache: ASKED },
      ],
      fallback_used: false,
      resources: { 'Product Aliases': { uri: 'product-aliases://list', mime_type: 'application/json' } },
      templates: [],
      warnings: [],
    });
  });

  it('of one term is a Resolution, in every format the same', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    const servers = { one: server(one, 1) };
    const run = await resolve(servers, ['products', 'magic wnad', '--json']);
    const report = json(run);
    expect(run.status).toBe(0);
    expect(report).toMatchObject({
      kind: 'Resolution',
      domain: 'products',
      term: 'magic wnad',
      status: 'resolved',
      winner: { server: 'one', priority: 1, reason: 'the only server that knows it' },
      candidates: [{ canonical_id: 'PROD_123', canonical_name: 'Magic Wand Pro', server: 'one' }],
      fallback_used: false,
      entity: {
        canonical_id: 'PROD_123',
        canonical_name: 'Magic Wand Pro',
        database_references: { 'products.product_id': 123 },
        categories: ['toys'],
        match: { method: 'fuzzy', on: 'alias' },
      },
      column_mappings: [],
      near: [],
      conflicts: [],
      warnings: [],
      servers: [{ server: 'one', status: 'ok' }],
    });
    const yaml = await resolve(servers, ['products', 'magic wnad', '-o', 'yaml']);
    expect(withoutId(parse(yaml.out) as Record<string, unknown>)).toEqual(withoutId(report));
    const again = json(await resolve(servers, ['products', 'magic wnad', '--json']));
    expect(withoutId(again)).toEqual(withoutId(report));
    const text = await resolve(servers, ['products', 'magic wnad']);
    expect(text.out).toContain('magic wnad → Magic Wand Pro  PROD_123 (near match)\n');
  });

  it('of several terms lists all in the order asked, and ends with the worst', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND, book: BOOK }, MAPPINGS);
    const servers = { one: server(one, 1) };
    const some = await resolve(servers, ['products', 'zzz', 'magic_wand', '--json']);
    expect(some.status).toBe(7);
    expect(json(some)).toMatchObject({
      kind: 'ResolutionList',
      items: [
        { term: 'zzz', status: 'unknown', near: [] },
        { term: 'magic_wand', status: 'resolved' },
      ],
    });
    expect(some.err).toBe('');
    const worse = await resolve(servers, ['products', 'zzz', 'abra', 'magic_wand', '-o', 'ndjson']);
    expect(worse.status).toBe(8);
    const lines = worse.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ kind, status }) => [kind, status])).toEqual([
      ['Resolution', 'unknown'],
      ['Resolution', 'ambiguous'],
      ['Resolution', 'resolved'],
      ['ResolutionSummary', undefined],
    ]);
  });

  it('of an ambiguous term picks none, and tells what to type instead', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND, book: BOOK });
    const servers = { one: server(one, 1) };
    const report = await resolve(servers, ['products', 'abra', '--json']);
    expect(report.status).toBe(8);
    expect(json(report)).toMatchObject({
      status: 'ambiguous',
      winner: null,
      entity: null,
      candidates: [
        { canonical_id: 'PROD_123', ask: 'Magic Wand Pro' },
        { canonical_id: 'BOOK_1', ask: 'Book of Spells' },
      ],
    });
    const text = await resolve(servers, ['products', 'abra']);
    expect(text.out).toContain('abra is ambiguous: it fits 2 equally well');
    expect(text.out).toContain('mcpx resolve products "Magic Wand Pro"');
    expect((await resolve(servers, ['products', 'Magic Wand Pro'])).status).toBe(0);
  });

  it('of an unknown term names the nearest', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    const servers = { one: server(one, 1) };
    const report = await resolve(servers, ['products', 'magic wind', '--json']);
    expect(report.status).toBe(7);
    expect(json(report)).toMatchObject({ status: 'unknown', near: [{ canonical_id: 'PROD_123' }] });
    const strict = await resolve(servers, ['products', 'ABRA', '--fuzzy', '1', '--json']);
    expect(strict.status).toBe(7);
    expect(json(strict)).toMatchObject({ candidates: [{ canonical_id: 'PROD_123', score: 0.98 }] });
    expect((await resolve(servers, ['products', 'ABRA', '--fuzzy', '0.98'])).status).toBe(0);
    const column = await resolve(servers, ['products', 'sales amount']);
    expect(column.status).toBe(7);
    expect(column.out).toContain('mcpx resolve column_mappings "sales amount"');
  });

  it('of a column term gives its expression', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND }, MAPPINGS);
    const run = await resolve({ one: server(one, 1) }, ['column_mappings', 'sales amount']);
    expect(run.status).toBe(0);
    expect(run.out).toContain('sales amount → sales.total_amount\n');
  });

  it('of a sentence gives its mentions with their spans', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND, book: BOOK }, MAPPINGS);
    const servers = { one: server(one, 1) };
    const sentence = 'sales amount of magic wands';
    const run = await resolve(servers, ['products', '--in', sentence, '--json']);
    expect(run.status).toBe(0);
    const { kind, mentions } = json(run) as { kind: string; mentions: { start: number; end: number }[] };
    expect(kind).toBe('Mentions');
    expect(mentions.map(({ start, end }) => sentence.slice(start, end))).toEqual([
      'sales amount',
      'magic wands',
    ]);
    expect((await resolve(servers, ['products', '--in', 'buy abra'])).status).toBe(8);
    const none = await resolve(servers, ['products', '--in', 'good morning', '--json']);
    expect([none.status, json(none)['mentions']]).toEqual([0, []]);
    expect((await resolve(servers, ['products', '--in', sentence])).out).toMatch(/^ +AT  TEXT/);
    expect(
      (await resolve(servers, ['products', '--in', sentence, '-o', 'ndjson'])).out.split('\n'),
    ).toHaveLength(4);
  });

  it('shows weaker candidates with --all, and asks one server with --server', async () => {
    await using one = await startCatalogueUpstream({
      wand: WAND,
      kit: { canonical_id: 'KIT_1', canonical_name: 'Abra Starter Kit' },
    });
    await using ten = await startCatalogueUpstream({ book: BOOK });
    const servers = { one: server(one, 1), ten: server(ten, 10) };
    const all = await resolve(servers, ['products', 'magic_wand', '--all', '--json']);
    expect(json(all)).toMatchObject({ status: 'resolved', candidates: [{ canonical_id: 'PROD_123' }] });
    const abra = await resolve({ one: server(one, 1) }, ['products', 'abra', '--all']);
    expect(abra.status).toBe(0);
    expect(abra.out).toContain('LESS LIKELY');
    expect(abra.out).toContain('Abra Starter Kit');
    expect((await resolve(servers, ['products', 'abra'])).status).toBe(8);
    const ten1 = await resolve(servers, ['products', 'abra', '--server', 'ten', '--json']);
    expect(json(ten1)).toMatchObject({ status: 'resolved', entity: { canonical_id: 'BOOK_1' } });
  });
});

describe('mcpx resolve with a server that is down', () => {
  it('fails without a word on stdout in fail-fast mode, whatever place the server has', async () => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using down = await startCatalogueUpstream({});
    await down.close();
    for (const [best, other] of [
      [one, down],
      [down, one],
    ] as const) {
      const servers = { best: server(best, 1), other: server(other, 10) };
      const run = await resolve(servers, ['products', 'abra', '--json']);
      expect(run.status).toBe(4);
      expect(run.out).toBe('');
      expect(JSON.parse(run.err)).toMatchObject({
        error: {
          code: 'UPS202',
          exit_code: 4,
          fix: expect.stringMatching(
            /^mcpx resolve products abra --degraded -c \/\S+\/mcpx\.yaml --json$/,
          ) as string,
        },
      });
    }
  });

  it.each([
    [['abra', 'magic wand'], 'abra "magic wand" --degraded -c CONFIG'],
    [['--', '-x'], '--degraded -c CONFIG -- -x'],
    [['--in', 'a $5 wand'], "--in 'a $5 wand' --degraded -c CONFIG"],
    [
      ['abra', '--no-fallback', '--fail-fast', '--fuzzy=0.9', '--deadline', '20s', '-q', '--refresh'],
      'abra --no-fallback --fuzzy 0.9 --refresh --degraded -c CONFIG --deadline 20s -q',
    ],
  ])('tells to try again with all that was asked for: %j', async (words, fix) => {
    await using one = await startCatalogueUpstream({ wand: WAND });
    await using down = await startCatalogueUpstream({});
    await down.close();
    const run = await resolve({ best: server(one, 1), other: server(down, 10) }, ['products', ...words]);
    const [, told = ''] = /^ {2}try: {3}mcpx resolve products (.*)$/m.exec(run.err) ?? [];
    // What is to be typed instead needs the same file and flags.
    const flags = ['--fuzzy', '0.9', '--server', 'best', '--deadline', '20s'];
    const near = await resolve({ best: server(one, 1) }, ['products', 'magic wandering', ...flags]);
    expect(near.out).toMatch(
      /^ {2}type +mcpx resolve products "Magic Wand.*" --fuzzy 0\.9 --server best -c \/\S+\/mcpx\.yaml --deadline 20s$/m,
    );
    const mentioned = await resolve({ best: server(one, 1) }, ['products', '--in', 'the magic wandering']);
    expect(mentioned.out).not.toMatch(/type.*--in/);
    expect(told.replace(/-c \/\S+\/mcpx\.yaml/, '-c CONFIG')).toBe(fix);
  });

  it('answers from the next one in degraded mode, says so, and ends with 6', async () => {
    await using ten = await startCatalogueUpstream({ wand: WAND });
    await using down = await startCatalogueUpstream({});
    await down.close();
    const servers = { one: server(down, 1), ten: server(ten, 10) };
    const report = await resolve(servers, ['products', '--degraded', '--json']);
    expect(report.status).toBe(6);
    expect(json(report)).toMatchObject({
      fallback_used: true,
      complete: false,
      winner: { server: 'ten', reason: 'one (priority 1) is failed' },
      candidates: [
        { server: 'one', status: 'failed', reason: 'status failed', error: { code: 'UPS202' } },
        { server: 'ten', status: 'ok' },
      ],
    });
    const text = await resolve(servers, ['products', 'abra'], { fail_fast: false });
    expect(text.status).toBe(6);
    expect(text.out).toContain('fallback');
    expect(text.out).toContain('one: UPS202');
    const strict = await resolve(servers, ['products', 'abra', '--degraded', '--no-fallback']);
    expect(strict.status).toBe(4);
    expect(strict.out).toBe('');
    expect((await resolve(servers, ['products', 'zzz', '--degraded'])).status).toBe(7);
    const gone = await resolve({ one: server(down, 1) }, ['products', '--degraded']);
    expect([gone.status, gone.out]).toEqual([4, '']);
  });
});

describe('mcpx resolve, wrongly called', () => {
  it.each([
    [['products', 'a', '--fuzzy', '2'], 2, 'is no number from 0 to 1'],
    [['products', 'a', '--fuzzy', ''], 2, 'is no number from 0 to 1'],
    [['products', 'a', '--in', 'b'], 2, '--in takes the place of terms'],
    [['products', '--fail-fast', '--degraded'], 2, 'contradict'],
    [[], 2, "missing required argument 'domain'"],
    [['produkts'], 7, 'Known domains: column_mappings, products'],
    [['products', '--server', 'nobody'], 7, 'no server "nobody" is configured'],
  ])('%j ends with %i', async (args, status, message) => {
    const run = await resolve(
      { one: { url: 'http://127.0.0.1:9/sse', priority: 1, domains: ['products', 'column_mappings'] } },
      args,
    );
    expect([run.status, run.out]).toEqual([status, '']);
    expect(run.err).toContain(message);
  });
});

function withoutId(report: Record<string, unknown>): Record<string, unknown> {
  return { ...report, operation_id: 'one' };
}
