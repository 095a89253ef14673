import type { CommandDefinition, CommandInput, OptionDefinition } from './command.js';
import { wholeNumber } from './values.js';

export const CSV_OPTION: OptionDefinition = { flags: '--csv', description: 'print the rows as CSV' };

export const sqlCommand: CommandDefinition = {
  name: 'sql',
  summary: 'Run one SQL query on the database of the configured servers',
  description:
    'Run one SQL query over the tool execute_query of the best configured server that claims to have it',
  arguments: [['<query>', 'the query; - reads it from standard input']],
  options: [
    {
      flags: '--max-rows <number>',
      description: "most rows to ask for (the server's default, 1000 for mcpx)",
      parse: wholeNumber(1, 1_000_000),
    },
    CSV_OPTION,
  ],
  examples: [
    'mcpx sql "SELECT name, price FROM products"',
    'mcpx sql "SELECT status, count(*) FROM orders GROUP BY 1" --json',
    'mcpx sql - --csv < report.sql > report.csv',
  ],
  exits: [0, 2, 3, 4, 5, 6, 130],
  traced: true,
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { args, options, global, io } = input;
  const { assertOneFormat, printRows, withQuery } = await import('./rows.js');
  assertOneFormat(input);
  const [
    { openSession, orchestratorOptions },
    { MCPOrchestrator },
    { asQueryResult },
    errors,
    { withSignal },
  ] = await Promise.all([
    import('./session.js'),
    import('../core/orchestrator.js'),
    import('../render/query.js'),
    import('../core/errors.js'),
    import('../core/operation.js'),
  ]);
  const query = args[0] === '-' ? await io.readInput() : String(args[0]);
  if (query.trim() === '') {
    throw new errors.ConfigurationError('CLI901', 'the query is empty', {
      hint: 'Write it in quotes, or - to read it from standard input: mcpx sql "SELECT 1".',
    });
  }
  const maxRows = options['maxRows'] as number | undefined;
  const { config, op: whole } = await openSession(input);
  const { createDeadline } = await import('../core/resilience/deadline.js');
  const deadlineMs = global.deadlineMs ?? config.deadlineMs;
  using deadline = createDeadline(
    deadlineMs,
    () => new errors.MCPConnectionError('UPS208', `the query was not answered within ${deadlineMs / 1000} s`),
    whole.signal,
  );
  const op = withSignal(whole, deadline.signal);
  await using orchestrator = new MCPOrchestrator(config, orchestratorOptions(io));
  const executor = await orchestrator.getExecutor(op);
  const answer = await executor
    .executeQuery(query, op, maxRows === undefined ? {} : { maxRows })
    .catch((error: unknown) => {
      throw withQuery(error, query);
    });
  const result = asQueryResult(answer);
  if (result === undefined) {
    throw new errors.ResourceFetchError(
      'UPS206',
      `${executor.server} answered execute_query without columns and rows`,
      {
        context: { server: executor.server },
        hint: 'See what it gives: mcpx call execute_query \'{"query":"…"}\'.',
      },
    );
  }
  return await printRows(input, executor.server, result, maxRows);
}
