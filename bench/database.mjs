// The benchmark of the database server: `node bench/database.mjs [--rounds <n>] [--calls <n>] [--statements]
// [--rivals <folder>] [--json <file>] [--check]`. One PostgreSQL, and three servers that answer SQL from it over
// stdio: start until the first answer, round trip of a small query, resident memory; with `--statements` also which
// of the tests' hostile and honest statements each of them runs. And our sample shop: start until its first rows.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contenders, installRivals, Peer } from './database-contenders.mjs';
import { measureStarts, START_TARGETS } from './database-start.mjs';
import { findPostgres, startPostgres } from './postgres.mjs';
import { formatTable, median, pairedRatio } from './statistics.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    calls: { type: 'string', default: '200' },
    statements: { type: 'boolean', default: false },
    rivals: { type: 'string' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});

/** Round trip at most this many times that of server-postgres; start at most dbhub's. */
const TARGETS = { roundTrip: 1.5, start: 1 };
const ANSWER_LIMIT_MS = 30_000;
/** A hostile statement that runs this long has been let through. */
const HOSTILE_LIMIT_MS = 1000;

const directory = mkdtempSync(path.join(tmpdir(), 'mcpx-bench-'));
const rivals = flags.rivals ?? path.join(directory, 'rivals');
const say = (text = '') => void process.stdout.write(`${text}\n`);
const fixed = (value, digits) => value.toFixed(digits);

async function startPeer(node, contender, url) {
  const startedAt = performance.now();
  const peer = new Peer(node, contender.start(url), directory);
  const answered = peer.initialize().then(() => peer.call(contender.call('SELECT 1 AS n')));
  const first = await limited(answered, ANSWER_LIMIT_MS);
  if (first === undefined || first.isError === true) {
    await peer.stop();
    throw new Error(`${contender.id} does not answer: ${JSON.stringify(first)} ${peer.said}`);
  }
  return { peer, startMs: performance.now() - startedAt };
}

/** @returns undefined when the time is over first */
async function limited(promise, ms) {
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function timedCall(contender, peer, least) {
  const sql = `SELECT product_id, product_name, price FROM products WHERE product_id > ${least} ORDER BY product_id LIMIT 10`;
  const startedAt = performance.now();
  const { isError, content } = await peer.call(contender.call(sql));
  const elapsedMs = performance.now() - startedAt;
  if (isError === true || !content[0].text.includes('product 1')) throw new Error(content[0].text);
  return elapsedMs;
}

/** What a call takes where nothing else wants the machine: others can only make it longer. */
function lowerQuartile(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)];
}

async function measure(node, competing, url) {
  const samples = new Map(
    competing.map(({ id }) => [id, { startMs: [], roundTripMs: [], newTextMs: [], residentMb: [] }]),
  );
  // The first round is not counted: it fills caches.
  for (let round = -1; round < Number(flags.rounds); round += 1) {
    const running = [];
    try {
      for (const contender of competing) {
        const { peer, startMs } = await startPeer(node, contender, url);
        running.push({ contender, peer, startMs, same: [], fresh: [] });
      }
      // In turn, so that a slow moment of the machine meets all of them.
      for (let index = 0; index < Number(flags.calls); index += 1) {
        for (const { contender, peer, same, fresh } of running) {
          same.push(await timedCall(contender, peer, 0));
          fresh.push(await timedCall(contender, peer, -1 - index));
        }
      }
      if (round < 0) continue;
      for (const { contender, peer, startMs, same, fresh } of running) {
        const own = samples.get(contender.id);
        own.startMs.push(startMs);
        own.roundTripMs.push(lowerQuartile(same));
        own.newTextMs.push(lowerQuartile(fresh));
        own.residentMb.push(peer.residentMb());
      }
    } finally {
      for (const { peer } of running) await peer.stop();
    }
  }
  return samples;
}

/** Every statement in a database as it was at the beginning, by the owner of its tables, as such servers are run. */
async function tryStatements(node, contender, postgres) {
  const read = (name) => JSON.parse(readFileSync(new URL(`../test/data/${name}`, import.meta.url), 'utf8'));
  // What is no statement at all, and what only takes its time, are questions of their own.
  const hostile = read('hostile-statements.json')
    .filter(({ sqlstate, bomb }) => !bomb && !['42601', '22021', '42P02', '42883'].includes(sqlstate))
    .flatMap(({ statements }) => statements);
  const stacked = read('hostile-statements.json')
    .filter(({ reason }) => reason === 'several statements')
    .flatMap(({ statements }) => statements);
  const honest = read('honest-queries.json');
  const result = { hostile: 0, ran: 0, changed: 0, honest: honest.length, refused: 0 };
  const url = postgres.url('owner', 'trial');
  const before = resetTrial(postgres);
  let { peer } = await startPeer(node, contender, url);
  const restart = async () => {
    await peer.stop();
    // A statement goes on without the one who asked for it, and with its locks.
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trial'");
    ({ peer } = await startPeer(node, contender, url));
  };
  const passes = async (sql, ms) => {
    const answer = await limited(
      peer.call(contender.call(sql)).catch(() => ({ isError: true })),
      ms,
    );
    if (answer === undefined) await restart();
    else if (peer.child.exitCode !== null) await restart();
    return answer === undefined || answer.isError !== true;
  };
  try {
    for (const sql of honest) if (!(await passes(sql, ANSWER_LIMIT_MS))) result.refused += 1;
    for (const sql of [...hostile, ...stacked]) {
      result.hostile += 1;
      if (!(await passes(sql, HOSTILE_LIMIT_MS))) continue;
      result.ran += 1;
      if (trialState(postgres) === before) continue;
      result.changed += 1;
      resetTrial(postgres);
      await restart();
    }
  } finally {
    await peer.stop();
  }
  return result;
}

function resetTrial(postgres) {
  postgres.sql('DROP DATABASE IF EXISTS trial WITH (FORCE)');
  postgres.sql('CREATE DATABASE trial TEMPLATE shop OWNER owner');
  return trialState(postgres);
}

/** Rows, relations and large objects; a table that is gone, or that a lock keeps from others, is a change too. */
function trialState(postgres) {
  const tables = ['customers', 'products', 'orders', 'order_items', 'sales'];
  const sums = tables.map(
    (table) => `(SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ${table} t)`,
  );
  const counts = [
    "pg_class WHERE relpersistence = 'p'",
    'pg_proc',
    'pg_largeobject_metadata',
    'pg_roles',
    'pg_namespace',
  ];
  try {
    return postgres.sql(
      `SET lock_timeout = '2s'; SELECT ${[...sums, ...counts.map((of) => `(SELECT count(*) FROM ${of})`)].join(', ')}`,
      'trial',
    );
  } catch (error) {
    return String(error.stderr);
  }
}

const SHOP = `
CREATE TABLE customers (customer_id int PRIMARY KEY, full_name text, email text, city text, country text, created_at timestamptz);
CREATE TABLE products (product_id int PRIMARY KEY, product_name text, category text, price numeric(10,2), cost numeric(10,2), created_at timestamptz);
CREATE TABLE orders (order_id int PRIMARY KEY, customer_id int REFERENCES customers, order_date date, status text);
CREATE TABLE order_items (order_id int REFERENCES orders, product_id int REFERENCES products, quantity int, unit_price numeric(10,2), PRIMARY KEY (order_id, product_id));
CREATE TABLE sales (sale_id int PRIMARY KEY, order_id int REFERENCES orders, product_id int REFERENCES products, customer_id int REFERENCES customers, quantity int, unit_price numeric(10,2), total_amount numeric(12,2), sale_date date);
INSERT INTO customers SELECT n, 'customer ' || n, 'c' || n || '.x@example.com', 'Berlin', 'Germany', now() FROM generate_series(1, 60) n;
INSERT INTO products SELECT n, 'product ' || n, (ARRAY['toys', 'magic'])[1 + n % 2], n + 0.99, n, now() FROM generate_series(1, 40) n;
INSERT INTO orders SELECT n, 1 + n % 60, current_date - n, (ARRAY['pending', 'shipped', 'cancelled'])[1 + n % 3] FROM generate_series(1, 400) n;
INSERT INTO order_items SELECT n, 1 + n % 40, 1 + n % 5, 9.99 FROM generate_series(1, 400) n;
INSERT INTO sales SELECT n, n, 1 + n % 40, 1 + n % 60, 1 + n % 5, 9.99, 9.99 * (1 + n % 5), current_date - n FROM generate_series(1, 400) n;
`;

/** @returns what was missed */
async function measureSample(node, report) {
  const times = await measureStarts(node, Number(flags.rounds), directory);
  const rows = [['the sample shop', 'first start ms', 'start ms']];
  const missed = [];
  for (const [transport, of] of Object.entries(times)) {
    rows.push([`over ${transport}`, fixed(median(of.first), 0), fixed(median(of.again), 0)]);
    for (const [when, target] of Object.entries(START_TARGETS)) {
      if (median(of[when]) > target) missed.push(`sample over ${transport}, ${when}: ${target} ms`);
    }
  }
  report.sample = times;
  say(
    `${formatTable(rows)}\nFrom the start of the process to the first rows: with an empty cache folder, and later.\n`,
  );
  return missed;
}

async function main() {
  const binaries = findPostgres();
  if (binaries === undefined) {
    say('PostgreSQL is not installed (apt-get install postgresql): nothing to measure.');
    process.exitCode = flags.check ? 1 : 0;
    return;
  }
  const reason = installRivals(rivals);
  const all = contenders(rivals);
  const competing = reason === undefined ? all : all.filter(({ id }) => id === 'mcpx');
  if (reason !== undefined) say(`The others are left out: ${reason}`);
  const node = reason === undefined ? path.join(rivals, 'node_modules/node/bin/node') : process.execPath;
  const postgres = await startPostgres(binaries);
  const missed = [];
  const report = {};
  try {
    postgres.sql('CREATE ROLE owner LOGIN; CREATE DATABASE shop OWNER owner;');
    postgres.sql(`SET ROLE owner; ${SHOP} RESET ROLE; ANALYZE;`, 'shop');
    postgres.sql('GRANT USAGE, CREATE ON SCHEMA public TO owner', 'shop');
    postgres.sql(
      'CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader',
      'shop',
    );
    const samples = await measure(node, competing, postgres.url('reader', 'shop'));
    const [own, ...others] = competing.map(({ id }) => [id, samples.get(id)]);
    const rows = [
      [
        'database server',
        'start ms',
        'round trip ms',
        'new text ms',
        'resident MB',
        'start',
        'round trip',
        'new text',
        'resident',
      ],
    ];
    for (const [id, sample] of [own, ...others]) {
      const to = (field) => (id === 'mcpx' ? '' : fixed(pairedRatio(own[1][field], sample[field]), 2));
      rows.push([
        id,
        fixed(median(sample.startMs), 0),
        fixed(median(sample.roundTripMs), 2),
        fixed(median(sample.newTextMs), 2),
        fixed(median(sample.residentMb), 0),
        to('startMs'),
        to('roundTripMs'),
        to('newTextMs'),
        to('residentMb'),
      ]);
      report[id] = Object.fromEntries(
        Object.entries(sample).map(([field, values]) => [field, median(values)]),
      );
    }
    say(
      `${formatTable(rows)}\nRound trip: the same query again and again; new text: each time another. The last columns are mcpx as a multiple of\nthat server. Of a round the lower quartile of the calls counts, of ${flags.rounds} rounds the median.\n`,
    );
    const ratio = (id, field) => {
      const sample = samples.get(id);
      return sample === undefined ? undefined : pairedRatio(own[1][field], sample[field]);
    };
    const roundTrip = ratio('server-postgres', 'roundTripMs');
    const start = ratio('dbhub', 'startMs');
    if (roundTrip > TARGETS.roundTrip) missed.push(`round trip: ${fixed(roundTrip, 2)} × server-postgres`);
    if (start > TARGETS.start) missed.push(`start: ${fixed(start, 2)} × dbhub`);
    missed.push(...(await measureSample(node, report)));
    if (flags.statements) {
      const table = [['statements', 'hostile', 'run', 'changed something', 'honest', 'refused']];
      for (const contender of competing) {
        const { hostile, ran, changed, honest, refused } = await tryStatements(node, contender, postgres);
        table.push([contender.id, hostile, ran, changed, honest, refused].map(String));
        report[contender.id].statements = { hostile, ran, changed, honest, refused };
        if (contender.id === 'mcpx' && ran + changed + refused > 0) missed.push('statements');
      }
      say(`${formatTable(table)}\n`);
    }
  } finally {
    await postgres.stop();
  }
  for (const target of missed) say(`MISSED ${target}`);
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ ...report, missed }, undefined, 2)}\n`);
  if (flags.check && missed.length > 0) process.exitCode = 1;
}

// Ends what was started: see the `exit` handlers of the servers.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

try {
  await main();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
