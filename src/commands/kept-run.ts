import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { assertOwn, replaceFile } from '../core/cache/disk-store.js';
import type { Shelf } from '../core/cache/entry.js';
import { cacheFolder } from '../core/cache/folder.js';
import { createRedactor, secretsOf, type Config, type ServerConfig } from '../core/config/config.js';
import { configCandidates } from '../core/config/find.js';
import type { Gathered } from '../core/gather/outcome.js';
import { shelfOf } from '../core/gather/shelf-of.js';
import { makeFolder } from '../core/make-folder.js';
import { readVersion } from '../core/version.js';
import type { CommandInput, GlobalOptions, Io } from './command.js';
import { wanted, type Wanted } from './wanted.js';

/**
 * What a `gather` came down to, so that the same command line needs neither its flags nor its configuration read again:
 * only the answers that are kept. It holds no credentials and no answers.
 */
export interface KeptRun {
  readonly global: Pick<GlobalOptions, 'output' | 'color' | 'quiet' | 'logFormat' | 'logLevel' | 'verbose'>;
  readonly wanted: Wanted;
  readonly config: Pick<Config, 'cacheTtlMs' | 'cacheMaxBytes' | 'failFast' | 'logging'>;
  /** Those that were asked, in priority order, without what connects to them. */
  readonly servers: readonly { readonly server: ServerConfig; readonly shelf: Shelf }[];
  /** The file that was used, as it was, and those that would have been used before it. */
  readonly file: { readonly path: string; readonly sha256: string };
  readonly absent: readonly string[];
}

type World = Pick<Io, 'cwd' | 'env'>;

/** They differ from shell to shell and change nothing. */
const WITHOUT_EFFECT = new Set(['_', 'SHLVL', 'PWD', 'OLDPWD']);
/** Whoever asks for traces, or looks closely, gets the whole way. */
const NEEDS_WHOLE_RUN = /^(?:OTEL_|TRACEPARENT$)/;
const LONGEST_UNUSED_MS = 7 * 24 * 3600 * 1000;

/**
 * Remembers a run all of whose answers are kept. A disk that cannot be written costs the next run some time.
 *
 * @param startedAt  when the configuration had not been read yet, in milliseconds since 1970
 */
export function rememberRun(
  { argv, global, options, io }: CommandInput,
  gathered: Gathered,
  config: Config,
  startedAt: number,
): void {
  const isKept =
    config.cacheStore === 'disk' &&
    config.cacheTtlMs > 0 &&
    config.file !== undefined &&
    config.foreign !== true &&
    gathered.outcomes.every(({ status, stale }) => status === 'ok' && stale === undefined);
  // What is told of each step, and YAML, are the whole program's.
  const needsAll = global.verbose || global.logLevel === 'debug' || global.output === 'yaml';
  if (!isKept || needsAll || saysSecret(gathered, config)) return;
  const file = fileOf(argv, io);
  if (file === undefined) return;
  const used = path.resolve(io.cwd, config.file ?? '');
  const text = unchangedSince(startedAt, used);
  if (text === undefined || usesIgnored(text, config)) return;
  const candidates = global.config === undefined ? configCandidates(io.cwd, io.env) : [];
  const run: KeptRun = {
    global: {
      output: global.output,
      color: global.color,
      quiet: global.quiet,
      verbose: false,
      logFormat: global.logFormat,
      ...(global.logLevel === undefined ? {} : { logLevel: global.logLevel }),
    },
    wanted: wanted(options),
    config: {
      cacheTtlMs: config.cacheTtlMs,
      cacheMaxBytes: config.cacheMaxBytes,
      failFast: config.failFast,
      logging: config.logging,
    },
    servers: gathered.outcomes.map(({ server }) => ({
      server: withoutConnection(server),
      shelf: shelfOf(server, process.env),
    })),
    file: { path: used, sha256: digest(text) },
    absent: candidates.slice(0, Math.max(0, candidates.indexOf(used))),
  };
  try {
    makeFolder(path.dirname(file), 0o700);
    assertOwn(path.dirname(file));
    replaceFile(file, JSON.stringify(run));
    removeOld(path.dirname(file));
  } catch {
    // The next run reads its flags and its configuration, as this one did.
  }
}

/** The run that this command line was before, if everything that decided about it is as it was. */
export function recallRun(argv: readonly string[], world: World): KeptRun | undefined {
  const file = fileOf(argv, world);
  if (file === undefined) return undefined;
  try {
    assertOwn(path.dirname(file));
    assertOwn(file);
    const run = JSON.parse(readFileSync(file, 'utf8')) as KeptRun;
    if (run.absent.some(exists) || digest(readFileSync(run.file.path)) !== run.file.sha256) return undefined;
    return run;
  } catch {
    return undefined;
  }
}

/** @throws the file system's error where a record cannot be removed */
export function forgetRuns(env: World['env']): void {
  const folder = cacheFolder(env);
  if (folder !== undefined) rmSync(runsBeside(folder), { recursive: true, force: true });
}

function runsBeside(folder: string): string {
  return path.join(path.dirname(folder), 'runs');
}

/** Named by all that decides what a command line means, but for the configuration file. */
function fileOf(argv: readonly string[], { cwd, env }: World): string | undefined {
  const folder = cacheFolder(env);
  const names = Object.keys(env).filter((name) => !WITHOUT_EFFECT.has(name));
  if (folder === undefined || names.some((name) => NEEDS_WHOLE_RUN.test(name))) return undefined;
  const variables = names.sort().map((name) => [name, env[name]]);
  const key = digest(JSON.stringify([readVersion(), argv, cwd, variables])).slice(0, 32);
  return path.join(runsBeside(folder), `${key}.json`);
}

/** Only the whole program knows what a log must hide. */
function saysSecret({ outcomes }: Gathered, config: Config): boolean {
  const messages = outcomes.flatMap(({ warnings }) => warnings.map(({ message }) => message));
  if (messages.length === 0) return false;
  const redact = createRedactor(secretsOf(config));
  return messages.some((message) => redact(message) !== message);
}

/** What a file holds that was there before and will be again: a pipe gives its text once. */
function unchangedSince(startedAt: number, file: string): Buffer | undefined {
  try {
    if (!statSync(file).isFile()) return undefined;
    const text = readFileSync(file);
    // Looked at after it was read here: a change since the start shows, whichever of the two reads it came before.
    const changedAt = Math.max(statSync(file).ctimeMs, lstatSync(file).ctimeMs);
    return changedAt < startedAt ? text : undefined;
  } catch {
    // It went away meanwhile, and the result is out already.
    return undefined;
  }
}

/** Whether a configuration depends on a variable that is left out of the name of its record. */
function usesIgnored(text: Buffer, { servers }: Config): boolean {
  const inherited = new Set(servers.flatMap(({ inheritEnv }) => inheritEnv));
  return [...WITHOUT_EFFECT].some((name) => text.includes(`\${${name}`) || inherited.has(name));
}

/** What is left says what a server is called and what it is for. */
function withoutConnection(server: ServerConfig): ServerConfig {
  const { url: _url, command: _command, cwd: _cwd, start: _start, ...rest } = server;
  return { ...rest, args: [], env: {}, inheritEnv: [], headers: {} };
}

function removeOld(folder: string): void {
  const tooOld = Date.now() - LONGEST_UNUSED_MS;
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    if (statSync(file).mtimeMs < tooOld) rmSync(file, { force: true });
  }
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function digest(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
