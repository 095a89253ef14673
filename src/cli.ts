import { Command, CommanderError, Option } from 'commander';
import { colorIsOn } from './commands/color.js';
import { commands } from './commands/commands.js';
import type {
  CommandDefinition,
  CommandInput,
  Ending,
  GlobalOptions,
  Io,
  OptionDefinition,
  OutputFormat,
} from './commands/command.js';
import { GLOBAL_OPTIONS } from './commands/global-options.js';
import { ConfigurationError, MCPOrchestratorException, retold } from './core/errors.js';
import { createOperationId } from './core/operation.js';
import { asksForTelemetry } from './core/telemetry/asked.js';
import { noSpan } from './core/telemetry/span.js';
import { readVersion } from './core/version.js';
import type { Typed, TypedFlag } from './render/command-line.js';
import { wordsOf, wrapWords } from './render/wrap.js';

/** What the exit statuses mean; each command's help names those that it can end with. */
const EXIT_TEXTS: Readonly<Record<number, string>> = {
  0: 'complete result',
  1: 'a bug in mcpx, or the result cannot be written',
  2: 'bad flag, argument or command',
  3: 'configuration or metadata file missing or invalid',
  4: 'a required server is unreachable, timed out or answered wrongly; or none is usable',
  5: 'a server refused our credentials',
  6: 'degraded: a result is printed and it is incomplete',
  7: 'not found: unknown domain, term, server or URI',
  8: 'ambiguous term',
  9: 'cannot bind a port',
  130: 'stopped by Ctrl-C (143 by SIGTERM)',
};

/**
 * Runs one command line.
 *
 * @param argv  without the program and its path
 * @returns the exit status; never throws
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const run = new Run(argv, io);
  let help = '';
  const program = createProgram(run, (text) => {
    help += text;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    await run.end();
    return run.status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const wantsJson = wantsMachineFormat(argv, io);
    // A command that only has subcommands was called alone; its help says which there are.
    const isBare = error instanceof CommanderError && error.code === 'commander.help';
    if (isBare && !wantsJson && argv[0] !== 'help') {
      io.err(help);
      return 2;
    }
    const told = error instanceof CommanderError ? await usageError(error, argv) : error;
    const failure = withHelp(told, argv);
    run.status = failure instanceof MCPOrchestratorException ? failure.exitCode : 1;
    await run.end(failure);
    await report(failure, wantsJson, run);
    return run.status;
  }
}

/** One run of the program, from its command line to its exit status. */
class Run {
  readonly argv: readonly string[];
  readonly io: Io;
  readonly operationId = createOperationId();
  status = 0;
  /** What was read of the command line. */
  typed: Typed | undefined;
  readonly #flags = new Map<string, TypedFlag>();
  readonly #started = performance.now();
  readonly #endings: ((ending: Ending) => void | Promise<void>)[] = [];

  constructor(argv: readonly string[], io: Io) {
    this.argv = argv;
    this.io = io;
  }

  /** Hears of a flag: of one that takes several values once for each, of others the last time counts. */
  noteFlag(option: Option, value: unknown, isGlobal: boolean): void {
    const name = option.short ?? option.long ?? option.flags;
    const before = option.variadic ? this.#flags.get(name)?.values : undefined;
    const values = typeof value === 'string' ? [...(before ?? []), value] : [];
    this.#flags.set(name, { name, values, isGlobal });
  }

  /**
   * What a command gets besides its arguments and flags.
   *
   * @param operands  as they were written
   */
  async begin(
    definition: CommandDefinition,
    command: string,
    operands: readonly string[],
    { quiet }: GlobalOptions,
  ): Promise<Pick<CommandInput, 'argv' | 'command' | 'io' | 'onEnd' | 'operationId' | 'span' | 'typed'>> {
    const { argv, io, operationId } = this;
    const typed = (this.typed = { command, operands, flags: [...this.#flags.values()] });
    const span =
      definition.traced === true && asksForTelemetry(io.env)
        ? await this.#startTrace(command, quiet)
        : noSpan;
    const onEnd: CommandInput['onEnd'] = (listener) => void this.#endings.unshift(listener);
    return { argv, command, io, operationId, span, onEnd, typed };
  }

  async end(error?: unknown): Promise<void> {
    const durationMs = performance.now() - this.#started;
    const ending = { status: this.status, durationMs, ...(error === undefined ? {} : { error }) };
    for (const listener of this.#endings) await listener(ending);
  }

  async #startTrace(command: string, quiet: boolean) {
    const { traceCommand } = await import('./commands/trace-command.js');
    const { span, end } = await traceCommand(command, this.operationId, quiet, this.io);
    this.#endings.push(end);
    return span;
  }
}

function createProgram(run: Run, onHelp: (text: string) => void): Command {
  const { io } = run;
  const program = new Command('mcpx')
    .description(
      'Gathers the resources of many MCP servers side by side, and says who answers for what and why',
    )
    .version(readVersion(), '-V, --version')
    .configureHelp({ showGlobalOptions: true, helpWidth: widthOf(io), minWidthToWrap: 10 })
    .addHelpText(
      'before',
      examplesHelp([
        'mcpx gather',
        'mcpx gather --json',
        'mcpx resolve products abra',
        'mcpx sql "SELECT product_name, price FROM products"',
        'mcpx init my-project',
        'mcpx serve metadata',
      ]),
    )
    .addHelpText(
      'after',
      `\nMore: mcpx help <command>\n\n${exitHelp([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130], io)}`,
    );
  for (const option of GLOBAL_OPTIONS) addOption(program, option, true);
  configure(program, io, onHelp);
  // A command that is named needs no others beside it; to set them up is 1.5 % of a start.
  const named = commands.find(({ name }) => name === run.argv[0]);
  for (const command of named === undefined ? commands : [named]) add(program, command);
  return program;

  function addOption(command: Command, definition: OptionDefinition, isGlobal: boolean): void {
    const option = toOption(definition);
    command.addOption(option);
    // Commander tells its listeners of each value as it was written; from the environment comes another event.
    command.on(`option:${option.name()}`, (value: unknown) => run.noteFlag(option, value, isGlobal));
  }

  function add(parent: Command, definition: CommandDefinition): void {
    const command = parent
      .command(definition.name)
      .summary(definition.summary)
      .description(definition.description ?? definition.summary);
    configure(command, io, onHelp);
    command.copyInheritedSettings(parent);
    for (const [syntax, description] of definition.arguments ?? []) command.argument(syntax, description);
    for (const option of definition.options ?? []) addOption(command, option, false);
    if (definition.examples !== undefined) {
      command.addHelpText(
        'before',
        `Examples:\n${definition.examples.map((line) => `  ${line}\n`).join('')}`,
      );
    }
    if (definition.exits !== undefined) command.addHelpText('after', `\n${exitHelp(definition.exits, io)}`);
    for (const subcommand of definition.subcommands ?? []) add(command, subcommand);
    if (definition.run === undefined) return;
    command.action(async (...input: unknown[]) => {
      const args = input.slice(0, -2) as (string | string[] | undefined)[];
      const options = command.opts<Record<string, unknown>>();
      const global = globalOptions(command.optsWithGlobals());
      const world = await run.begin(definition, nameOf(command), command.args, global);
      run.status = (await definition.run?.({ args, options, global, ...world })) ?? 0;
    });
  }
}

/** As it is typed behind `mcpx`. */
function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

function configure(command: Command, io: Io, onHelp: (text: string) => void): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => void io.out(text),
    // Usage errors are reported like every other error, once, at the end; what is left is the help of a command
    // that cannot stand alone.
    outputError: () => undefined,
    writeErr: onHelp,
    getOutHelpWidth: () => widthOf(io),
    getErrHelpWidth: () => widthOf(io),
  });
}

function toOption(definition: OptionDefinition): Option {
  const option = new Option(definition.flags, definition.description);
  if (definition.choices !== undefined) option.choices([...definition.choices]);
  if (definition.default !== undefined) option.default(definition.default);
  if (definition.env !== undefined) option.env(definition.env);
  const { parse } = definition;
  if (parse !== undefined) option.argParser((text) => named(option, () => parse(text)));
  return option;
}

/** Says which of the flags it is whose value is refused. */
function named(option: Option, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const { code, message, hint } = error;
    const name = option.long ?? option.flags;
    throw new ConfigurationError(code, `${name}: ${message}`, hint === undefined ? {} : { hint });
  }
}

function globalOptions(raw: Readonly<Record<string, unknown>>): GlobalOptions {
  return {
    ...(typeof raw['config'] === 'string' ? { config: raw['config'] } : {}),
    output: raw['json'] === true ? 'json' : (raw['output'] as OutputFormat),
    color: raw['color'] as GlobalOptions['color'],
    quiet: raw['quiet'] === true,
    verbose: raw['verbose'] === true,
    logFormat: raw['logFormat'] as GlobalOptions['logFormat'],
    ...(raw['logLevel'] === undefined
      ? {}
      : { logLevel: raw['logLevel'] as NonNullable<GlobalOptions['logLevel']> }),
    ...(raw['deadline'] === undefined ? {} : { deadlineMs: raw['deadline'] as number }),
  };
}

function examplesHelp(lines: readonly string[]): string {
  return `Examples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function exitHelp(statuses: readonly number[], io: Io): string {
  const lines = statuses.map((status) =>
    wrapWords(wordsOf(EXIT_TEXTS[status] ?? ''), widthOf(io), ' '.repeat(6), `  ${String(status).padEnd(4)}`),
  );
  return `Exit status:\n${lines.join('')}`;
}

/** Columns that the help may take. */
function widthOf(io: Io): number {
  return io.columns ?? 100;
}

async function usageError(error: CommanderError, argv: readonly string[]): Promise<ConfigurationError> {
  if (error.code === 'commander.help') {
    const [first, second] = argv.filter((word) => !word.startsWith('-'));
    if (first !== 'help') return new ConfigurationError('CLI901', `${first ?? 'mcpx'} needs a command`);
    const { nearest } = await import('./core/nearest.js');
    const near = nearest(
      second ?? '',
      commands.map(({ name }) => name),
    );
    const hint = near === undefined ? {} : { hint: `Did you mean ${near}?` };
    return new ConfigurationError('CLI901', `unknown command '${second ?? ''}'`, hint);
  }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .find((line) => line.includes('Did you mean'))
    ?.trim()
    .replace(/^\(|\)$/g, '');
  return new ConfigurationError('CLI901', first, suggestion === undefined ? {} : { hint: suggestion });
}

/** A usage error that does not say what to do tells where the help of the command is. */
function withHelp(error: unknown, argv: readonly string[]): unknown {
  if (!(error instanceof ConfigurationError) || error.code !== 'CLI901' || error.hint !== undefined)
    return error;
  return retold(error, { hint: `See \`${['mcpx', ...namesIn(argv)].join(' ')} --help\`.` });
}

/** The command of a line, and the one below it: `servers list`. What could not be read may hold anything besides. */
function namesIn(argv: readonly string[]): readonly string[] {
  const names: string[] = [];
  let level: readonly CommandDefinition[] = commands;
  for (const word of argv) {
    const found = level.find(({ name }) => name === word);
    if (found === undefined) continue;
    names.push(found.name);
    level = found.subcommands ?? [];
  }
  return names;
}

/** Failures may come before the flags are read, so the format is looked up in the raw words. */
function wantsMachineFormat(argv: readonly string[], io: Io): boolean {
  const at = argv.findIndex((word) => word === '-o' || word === '--output');
  const joined = argv.find((word) => /^(--output=|-o.)/.test(word));
  const named = at === -1 ? joined?.replace(/^(--output=|-o)/, '') : argv[at + 1];
  const format = named ?? io.env['MCPX_OUTPUT'];
  return argv.includes('--json') || ['json', 'yaml', 'ndjson'].includes(format ?? 'table');
}

async function report(
  error: unknown,
  wantsJson: boolean,
  { argv, io, operationId, typed }: Run,
): Promise<void> {
  if (error instanceof MCPOrchestratorException) {
    const { renderFailure, renderFailureJson } = await import('./render/failure.js');
    io.err(
      wantsJson
        ? renderFailureJson(error, operationId, typed)
        : renderFailure(error, { color: wantsColor(argv, io) }, typed),
    );
    return;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.err(`mcpx met a bug of its own; please report it with these lines:\n${stack}\n`);
}

function wantsColor(argv: readonly string[], io: Io): boolean {
  const at = argv.indexOf('--color');
  const named =
    at === -1 ? argv.find((word) => word.startsWith('--color='))?.slice('--color='.length) : argv[at + 1];
  return colorIsOn(named ?? io.env['MCPX_COLOR'] ?? 'auto', io.stderrIsTerminal, io.env);
}
