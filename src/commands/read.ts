import type { CommandDefinition, CommandInput } from './command.js';

export const readCommand: CommandDefinition = {
  name: 'read',
  summary: 'Print one resource',
  arguments: [['<uri>', 'URI of the resource, as gather lists it']],
  options: [{ flags: '--server <id>', description: 'read it from this server instead of the one that wins' }],
  examples: ['mcpx read product-aliases://list', 'mcpx read database://metadata --json'],
  exits: [0, 2, 3, 4, 5, 7, 130],
  run,
};

async function run(input: CommandInput): Promise<void> {
  const { args, options, global, io } = input;
  const [{ openSession }, { MCPOrchestrator }, { decodeContents }, { resourceContents }, { writeValue }] =
    await Promise.all([
      import('./session.js'),
      import('../core/orchestrator.js'),
      import('../core/gather/decode.js'),
      import('../render/read.js'),
      import('./output.js'),
    ]);
  const uri = String(args[0]);
  const { config, op } = await openSession(input);
  await using orchestrator = new MCPOrchestrator(config, { ownExecutable: io.ownExecutable });
  const { server, contents: raw } = await orchestrator.readResource(
    uri,
    {
      ...(options['server'] === undefined ? {} : { server: options['server'] as string }),
      ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
    },
    op,
  );
  const { contents } = decodeContents(server.id, uri, raw);
  if (global.output !== 'table') {
    const { resourceReport } = await import('../render/read.js');
    await writeValue(resourceReport(server.id, uri, contents), global.output, io);
    return;
  }
  for (const part of resourceContents(contents, io.stdoutIsTerminal)) await io.out(part);
}
