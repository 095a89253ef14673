import { CACHE_OPTIONS, cacheMode } from './cache-options.js';
import type { CommandDefinition, CommandInput } from './command.js';

export const readCommand: CommandDefinition = {
  name: 'read',
  summary: 'Print one resource',
  arguments: [['<uri>', 'URI of the resource, as gather lists it']],
  options: [
    { flags: '--server <id>', description: 'read it from this server instead of the one that wins' },
    ...CACHE_OPTIONS,
  ],
  examples: ['mcpx read product-aliases://list', 'mcpx read database://metadata --json'],
  exits: [0, 2, 3, 4, 5, 7, 130],
  traced: true,
  run,
};

async function run(input: CommandInput): Promise<void> {
  const { args, options, global, io } = input;
  const [
    { openSession, orchestratorOptions },
    { MCPOrchestrator },
    { decodeContents },
    { resourceContents },
    { writeValue },
  ] = await Promise.all([
    import('./session.js'),
    import('../core/orchestrator.js'),
    import('../core/gather/decode.js'),
    import('../render/read.js'),
    import('./output.js'),
  ]);
  const uri = String(args[0]);
  const cache = cacheMode(options);
  const { config, op } = await openSession(input);
  await using orchestrator = new MCPOrchestrator(config, orchestratorOptions(io));
  const {
    server,
    contents: raw,
    freshness,
  } = await orchestrator.readResource(
    uri,
    {
      ...(options['server'] === undefined ? {} : { server: options['server'] as string }),
      ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
      cache,
    },
    op,
  );
  const { contents } = decodeContents(server.id, uri, raw);
  if (global.output !== 'table') {
    const { resourceReport } = await import('../render/read.js');
    await writeValue(resourceReport(server.id, uri, contents, freshness), global.output, io);
    return;
  }
  if (freshness.stale === true && !global.quiet) {
    const { humanMs } = await import('../render/units.js');
    io.err(`warning: ${server.id} could not be asked; this answer is ${humanMs(freshness.ageMs)} old\n`);
  }
  for (const part of resourceContents(contents, io.stdoutIsTerminal)) await io.out(part);
}
