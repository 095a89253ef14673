import type { ServerConfig } from '../core/config/config.js';
import type { Outcome } from '../core/gather/outcome.js';
import { CACHE_OPTIONS, cacheMode } from './cache-options.js';
import type { CommandDefinition, CommandInput } from './command.js';
import { durationMs, wholeNumber } from './values.js';
import { unmatched, WANTED_OPTIONS, wanted } from './wanted.js';

export const gatherCommand: CommandDefinition = {
  name: 'gather',
  summary: 'Fetch the resources of every configured server',
  arguments: [['[servers...]', 'ids of the servers to ask; all when left out']],
  options: [
    { flags: '--domain <domains...>', description: 'only servers that handle one of these domains' },
    { flags: '--fail-fast', description: 'the first failure stops the whole; nothing partial is printed' },
    { flags: '--degraded', description: 'print what there is, and say what is missing (exit 6)' },
    ...WANTED_OPTIONS,
    ...CACHE_OPTIONS,
    {
      flags: '--timeout <duration>',
      description: 'longest wait for one answer of a server',
      env: 'MCPX_TIMEOUT',
      parse: durationMs,
    },
    {
      flags: '--concurrency <number>',
      description: 'servers that are worked on at once',
      env: 'MCPX_CONCURRENCY',
      parse: wholeNumber(1, 1000),
    },
  ],
  examples: [
    'mcpx gather',
    "mcpx gather --json | jq '.servers | keys'",
    'mcpx gather product_metadata_mcp --list-only',
    "mcpx gather --include 'product-aliases://*' 'database://*' --max-bytes 1MB",
    'mcpx gather --domain products sales --degraded --deadline 10s',
  ],
  exits: [0, 2, 3, 4, 5, 6, 7, 130],
  traced: true,
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { args, options, global, io } = input;
  const [
    { openSession, orchestratorOptions },
    { MCPOrchestrator },
    { chooseServers },
    { ConfigurationError, ResourceFetchError },
  ] = await Promise.all([
    import('./session.js'),
    import('../core/orchestrator.js'),
    import('./choose-servers.js'),
    import('../core/errors.js'),
  ]);
  if (options['failFast'] === true && options['degraded'] === true) {
    throw new ConfigurationError('CLI901', '--fail-fast and --degraded contradict each other');
  }
  const cache = cacheMode(options);
  const asked = wanted(options);
  const startedAt = new Date().toISOString();
  const { config, op } = await openSession(input);
  const timeoutMs = options['timeout'] as number | undefined;
  await using orchestrator = new MCPOrchestrator(
    { ...config, servers: config.servers.map((server) => withTimeout(server, timeoutMs)) },
    orchestratorOptions(io),
  );
  const failFast = options['failFast'] === true || (options['degraded'] !== true && config.failFast);
  const servers = chooseServers(
    orchestrator.registry,
    args[0] as readonly string[],
    options['domain'] as string[],
  );
  const progress =
    io.stderrIsTerminal && !global.quiet && !global.verbose
      ? (await import('./progress.js')).startProgress(io)
      : undefined;
  const format = global.output;
  // A line that is out cannot be taken back, so lines wait where a failure may come after them.
  const streams = format === 'ndjson' && !failFast && asked.selection.include === undefined;
  const [{ gatherServerLine }, { writeValue }, { printGathered }] = await Promise.all([
    import('../render/gather-report.js'),
    import('./output.js'),
    import('./print-gathered.js'),
  ]);
  const lines: Promise<void>[] = [];
  const held: Outcome[] = [];
  let hasAnswer = false;
  // Until one server has answered, the whole may still fail, and then nothing may be on stdout.
  const stream = (outcome: Outcome) => {
    held.push(outcome);
    hasAnswer ||= outcome.status !== 'failed';
    if (!hasAnswer) return;
    for (const each of held.splice(0)) lines.push(writeValue(gatherServerLine(each, op.id), 'ndjson', io));
  };

  let gathered;
  try {
    gathered = await orchestrator.gather(
      {
        servers,
        failFast,
        ...asked,
        oneShot: true,
        cache,
        ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
        ...(options['concurrency'] === undefined ? {} : { concurrency: options['concurrency'] as number }),
        ...(progress === undefined ? {} : { onPhase: (server, phase) => progress.update(server.id, phase) }),
        ...(streams ? { onOutcome: stream } : {}),
      },
      op,
    );
  } finally {
    progress?.stop();
  }
  await Promise.all(lines);
  const globs = unmatched(asked, gathered);
  if (globs !== undefined) {
    throw new ResourceFetchError('RES305', `no server lists a resource that matches ${globs.join(' ')}`, {
      hint: '"*" stands for any characters, slashes too; a glob has to match the whole URI.',
      fix: 'mcpx gather --list-only',
    });
  }

  await printGathered(gathered, { operationId: op.id, startedAt }, { global, io, areServersOut: streams });
  if (cache === 'use' && timeoutMs === undefined) {
    const { rememberRun } = await import('./kept-run.js');
    rememberRun(input, gathered, { ...config, failFast }, Date.parse(startedAt));
  }
  return gathered.complete ? 0 : 6;
}

function withTimeout(server: ServerConfig, timeoutMs: number | undefined): ServerConfig {
  if (timeoutMs === undefined) return server;
  return { ...server, timeoutMs, connectTimeoutMs: Math.min(server.connectTimeoutMs, timeoutMs) };
}
