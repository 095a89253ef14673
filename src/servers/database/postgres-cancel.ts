import { Connection, type ClientBase, type ClientConfig } from 'pg';

/** What the server gave to the client at its start, to recognise who may cancel. */
interface Backend {
  readonly processID?: number;
  readonly secretKey?: number;
}

/** Of the driver's connection, what its types leave out. */
interface CancelConnection extends Connection {
  connect(port: number, host: string): void;
  connect(socket: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

const TIMEOUT_MS = 2000;

/**
 * Asks the server to cancel what a client runs, over a connection of its own, as the protocol wants it. Resolves when
 * the server has taken note; the query then fails with SQLSTATE 57014, unless it was faster.
 */
export function requestCancel(
  client: ClientBase,
  { host = '', port = 5432, ssl }: ClientConfig,
): Promise<void> {
  const { processID, secretKey } = client as unknown as Backend;
  if (processID === undefined || secretKey === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const connection = new Connection({ ssl }) as CancelConnection;
    const timer = setTimeout(() => connection.stream.destroy(), TIMEOUT_MS);
    const cancel = (): void => connection.cancel(processID, secretKey);
    connection.once('connect', () => (ssl === false ? cancel() : connection.requestSsl()));
    connection.once('sslconnect', cancel);
    connection.once('error', reject);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}
