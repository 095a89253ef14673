import { relative } from 'node:path';
import type { Config } from '../core/config/config.js';
import { cacheFolder } from '../core/cache/folder.js';
import { createRedactor, secretsOf } from '../core/config/config.js';
import { findConfig, loadConfig } from '../core/config/load.js';
import type { OrchestratorOptions } from '../core/orchestrator.js';
import { createOperation, type Operation } from '../core/operation.js';
import { plain } from '../render/terminal.js';
import type { CommandInput, Io } from './command.js';
import { logEnd, loggerFor } from './logger.js';

/** What a command that uses the configured servers starts from. */
export interface Session {
  readonly config: Config;
  readonly op: Operation;
  /** Takes the configuration's secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Takes the secrets of another configuration out too, from now on. */
  readonly learnSecrets: (config: Config) => void;
}

/** Finds and loads the configuration and begins an operation that logs as flags and file say. */
export async function openSession(input: CommandInput): Promise<Session> {
  const session = await openConfig(input);
  input.onEnd(({ status, durationMs, error }) =>
    logEnd(session.op, input.command, status, durationMs, error),
  );
  return session;
}

/** The same for a command that only looks at the configuration, whose end is nothing to log. */
export async function openConfig(
  { global, io, operationId, span }: CommandInput,
  load: (file: string, env: Io['env'], cwd: string) => Promise<Config> = loadConfig,
): Promise<Session> {
  const found = await findConfig(global.config, io.cwd, io.env);
  // The shorter name is the one that a person recognises.
  const local = relative(io.cwd, found);
  const file = global.config ?? (local.startsWith('..') ? found : local);
  const config = await load(file, io.env, io.cwd);
  if (config.foreign === true && !global.quiet) {
    io.err(`note: ${plain(file)} is an editor's file; its servers have priority 100 and no domains\n`);
  }
  let secrets = secretsOf(config);
  let redactor = createRedactor(secrets);
  const redact = (text: string) => redactor(text);
  const logger = loggerFor(global, io, config.logging, redact);
  const op = createOperation({ id: operationId, signal: io.signal, logger, span });
  op.log('config.loaded', { file, servers: config.servers.length }, 'debug');
  const learnSecrets = (next: Config) => {
    // What was a secret stays one: it may still be in use somewhere.
    secrets = [...new Set([...secrets, ...secretsOf(next)])].sort((a, b) => b.length - a.length);
    redactor = createRedactor(secrets);
  };
  return { config, op, redact, learnSecrets };
}

/** What an orchestrator of a command gets from the world around it. */
export function orchestratorOptions(io: Io): OrchestratorOptions {
  const folder = cacheFolder(io.env);
  return { ownExecutable: io.ownExecutable, ...(folder === undefined ? {} : { cacheFolder: folder }) };
}
