/**
 * The resolver on 10,000 generated products with four names each: time to build the index, and the median time of a
 * term at every level, with fuse.js and fastest-levenshtein on the same names in the same run, and how many unknown
 * terms each of them accepts at its best hit.
 *
 * `node bench/resolve.mjs [--json] [--check]`; with --check it fails when a limit is passed.
 */
import { build } from 'esbuild';

const PRODUCTS = 10_000;
const TERMS_PER_LEVEL = 200;
const LIMITS = { buildMs: 1500, termMs: 15 };

const BRANDS =
  'Acorn Borealis Cobalt Dynamo Ember Falcon Granite Horizon Indigo Juniper Krypton Lagoon Meridian Nimbus Orchid Pinnacle Quasar Raptor Summit Tundra Umbra Vertex Willow Zephyr'.split(
    ' ',
  );
const QUALITIES =
  'Classic Compact Deluxe Essential Foldable Heavy Insulated Luxury Magnetic Portable Quiet Rugged Silent Thermal Universal Vintage Waterproof Wireless'.split(
    ' ',
  );
const THINGS =
  'Backpack Blender Bottle Camera Charger Compass Desk Drone Headphones Heater Jacket Kettle Keyboard Lantern Microscope Monitor Printer Projector Router Scanner Speaker Stapler Telescope Toaster Tripod Vacuum Wallet'.split(
    ' ',
  );
const UNKNOWN =
  'espresso machine,garden hose,running shoes,picture frame,quarterly report,total revenue last year,top customers,mountain bike,screen protector,red wine,gift wrap,fresh fruit,bicycle pump,board game,camping stove,laundry basket,violin strings,window cleaner,paper towels,baby stroller'.split(
    ',',
  );

// mulberry32: the same products in every run.
let state = 42;
const random = (below) => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
};
const pick = (list) => list[random(list.length)];

const aliases = {};
const names = [];
for (let i = 0; i < PRODUCTS; i++) {
  const series = `${String.fromCharCode(65 + random(26))}${String.fromCharCode(65 + random(26))}${100 + i}`;
  const [brand, quality, thing] = [pick(BRANDS), pick(QUALITIES), pick(THINGS)];
  const own = Array.from({ length: 7 }, () => 'abcdefghijklmnopqrstuvwxyz'[random(26)]).join('');
  const product = {
    canonical_id: `PROD_${i}`,
    canonical_name: `${brand} ${quality} ${thing} ${series}`,
    aliases: [`${brand} ${series}`, `${own} ${thing}`, `Café ${own} ${quality}`],
    database_references: { 'products.product_id': i },
    categories: [thing.toLowerCase()],
  };
  aliases[`key_${i}`] = product;
  names.push({ own, ...product });
}

const terms = (make) => Array.from({ length: TERMS_PER_LEVEL }, () => make(names[random(PRODUCTS)]));
const swap = (text) => text.slice(0, 2) + text[3] + text[2] + text.slice(4);
const LEVELS = {
  exact: terms((p) => p.canonical_name),
  folded: terms((p) => `cafe ${p.own}-${p.aliases[2].split(' ')[2].toUpperCase()}`),
  tokens: terms((p) => p.aliases[1].split(' ').toReversed().join(' ')),
  fuzzy: terms((p) => `${swap(p.own)} ${p.aliases[1].split(' ')[1]}`),
  partial: terms((p) => p.canonical_name.split(' ').slice(0, 3).join(' ')),
  unknown: terms(() => pick(UNKNOWN)),
};

const { buildIndex, resolveTerm } = await loadResolver();
const catalogue = { server: 'bench', priority: 1, aliases: { aliases } };
buildIndex([
  { ...catalogue, aliases: { aliases: Object.fromEntries(Object.entries(aliases).slice(0, 500)) } },
]);
const startedAtMs = performance.now();
const index = buildIndex([catalogue]);
const result = {
  products: PRODUCTS,
  names: PRODUCTS * 4,
  build_ms: elapsed(startedAtMs),
  median_ms: {},
  statuses: {},
};
for (const [level, list] of Object.entries(LEVELS)) {
  const statuses = {};
  result.median_ms[level] = medianOf(list, (term) => {
    const { status } = resolveTerm(index, term);
    statuses[status] = (statuses[status] ?? 0) + 1;
  });
  result.statuses[level] = statuses;
}
result.others = { 'fuse.js': await benchFuse(), 'fastest-levenshtein': await benchLevenshtein() };
result.unknown_accepted = UNKNOWN.filter((term) => resolveTerm(index, term).status === 'resolved').length;

if (process.argv.includes('--json')) console.log(JSON.stringify(result));
else print(result);
if (process.argv.includes('--check')) {
  const slowest = Math.max(...Object.values(result.median_ms));
  if (result.build_ms > LIMITS.buildMs || slowest > LIMITS.termMs) {
    console.error(`over the limits: build ${LIMITS.buildMs} ms, a term ${LIMITS.termMs} ms`);
    process.exitCode = 1;
  }
}

/** The resolver's own source, bundled in memory, so that the figures belong to this checkout and need no build. */
async function loadResolver() {
  const bundle = await build({
    stdin: {
      contents:
        "export { buildIndex } from './src/core/resolve/build-index.ts';" +
        "export { resolveTerm } from './src/core/resolve/resolve-term.ts';",
      resolveDir: new URL('..', import.meta.url).pathname,
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`
  );
}

async function benchFuse() {
  const module = await import('fuse.js').catch(() => undefined);
  if (module === undefined) return 'not installed';
  const began = performance.now();
  const fuse = new module.default(names, {
    keys: ['canonical_name', 'aliases'],
    includeScore: true,
    threshold: 0.4,
  });
  const build_ms = elapsed(began);
  const median_ms = medianOf(LEVELS.fuzzy.slice(0, 20), (term) => fuse.search(term, { limit: 1 }));
  return {
    build_ms,
    fuzzy_median_ms: median_ms,
    unknown_accepted: UNKNOWN.filter((term) => fuse.search(term, { limit: 1 }).length > 0).length,
  };
}

async function benchLevenshtein() {
  const module = await import('fastest-levenshtein').catch(() => undefined);
  if (module === undefined) return 'not installed';
  const all = names.flatMap((p) => [p.canonical_name, ...p.aliases]).map((name) => name.toLowerCase());
  const median_ms = medianOf(LEVELS.fuzzy.slice(0, 20), (term) => module.closest(term, all));
  // Its best hit has no threshold: taken where no more than two letters in five differ, a usual cut.
  const accepts = (term) => module.distance(term, module.closest(term, all)) <= 0.4 * term.length;
  return { build_ms: 0, fuzzy_median_ms: median_ms, unknown_accepted: UNKNOWN.filter(accepts).length };
}

function medianOf(list, work) {
  for (const term of list.slice(0, 20)) work(term);
  const times = list.map((term) => {
    const began = performance.now();
    work(term);
    return performance.now() - began;
  });
  times.sort((a, b) => a - b);
  return Number(times[Math.floor(times.length / 2)].toFixed(4));
}

function elapsed(since) {
  return Math.round(performance.now() - since);
}

function print({ products, build_ms, median_ms, statuses, others, unknown_accepted }) {
  console.log(`resolver, ${products} products with 4 names each, Node ${process.versions.node}`);
  console.log(`  index built in ${build_ms} ms (limit ${LIMITS.buildMs})`);
  for (const [level, ms] of Object.entries(median_ms)) {
    const counts = Object.entries(statuses[level]).map(([status, count]) => `${status} ${count}`);
    console.log(
      `  ${level.padEnd(8)} ${ms.toFixed(3).padStart(8)} ms a term (limit ${LIMITS.termMs})   ${counts.join(', ')}`,
    );
  }
  console.log(`  unknown terms accepted: ${unknown_accepted} of ${UNKNOWN.length}`);
  for (const [name, other] of Object.entries(others)) {
    const figures =
      typeof other === 'string'
        ? other
        : `built in ${other.build_ms} ms, ${other.fuzzy_median_ms.toFixed(3)} ms a mistyped term, unknown terms accepted: ${other.unknown_accepted} of ${UNKNOWN.length}`;
    console.log(`  beside it ${name}: ${figures}`);
  }
}
