import type { CommandDefinition, CommandInput } from './command.js';
import { CSV_OPTION } from './sql.js';

export const callCommand: CommandDefinition = {
  name: 'call',
  summary: 'Call a tool of a configured server',
  description: 'Call a tool of the best configured server that has it, or list what there is',
  arguments: [
    ['[tool]', 'name of the tool'],
    ['[arguments]', 'what it is called with, a JSON object; - reads it from standard input'],
  ],
  options: [
    { flags: '--args <json>', description: 'the arguments, instead of behind the name' },
    { flags: '--server <id>', description: 'the tool of this server' },
    {
      flags: '--list',
      description: 'call nothing: list the tools with their arguments, or what this one takes',
    },
    CSV_OPTION,
  ],
  examples: [
    'mcpx call --list',
    'mcpx call execute_query --list',
    'mcpx call execute_query \'{"query":"SELECT name FROM products"}\'',
    'mcpx call resolve_product --args \'{"term":"abra"}\' --server product_metadata_mcp --json',
  ],
  exits: [0, 2, 3, 4, 5, 6, 7, 130],
  traced: true,
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { args, options, global, io } = input;
  const { assertOneFormat, printRows, withQuery } = await import('./rows.js');
  assertOneFormat(input);
  if (options['list'] === true) return await list(input);
  const tool = String(args[0] ?? '');
  const [
    { openSession, orchestratorOptions },
    { MCPOrchestrator },
    { asQueryResult },
    { toolReport, toolText },
    { writeValue },
    { ConfigurationError },
  ] = await Promise.all([
    import('./session.js'),
    import('../core/orchestrator.js'),
    import('../render/query.js'),
    import('../render/tool.js'),
    import('./output.js'),
    import('../core/errors.js'),
  ]);
  if (tool === '') {
    throw new ConfigurationError('CLI901', 'the name of a tool is missing', {
      hint: 'Write it behind `mcpx call`; --list shows what there is.',
      fix: 'mcpx call --list',
    });
  }
  const values = parseArguments(await argumentText());
  const { config, op } = await openSession(input);
  await using orchestrator = new MCPOrchestrator(config, orchestratorOptions(io));
  const { server, result } = await orchestrator
    .callTool(
      tool,
      values,
      {
        ...(options['server'] === undefined ? {} : { server: options['server'] as string }),
        ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
      },
      op,
    )
    .catch((error: unknown) => {
      throw typeof values['query'] === 'string' ? withQuery(error, values['query']) : error;
    });
  const rows = asQueryResult(result.structuredContent);
  if (rows !== undefined && (options['csv'] === true || global.output === 'table')) {
    const asked = values['max_rows'];
    return await printRows(input, server, rows, typeof asked === 'number' ? asked : undefined);
  }
  if (options['csv'] === true) {
    throw new ConfigurationError('CLI901', `${tool} of ${server} gives no rows to print as CSV`, {
      hint: 'Leave --csv out, or take --json.',
    });
  }
  if (global.output === 'table') await io.out(toolText(result, io.stdoutIsTerminal));
  else await writeValue(toolReport(server, tool, result), global.output, io);
  return 0;

  async function argumentText(): Promise<string> {
    const [behind, flag] = [args[1], options['args'] as string | undefined];
    if (behind !== undefined && flag !== undefined) {
      throw new ConfigurationError('CLI901', 'the arguments of the tool are given twice', {
        hint: 'Write them behind its name, or with --args.',
      });
    }
    const text = (behind as string | undefined) ?? flag ?? '{}';
    return text === '-' ? await io.readInput() : text;
  }

  function parseArguments(text: string): Readonly<Record<string, unknown>> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new ConfigurationError('CLI901', 'the arguments of the tool are no JSON', {
        hint: 'Write an object, in single quotes for the shell: \'{"query":"SELECT 1"}\'.',
        cause,
      });
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw new ConfigurationError('CLI901', 'the arguments of the tool are no JSON object', {
      hint: 'Write each by its name: \'{"query":"SELECT 1"}\'.',
    });
  }
}

/** All tools, or those of one name. */
async function list(input: CommandInput): Promise<number> {
  const { args, options, global, io } = input;
  const [
    { openSession, orchestratorOptions },
    { MCPOrchestrator },
    { renderTools, toolList },
    { viewOf, writeValue },
    { ConfigurationError },
    { unknownTool },
  ] = await Promise.all([
    import('./session.js'),
    import('../core/orchestrator.js'),
    import('../render/tool.js'),
    import('./output.js'),
    import('../core/errors.js'),
    import('../core/clients/tool-arguments.js'),
  ]);
  if (args[1] !== undefined || options['args'] !== undefined || options['csv'] === true) {
    throw new ConfigurationError('CLI901', '--list calls nothing, so it takes no arguments and no --csv');
  }
  const { config, op } = await openSession(input);
  await using orchestrator = new MCPOrchestrator(config, orchestratorOptions(io));
  const all = await orchestrator.listTools(
    {
      ...(options['server'] === undefined ? {} : { server: options['server'] as string }),
      ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
    },
    op,
  );
  const name = args[0] as string | undefined;
  const chosen =
    name === undefined
      ? all
      : all.map((each) => ({ ...each, tools: each.tools.filter((tool) => tool.name === name) }));
  const isComplete = all.every(({ error }) => error === undefined);
  if (name !== undefined && isComplete && chosen.every(({ tools }) => tools.length === 0)) {
    throw unknownTool(
      name,
      all.flatMap(({ tools }) => tools.map((tool) => tool.name)),
    );
  }
  if (global.output === 'table') await io.out(renderTools(chosen, viewOf(global, io)));
  else await writeValue(toolList(chosen), global.output, io);
  return isComplete ? 0 : 6;
}
