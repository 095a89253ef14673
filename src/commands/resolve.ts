import { CACHE_OPTIONS, cacheMode } from './cache-options.js';
import type { CommandDefinition, CommandInput } from './command.js';
import { share } from './values.js';

export const resolveCommand: CommandDefinition = {
  name: 'resolve',
  summary: 'Say which server answers for a domain, and what a term means there, and why',
  description:
    'Without a term: the server of best priority that handles the domain, its resources, and who was passed over. ' +
    'With terms: what each of them means by the aliases and column mappings of all servers of the domain. In ' +
    'fail-fast mode every required server of the domain must answer, also one that would lose; with --degraded the ' +
    'rest answers, and the answer says who is missing (exit 6). An ambiguous term is never decided by guessing.',
  arguments: [
    ['<domain>', 'domain that the servers handle, such as products'],
    ['[terms...]', 'names to look up'],
  ],
  options: [
    { flags: '--all', description: 'every candidate, also those that fit less' },
    { flags: '--server <id>', description: 'ask only this server' },
    { flags: '--no-fallback', description: 'fail where the best server of the domain cannot answer' },
    {
      flags: '--fuzzy <score>',
      description: 'least score that is accepted, 0 to 1; 1 takes exact names only',
      parse: share,
    },
    { flags: '--in <sentence>', description: 'find everything that a sentence mentions, with its place' },
    { flags: '--fail-fast', description: 'the first failure of a server stops the whole' },
    { flags: '--degraded', description: 'answer with the servers that there are (exit 6)' },
    ...CACHE_OPTIONS,
  ],
  examples: [
    'mcpx resolve products',
    'mcpx resolve products abra "magic wnd" x1',
    'mcpx resolve column_mappings "sales amount"',
    'mcpx resolve products --in "How many magic wands did we sell?" --json',
  ],
  exits: [0, 2, 3, 4, 5, 6, 7, 8, 130],
  traced: true,
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { args, options, global, io } = input;
  const [{ openSession, orchestratorOptions }, { MCPOrchestrator }, errors, { writeValue, viewOf }] =
    await Promise.all([
      import('./session.js'),
      import('../core/orchestrator.js'),
      import('../core/errors.js'),
      import('./output.js'),
    ]);
  const domain = String(args[0]);
  const terms = (args[1] ?? []) as readonly string[];
  const sentence = options['in'] as string | undefined;
  if (options['failFast'] === true && options['degraded'] === true) {
    throw new errors.ConfigurationError('CLI901', '--fail-fast and --degraded contradict each other');
  }
  if (sentence !== undefined && terms.length > 0) {
    throw new errors.ConfigurationError('CLI901', '--in takes the place of terms', {
      hint: 'Put the sentence into quotes, or leave --in out.',
    });
  }
  const cache = cacheMode(options);
  const { config, op } = await openSession(input);
  await using orchestrator = new MCPOrchestrator(config, orchestratorOptions(io));
  const progress =
    io.stderrIsTerminal && !global.quiet && !global.verbose
      ? (await import('./progress.js')).startProgress(io)
      : undefined;
  const all = options['all'] === true;
  let resolution;
  try {
    resolution = await orchestrator.resolve(
      domain,
      {
        terms,
        ...(sentence === undefined ? {} : { sentence }),
        ...(options['server'] === undefined ? {} : { server: options['server'] as string }),
        ...(options['fuzzy'] === undefined ? {} : { fuzzy: options['fuzzy'] as number }),
        all,
        fallback: options['fallback'] !== false,
        failFast: options['failFast'] === true || (options['degraded'] !== true && config.failFast),
        oneShot: true,
        cache,
        ...(global.deadlineMs === undefined ? {} : { deadlineMs: global.deadlineMs }),
        ...(progress === undefined ? {} : { onPhase: (server, phase) => progress.update(server.id, phase) }),
      },
      op,
    );
  } finally {
    progress?.stop();
  }
  if (global.output === 'table') {
    const { renderResolve } = await import('../render/resolve.js');
    await io.out(renderResolve(resolution, { ...viewOf(global, io), all, typed: input.typed }));
  } else {
    const { resolveLines, resolveReport } = await import('../render/resolve-report.js');
    if (global.output === 'ndjson') {
      for (const line of resolveLines(resolution, op.id)) await writeValue(line, 'ndjson', io);
    } else await writeValue(resolveReport(resolution, op.id), global.output, io);
  }
  const statuses = [...resolution.items, ...(resolution.mentions ?? [])].map(({ status }) => status);
  if (statuses.includes('ambiguous')) return 8;
  if (statuses.includes('unknown')) return 7;
  return resolution.complete ? 0 : 6;
}
