import { createReadStream, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError } from '../errors.js';
import { isMapping } from '../mapping.js';
import { createRedactor, toConfig, type Config } from './config.js';
import { replaceWellKnownKeys } from './credential.js';
import { findMisnamedSection, fromEditorFile, type MisnamedSection } from './editor-file.js';
import { configCandidates } from './find.js';
import { secretsIn } from './filled-in.js';
import { withoutJsonComments } from './json-comments.js';
import { overridesFrom, setIn, type Override } from './environment.js';
import { meaningProblems } from './meaning.js';
import { compareProblems, describeProblem, type Problem } from './problem.js';
import type { ConfigFile } from './schema.js';
import { checkShape } from './shape.js';
import { configRules, pathText } from './shape-problems.js';
import { readYamlDocument, type Path, type Places, type YamlDocument } from './yaml-document.js';

export type Environment = Readonly<Record<string, string | undefined>>;

interface ReadLimit {
  readonly bytes: number;
  /** How the message of a larger file goes on. */
  readonly text: string;
}

/** No configuration is larger; parsing one would hold the process for seconds. */
const CONFIG_LIMIT: ReadLimit = { bytes: 1024 * 1024, text: 'a configuration can be (1 MiB)' };

/**
 * Finds the configuration file.
 *
 * @throws ConfigurationError CFG101 where there is none; the context lists the places looked at
 */
export async function findConfig(named: string | undefined, cwd: string, env: Environment): Promise<string> {
  if (named !== undefined) return named;
  const candidates = configCandidates(cwd, env);
  for (const candidate of candidates) {
    if (isFile(candidate)) return candidate;
  }
  throw new ConfigurationError('CFG101', 'No configuration file found', {
    context: { looked_at: candidates },
    hint: 'Run `mcpx init` for a starter file, or name one with --config.',
    fix: 'mcpx init',
  });
}

/** The outcome of reading a file: a configuration unless there are errors, and everything that is wrong. */
export interface CheckedConfig {
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads and checks a configuration file.
 *
 * @throws ConfigurationError CFG101, CFG102, or the code of the first problem; `context.problems` has them all
 */
export async function loadConfig(
  file: string,
  env: Environment = process.env,
  cwd: string = process.cwd(),
): Promise<Config> {
  const { config, problems } = checkConfig(file, await readConfigText(file, cwd), env);
  if (config !== undefined) return config;
  throw refused(file, problems);
}

/** A configuration to look at, and the variables that would have to be set before it can be used. */
export interface ShownConfig {
  readonly config: Config;
  /** CFG109, each at its place; there the reference itself is the value, or the default where it can be none. */
  readonly unset: readonly Problem[];
}

/**
 * As `loadConfig`, for commands that connect to nobody: variables that are not set are told, and no reason to refuse
 * the file.
 *
 * @throws what `loadConfig` throws for anything else that is wrong
 */
export async function loadConfigToShow(file: string, env: Environment, cwd: string): Promise<ShownConfig> {
  const examined = examineConfig(file, await readConfigText(file, cwd), env);
  const { config, problems, settings, foreign, raw } = examined;
  if (config !== undefined) return { config, unset: [] };
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (settings === undefined || errors.some(({ code }) => code !== 'CFG109')) throw refused(file, problems);
  const source = { file, secrets: examined.secrets, foreign, namesLogLevel: namesLogLevel(raw) };
  return {
    config: toConfig({ ...settings, mcp_servers: withRawUrls(settings, raw) }, source),
    unset: errors,
  };
}

/** A variable where the port should be leaves nothing that could be reached, and something to be seen. */
function withRawUrls({ mcp_servers: servers }: ConfigFile, raw: unknown): ConfigFile['mcp_servers'] {
  const written = isMapping(raw) && isMapping(raw['mcp_servers']) ? raw['mcp_servers'] : {};
  return Object.fromEntries(
    Object.entries(servers).map(([id, server]) => {
      const entry = written[id];
      const url = isMapping(entry) ? entry['url'] : undefined;
      return [id, server.url === undefined && typeof url === 'string' ? { ...server, url } : server];
    }),
  );
}

function refused(file: string, problems: readonly Problem[]): ConfigurationError {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new ConfigurationError(first?.code ?? 'CFG103', `${file} is not a valid configuration${more}`, {
    context: { file, problems },
    ...(first === undefined ? {} : { cause: new Error(describeProblem(first)) }),
    hint: first?.hint ?? 'Correct the file and run the command again.',
  });
}

/** Reads a text file as UTF-8. @throws ConfigurationError CFG101 | CFG102 */
async function readConfigText(file: string, cwd: string): Promise<string> {
  return decodeText(file, await readConfigBytes(file, cwd));
}

/** @throws ConfigurationError CFG101 | CFG102 */
export async function readConfigBytes(
  file: string,
  cwd: string,
  limit: ReadLimit = CONFIG_LIMIT,
): Promise<Buffer> {
  try {
    return await readBounded(resolve(cwd, file), file, limit);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const reason = (error as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT' || reason === 'ENOTDIR') {
      throw new ConfigurationError('CFG101', `${file} does not exist`, {
        context: { file },
        hint: 'Check the path, or run `mcpx init` for a starter file.',
        cause: error,
      });
    }
    throw new ConfigurationError('CFG102', `${file} cannot be read`, {
      context: { file },
      hint:
        reason === 'EISDIR' ? 'It is a folder; name the file in it.' : 'Check the permissions of the file.',
      cause: error,
    });
  }
}

/** Without a byte order mark. @throws ConfigurationError CFG102, with the place of the first byte that is no UTF-8 */
export function decodeText(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const { line, column } = placeOfBrokenText(bytes);
    throw new ConfigurationError('CFG102', `${file} is not UTF-8 text`, {
      context: { file, line, column },
      hint: isWide
        ? 'It is UTF-16: save it as UTF-8.'
        : `Save it as UTF-8; line ${line}, column ${column} is the first place that is none.`,
      cause: error,
    });
  }
}

function placeOfBrokenText(bytes: Buffer): { readonly line: number; readonly column: number } {
  const lossy = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const again = Buffer.from(lossy);
  let same = 0;
  while (same < bytes.length && bytes[same] === again[same]) same += 1;
  // Where the bytes differ a replacement stands, of which the first bytes may be equal by chance.
  const before = again
    .subarray(0, same + 1)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
  const lines = before.split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** @param file  as the user named it, for messages */
async function readBounded(path: string, file: string, limit: ReadLimit): Promise<Buffer> {
  const tooLarge = () =>
    new ConfigurationError('CFG102', `${file} is larger than ${limit.text}`, {
      context: { file },
      hint: 'Is this the right file?',
    });
  const stats = statSync(path);
  if (stats.isFile()) {
    if (stats.size > limit.bytes) throw tooLarge();
    // In one go and without the promises of node:fs, which load a command line editor along (2 ms).
    return readFileSync(path);
  }
  // Counted as it comes: pipes and devices do not tell their size before.
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > limit.bytes) throw tooLarge();
  }
  return Buffer.concat(chunks);
}

/** What is known of a file after reading it, besides what is wrong with it. */
export interface ExaminedConfig extends CheckedConfig {
  /** The file with every default filled in, without what cannot be read. */
  readonly settings: ConfigFile | undefined;
  /** The settings as they stand in the file, by the keys that were meant, with the overrides of the environment. */
  readonly raw: unknown;
  readonly overrides: readonly Override[];
  /** What the environment filled in. */
  readonly secrets: readonly string[];
  /** Places by the keys of our own file, also in the file of an editor. */
  readonly document: Places;
  /** Whether the value at a path is there and cannot be read. */
  isBroken(...path: readonly string[]): boolean;
  /** Whether a mapping has keys of which nobody knows what they mean. */
  hasUnknownKeys(...path: readonly string[]): boolean;
  /** A file of an editor or assistant. */
  readonly foreign: boolean;
}

/** Checks the text of a configuration file; never throws for what the text holds. */
export function checkConfig(file: string, text: string, env: Environment): CheckedConfig {
  const { config, problems } = examineConfig(file, text, env);
  return { config, problems };
}

/** As `checkConfig`, with all that it found out on the way. */
export function examineConfig(file: string, text: string, env: Environment): ExaminedConfig {
  const yaml = readYamlDocument(file, withoutJsonComments(file, text), env);
  const secrets = secretsIn(yaml.filledIn);
  const problems: Problem[] = [...yaml.problems];
  const never = () => false;
  const nothing = {
    config: undefined,
    settings: undefined,
    raw: undefined,
    overrides: [],
    secrets,
    foreign: false,
    isBroken: never,
    hasUnknownKeys: never,
  };
  if (yaml.value === undefined && problems.length > 0)
    return { ...nothing, problems: problems.map(shownSafely([])), document: yaml };

  const misnamed = findMisnamedSection(yaml.value);
  // The files of editors are JSON; in YAML with settings of ours the name of the section is what is wrong.
  const isOurs = misnamed !== undefined && !text.trimStart().startsWith('{');
  if (misnamed !== undefined) problems.push(misnamedProblem(misnamed, isOurs, yaml, file));
  const value = isOurs ? renamed(yaml.value, misnamed.name) : yaml.value;
  const editorFile = fromEditorFile(value);
  const foreign = editorFile !== undefined;
  const raw = editorFile ?? withoutFreeKeys(value);
  const { overrides, unknown } = overridesFrom(env, raw);
  const misplaced = overrides.filter((override) => !setIn(raw, override.path, override.value));
  const sourceOf = (path: Path) =>
    overrides.find((override) => samePath(override.path, path.slice(0, override.path.length)))?.variable;
  const document = foreign || isOurs ? placesOfEditorFile(yaml, foreign) : yaml;

  if (isMapping(raw) && isMapping(raw['mcp_servers']) && Object.hasOwn(raw['mcp_servers'], '__proto__')) {
    // Zod leaves this one out without a word.
    const path = ['mcp_servers', '__proto__'];
    problems.push({
      severity: 'error',
      code: 'CFG106',
      message: 'this cannot be the id of a server',
      hint: 'use letters, digits, _ and -',
      path: pathText(path),
      file,
      range: document.keyRangeOf(path),
    });
  }

  for (const variable of unknown) {
    const hint = `configured: ${Object.keys(isMapping(raw) && isMapping(raw['mcp_servers']) ? raw['mcp_servers'] : {}).join(', ')}`;
    addOverrideProblem('warning', ['mcp_servers'], `environment variable ${variable} fits no server`, hint);
  }
  // Where there is nothing to set anything in, that alone is wrong.
  for (const { variable, path } of isMapping(raw) ? misplaced : []) {
    const message = `environment variable ${variable} fits no setting`;
    addOverrideProblem(
      'error',
      path.slice(0, 2),
      message,
      'write the name of the setting after that of the server',
    );
  }

  const shape = checkShape(raw, document, configRules(file, sourceOf));
  const { valid: parsed, settings, isBroken, hasUnknownKeys } = shape;
  problems.push(...withoutConsequences(shape.problems, problems));
  if (settings !== undefined) {
    const meant = meaningProblems(settings, shape.places, file, {
      foreign,
      isBroken: (id, ...keys) => keys.some((key) => isBroken('mcp_servers', id, key)),
      hasUnknownKeys: (id) => hasUnknownKeys('mcp_servers', id),
    });
    // Servers that were left out just now are there nevertheless.
    const isEmpty = isMapping(raw) && Object.keys(raw['mcp_servers'] ?? {}).length === 0;
    problems.push(...(isEmpty ? meant : meant.filter(({ code }) => code !== 'CFG114')));
  }
  const told = problems.map(shownSafely(secrets)).sort(compareProblems);
  const isRefused = problems.some((problem) => problem.severity === 'error');
  return {
    config:
      parsed === undefined || isRefused
        ? undefined
        : toConfig(parsed, { file, secrets, foreign, namesLogLevel: namesLogLevel(raw) }),
    problems: told,
    settings,
    raw,
    overrides,
    secrets,
    document: shape.places,
    foreign,
    isBroken,
    hasUnknownKeys,
  };

  function addOverrideProblem(
    severity: Problem['severity'],
    path: Path,
    message: string,
    hint: string,
  ): void {
    const range = document.keyRangeOf(path);
    problems.push({ severity, code: 'CFG115', message, hint, path: pathText(path), file, range });
  }
}

/** What came from the environment, or is a key by its form, stands in no message, nor in what would be written. */
function shownSafely(secrets: readonly string[]): (problem: Problem) => Problem {
  const redactSecrets = createRedactor(secrets);
  const redact = (text: string) => replaceWellKnownKeys(redactSecrets(text), () => '***');
  return ({ message, hint, path, replacement, ...rest }) => ({
    ...rest,
    message: redact(message),
    ...(hint === undefined ? {} : { hint: redact(hint) }),
    path: redact(path),
    ...(replacement === undefined || ('text' in replacement && redact(replacement.text) !== replacement.text)
      ? {}
      : { replacement }),
  });
}

/** A value that nobody could fill in is not wrong as well: its variable is not set, or its reference cannot be read. */
function withoutConsequences(found: readonly Problem[], before: readonly Problem[]): readonly Problem[] {
  const unset = new Set(
    before
      .filter(({ code }) => code === 'CFG109' || code === 'CFG106')
      .map(({ range }) => range.start.offset),
  );
  return found.filter(({ code, range }) => code === 'CFG104' || !unset.has(range.start.offset));
}

function misnamedProblem(
  { name, ours }: MisnamedSection,
  isOurs: boolean,
  yaml: YamlDocument,
  file: string,
): Problem {
  const base = { code: 'CFG104', path: name, file, range: yaml.keyRangeOf([name]) } as const;
  if (isOurs) {
    return {
      ...base,
      severity: 'error',
      message: `unknown key "${name}"`,
      hint: 'did you mean "mcp_servers"?',
      replacement: { kind: 'word', text: 'mcp_servers' },
    };
  }
  return {
    ...base,
    severity: 'warning',
    message: `${ours.map((key) => `"${key}"`).join(', ')} mean${ours.length === 1 ? 's' : ''} nothing in the file of an editor`,
    hint: `for a file of mcpx alone write "mcp_servers" instead of "${name}"`,
  };
}

function renamed(value: unknown, section: string): unknown {
  if (!isMapping(value)) return value;
  return fromEntries(
    Object.entries(value).map(([key, child]) => [key === section ? 'mcp_servers' : key, child]),
  );
}

/** The file of an editor has other keys for the same things; one that is ours has only another name for the servers. */
function placesOfEditorFile(yaml: YamlDocument, foreign: boolean): Places {
  const section = isMapping(yaml.value) && Object.hasOwn(yaml.value, 'mcpServers') ? 'mcpServers' : 'servers';
  const translate = (path: Path): Path =>
    path.map((step, index) => {
      if (index === 0) return step === 'mcp_servers' ? section : step;
      return foreign && index === 2 && step === 'transport' ? 'type' : step;
    });
  return {
    isJson: yaml.isJson,
    rangeOf: (path) => yaml.rangeOf(translate(path)),
    keyRangeOf: (path) => yaml.keyRangeOf(translate(path)),
    standsAt: (path) => yaml.standsAt(translate(path)),
  };
}

/**
 * `x-*` keys are the user's own, in every mapping whose keys are settings. Not so below `headers` and `env`,
 * where `X-Api-Key` is a name like any other, nor among the ids of the servers.
 */
function withoutFreeKeys(value: unknown): unknown {
  return strip(value, (key, depth) => depth === 0 && key === 'mcp_servers');

  function strip(node: unknown, isRecord: (key: string, depth: number) => boolean, depth = 0): unknown {
    if (!isMapping(node)) return node;
    const entries = Object.entries(node)
      .filter(([key]) => !key.startsWith('x-'))
      .map(([key, child]): [string, unknown] => {
        if (key === 'headers' || key === 'env') return [key, child];
        if (isRecord(key, depth) && isMapping(child)) {
          const servers = Object.entries(child).map(([id, entry]): [string, unknown] => [
            id,
            strip(entry, () => false),
          ]);
          return [key, fromEntries(servers)];
        }
        return [key, strip(child, () => false, depth + 1)];
      });
    return fromEntries(entries);
  }
}

/** Like `Object.fromEntries`, and as safe for `__proto__`: the key becomes data, never the prototype. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries);
}

/** In the file or by the environment, whose overrides are part of it by now. */
function namesLogLevel(raw: unknown): boolean {
  const orchestration = isMapping(raw) ? raw['orchestration'] : undefined;
  return isMapping(orchestration) && orchestration['log_level'] !== undefined;
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, index) => String(step) === String(b[index]));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
