import { ServeError } from '../../core/errors.js';
import type { PostgresAddress } from './postgres-address.js';
import { databaseError, QueryError } from './query-error.js';

/** The fields of PostgreSQL's error messages and of Node's system errors that we read. */
interface ForeignError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly severity?: unknown;
  readonly position?: unknown;
  readonly hint?: unknown;
}

/** An error that the database reported, by its SQLSTATE; anything else comes from the line. */
export function isReported(error: unknown): error is ForeignError & { readonly code: string } {
  const { code, severity } = (error ?? {}) as ForeignError;
  return typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
}

/** States with which a server ends a connection; the same query may work on another one. */
const ENDED = /^(?:57P0[1-5]|08...)$/;

/** Whether the connection is gone, not the query wrong. */
export function isLost(error: unknown): boolean {
  return !(error instanceof QueryError) && (!isReported(error) || ENDED.test(error.code));
}

/** A failed query, as its caller sees it. */
export function toQueryError(error: unknown, address: PostgresAddress): QueryError {
  if (error instanceof QueryError) return error;
  if (isReported(error) && !ENDED.test(error.code)) {
    const { code, message, position, hint } = error;
    return databaseError({
      sqlstate: code,
      // As it is: hiding the password in what a query makes PostgreSQL say would let queries guess it.
      message: String(message),
      position: position === undefined ? null : Number(position),
      hint: typeof hint === 'string' ? hint : null,
    });
  }
  const { message, hint } = explain(error, address);
  const sqlstate = isReported(error) ? error.code : '08006';
  return new QueryError('SQL505', sqlstate, message, { hint, cause: causeOf(error, address) });
}

/** Why a server cannot be used at all. */
export function toServeError(error: unknown, address: PostgresAddress): ServeError {
  const { message, hint } = explain(error, address);
  const refused = isReported(error) ? error.code.startsWith('28') : needsPassword(error);
  return new ServeError(refused ? 'SRV408' : 'SRV407', message, {
    context: { host: address.host, port: address.port, database: address.database, user: address.user },
    hint,
    cause: causeOf(error, address),
  });
}

interface Explanation {
  readonly message: string;
  readonly hint: string;
}

function explain(error: unknown, address: PostgresAddress): Explanation {
  const { host, port, user, database } = address;
  const at = host.startsWith('/') ? host : `${host}:${port}`;
  const { code } = (error ?? {}) as ForeignError;
  const text = error instanceof Error ? error.message : '';
  switch (typeof code === 'string' ? code : '') {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return { message: `No PostgreSQL listens at ${at}.`, hint: 'Is it running, and is the port right?' };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { message: `The host ${host} is not known.`, hint: 'Correct the host in the database URL.' };
    case '28P01':
    case '28000':
      return {
        message: `PostgreSQL at ${at} does not let ${user} in.`,
        hint:
          address.tls !== false && address.tls.cert === undefined && /certificate/.test(text)
            ? 'It wants a client certificate: sslcert=/path/client.pem&sslkey=/path/client.key.'
            : 'Check user and password in the database URL, and pg_hba.conf of the server.',
      };
    case '3D000':
      return {
        message: `PostgreSQL at ${at} has no database ${database}.`,
        hint: 'Correct the database in the URL: postgres://user:password@host:5432/database.',
      };
    case '42501':
      return {
        message: `${user} may not connect to the database ${database}.`,
        hint: `Let it in: GRANT CONNECT ON DATABASE ${database} TO ${user};`,
      };
    case '53300':
      return {
        message: `PostgreSQL at ${at} takes no more connections.`,
        hint: 'Raise max_connections there, or the CONNECTION LIMIT of the role.',
      };
    case '57P03':
      return {
        message: `PostgreSQL at ${at} is starting up or shutting down.`,
        hint: 'Try again in a moment.',
      };
    default:
      return explainLine(text, typeof code === 'string' ? code : '', at);
  }
}

/** The driver's own word for an answer that it cannot give: the server asks for a password, and there is none. */
function needsPassword(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('SASL:');
}

/** What Node and the driver say of a line, where there is no SQLSTATE. */
function explainLine(text: string, code: string, at: string): Explanation {
  if (text === 'The server does not support SSL connections') {
    return {
      message: `PostgreSQL at ${at} has no TLS.`,
      hint: 'Switch it on there, or write sslmode=disable.',
    };
  }
  if (text.startsWith('SASL:')) {
    return {
      message: `PostgreSQL at ${at} asks for a password.`,
      hint: 'Put it into the database URL, or into PGPASSWORD.',
    };
  }
  // Keys that the TLS library cannot read, or that do not belong together.
  if (code.startsWith('ERR_OSSL_')) {
    return {
      message: `The files of sslrootcert, sslcert and sslkey cannot be used (${code}).`,
      hint: 'Each holds PEM; the key is that of the certificate, without a passphrase.',
    };
  }
  if (code.includes('_ALERT_')) {
    return {
      message: `PostgreSQL at ${at} does not take our certificate (${code}).`,
      hint: 'Name one that its authority has issued, and its key: sslcert=/path/client.pem&sslkey=/path/client.key.',
    };
  }
  if (/CERT|TLS|SSL|^UNABLE_TO/.test(code)) {
    return {
      message: `The certificate of PostgreSQL at ${at} is not trusted (${code}).`,
      hint: 'Name the certificate of its authority, sslrootcert=/path/ca.pem, and the host that it is issued for.',
    };
  }
  if (/timeout/i.test(text) || code === 'ETIMEDOUT') {
    return {
      message: `PostgreSQL at ${at} did not answer in time.`,
      hint: 'Is the address right, and no firewall between?',
    };
  }
  return {
    message: `The connection to PostgreSQL at ${at} was lost.`,
    hint: 'Try again; it is opened anew.',
  };
}

function causeOf(error: unknown, address: PostgresAddress): Error {
  const { message } = (error ?? {}) as ForeignError;
  return new Error(withoutPassword(typeof message === 'string' ? message : String(error), address));
}

/** No server should send it back, and none can. */
function withoutPassword(text: string, { password }: PostgresAddress): string {
  return password === undefined || password === '' ? text : text.replaceAll(password, '***');
}
