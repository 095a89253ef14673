import { ANCHOR_DAY } from './schema.js';

/** A product of the shop, as the product metadata names it. */
export interface ShopProduct {
  readonly id: number;
  readonly name: string;
  readonly category: string;
}

const CUSTOMERS = 60;
const ORDERS = 400;
/** The shop has been open for a year and a half. */
const DAYS = 540;

/**
 * The rows of the sample shop as INSERT statements: the same for the same products on every machine, since every
 * choice comes from one seeded sequence.
 */
export function shopRows(products: readonly ShopProduct[]): string {
  const random = sequence(20_250_630);
  const priced = products.map((product) => ({ ...product, ...priceOf(product.id) }));
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => customer(index, random));
  const orders: string[] = [];
  const items: string[] = [];
  const sales: string[] = [];
  for (let index = 0; index < ORDERS && priced.length > 0; index += 1) {
    const orderId = 1001 + index;
    // Orders are spread evenly, the last of them on the anchor day itself.
    const daysAgo = Math.round(((ORDERS - 1 - index) / ORDERS) * DAYS);
    const date = day(daysAgo);
    const customerId = 1 + Math.floor(random() ** 1.6 * CUSTOMERS);
    const status = statusOf(daysAgo, random());
    orders.push(row(orderId, customerId, date, status));
    for (const product of pick(priced, 1 + Math.floor(random() * 3.6), random)) {
      const quantity = 1 + Math.floor(random() ** 2 * 5);
      items.push(row(orderId, product.id, quantity, product.price));
      if (status === 'cancelled') continue;
      const total = ((quantity * Math.round(Number(product.price) * 100)) / 100).toFixed(2);
      sales.push(
        row(sales.length + 1, orderId, product.id, customerId, quantity, product.price, total, date),
      );
    }
  }
  return [
    insert('customers', customers),
    insert(
      'products',
      priced.map((product, index) =>
        row(
          product.id,
          product.name,
          product.category,
          product.price,
          product.cost,
          `${day(DAYS + 7 * index)} 09:00Z`,
        ),
      ),
    ),
    insert('orders', orders),
    insert('order_items', items),
    insert('sales', sales),
  ].join('');
}

const FIRST_NAMES =
  'Ada Bruno Chiara Dmitri Elif Farid Greta Hiroshi Ines Jonas Kavya Liam Mei Noah Olivia'.split(' ');
const LAST_NAMES =
  'Almeida Bergström Costa Dubois Eriksen Fischer García Hughes Ito Jansen Kowalski Novák'.split(' ');
const CITIES = [
  ['Berlin', 'Germany'],
  ['Lyon', 'France'],
  ['Porto', 'Portugal'],
  ['Leeds', 'United Kingdom'],
  ['Kraków', 'Poland'],
  ['Utrecht', 'Netherlands'],
  ['Austin', 'United States'],
  ['Toronto', 'Canada'],
  ['Osaka', 'Japan'],
] as const;

function customer(index: number, random: () => number): string {
  // 15 first and 12 last names meet in the same pair only after 60 customers.
  const first = FIRST_NAMES[index % FIRST_NAMES.length] ?? '';
  const last = LAST_NAMES[index % LAST_NAMES.length] ?? '';
  const [city, country] = CITIES[Math.floor(random() * CITIES.length)] ?? CITIES[0];
  const name = `${first} ${last}`;
  const email = `${name
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '')
    .replace(' ', '.')
    .toLowerCase()}@example.com`;
  return row(index + 1, name, email, city, country, `${day(DAYS + Math.floor(random() * 200))} 12:00Z`);
}

/** Prices between 5 and 250 dollars that end in .99; a product keeps its own when others come or go. */
function priceOf(productId: number): { readonly price: string; readonly cost: string } {
  const random = sequence(productId * 7919);
  const price = Math.floor(5 * 50 ** random()) + 0.99;
  return { price: price.toFixed(2), cost: (price * (0.42 + 0.25 * random())).toFixed(2) };
}

function statusOf(daysAgo: number, chance: number): string {
  if (chance < 0.07 && daysAgo > 0) return 'cancelled';
  if (daysAgo <= 3) return 'pending';
  return daysAgo <= 10 ? 'shipped' : 'delivered';
}

/** `count` different items; the first ones of the list sell best. */
function pick<Item>(items: readonly Item[], count: number, random: () => number): Item[] {
  const left = [...items];
  const picked: Item[] = [];
  while (picked.length < count && left.length > 0) {
    picked.push(...left.splice(Math.floor(random() ** 1.4 * left.length), 1));
  }
  return picked;
}

function day(daysAgo: number): string {
  return new Date(Date.parse(`${ANCHOR_DAY}T00:00:00Z`) - daysAgo * 86_400_000).toISOString().slice(0, 10);
}

function insert(table: string, rows: readonly string[]): string {
  return rows.length === 0 ? '' : `INSERT INTO ${table} VALUES\n${rows.join(',\n')};\n`;
}

function row(...values: readonly (string | number)[]): string {
  return `(${values.map((value) => `'${String(value).replaceAll("'", "''")}'`).join(', ')})`;
}

/** Mulberry32: numbers from 0 to 1, the same for one seed everywhere. */
function sequence(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
