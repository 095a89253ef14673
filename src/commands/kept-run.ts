import { lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { assertOwn, replaceFile } from '../core/cache/disk-store.js';
import type { Shelf } from '../core/cache/entry.js';
import { cacheFolder } from '../core/cache/folder.js';
import { createRedactor, secretsOf, type Config, type ServerConfig } from '../core/config/config.js';
import { configCandidates } from '../core/config/find.js';
import { digest } from '../core/digest.js';
import type { Gathered } from '../core/gather/outcome.js';
import { shelfOf } from '../core/gather/shelf-of.js';
import { makeFolder } from '../core/make-folder.js';
import type { CommandInput, GlobalOptions } from './command.js';
import {
  commandLineOf,
  dependsOnEnvironment,
  environmentOf,
  isUnchanged,
  stampOf,
  usesIgnored,
  type World,
} from './kept-conditions.js';
import { wanted, type Wanted } from './wanted.js';

/**
 * What a `gather` came down to, so that the same command line needs neither its flags nor its configuration read again:
 * only the answers that are kept. It holds no credentials and no answers.
 */
export interface KeptRun {
  /** From `commandLineOf`: the name of a record is too short to be of one command line alone. */
  readonly commandLine: string;
  /** From `environmentOf`. */
  readonly environment?: string;
  readonly global: Pick<GlobalOptions, 'output' | 'color' | 'quiet' | 'logFormat' | 'logLevel' | 'verbose'>;
  readonly wanted: Wanted;
  readonly config: Pick<Config, 'cacheTtlMs' | 'cacheMaxBytes' | 'deadlineMs' | 'failFast' | 'logging'>;
  /** Those that were asked, in priority order, without what connects to them. */
  readonly servers: readonly { readonly server: ServerConfig; readonly shelf: Shelf }[];
  /** The file that was used, as it was, and those that would have been used before it. */
  readonly file: { readonly path: string; readonly sha256: string };
  readonly absent: readonly string[];
  /** What files looked like when their digests were right: until that changes they need not be computed again. */
  readonly checked?: { readonly file?: string; readonly shelves: readonly (readonly [string, string])[] };
}

export interface RecalledRun {
  readonly run: KeptRun;
  /** Of the configuration file. */
  readonly stamp: string | undefined;
}

const LONGEST_UNUSED_MS = 7 * 24 * 3600 * 1000;

/**
 * Remembers a run all of whose answers are kept.
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
  if (!isKept || needsAll) return;
  const commandLine = commandLineOf(argv, io);
  if (commandLine === undefined || saysSecret(commandLine, gathered, config)) return;
  const used = path.resolve(io.cwd, config.file ?? '');
  const text = unchangedSince(startedAt, used);
  if (text === undefined || usesIgnored(text, config)) return;
  const candidates = global.config === undefined ? configCandidates(io.cwd, io.env) : [];
  const environment = environmentOf(io, dependsOnEnvironment(text, config));
  write(io, {
    commandLine,
    ...(environment === undefined ? {} : { environment }),
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
      deadlineMs: global.deadlineMs ?? config.deadlineMs,
      failFast: config.failFast,
      logging: config.logging,
    },
    servers: gathered.outcomes.map(({ server }) => ({
      server: withoutConnection(server),
      shelf: shelfOf(server, process.env),
    })),
    file: { path: used, sha256: digest(text) },
    absent: candidates.slice(0, Math.max(0, candidates.indexOf(used))),
  });
}

/** The run that this command line was before, if everything that decided about it is as it was. */
export function recallRun(argv: readonly string[], world: World): RecalledRun | undefined {
  const commandLine = commandLineOf(argv, world);
  const file = commandLine === undefined ? undefined : recordOf(commandLine, world);
  if (file === undefined) return undefined;
  try {
    assertOwn(path.dirname(file));
    assertOwn(file);
    const run = JSON.parse(readFileSync(file, 'utf8')) as KeptRun;
    if (run.commandLine !== commandLine || run.absent.some(exists)) return undefined;
    if (environmentOf(world, run.environment !== undefined) !== run.environment) return undefined;
    // Before it is read: a change in between must show the next time.
    const stamp = stampOf(run.file.path);
    return isUnchanged(run.file, stamp, run.checked?.file) ? { run, stamp } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Saves the next run the digests that this one had to compute.
 *
 * @param shelves  the stamps of the files whose answers it used
 */
export function confirmRun(
  { run, stamp }: RecalledRun,
  shelves: ReadonlyMap<string, string>,
  world: World,
): void {
  const checked = { ...(stamp === undefined ? {} : { file: stamp }), shelves: [...shelves] };
  if (JSON.stringify(checked) !== JSON.stringify(run.checked)) write(world, { ...run, checked });
}

/** A disk that cannot be written costs the next run some time. */
function write(world: World, run: KeptRun): void {
  const file = recordOf(run.commandLine, world);
  if (file === undefined) return;
  try {
    makeFolder(path.dirname(file), 0o700);
    assertOwn(path.dirname(file));
    replaceFile(file, JSON.stringify(run));
    removeOld(path.dirname(file));
  } catch {
    // The next run reads its flags and its configuration, as this one did.
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

function recordOf(commandLine: string, { env }: World): string | undefined {
  const folder = cacheFolder(env);
  return folder === undefined ? undefined : path.join(runsBeside(folder), `${nameOf(commandLine)}.json`);
}

/**
 * 64 bits of a command line, in hexadecimal. Two that have the same would only push each other out, and what is hashed
 * holds no secret, so this need not be a digest, which takes ten times as long to load as this to run.
 */
function nameOf(commandLine: string): string {
  let [high, low] = [0x9e3779b9, 0x85ebca6b];
  for (let at = 0; at < commandLine.length; at += 1) {
    const code = commandLine.charCodeAt(at);
    high = Math.imul(high ^ code, 0x5bd1e995);
    low = Math.imul(low ^ code, 0x01000193);
    high ^= high >>> 15;
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** A record holds its command line, and only the whole program knows what a log must hide. */
function saysSecret(commandLine: string, { outcomes }: Gathered, config: Config): boolean {
  const messages = outcomes.flatMap(({ warnings }) => warnings.map(({ message }) => message));
  const redact = createRedactor(secretsOf(config));
  return [commandLine, ...messages].some((text) => redact(text) !== text);
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
