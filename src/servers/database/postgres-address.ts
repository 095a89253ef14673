import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { ConfigurationError } from '../../core/errors.js';

/** Where a PostgreSQL is and who we are there. */
export interface PostgresAddress {
  /** A name, an IP address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** False: never. The fallback of `prefer`: without TLS where the server has none. */
  readonly tls: ConnectionOptions | false;
  readonly tlsOptional: boolean;
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** What we understand of libpq's parameters; another one could be meant to protect, so it is refused. */
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'port',
  'user',
  'password',
  'dbname',
];

/** These ask for nothing that mcpx decides otherwise. */
const IGNORED = [
  'application_name',
  'fallback_application_name',
  'connect_timeout',
  'channel_binding',
  'pgbouncer',
];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`, with the meanings that libpq gives to its parts.
 *
 * @throws ConfigurationError CLI901, never with the text of the URL, which may hold a password
 */
export function parseAddress(text: string): PostgresAddress {
  const url = parseUrl(text);
  const parameters = url.searchParams;
  const unknown = [...parameters.keys()].find((name) => ![...PARAMETERS, ...IGNORED].includes(name));
  if (unknown !== undefined) {
    throw wrong(`the database URL has the parameter ${JSON.stringify(unknown)}, which is not supported`, {
      hint: `Supported are ${PARAMETERS.join(', ')}.`,
    });
  }
  const user = parameters.get('user') ?? decoded(url.username);
  if (user === '') throw wrong('the database URL names no user', { hint: EXAMPLE });
  const port = Number(parameters.get('port') ?? (url.port === '' ? 5432 : url.port));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw wrong('the database URL has no valid port');
  const password = parameters.get('password') ?? (url.password === '' ? undefined : decoded(url.password));
  const host = parameters.get('host') ?? decoded(url.hostname).replace(/^\[(.+)\]$/, '$1');
  const database = parameters.get('dbname') ?? decoded(url.pathname.slice(1));
  const address = { host: host === '' ? 'localhost' : host, port, user, password };
  return { ...address, database: database === '' ? user : database, ...tlsOf(parameters, host) };
}

const EXAMPLE = 'Write postgres://user:password@host:5432/database.';

function parseUrl(text: string): URL {
  let url: URL;
  try {
    // libpq takes an empty host for the local one, the class does not.
    url = new URL(text.trim().replace('@/', '@localhost/'));
  } catch {
    throw wrong('the database URL cannot be read', {
      hint: `${EXAMPLE} Characters such as @ / : # % in a password are written as %40 %2F %3A %23 %25.`,
    });
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw wrong('the database URL is not one of PostgreSQL', { hint: EXAMPLE });
  }
  return url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('the database URL has a stray percent sign', { hint: 'Write % as %25.' });
  }
}

/** libpq's `prefer`, its default, protects from nobody who can change what is on the line; `verify-full` does. */
function tlsOf(parameters: URLSearchParams, host: string): Pick<PostgresAddress, 'tls' | 'tlsOptional'> {
  const root = parameters.get('sslrootcert');
  const mode = parameters.get('sslmode') ?? (root === null ? 'prefer' : 'verify-full');
  if (!SSL_MODES.includes(mode)) {
    throw wrong(`sslmode cannot be ${JSON.stringify(mode)}`, { hint: `It takes ${SSL_MODES.join(', ')}.` });
  }
  if (mode === 'disable' || host.startsWith('/')) return { tls: false, tlsOptional: false };
  const [certificate, key] = [parameters.get('sslcert'), parameters.get('sslkey')];
  if ((certificate === null) !== (key === null)) {
    throw wrong('the database URL has only one of sslcert and sslkey', {
      hint: 'A client certificate needs its key: sslcert=/path/client.pem&sslkey=/path/client.key.',
    });
  }
  const authority = root === null || root === 'system' ? undefined : readFile('sslrootcert', root);
  const verify = mode === 'verify-full' || mode === 'verify-ca' || (mode === 'require' && root !== null);
  const tls: ConnectionOptions = {
    rejectUnauthorized: verify,
    ...(authority === undefined ? {} : { ca: authority }),
    // A certificate of the right authority is enough, whatever name it bears.
    ...(verify && mode !== 'verify-full' ? { checkServerIdentity: () => undefined } : {}),
    ...(certificate === null ? {} : { cert: readFile('sslcert', certificate) }),
    ...(key === null ? {} : { key: readFile('sslkey', key) }),
  };
  return { tls, tlsOptional: mode === 'prefer' || mode === 'allow' };
}

function readFile(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw wrong(`the file of ${parameter} cannot be read: ${path}`, { cause });
  }
}

function wrong(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): ConfigurationError {
  return new ConfigurationError('CLI901', message, options);
}
