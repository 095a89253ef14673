import type { OwnExecutable } from '../core/clients/start-server.js';
import type { LogFormat, LogLevel } from '../core/logging/logger.js';
import type { Span } from '../core/telemetry/span.js';
import type { Typed } from '../render/command-line.js';

/** The world as a command sees it; a test passes its own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Columns of the terminal; `undefined` where output goes elsewhere. */
  readonly columns: number | undefined;
  /** Aborts with an MCPOrchestratorException on the first Ctrl-C, SIGTERM or SIGHUP of a terminal. */
  readonly signal: AbortSignal;
  readonly ownExecutable: OwnExecutable;
  /** Whoever read standard output has gone (`| head -1`): what is still written goes nowhere. */
  readonly readerIsGone: boolean;
  /** Writes a result; resolves when it is on its way, so that a slow reader slows us down. */
  out(text: string | Uint8Array): Promise<void>;
  /** Writes everything else: logs, progress, errors. */
  err(text: string): void;
  /** Standard input to its end, as UTF-8. */
  readInput(): Promise<string>;
  /** Calls back for a signal of the process other than those that end it; returns its remover. */
  onSignal(signal: 'SIGHUP', listener: () => void): () => void;
}

export type OutputFormat = 'table' | 'json' | 'yaml' | 'ndjson';

/** The flags that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: OutputFormat;
  readonly color: 'auto' | 'always' | 'never';
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly logFormat: 'auto' | LogFormat;
  readonly logLevel?: LogLevel;
  readonly deadlineMs?: number;
}

/** One flag of a command. */
export interface OptionDefinition {
  /** As commander reads it: `-x, --example <value>`. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly default?: string;
  /** An environment variable that stands in for the flag. */
  readonly env?: string;
  /** Turns the text into its value; throws a CLI901 error for a bad one. */
  readonly parse?: (text: string) => unknown;
}

export interface CommandDefinition {
  readonly name: string;
  readonly summary: string;
  /** What the help of the command says instead of its summary. */
  readonly description?: string;
  /** As commander reads them: `[servers...]`, `<uri>`. */
  readonly arguments?: readonly (readonly [syntax: string, description: string])[];
  readonly options?: readonly OptionDefinition[];
  /** Whole command lines, without the prompt; help begins with them. */
  readonly examples?: readonly string[];
  /** The exit statuses that matter here; help ends with them. */
  readonly exits?: readonly number[];
  readonly subcommands?: readonly CommandDefinition[];
  /** It asks servers, and OpenTelemetry hears of it where the environment says so. */
  readonly traced?: boolean;
  /** @returns the exit status; 0 when it returns nothing */
  run?(input: CommandInput): Promise<number | void>;
}

export interface CommandInput {
  /** The words of the command line, without the program. */
  readonly argv: readonly string[];
  /** The command line as it was read. */
  readonly typed: Typed;
  readonly args: readonly (string | readonly string[] | undefined)[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly global: GlobalOptions;
  /** As it was typed: `gather`, `servers list`. */
  readonly command: string;
  /** In every log line, report and error of this run. */
  readonly operationId: string;
  /** The whole command for OpenTelemetry. */
  readonly span: Span;
  readonly io: Io;
  /** Calls back when the command has ended, before its failure is told. */
  onEnd(listener: (ending: Ending) => void): void;
}

/** How a command ended. */
export interface Ending {
  /** The exit status. */
  readonly status: number;
  readonly durationMs: number;
  readonly error?: unknown;
}
