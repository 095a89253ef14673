import type { ValidatedConfig, ValidatedFile } from '../core/config/validate.js';
import type { Source } from '../core/config/fix.js';
import type { Problem } from '../core/config/problem.js';
import type { Environment } from '../core/config/load.js';
import type { FlagValue } from '../core/config/resolved.js';
import type { ConnectedFile } from '../core/inspect/connected-file.js';
import type { LogLevel } from '../core/logging/logger.js';
import type { CommandDefinition, CommandInput, GlobalOptions } from './command.js';

export const validateConfigCommand: CommandDefinition = {
  name: 'validate-config',
  summary: 'Check configuration files, and say what to write instead',
  arguments: [['[files...]', 'files to check; the configuration that is found when left out']],
  options: [
    {
      flags: '--format <format>',
      description: 'text, json, github (annotations of a workflow) or sarif',
      choices: ['text', 'json', 'github', 'sarif'],
    },
    {
      flags: '--connect',
      description: 'connect to every server as well, and compare what is claimed with what is there',
    },
    { flags: '--fix', description: 'correct what is safe; everything else stays byte for byte' },
    { flags: '--dry-run', description: 'with --fix: print the corrections as a diff, and write nothing' },
    { flags: '--strict', description: 'warnings fail as well' },
    {
      flags: '--print',
      description: 'print the configuration in effect and where each value comes from; secrets as ***',
    },
    {
      flags: '--metadata <file>',
      description:
        'check a product-metadata file the same way; with --connect its column mappings too, in the database',
    },
    { flags: '--schema', description: 'print the JSON Schema of the configuration' },
  ],
  examples: [
    'mcpx validate-config',
    'mcpx validate-config --strict --format github config/*.yaml',
    'mcpx validate-config --connect --deadline 10s',
    'mcpx validate-config --fix --dry-run',
    'mcpx validate-config --print',
    'mcpx validate-config --metadata resources/product_metadata.json',
    'mcpx validate-config --metadata resources/product_metadata.json --connect',
    'mcpx validate-config --schema > mcp_config_schema.json',
  ],
  exits: [0, 1, 2, 3, 4, 5, 130],
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { options, io } = input;
  if (options['schema'] === true) {
    const { configJsonSchema } = await import('../core/config/schema.js');
    await io.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return 0;
  }
  await refuseContradictions(options);
  const files = await validateAll(input);
  if (options['fix'] === true) return fix(input, files);
  return options['print'] === true ? print(input, files) : connectAndReport(input, files);
}

async function connectAndReport(
  input: CommandInput,
  files: readonly (ValidatedFile | ValidatedConfig)[],
  corrections?: Corrections,
): Promise<number> {
  if (input.options['connect'] !== true) return report(input, files, corrections);
  const { connectFiles } = await import('./connect-files.js');
  const connected = await connectFiles(input, files);
  if (input.options['metadata'] === undefined) return report(input, connected, corrections);
  const { checkLiveMappings } = await import('./live-mappings.js');
  return report(input, await checkLiveMappings(input, connected), corrections);
}

/** @throws ConfigurationError CLI901 */
async function refuseContradictions(options: CommandInput['options']): Promise<void> {
  const has = (flag: string) => options[flag] === true;
  const contradictions: readonly (readonly [boolean, string])[] = [
    [has('dryRun') && !has('fix'), '--dry-run goes with --fix'],
    [has('fix') && has('print'), '--fix and --print exclude each other'],
    [has('connect') && has('print'), '--connect and --print exclude each other'],
    [has('connect') && has('dryRun'), '--connect and --dry-run exclude each other'],
  ];
  const message = contradictions.find(([holds]) => holds)?.[1];
  if (message === undefined) return;
  const { ConfigurationError } = await import('../core/errors.js');
  throw new ConfigurationError('CLI901', message);
}

/** Corrects the files, and reports what is left. */
async function fix(
  input: CommandInput,
  files: readonly (ValidatedFile | ValidatedConfig)[],
): Promise<number> {
  const { options, io } = input;
  const isDry = options['dryRun'] === true;
  const [{ fixSource }, { renderDiff }] = await Promise.all([
    import('../core/config/fix.js'),
    import('../render/diff.js'),
  ]);
  const left: (ValidatedFile | ValidatedConfig)[] = [];
  const fixed: Problem[] = [];
  let diff = '';
  for (const file of files) {
    const { text, hasByteOrderMark } = file;
    if (text === undefined) {
      left.push(file);
      continue;
    }
    const check = await checkOf(file, io.env);
    const after = fixSource({ text, hasByteOrderMark }, (source) => check(source).problems);
    left.push(check(after));
    fixed.push(...after.fixed);
    const [before, now] = [wholeText({ text, hasByteOrderMark }), wholeText(after)];
    if (before === now) continue;
    if (isDry) {
      diff += renderDiff(file.file, before, now);
    } else {
      const { writeBack } = await import('../core/config/write-back.js');
      writeBack(file.file, io.cwd, Buffer.from(before), now);
    }
  }
  return connectAndReport(input, left, { fixed, ...(isDry ? { diff } : {}) });
}

/** What checks a corrected file again: the one that checked it before. */
async function checkOf(
  file: ValidatedFile | ValidatedConfig,
  env: Environment,
): Promise<(source: Source) => ValidatedFile | ValidatedConfig> {
  const { file: name } = file;
  if ('examined' in file) {
    const { validateConfigText } = await import('../core/config/validate.js');
    return ({ text, hasByteOrderMark }) => validateConfigText(name, text, hasByteOrderMark, env);
  }
  const { validateMetadataText } = await import('../servers/metadata/validate.js');
  return ({ text, hasByteOrderMark }) => validateMetadataText(name, text, hasByteOrderMark);
}

function wholeText({ text, hasByteOrderMark }: Source): string {
  return `${hasByteOrderMark ? '\ufeff' : ''}${text}`;
}

/** The configuration in effect; of one that is wrong its problems instead. */
async function print(
  input: CommandInput,
  files: readonly (ValidatedFile | ValidatedConfig)[],
): Promise<number> {
  const { options, global, io } = input;
  const [file, ...more] = files;
  const format = options['format'] ?? (global.output === 'table' ? 'text' : global.output);
  if (file === undefined || !('examined' in file) || more.length > 0) {
    const { ConfigurationError } = await import('../core/errors.js');
    throw new ConfigurationError('CLI901', '--print takes one configuration', {
      hint: 'Name one file, and no --metadata.',
    });
  }
  if (format === 'github' || format === 'sarif') {
    const { ConfigurationError } = await import('../core/errors.js');
    throw new ConfigurationError('CLI901', `--print has no format ${format}`, {
      hint: 'Use --format text or --format json.',
    });
  }
  const { examined, text = '' } = file;
  const warned = options['strict'] === true && file.problems.length > 0;
  if (examined?.config === undefined || warned) return report(input, files);
  const [{ resolveSettings }, { renderResolved, resolvedJson }, { viewOf, writeValue }] = await Promise.all([
    import('../core/config/resolved.js'),
    import('../render/resolved-config.js'),
    import('./output.js'),
  ]);
  const values = resolveSettings(examined.config, examined, text, flagsOf(global));
  if (format === 'text') await io.out(renderResolved(values, viewOf(global, io)));
  else await writeValue(resolvedJson(file.file, values), format as 'json' | 'yaml' | 'ndjson', io);
  return 0;
}

/** The flags that stand in for settings of the file. */
function flagsOf(global: GlobalOptions): readonly FlagValue[] {
  const flags: FlagValue[] = [];
  if (global.deadlineMs !== undefined) {
    const { deadlineMs } = global;
    const value = deadlineMs % 1000 === 0 ? `${deadlineMs / 1000}s` : `${deadlineMs}ms`;
    flags.push({ path: ['orchestration', 'deadline'], flag: '--deadline', value });
  }
  const level: readonly [string, string] | undefined =
    global.logLevel !== undefined
      ? ['--log-level', LEVELS[global.logLevel]]
      : global.verbose
        ? ['--verbose', 'DEBUG']
        : global.quiet
          ? ['--quiet', 'ERROR']
          : undefined;
  if (level !== undefined) {
    const [flag, value] = level;
    flags.push(
      { path: ['orchestration', 'log_level'], flag, value },
      // Whoever asks for a level wants to see the log.
      { path: ['orchestration', 'enable_logging'], flag, value: true },
    );
  }
  return flags;
}

const LEVELS: Readonly<Record<LogLevel, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
};

/** The named files, each once, or the one that every command would use. */
async function validateAll(input: CommandInput): Promise<readonly (ValidatedFile | ValidatedConfig)[]> {
  const { args, options, global, io } = input;
  const [{ resolve, relative }, { findConfig }, validate] = await Promise.all([
    import('node:path'),
    import('../core/config/load.js'),
    import('../core/config/validate.js'),
  ]);
  const named = [...((args[0] as readonly string[] | undefined) ?? [])];
  const metadata = options['metadata'] as string | undefined;
  if (named.length === 0 && global.config !== undefined) named.push(global.config);
  if (named.length === 0 && (metadata === undefined || options['connect'] === true)) {
    const found = await findConfig(undefined, io.cwd, io.env);
    const local = relative(io.cwd, found);
    named.push(local.startsWith('..') ? found : local);
  }
  const once = new Map(named.map((file) => [resolve(io.cwd, file), file]));
  const files: (ValidatedFile | ValidatedConfig)[] = [];
  for (const file of once.values()) files.push(await validate.validateConfigFile(file, io.cwd, io.env));
  if (metadata !== undefined) {
    const { validateMetadataFile } = await import('../servers/metadata/validate.js');
    files.push(await validateMetadataFile(metadata, io.cwd));
  }
  return files.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** What `--fix` did, or would do. */
interface Corrections {
  readonly fixed: readonly Problem[];
  readonly diff?: string;
}

async function report(
  input: CommandInput,
  files: readonly ConnectedFile[],
  corrections?: Corrections,
): Promise<number> {
  const { options, global, io } = input;
  const isConnected = options['connect'] === true;
  const [{ editsFor }, { viewOf, writeValue }, { renderDiagnostics, renderFixed }] = await Promise.all([
    import('../core/config/fix.js'),
    import('./output.js'),
    import('../render/diagnostics.js'),
  ]);
  const status = exitStatus(files, options['strict'] === true);
  const valid = status === 0;
  const format = options['format'] ?? (global.output === 'table' ? 'text' : global.output);
  if (format === 'text') {
    const view = viewOf(global, io);
    if (corrections?.diff !== undefined) {
      const { showDiff } = await import('../render/diff.js');
      await io.out(io.stdoutIsTerminal ? showDiff(corrections.diff, view) : corrections.diff);
      // The diff alone is the result, so that it can be piped on.
      io.err(renderDiagnostics(files, { color: false }));
    } else {
      const fixed = corrections === undefined ? '' : renderFixed(corrections.fixed, view);
      const found = isConnected
        ? (await import('../render/inspection.js')).renderConnected(files, view)
        : renderDiagnostics(files, view);
      await io.out(fixed + found);
    }
  } else if (format === 'github') {
    const { renderGithub } = await import('../render/diagnostics-github.js');
    await io.out(renderGithub(files));
  } else if (format === 'sarif') {
    const { diagnosticsSarif } = await import('../render/diagnostics-sarif.js');
    const { readVersion } = await import('../core/version.js');
    await writeValue(diagnosticsSarif(files, { version: readVersion(), editsFor }), 'json', io);
  } else {
    const { diagnosticsJson } = await import('../render/diagnostics-json.js');
    const connected = isConnected
      ? { connected: (await import('../render/inspection-report.js')).inspectionReport(files) }
      : {};
    const value = diagnosticsJson(files, { valid, editsFor, ...corrections, ...connected });
    await writeValue(value, format as 'json' | 'yaml' | 'ndjson', io);
  }
  return status;
}

/**
 * By the worst of what fails: 3 where it is the file, 5 where all that failed refused our credentials, else 4. Warnings
 * fail only where asked for, and only where there are no errors do they say how.
 */
function exitStatus(files: readonly ValidatedFile[], strict: boolean): number {
  const problems = files.flatMap((file) => file.problems);
  const errors = problems.filter(({ severity }) => severity === 'error');
  const warnings = problems.filter(({ severity }) => severity === 'warning');
  const failing = errors.length > 0 ? errors : strict ? warnings : [];
  if (failing.length === 0) return 0;
  if (failing.some(({ code }) => code.startsWith('CFG'))) return 3;
  return failing.every(({ code }) => code === 'UPS207') ? 5 : 4;
}
