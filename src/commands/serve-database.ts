import { resolve } from 'node:path';
import { ConfigurationError } from '../core/errors.js';
import type { CommandInput, OptionDefinition } from './command.js';
import { byteCount, durationMs, wholeNumber } from './values.js';
import type { DatabaseServerOptions } from '../servers/database/server.js';
import type { DatabaseSource } from '../servers/database/source.js';

/** What `serve database` takes beyond an address to listen on. */
export const DATABASE_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: '--url <url>',
    description: 'a PostgreSQL: postgres://user:password@host/database (env: DATABASE_URL)',
  },
  { flags: '--data <dir>', description: 'an embedded database that is kept in this directory' },
  { flags: '--init <file>', description: 'SQL that a new embedded database begins with' },
  { flags: '--csv <dir>', description: 'folder whose CSV files are the tables of a new embedded database' },
  {
    flags: '--schema <schemas...>',
    description: 'schemas whose tables are served, the first ones found first (public)',
  },
  { flags: '--allow-privileged', description: 'serve with a role that may do more than read' },
  { flags: '--check', description: 'say what the role may do, and how to make a reading one; serve nothing' },
  {
    flags: '--query-timeout <duration>',
    description: 'longest time for one query (10s)',
    parse: durationMs,
  },
  {
    flags: '--max-rows <number>',
    description: 'most rows that a caller may ask for (10000)',
    parse: wholeNumber(1, 1_000_000),
  },
  {
    flags: '--max-bytes <size>',
    description: 'most bytes of rows in one result; further rows are left out (8MiB)',
    parse: byteCount,
  },
  {
    flags: '--max-query-length <characters>',
    description: 'longest query (65536)',
    parse: wholeNumber(1, 65_536),
  },
  {
    flags: '--max-waiting <number>',
    description: 'queries that may wait before the next is told that the database is busy (64)',
    parse: wholeNumber(1, 10_000),
  },
];

export const DATABASE_EXAMPLES = [
  'mcpx serve database',
  'mcpx serve database --port 9000 --query-timeout 5s',
  'DATABASE_URL=postgres://reader@db.example.com/shop mcpx serve database --schema sales public',
  'mcpx serve database --csv exports --data shop.db',
  'mcpx serve database --check --url postgres://reader@localhost/shop',
];

/** Which database the flags name; what they leave open says the environment, then the sample shop. */
export function databaseSource({ options, io }: CommandInput): DatabaseSource {
  const [directory, init, csv] = ['data', 'init', 'csv'].map((name) => options[name] as string | undefined);
  const waiting = options['maxWaiting'] as number | undefined;
  const queue = waiting === undefined ? {} : { maxWaiting: waiting };
  if (directory !== undefined || init !== undefined || csv !== undefined) {
    if (options['url'] !== undefined) {
      throw new ConfigurationError('CLI901', '--url and --data, --init, --csv name two databases');
    }
    return {
      ...queue,
      kind: 'own',
      ...(directory === undefined ? {} : { directory: resolve(io.cwd, directory) }),
      files: {
        ...(init === undefined ? {} : { init: resolve(io.cwd, init) }),
        ...(csv === undefined ? {} : { csv: resolve(io.cwd, csv) }),
      },
      schemas: schemasOf(options['schema']),
    };
  }
  const url = (options['url'] as string | undefined) ?? io.env['DATABASE_URL'];
  if (url === undefined || url === '') return { kind: 'sample', ...queue };
  return {
    ...queue,
    kind: 'postgres',
    url,
    schemas: schemasOf(options['schema']),
    allowPrivileged: options['allowPrivileged'] === true,
  };
}

/** What the flags allow a caller; what they leave open is the server's own default. */
export function databaseLimits({ options }: CommandInput): DatabaseServerOptions {
  const given = (flag: string) => options[flag] as number | undefined;
  return {
    queryTimeoutMs: given('queryTimeout'),
    maxRows: given('maxRows'),
    maxBytes: given('maxBytes'),
    maxQueryChars: given('maxQueryLength'),
  };
}

/** Both `--schema a b` and `--schema a,b`. */
function schemasOf(value: unknown): string[] {
  const schemas = ((value as string[] | undefined) ?? [])
    .flatMap((text) => text.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return schemas.length === 0 ? ['public'] : [...new Set(schemas)];
}

/** Prints what the role of the database may do. @returns 4 where `serve database` would refuse it */
export async function checkDatabase(input: CommandInput, source: DatabaseSource): Promise<number> {
  const [
    { inspectSource },
    { databaseCheck, databaseCheckText },
    { viewOf, writeValue },
    { createOperation },
  ] = await Promise.all([
    import('../servers/database/source.js'),
    import('../render/database-check.js'),
    import('./output.js'),
    import('../core/operation.js'),
  ]);
  const { global, io, operationId } = input;
  const report = await inspectSource(source, createOperation({ id: operationId, signal: io.signal }));
  const allowed = source.kind === 'postgres' && source.allowPrivileged === true;
  if (global.output === 'table') await io.out(databaseCheckText(report, viewOf(global, io)));
  else await writeValue(databaseCheck(report), global.output, io);
  return report.ok || allowed ? 0 : 4;
}
