import type { CommandDefinition, CommandInput, OptionDefinition } from './command.js';
import {
  checkDatabase,
  DATABASE_EXAMPLES,
  DATABASE_OPTIONS,
  databaseSource,
  databaseLimits,
} from './serve-database.js';
import { durationMs, wholeNumber } from './values.js';
import type { Config } from '../core/config/config.js';
import type { Operation } from '../core/operation.js';
import type { Telemetry } from '../core/telemetry/start.js';
import type { Served, ServeOptions } from '../servers/serve.js';

const BIND_OPTIONS: readonly OptionDefinition[] = [
  { flags: '--host <address>', description: 'address to listen on (127.0.0.1)' },
  { flags: '--transport <transport>', description: 'http (SSE and Streamable HTTP on one port) or stdio' },
  {
    flags: '--bearer-token-env <name>',
    description: 'environment variable with the token that callers must send',
  },
  { flags: '--allow-unauthenticated', description: 'listen off loopback without a token' },
  {
    flags: '--allow-origin <origins...>',
    description: 'browser origins that may call, beyond loopback pages',
  },
  { flags: '--allow-host <hosts...>', description: 'names that callers may use for this machine' },
];

const EXITS = [0, 2, 3, 4, 9];

export const serveCommand: CommandDefinition = {
  name: 'serve',
  summary: 'Run one of the MCP servers of mcpx',
  examples: ['mcpx serve metadata', 'mcpx serve database', 'mcpx serve gateway'],
  exits: EXITS,
  subcommands: [
    {
      name: 'metadata',
      summary: 'Serve product aliases and column mappings from a JSON file',
      options: [
        { flags: '--port <port>', description: 'port to listen on; 0 takes any free one (8002)' },
        ...BIND_OPTIONS,
        {
          flags: '--metadata <file>',
          description:
            'the product-metadata file (resources/product_metadata.json, else the one that comes with mcpx)',
        },
        { flags: '--no-watch', description: 'do not take a changed file over (SIGHUP still does)' },
      ],
      examples: [
        'mcpx serve metadata',
        'mcpx serve metadata --metadata my_products.json --port 9002',
        'mcpx serve metadata --transport stdio',
      ],
      exits: EXITS,
      run: serveMetadata,
    },
    {
      name: 'database',
      summary: 'Serve a database read-only: the embedded sample shop, or a PostgreSQL',
      options: [
        {
          flags: '--port <port>',
          description: 'port to listen on; 0 takes any free one',
          default: '8000',
          parse: wholeNumber(0, 65_535),
        },
        ...BIND_OPTIONS,
        ...DATABASE_OPTIONS,
      ],
      examples: DATABASE_EXAMPLES,
      exits: [0, 2, 3, 4, 5, 9],
      run: serveDatabase,
    },
    {
      name: 'gateway',
      summary: 'Serve all configured servers as one',
      options: [
        {
          flags: '--port <port>',
          description: 'port to listen on; 0 takes any free one',
          default: '8003',
          parse: wholeNumber(0, 65_535),
        },
        ...BIND_OPTIONS,
        { flags: '--fail-fast', description: 'a list fails while a required server is missing' },
        { flags: '--degraded', description: 'lists hold what there is, and say what is missing' },
        { flags: '--no-cache', description: 'ask the servers for every list and every read' },
        {
          flags: '--drain <duration>',
          description: 'longest time that requests in flight may take to finish at the end (10s)',
          parse: durationMs,
        },
      ],
      examples: [
        'mcpx serve gateway',
        'mcpx serve gateway --degraded --port 9003',
        'mcpx serve gateway --transport stdio -c ~/mcpx.yaml',
      ],
      exits: EXITS,
      run: serveGateway,
    },
  ],
};

async function serveMetadata(input: CommandInput): Promise<number> {
  const [{ metadataServerSettings }, { startMetadataServer }] = await Promise.all([
    import('../servers/metadata/settings.js'),
    import('../servers/metadata/start.js'),
  ]);
  const { options, global, io } = input;
  const text = (name: string) => options[name] as string | undefined;
  const settings = metadataServerSettings(
    {
      host: text('host'),
      port: text('port'),
      transport: text('transport'),
      metadata: text('metadata'),
      logLevel: global.logLevel,
    },
    io.env,
  );
  const op = await operationFor(input, settings.logLevel);
  const served = await startMetadataServer(
    {
      ...(await bindOptions(input, settings)),
      metadataPath: settings.metadataPath,
      watch: options['watch'] !== false,
    },
    op,
  );
  const forget = io.onSignal('SIGHUP', () => void served.reload());
  return run(input, served).finally(forget);
}

async function serveDatabase(input: CommandInput): Promise<number> {
  const { options } = input;
  const source = databaseSource(input);
  if (options['check'] === true) return await checkDatabase(input, source);
  const { startDatabaseServer } = await import('../servers/database/start.js');
  const address = await addressOf(options);
  const op = await operationFor(input);
  const served = await startDatabaseServer(
    {
      source,
      ...(await bindOptions(input, address)),
      ...databaseLimits(input),
    },
    op,
  );
  return run(input, served);
}

const DRAIN_MS = 10_000;

async function serveGateway(input: CommandInput): Promise<number> {
  const { startTelemetry } = await import('../core/telemetry/start.js');
  const telemetry = await startTelemetry();
  try {
    return await runGateway(input, telemetry);
  } finally {
    const complaints = (await telemetry?.shutdown()) ?? [];
    for (const complaint of input.global.quiet ? [] : complaints) {
      input.io.err(`note: OpenTelemetry: ${complaint}\n`);
    }
  }
}

async function runGateway(input: CommandInput, telemetry: Telemetry | undefined): Promise<number> {
  const { options, io } = input;
  const [{ startGateway }, { openSession }, { withSignal }, { ConfigurationError }, { watchConfig }] =
    await Promise.all([
      import('../servers/gateway/start.js'),
      import('./session.js'),
      import('../core/operation.js'),
      import('../core/errors.js'),
      import('../core/config/watch-config.js'),
    ]);
  if (options['failFast'] === true && options['degraded'] === true) {
    throw new ConfigurationError('CLI901', '--fail-fast and --degraded contradict each other');
  }
  const address = await addressOf(options);
  const session = await openSession(input);
  // The signal is not the operation's: what is in flight may finish after Ctrl-C.
  const op = withSignal(session.op, new AbortController().signal);
  // Flags stand above the file, also above a file that has changed.
  const inEffect = (config: Config): Config => ({
    ...config,
    failFast: options['failFast'] === true || (options['degraded'] !== true && config.failFast),
  });
  const served = await startGateway(
    inEffect(session.config),
    {
      tracing: telemetry && { telemetry, redact: session.redact },
      ...(await bindOptions(input, address)),
      ownExecutable: io.ownExecutable,
      cache: options['cache'] === false ? 'off' : 'use',
    },
    op,
  );
  const stopWatching = await watchConfig(
    session.config,
    {
      env: io.env,
      cwd: io.cwd,
      take: (config) => {
        session.learnSecrets(config);
        return served.reconfigure(inEffect(config));
      },
      onHangUp: (listener) => io.onSignal('SIGHUP', listener),
    },
    op,
  );
  return run(input, served, (options['drain'] as number | undefined) ?? DRAIN_MS).finally(stopWatching);
}

async function addressOf(
  options: CommandInput['options'],
): Promise<{ readonly host: string; readonly port: number; readonly transport: 'http' | 'stdio' }> {
  const transport = options['transport'] ?? 'http';
  if (transport !== 'http' && transport !== 'stdio') {
    const { ConfigurationError } = await import('../core/errors.js');
    throw new ConfigurationError('CLI901', `--transport cannot be ${JSON.stringify(transport)}`, {
      hint: 'It takes http or stdio.',
    });
  }
  const host = (options['host'] as string | undefined) ?? '127.0.0.1';
  return { host, port: Number(options['port']), transport };
}

/** A server logs to tell what it does; over stdio, as over HTTP, on standard error. */
async function operationFor(
  { global, io, operationId }: CommandInput,
  level?: 'debug' | 'info' | 'warn' | 'error',
): Promise<Operation> {
  const [{ loggerFor }, { createOperation }] = await Promise.all([
    import('./logger.js'),
    import('../core/operation.js'),
  ]);
  // The signal is not the operation's: what is in flight may finish after Ctrl-C.
  return createOperation({
    id: operationId,
    logger: loggerFor(global, io, { enabled: true, level: level ?? 'info' }),
  });
}

async function bindOptions(
  { options, io }: CommandInput,
  address: { readonly host: string; readonly port: number; readonly transport: 'http' | 'stdio' },
): Promise<ServeOptions> {
  const { bearerToken } = await import('./bearer-token.js');
  const token = bearerToken(options['bearerTokenEnv'] as string | undefined, io.env);
  return {
    host: address.host,
    port: address.port,
    transport: address.transport,
    ...(token === undefined ? {} : { bearerToken: token }),
    allowUnauthenticated: options['allowUnauthenticated'] === true,
    allowOrigins: (options['allowOrigin'] as string[] | undefined) ?? [],
    allowHosts: (options['allowHost'] as string[] | undefined) ?? [],
  };
}

/** Says that it is ready and where, serves until the first Ctrl-C or SIGTERM, and closes in order. */
async function run({ global, io }: CommandInput, served: Served, graceMs?: number): Promise<number> {
  const { urls } = served;
  if (urls !== undefined) {
    if (!global.quiet) io.err(`listening on ${urls.sse} and ${urls.mcp}\n`);
    if (global.output !== 'table') {
      const ready = { event: 'ready', sse: urls.sse, mcp: urls.mcp, health: urls.health, pid: process.pid };
      await io.out(`${JSON.stringify(ready)}\n`);
    }
  } else if (!global.quiet) {
    io.err('serving over standard input and output\n');
  }
  const stopped = new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopped, served.ended]);
  await served.close(graceMs);
  return 0;
}
