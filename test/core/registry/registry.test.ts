import { expect, it } from 'vitest';
import { Registry } from '../../../src/core/registry/registry.js';
import { configOf } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';

const url = 'http://127.0.0.1:1/sse';

/** Each server as `[id, priority, ...domains]`. */
function registryOf(...servers: readonly (readonly [string, number, ...string[]])[]): Registry {
  const entries = servers.map(([id, priority, ...domains]) => [id, { url, priority, domains }] as const);
  return new Registry(configOf(Object.fromEntries(entries)).servers);
}

verifies('orch:registry', 'lists by priority and by domain, whatever the order of the file', () => {
  const rows = [
    ['low', 500, 'products'],
    ['z', 10, 'sales'],
    ['high', 1, 'products', 'sales'],
    ['a', 10, 'other'],
  ] as const;
  for (const order of [rows, rows.toReversed(), [rows[2], rows[0], rows[3], rows[1]]]) {
    const registry = registryOf(...(order as typeof rows));
    // Equal priorities go by id.
    expect(registry.servers.map(({ id }) => id)).toEqual(['high', 'a', 'z', 'low']);
    expect(registry.forDomain('products').map(({ id }) => id)).toEqual(['high', 'low']);
    expect(registry.forDomain('sales').map(({ id }) => id)).toEqual(['high', 'z']);
    expect(registry.domains()).toEqual(['other', 'products', 'sales']);
  }
});

it('numbers decide as numbers: 9 comes before 10', () => {
  expect(registryOf(['a', 10], ['b', 9], ['c', 100]).servers.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
});

it('knows nobody for a domain or an id that is not configured', () => {
  const registry = registryOf(['a', 1, 'products']);
  expect(registry.forDomain('Products')).toEqual([]);
  expect(registry.find('b')).toBeUndefined();
  expect(registry.find('constructor')).toBeUndefined();
  expect(registry.find('a')?.priority).toBe(1);
});

it.each([
  ['prodcuts', 'Did you mean "products"? Known domains: products, sales.'],
  ['prod', 'Did you mean "products"? Known domains: products, sales.'],
  ['weather', 'Known domains: products, sales.'],
])('the unknown domain "%s" is told with what may have been meant', (domain, hint) => {
  const registry = registryOf(['a', 1, 'products'], ['b', 2, 'sales']);
  expect(() => registry.handling(domain)).toThrow(expect.objectContaining({ code: 'RES301', hint }));
  expect(registry.handling('sales').map(({ id }) => id)).toEqual(['b']);
});

it.each([
  ['githb', 'Did you mean "github"? Configured: github, x.'],
  ['GitHub', 'Did you mean "github"? Configured: github, x.'],
  // One letter of one is no likeness.
  ['y', 'Configured: github, x.'],
])('the unknown server "%s" is told with what may have been meant', (id, hint) => {
  const registry = registryOf(['github', 1], ['x', 2]);
  expect(() => registry.named(id)).toThrow(expect.objectContaining({ code: 'RES306', hint }));
  expect(registry.named('x')).toMatchObject({ priority: 2 });
});

it('of many domains it names some, and says how many more there are', () => {
  const many = Array.from({ length: 25 }, (_, index) => `d${String(index).padStart(2, '0')}`);
  const error = (): unknown => {
    try {
      return registryOf(['a', 1, ...many]).handling('weather');
    } catch (caught) {
      return caught;
    }
  };
  expect(error()).toMatchObject({
    hint: `Known domains: ${many.slice(0, 20).join(', ')} and 5 more.`,
    context: { known: many },
  });
});
