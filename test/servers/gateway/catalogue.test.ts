import { describe, expect, it } from 'vitest';
import type { ServerConfig } from '../../../src/core/config/config.js';
import { addressOf, parseAddress, prefixedName } from '../../../src/servers/gateway/address.js';
import { mergeOffers, type Offer } from '../../../src/servers/gateway/catalogue.js';
import { pageOf } from '../../../src/servers/gateway/paging.js';
import { configOf } from '../../fixtures/configuration.js';

const SERVERS = configOf({
  a: { url: 'http://localhost:1/mcp', priority: 1 },
  b: { url: 'http://localhost:2/mcp', priority: 10 },
  'c d': { url: 'http://localhost:3/mcp', priority: 20 },
}).servers;

function offer(id: string, ...keys: readonly string[]): Offer {
  const server = SERVERS.find((one) => one.id === id) as ServerConfig;
  return { server, entries: keys.map((key) => ({ key, value: { name: key } })) };
}

const listed = (...input: Parameters<typeof mergeOffers>) =>
  mergeOffers(...input).listed.map(({ server, exposed }) => `${server.id}:${exposed}`);

describe('merging what servers offer', () => {
  it('lists the best server first, and within a server by key', () => {
    expect(listed('resources', [offer('a', 'x://2', 'x://1'), offer('b', 'a://1')], 'prefix')).toEqual([
      'a:x://1',
      'a:x://2',
      'b:a://1',
    ]);
  });

  it('gives a URI to the best server, and tells where the others are', () => {
    const { byName, conflicts } = mergeOffers(
      'resources',
      [offer('a', 'x://1'), offer('b', 'x://1')],
      'prefix',
    );
    expect(byName.get('x://1')?.server.id).toBe('a');
    expect(conflicts).toEqual([
      {
        kind: 'resources',
        key: 'x://1',
        winner: 'a',
        rule: 'priority 1 < 10',
        others: [{ server: 'b', priority: 10, address: 'mcpx://b/x%3A%2F%2F1' }],
      },
    ]);
  });

  it('prefix: lists each of several under the name of its server; the bare name answers for the best', () => {
    const offers = [offer('a', 'search', 'own'), offer('b', 'search'), offer('c d', 'search')];
    expect(listed('tools', offers, 'prefix')).toEqual([
      'a:a__search',
      'a:own',
      'b:b__search',
      'c d:c_d__search',
    ]);
    const { byName } = mergeOffers('tools', offers, 'prefix');
    expect(byName.get('search')?.server.id).toBe('a');
    expect(byName.get('a__own')?.entry.key).toBe('own');
  });

  it('priority: lists the best alone; the others answer under the name of their server', () => {
    const offers = [offer('a', 'search'), offer('b', 'search')];
    expect(listed('tools', offers, 'priority')).toEqual(['a:search']);
    expect(mergeOffers('tools', offers, 'priority').byName.get('b__search')?.server.id).toBe('b');
  });

  it('a name that a server has comes before one that is made up', () => {
    const offers = [offer('a', 'search', 'b__search'), offer('b', 'search')];
    const { byName } = mergeOffers('tools', offers, 'prefix');
    expect(byName.get('b__search')?.server.id).toBe('a');
    expect(byName.get('b__search__2')?.server.id).toBe('b');
  });
});

describe('addresses of what one server has', () => {
  it.each(['x://1', 'file:///a b/ü?q=1#f', 'mcpx://b/x', '%', '/'])('lead back to %s', (uri) => {
    expect(parseAddress(addressOf('a/b', uri))).toEqual({ serverId: 'a/b', uri });
    expect(URL.canParse(addressOf('a/b', uri))).toBe(true);
  });

  it.each(['x://1', 'mcpx://', 'mcpx://a', 'mcpx://a/', 'mcpx://a/%zz'])('%s is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('names hold only what every client takes', () => {
    expect(prefixedName('my server/ü', 'x')).toBe('my_server____x');
  });
});

describe('paging', () => {
  const walk = (offers: readonly Offer[], size: number) => {
    const { listed: all } = mergeOffers('resources', offers, 'prefix');
    const keys: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = pageOf('resources', all, cursor, size);
      keys.push(page.entries.map(({ exposed }) => exposed));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return keys;
  };

  it('walks everything once, with no empty page at the end', () => {
    const offers = [offer('a', '1', '2'), offer('b', '3', '4')];
    expect(walk(offers, 3)).toEqual([['1', '2', '3'], ['4']]);
    expect(walk(offers, 2)).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(walk(offers, 9)).toEqual([['1', '2', '3', '4']]);
    expect(walk([], 2)).toEqual([[]]);
  });

  const next = (before: readonly Offer[], after: readonly Offer[]) => {
    const { nextCursor } = pageOf(
      'resources',
      mergeOffers('resources', before, 'prefix').listed,
      undefined,
      2,
    );
    const { listed: now } = mergeOffers('resources', after, 'prefix');
    return pageOf('resources', now, nextCursor, 2).entries.map(({ exposed }) => exposed);
  };

  it('skips and repeats nothing when entries come and go in between', () => {
    const before = [offer('a', '2', '4', '6'), offer('b', '8')];
    expect(next(before, before)).toEqual(['6', '8']);
    expect(next(before, [offer('a', '1', '2', '3', '4', '6'), offer('b', '8')])).toEqual(['6', '8']);
    expect(next(before, [offer('a', '2', '6'), offer('b', '8')])).toEqual(['6', '8']);
    expect(next(before, [offer('a', '2'), offer('b', '8')])).toEqual(['8']);
  });

  it('goes on behind a server that has left', () => {
    const before = [offer('a', '1'), offer('b', '2', '3'), offer('c d', '4')];
    expect(next(before, [offer('a', '1'), offer('c d', '4')])).toEqual(['4']);
    expect(next(before, [offer('a', '1')])).toEqual([]);
  });

  it.each([
    '',
    'x',
    '%%%',
    Buffer.from('[]').toString('base64url'),
    Buffer.from('null').toString('base64url'),
  ])('refuses the cursor %j', (cursor) => {
    const { listed: all } = mergeOffers('resources', [offer('a', '1')], 'prefix');
    expect(() => pageOf('resources', all, cursor, 2)).toThrow('Invalid cursor');
  });

  it('refuses the cursor of another list', () => {
    const tools = mergeOffers('tools', [offer('a', '1', '2', '3')], 'prefix').listed;
    const { nextCursor } = pageOf('tools', tools, undefined, 1);
    expect(() => pageOf('prompts', tools, nextCursor, 1)).toThrow('Invalid cursor');
  });
});
