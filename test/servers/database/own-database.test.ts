import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { CsvFileError, readCsvTable } from '../../../src/servers/database/csv-table.js';
import { lockDirectory } from '../../../src/servers/database/data-lock.js';
import type { QueryLimits } from '../../../src/servers/database/engine.js';
import { PgliteSession } from '../../../src/servers/database/pglite-session.js';
import { openDatabase } from '../../../src/servers/database/source.js';
import { temporaryFolder, type TemporaryFolder } from '../../fixtures/configuration.js';
import { Mcpx } from '../../fixtures/executable.js';
import { buildDatabase, type BuiltDatabase } from './build.js';
import { RUNAWAY } from './shop-engines.js';

const limits: QueryLimits = { maxRows: 1000, timeoutMs: 60_000, maxBytes: 1_000_000 };

let built: BuiltDatabase;
let folder: TemporaryFolder;
beforeAll(async () => {
  built = await buildDatabase();
  folder = temporaryFolder();
});
afterAll(() => folder?.[Symbol.dispose]());

interface Own {
  readonly directory?: string;
  readonly init?: string;
  readonly csv?: string;
  readonly schemas?: readonly string[];
  readonly maxWaiting?: number;
}

async function open({ directory, schemas = ['public'], maxWaiting = 64, ...files }: Own) {
  const engine = await openDatabase(
    { kind: 'own', ...(directory === undefined ? {} : { directory }), files, schemas, maxWaiting },
    createOperation(),
    built.workers,
  );
  return {
    engine,
    rows: async (sql: string, other: Partial<QueryLimits> = {}, signal?: AbortSignal) =>
      (
        await engine.query(
          sql,
          { ...limits, ...other },
          createOperation(signal === undefined ? {} : { signal }),
        )
      ).rows,
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

const sub = (...names: string[]) => path.join(folder.path, ...names);

describe('a database of the user', () => {
  it('is made of SQL and CSV files, readable and not more', { timeout: 120_000 }, async () => {
    const init = folder.write(
      'init.sql',
      "CREATE SCHEMA extra; CREATE TABLE extra.notes (t text); INSERT INTO extra.notes VALUES ('héllo');",
    );
    using csv = temporaryFolder();
    csv.write(
      'Sales 2025.csv',
      '\uFEFFOrder Id,Preis €,when,Paid\n1,2.50,2025-01-31,true\n2,,2025-02-28,false\n',
    );
    await using own = await open({ init, csv: csv.path, schemas: ['public', 'extra'] });
    expect(await own.rows('SELECT order_id, preis, "when", paid FROM sales_2025 ORDER BY 1')).toEqual([
      [1, '2.50', '2025-01-31', true],
      [2, null, '2025-02-28', false],
    ]);
    expect(await own.rows('SELECT t FROM notes')).toEqual([['héllo']]);
    const { tables } = await own.engine.describe();
    expect(tables.map(({ schema, name }) => `${schema}.${name}`)).toEqual([
      'public.sales_2025',
      'extra.notes',
    ]);
    expect(tables[0]?.columns.map(({ type, description }) => [type, description])).toEqual([
      ['integer', 'Order Id'],
      ['numeric', 'Preis €'],
      ['date', null],
      ['boolean', 'Paid'],
    ]);
    // The file is gone; the thread that replaces a stopped one still has its data.
    csv[Symbol.dispose]();
    const runaway = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';
    await expect(
      own.engine.query(runaway, { ...limits, timeoutMs: 300 }, createOperation()),
    ).rejects.toMatchObject({ code: 'SQL504' });
    expect(await own.rows('SELECT count(*) FROM sales_2025')).toEqual([['2']]);
  });

  it(
    'names file and line of what cannot be loaded, and keeps nothing of it',
    { timeout: 120_000 },
    async () => {
      const init = folder.write('broken.sql', 'CREATE TABLE a (b int);\nINSERT INTO a\n  SELEKT 1;\n');
      const directory = sub('never');
      await expect(open({ init, directory })).rejects.toMatchObject({
        code: 'SRV410',
        message: expect.stringContaining(`${init}:3:`),
      });
      expect(readdirSync(folder.path).filter((name) => name.startsWith('never'))).toEqual([]);
      using csv = temporaryFolder();
      await expect(open({ csv: csv.path })).rejects.toMatchObject({
        code: 'SRV410',
        message: expect.stringContaining('no CSV files'),
      });
      const file = csv.write('a.csv', 'x\n1\n');
      const gone = path.join(csv.path, 'gone');
      for (const [files, message, hint] of [
        [{ csv: file }, `${file} is no folder`, '--csv <dir>'],
        [{ csv: gone }, `the folder ${gone} does not exist`, '--csv <dir>'],
        [{ init: gone }, `the file ${gone} does not exist`, '--init <file>'],
        [{ init: csv.path }, `${csv.path} is a folder`, '--csv <dir>'],
        [{ init }, `${init}:3:`, 'Correct the file'],
        [{ directory: file }, `${file} cannot be read as a directory`, '--data <dir>'],
      ] as const)
        await expect(open(files)).rejects.toMatchObject({
          code: 'SRV410',
          message: expect.stringContaining(message),
          hint: expect.stringContaining(hint),
        });
      csv.write('A.CSV', 'x\n1\n');
      await expect(open({ csv: csv.path })).rejects.toMatchObject({
        message: expect.stringContaining('both be the table a'),
      });
    },
  );

  it('is kept in a directory, loaded once, and has one process at a time', { timeout: 180_000 }, async () => {
    const directory = sub('kept');
    const init = folder.write('once.sql', 'CREATE TABLE t AS SELECT 1 AS n;');
    {
      await using own = await open({ directory, init });
      expect(await own.rows('SELECT n FROM t')).toEqual([[1]]);
      await expect(open({ directory: `${folder.path}/./kept/` })).rejects.toMatchObject({
        code: 'SRV404',
        message: expect.stringMatching(new RegExp(`^Process ${process.pid} uses .+ since 20`)),
      });
    }
    folder.write('once.sql', 'CREATE TABLE t AS SELECT 2 AS n;');
    await using again = await open({ directory, init });
    expect(await again.rows('SELECT n FROM t')).toEqual([[1]]);
    expect(existsSync(`${directory}.lock`)).toBe(true);
  });

  it('survives kill -9, and its lock is taken over then, not before', { timeout: 240_000 }, async () => {
    const directory = sub('killed');
    const init = folder.write(
      'rows.sql',
      'CREATE TABLE t AS SELECT a, md5(a::text) AS m FROM generate_series(1, 5000) a;',
    );
    const serve = ['serve', 'database', '--data', directory, '--init', init, '--port', '0'];
    for (let round = 0; round < 2; round += 1) {
      await using first = new Mcpx(serve);
      await first.said('listening on');
      await using second = new Mcpx(serve);
      const { status, stderr } = await second.finished;
      expect(status).toBe(9);
      expect(stderr).toContain(`SRV404 data_locked: Process ${first.pid} uses`);
      first.process.kill('SIGKILL');
      await first.finished;
    }
    await using own = await open({ directory });
    expect(await own.rows('SELECT count(*), max(a) FROM t')).toEqual([['5000', 5000]]);
  });

  it(
    'has as many queries wait as it was told, in memory and in a directory',
    { timeout: 120_000 },
    async () => {
      const init = folder.write('one.sql', 'CREATE TABLE one AS SELECT 1 AS n');
      for (const directory of [undefined, sub('queue')]) {
        await using own = await open({
          init,
          maxWaiting: 1,
          ...(directory === undefined ? {} : { directory }),
        });
        const runaway = own.rows(RUNAWAY, { timeoutMs: 1000 }).catch((error: unknown) => error);
        const waiting = own.rows('SELECT n FROM one');
        await expect(own.rows('SELECT n FROM one')).rejects.toMatchObject({ sqlstate: '53300' });
        expect(await waiting).toEqual([[1]]);
        expect(await runaway).toMatchObject({ sqlstate: '57014' });
      }
    },
  );

  it(
    'is served in a directory while a query runs away there, again and again',
    { timeout: 240_000 },
    async () => {
      const init = folder.write('two.sql', 'CREATE TABLE two AS SELECT generate_series(1, 100000) AS n');
      const directory = sub('busy');
      const left = folder.path;
      const copies = () => readdirSync(left).filter((name) => name.startsWith('busy.mcpx-copy-'));
      mkdirSync(`${directory}.mcpx-copy-${randomUUID()}`);
      {
        await using own = await open({ init, directory });
        expect(copies()).toEqual([]);
        // First the thread that ends is that of the directory, then that of the copy.
        for (const isAbandoned of [false, true]) {
          let over = false;
          const caller = new AbortController();
          const runaway = own
            .rows(RUNAWAY, { timeoutMs: isAbandoned ? 60_000 : 12_000 }, caller.signal)
            .catch((error: unknown) => error)
            .finally(() => (over = true));
          for (let n = 0; n < 3; n += 1) {
            expect(await own.rows('SELECT count(*), max(n) FROM two')).toEqual([['100000', 100_000]]);
          }
          expect(over).toBe(false);
          if (isAbandoned) caller.abort();
          expect(await runaway).toMatchObject(isAbandoned ? { code: 'UPS219' } : { sqlstate: '57014' });
          expect(await own.rows('SELECT count(*) FROM two')).toEqual([['100000']]);
        }
      }
      expect(copies()).toEqual([]);
      await using again = await open({ directory });
      expect(await again.rows('SELECT count(*) FROM two')).toEqual([['100000']]);
    },
  );

  it('does not take a directory with other files for a database', async () => {
    await expect(open({ directory: folder.path })).rejects.toMatchObject({ code: 'SRV410' });
    expect(existsSync(`${folder.path}.lock`)).toBe(false);
  });
});

describe('the lock of a data directory', () => {
  const holder = (fields: object): string =>
    JSON.stringify({
      id: 'x',
      pid: process.pid,
      host: hostname(),
      started: null,
      since: '2026-01-01T00:00:00Z',
      ...fields,
    });

  it('of a process that ended is taken over, also when another process has its number now', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    for (const [index, fields] of [{ pid: dead }, { started: 'another boot/1' }].entries()) {
      const directory = sub(`stale-${index}`);
      writeFileSync(`${directory}.lock`, holder(fields));
      const release = lockDirectory(directory);
      expect(JSON.parse(readFileSync(`${directory}.lock`, 'utf8'))).toMatchObject({ pid: process.pid });
      expect(() => lockDirectory(directory)).toThrow(`Process ${process.pid} uses`);
      release();
      release();
      expect(readdirSync(folder.path).filter((name) => name.startsWith(`stale-${index}`))).toEqual([]);
    }
  });

  it.runIf(process.platform === 'linux')(
    'of a process that ended and whose parent has not asked how is taken over',
    async () => {
      // The shell becomes a program that never asks about the child it then has. The child ends only after that, for
      // the shell itself asks.
      const parent = spawn('/bin/sh', ['-c', 'cat <&3 & echo $!; exec sleep 60 3<&-'], {
        stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
      });
      try {
        const pid = Number(String(((await once(parent.stdout!, 'data')) as [Buffer])[0]));
        await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n');
        (parent.stdio[3] as Writable).end();
        const state = () => / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
        await expect.poll(state).toBe('Z');
        const directory = sub('unasked');
        writeFileSync(`${directory}.lock`, holder({ pid }));
        const release = lockDirectory(directory);
        expect(JSON.parse(readFileSync(`${directory}.lock`, 'utf8'))).toMatchObject({ pid: process.pid });
        release();
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );

  it('of a living process, of another machine, or what is no lock is left alone', () => {
    for (const [index, [text, message]] of (
      [
        [holder({ pid: 1 }), 'Process 1 uses'],
        [holder({ host: 'elsewhere' }), 'on elsewhere'],
        ['not a lock', 'no lock file'],
      ] as const
    ).entries()) {
      const directory = sub(`left-${index}`);
      writeFileSync(`${directory}.lock`, text);
      expect(() => lockDirectory(directory)).toThrow(message);
      expect(readFileSync(`${directory}.lock`, 'utf8')).toBe(text);
    }
  });
});

describe('a CSV file', () => {
  const table = (text: string | Uint8Array, file = 'data/some file.csv') =>
    readCsvTable(file, typeof text === 'string' ? Buffer.from(text) : text);
  const columns = (text: string) =>
    [...table(text).createSql.matchAll(/^ {2}"((?:[^"]|"")+)" (\w+)/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );

  it.each([
    ['1\n-2\n\n2147483647', 'integer'],
    ['1\n2147483648', 'bigint'],
    ['1\n1.50', 'numeric'],
    ['123456789012345678901', 'numeric'],
    ['1\n1e5', 'numeric'],
    ['007', 'text'],
    ['+1', 'text'],
    ['true\nFALSE', 'boolean'],
    ['2024-02-29', 'date'],
    ['2023-02-29', 'text'],
    ['2024-02-29 23:59', 'timestamp'],
    ['2024-02-29T23:59:59.123456', 'timestamp'],
    ['2024-02-29T25:00', 'text'],
    ['2024-02-29T23:59:59Z\n2024-02-29 23:59+02:00', 'timestamptz'],
    ['1\nx', 'text'],
    ['', 'text'],
  ])('%j is %s', (cells, type) => {
    expect(
      columns(
        `c,d\n${cells
          .split('\n')
          .map((cell) => `${cell},x\n`)
          .join('')}`,
      )[0],
    ).toBe(`c ${type}`);
  });

  it('gets names that need no quotes, each once, as long as PostgreSQL allows', () => {
    expect(columns('A,a,,  Ünï cödé ,1st,a-b,"x""; DROP TABLE t; --",日本\n')).toEqual([
      'a text',
      'a_2 text',
      'column_3 text',
      'ünï_cödé text',
      '_1st text',
      'a_b text',
      'x_drop_table_t text',
      '日本 text',
    ]);
    const long = 'ü'.repeat(100);
    for (const name of columns(`${long},${long}\n`))
      expect(Buffer.byteLength(name.split(' ')[0] ?? '')).toBeLessThanOrEqual(63);
    expect(table('a\n1\n', '/x/2024 Köln.csv').name).toBe('_2024_köln');
  });

  it('may be separated by semicolons or tabs, and quote what it likes', () => {
    expect(columns('a;b\n1;2\n')).toEqual(['a integer', 'b integer']);
    expect(columns('a\tb\n1\t2\n')).toEqual(['a integer', 'b integer']);
    expect(table('a,b\r\n"x, ""y""\nz",\r\n').rows).toBe('"x, ""y""\nz",\n');
  });

  it.each([
    ['a,b\n1,2\n1,2,3\n', 'data/some file.csv:3: 3 cells'],
    ['a,b\n1\n', 'data/some file.csv:2: 1 cells'],
    ['a\n"x\n', 'quote is out of place'],
    ['', ':1: there is no line'],
    [`${Array.from({ length: 1601 }, (_, index) => `c${index}`).join(',')}\n`, '1601 columns'],
    ['a\n\0\n', 'null character'],
    [Uint8Array.of(0x61, 0x0a, 0xff), 'not UTF-8'],
  ])('%# is refused with its place', (text, message) => {
    expect(() => table(text)).toThrow(CsvFileError);
    expect(() => table(text)).toThrow(message);
  });
});

describe('the days of the sample shop', () => {
  it('move on while it is served', { timeout: 120_000 }, async () => {
    const session = await PgliteSession.open(built.shop);
    const latest = async () =>
      (
        await session.query(
          'SELECT max(order_date)::text, CURRENT_DATE::text, max(sale_date)::text FROM orders, sales',
          limits,
        )
      ).rows[0];
    try {
      const today = new Date().toISOString().slice(0, 10);
      expect(await latest()).toEqual([today, today, today]);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 86_400_000 });
      const later = new Date().toISOString().slice(0, 10);
      expect(later).not.toBe(today);
      expect(await latest()).toEqual([later, later, later]);
      expect(await latest()).toEqual([later, later, later]);
    } finally {
      vi.useRealTimers();
      await session.close();
    }
  });
});
