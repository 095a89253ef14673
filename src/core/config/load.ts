import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { ConfigurationError, type ErrorCode } from '../errors.js';
import { createRedactor, toConfig, transportOf, type Config } from './config.js';
import { findMisnamedSection, fromEditorFile, type MisnamedSection } from './editor-file.js';
import { secretsIn } from './filled-in.js';
import { withoutJsonComments } from './json-comments.js';
import { overridesFrom, setIn, type Override } from './environment.js';
import { compareProblems, describeProblem, type Problem, type Replacement } from './problem.js';
import { configFileSchema, type ConfigFile } from './schema.js';
import { getIn } from './path.js';
import { readYamlDocument, type Path, type YamlDocument } from './yaml-document.js';

export type Environment = Readonly<Record<string, string | undefined>>;

// Zod would compile each schema into code of its own before its first use. That pays off for schemas that are used
// over and over; a configuration and the few answers of a gather are checked once.
z.config({ jitless: true });

interface ReadLimit {
  readonly bytes: number;
  /** How the message of a larger file goes on. */
  readonly text: string;
}

/** No configuration is larger; parsing one would hold the process for seconds. */
const CONFIG_LIMIT: ReadLimit = { bytes: 1024 * 1024, text: 'a configuration can be (1 MiB)' };

/** Where a configuration is looked for when neither `--config` nor `MCPX_CONFIG` names one. */
export function configCandidates(cwd: string, env: Environment): readonly string[] {
  // The XDG specification: a variable that is empty counts as unset.
  const { XDG_CONFIG_HOME: configured, HOME: user } = env;
  const home = configured || (user ? join(user, '.config') : undefined);
  return [
    ...['mcpx.yaml', 'mcpx.yml', 'mcpx.json'].map((name) => join(cwd, name)),
    join(cwd, 'config', 'mcp_config.yaml'),
    ...(home === undefined ? [] : [join(home, 'mcpx', 'config.yaml')]),
  ];
}

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
  const errors = problems.filter((problem) => problem.severity === 'error');
  const first = errors[0];
  if (config !== undefined && first === undefined) return config;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new ConfigurationError(first?.code ?? 'CFG103', `${file} is not a valid configuration${more}`, {
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

/** Without a byte order mark. @throws ConfigurationError CFG102 */
export function decodeText(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigurationError('CFG102', `${file} is not UTF-8 text`, {
      context: { file },
      hint: 'Save it as UTF-8.',
      cause: error,
    });
  }
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
  /** The file with every default filled in, without the servers and sections whose shape is wrong. */
  readonly settings: ConfigFile | undefined;
  /** The settings as they stand in the file, with the overrides of the environment. */
  readonly raw: unknown;
  readonly overrides: readonly Override[];
  /** Places by the keys of our own file, also in the file of an editor. */
  readonly document: Pick<YamlDocument, 'rangeOf' | 'keyRangeOf'>;
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
  const nothing = { config: undefined, settings: undefined, raw: undefined, overrides: [], foreign: false };
  if (yaml.value === undefined && problems.length > 0) return { ...nothing, problems, document: yaml };

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
  for (const { variable, path } of misplaced) {
    const message = `environment variable ${variable} fits no setting`;
    addOverrideProblem(
      'error',
      path.slice(0, 2),
      message,
      'write the name of the setting after that of the server',
    );
  }

  const parsed = configFileSchema.safeParse(raw);
  let settings = parsed.data;
  if (!parsed.success) {
    const { issues } = parsed.error;
    const found = issues.flatMap((issue) => problemsOf(issue, raw, document, file, sourceOf));
    problems.push(...withoutConsequences(found, problems));
    // The rest of the file is looked at as well, so that correcting these does not bring up others.
    settings = configFileSchema.safeParse(withoutBroken(raw, issues)).data;
  }
  if (settings !== undefined) {
    const meant = meaningProblems(settings, document, file, foreign);
    // Servers that were left out just now are there nevertheless.
    const isEmpty = isMapping(raw) && Object.keys(raw['mcp_servers'] ?? {}).length === 0;
    problems.push(...(isEmpty ? meant : meant.filter(({ code }) => code !== 'CFG114')));
  }
  const told = secrets.length === 0 ? problems : problems.map(withoutSecrets(createRedactor(secrets)));
  told.sort(compareProblems);
  const valid = parsed.success && !problems.some((problem) => problem.severity === 'error');
  return {
    config: valid
      ? toConfig(parsed.data, { file, secrets, foreign, namesLogLevel: namesLogLevel(raw) })
      : undefined,
    problems: told,
    settings,
    raw,
    overrides,
    document,
    foreign,
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

/** Where a value came from the environment, what is wrong with it is told without it. */
function withoutSecrets(redact: (text: string) => string): (problem: Problem) => Problem {
  return ({ message, hint, replacement, ...rest }) => ({
    ...rest,
    message: redact(message),
    ...(hint === undefined ? {} : { hint: redact(hint) }),
    // What would be written is made of the value.
    ...(replacement === undefined || ('text' in replacement && redact(replacement.text) !== replacement.text)
      ? {}
      : { replacement }),
  });
}

/** One mistake is told once: a misspelt key is not missing as well, nor is a value wrong that nobody could fill in. */
function withoutConsequences(found: readonly Problem[], before: readonly Problem[]): Problem[] {
  const meant = new Set(
    found.flatMap(({ code, path, replacement }) =>
      code === 'CFG104' && replacement?.kind === 'word'
        ? [[...path.split('.').slice(0, -1), replacement.text].join('.')]
        : [],
    ),
  );
  // Not filled in: a variable that is not set, or a reference that cannot be read.
  const unset = new Set(
    before
      .filter(({ code }) => code === 'CFG109' || code === 'CFG106')
      .map(({ range }) => range.start.offset),
  );
  return found.filter(
    ({ code, path, range }) =>
      !(code === 'CFG107' && meant.has(path)) && (code === 'CFG104' || !unset.has(range.start.offset)),
  );
}

/** The file without each server, and each setting of the other sections, that an issue is about. */
function withoutBroken(raw: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  if (!isMapping(raw)) return raw;
  const broken = new Map<string, Set<string>>();
  const drop = (path: Path) => {
    const [section, key] = path.map(String);
    if (section === undefined) return;
    const keys = broken.get(section) ?? new Set();
    broken.set(section, keys.add(key ?? ''));
  };
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) drop([...issue.path, key]);
    else drop(issue.path);
  }
  return fromEntries(
    Object.entries(raw).flatMap(([section, value]): [string, unknown][] => {
      const keys = broken.get(section);
      if (keys === undefined) return [[section, value]];
      if (keys.has('') || !isMapping(value)) return [];
      return [[section, fromEntries(Object.entries(value).filter(([key]) => !keys.has(key)))]];
    }),
  );
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
function placesOfEditorFile(
  yaml: YamlDocument,
  foreign: boolean,
): Pick<YamlDocument, 'rangeOf' | 'keyRangeOf'> {
  const section = isMapping(yaml.value) && Object.hasOwn(yaml.value, 'mcpServers') ? 'mcpServers' : 'servers';
  const translate = (path: Path): Path =>
    path.map((step, index) => {
      if (index === 0) return step === 'mcp_servers' ? section : step;
      return foreign && index === 2 && step === 'transport' ? 'type' : step;
    });
  return {
    rangeOf: (path) => yaml.rangeOf(translate(path)),
    keyRangeOf: (path) => yaml.keyRangeOf(translate(path)),
  };
}

/** What the shape cannot tell: addresses that fit their transport, and priorities that decide. */
function meaningProblems(
  file: ConfigFile,
  document: Pick<YamlDocument, 'rangeOf' | 'keyRangeOf'>,
  name: string,
  foreign: boolean,
): Problem[] {
  const problems: Problem[] = [];
  const servers = Object.entries(file.mcp_servers);
  const add = (
    severity: Problem['severity'],
    code: ErrorCode,
    path: readonly string[],
    message: string,
    hint: string,
    atKey = false,
    replacement?: Replacement,
  ) => {
    const range = atKey ? document.keyRangeOf(path) : document.rangeOf(path);
    const base = { severity, code, message, hint, path: path.join('.'), file: name, range };
    problems.push({ ...base, ...(replacement === undefined ? {} : { replacement }) });
  };

  if (servers.length === 0) {
    add('error', 'CFG114', ['mcp_servers'], 'no server is configured', 'add one below mcp_servers', true);
  }
  for (const [id, server] of servers) {
    const at = ['mcp_servers', id];
    if (isUnsafeId(id)) {
      add('error', 'CFG106', at, 'this cannot be the id of a server', 'use letters, digits, _ and -', true);
    }
    const wantsCommand =
      server.transport === 'stdio' || (server.transport === undefined && server.command !== undefined);
    if (wantsCommand && server.command === undefined) {
      add('error', 'CFG107', at, `server "${id}" has transport stdio and no command`, 'add "command"', true);
    } else if (!wantsCommand && server.url === undefined) {
      add(
        'error',
        'CFG107',
        at,
        `server "${id}" has neither url nor command`,
        'add "url" or "command"',
        true,
      );
    }
    if (wantsCommand && server.url !== undefined) {
      add(
        'error',
        'CFG113',
        [...at, 'url'],
        'a stdio server has no url',
        'remove "url" or set another transport',
      );
    }
    if (!wantsCommand && server.command !== undefined) {
      const hint = 'write transport: stdio, or start: { command: … } for a server that mcpx shall start';
      add(
        'error',
        'CFG113',
        [...at, 'command'],
        `transport ${server.transport} takes a url, no command`,
        hint,
      );
    }
    if (wantsCommand && server.start !== undefined) {
      add(
        'error',
        'CFG113',
        [...at, 'start'],
        'a stdio server is started by its own command',
        'remove "start"',
        true,
      );
    }
    if (server.protocol === '2026-07-28' && transportOf(server) === 'sse') {
      add(
        'error',
        'CFG113',
        [...at, 'protocol'],
        'revision 2026-07-28 has no transport sse',
        'remove "protocol", or write transport: streamable-http with the url of that endpoint',
      );
    }
    if (
      server.transport === 'sse' &&
      server.url !== undefined &&
      new URL(server.url).pathname.endsWith('/mcp')
    ) {
      const hint = 'write transport: streamable-http, or a url that ends in /sse';
      add(
        'warning',
        'CFG113',
        [...at, 'transport'],
        'a url that ends in /mcp is rarely an SSE endpoint',
        hint,
        false,
        foreign ? undefined : { kind: 'word', text: 'streamable-http' },
      );
    }
  }
  if (!foreign) priorityProblems();
  return problems;

  function priorityProblems(): void {
    const first = new Map<string, string>();
    const sharing = new Map<string, { readonly otherId: string; readonly ids: string[] }>();
    for (const [id, { priority, domains }] of servers) {
      const keys = [`${priority}`, ...domains.map((domain) => `${priority} ${domain}`)];
      const shared = domains.find((domain) => first.has(`${priority} ${domain}`));
      const otherId = first.get(shared === undefined ? `${priority}` : `${priority} ${shared}`);
      for (const key of keys) if (!first.has(key)) first.set(key, id);
      if (otherId === undefined) continue;
      if (shared === undefined) {
        const group = sharing.get(`${priority}`) ?? { otherId, ids: [] };
        group.ids.push(id);
        sharing.set(`${priority}`, group);
        continue;
      }
      add(
        'error',
        'CFG111',
        ['mcp_servers', id, 'priority'],
        `"${id}" and "${otherId}" both have priority ${priority} in domain "${shared}"`,
        'give one of them another priority, so that it is clear who wins',
      );
    }
    // Told once however many they are: a file without any priority has them all at the same.
    for (const [priority, { otherId, ids }] of sharing) {
      const [id = '', ...more] = ids;
      const message =
        more.length === 0
          ? `"${id}" and "${otherId}" both have priority ${priority}`
          : `"${id}" and ${more.length} more have the priority ${priority} of "${otherId}"`;
      const hint = 'ties go by id; give one another priority to decide it yourself';
      add('warning', 'CFG112', ['mcp_servers', id, 'priority'], message, hint);
    }
  }
}

function problemsOf(
  issue: z.core.$ZodIssue,
  raw: unknown,
  document: Pick<YamlDocument, 'rangeOf' | 'keyRangeOf'>,
  file: string,
  sourceOf: (path: Path) => string | undefined,
): Problem[] {
  const base = { severity: 'error', file } as const;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const near = nearest(key, known);
      const variable = sourceOf(path);
      if (variable !== undefined) {
        const meant =
          near === undefined ? undefined : variable.replace(/[^_]+(?:_[^_]+)*$/, near.toUpperCase());
        return {
          ...base,
          code: 'CFG115' as const,
          message: `environment variable ${variable} fits no setting`,
          hint: meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`,
          path: pathText(path),
          range: document.keyRangeOf(path),
        };
      }
      // Two keys cannot mean the same: then the person has to say which one counts.
      const isFree = near !== undefined && getIn(raw, [...issue.path, near]) === undefined;
      const hint =
        key === '<<'
          ? 'merge keys are not read; write the settings out, or put them below "defaults"'
          : near === undefined
            ? `known here: ${known.join(', ')}`
            : `did you mean "${near}"?`;
      return {
        ...base,
        code: 'CFG104',
        message: `unknown key "${key}"${issue.path.length > 0 ? ` in ${pathText(issue.path)}` : ''}`,
        hint,
        path: pathText(path),
        range: document.keyRangeOf(path),
        ...(isFree && key !== '<<' ? { replacement: { kind: 'word', text: near } as const } : {}),
      };
    });
  }
  const found = getIn(raw, issue.path);
  const variable = sourceOf(issue.path);
  const last = String(issue.path.at(-1) ?? 'file');
  const params = 'params' in issue ? (issue.params as { code?: ErrorCode } | undefined) : undefined;
  let code: ErrorCode = 'CFG106';
  let message = `${nameOf(issue.path)}: ${limitText(issue) ?? issue.message}`;
  let hint: string | undefined;
  let replacement: Replacement | undefined;
  if (found === undefined) {
    code = 'CFG107';
    message = `"${last}" is missing`;
    hint = last === 'mcp_servers' ? 'name the servers below "mcp_servers:"' : `add "${last}"`;
  } else if (issue.code === 'invalid_key') {
    message = `"${last}" cannot be a key here`;
  } else if (issue.code === 'invalid_type' || (issue.code === 'invalid_union' && isComposite(found))) {
    code = 'CFG105';
    const wanted = issue.code === 'invalid_type' ? expected(issue.expected) : undefined;
    message =
      wanted === undefined
        ? `${last}: ${issue.message}`
        : `${last} must be ${wanted}, not ${wanted === 'a whole number' && typeof found === 'number' ? found : kindOf(found)}`;
    if (wanted === 'a list' && typeof found === 'string') {
      // An argument may be a token.
      hint = last === 'args' ? 'write it as a list, as in [first, second]' : `write [${found}]`;
      // What would be written is shown, and one text of several arguments is rarely meant as one.
      if (last !== 'args') replacement = { kind: 'list' };
    }
    const bare = typeof found === 'string' ? bareValue(wanted, found.trim()) : undefined;
    if (bare !== undefined) {
      hint = wanted === 'true or false' ? `write ${bare}` : `write ${bare} without quotes`;
      replacement = { kind: 'bare', text: bare };
    }
  } else if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const near = typeof found === 'string' ? nearest(found, values) : undefined;
    message = `${last} cannot be ${JSON.stringify(found)}`;
    hint =
      near === undefined
        ? `one of: ${values.join(', ')}`
        : `did you mean "${near}"? (one of: ${values.join(', ')})`;
    if (near !== undefined) replacement = { kind: 'word', text: near };
  } else if (params?.code !== undefined) {
    code = params.code;
    hint = code === 'CFG108' ? 'write it as http://host:port/path' : undefined;
    if (
      code === 'CFG108' &&
      typeof found === 'string' &&
      /^(?:localhost|127\.0\.0\.1)(?:[:/][^?@#]*)?$/.test(found)
    ) {
      replacement = { kind: 'word', text: `http://${found}` };
    }
  } else if (last === 'priority' && found === 0) {
    hint = 'use 1';
  }
  if (variable !== undefined) {
    code = 'CFG115';
    message = `environment variable ${variable}: ${message}`;
    replacement = undefined;
  }
  return [
    {
      ...base,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      path: pathText(issue.path),
      range: issue.code === 'invalid_key' ? document.keyRangeOf(issue.path) : document.rangeOf(issue.path),
      ...(replacement === undefined ? {} : { replacement }),
    },
  ];
}

/** The last key of a path; for an entry of a list that of the list. */
function nameOf(path: Path): string {
  return String(path.findLast((step) => typeof step !== 'number') ?? 'file');
}

/** What a limit of the schema asks for, where the schema does not say it itself. */
function limitText(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'too_small' && issue.message.startsWith('Too small')) {
    if (issue.origin === 'string') return 'must not be empty';
    return `must be ${issue.inclusive === true ? 'at least' : 'more than'} ${issue.minimum}`;
  }
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return `must be at most ${issue.maximum}`;
  return undefined;
}

/** What a text in quotes stands for where a number or a boolean is wanted. */
function bareValue(wanted: string | undefined, found: string): string | undefined {
  if (wanted === 'true or false') {
    // What YAML 1.1 read as a boolean, and what people write for one.
    if (/^(?:true|yes|on)$/i.test(found)) return 'true';
    return /^(?:false|no|off)$/i.test(found) ? 'false' : undefined;
  }
  if (!/number/.test(wanted ?? '') || found === '' || Number.isNaN(Number(found))) return undefined;
  return String(Number(found));
}

/** The keys that the schema takes at a path; walks through records and wrappers. */
function knownKeys(path: Path): readonly string[] {
  let schema: unknown = configFileSchema;
  for (const step of path) {
    const bare = unwrap(schema);
    schema = bare?.shape?.[String(step)] ?? bare?.valueType ?? bare?.element;
  }
  return Object.keys(unwrap(schema)?.shape ?? {});
}

interface SchemaParts {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly innerType?: unknown;
}

function unwrap(schema: unknown): SchemaParts | undefined {
  let parts = (schema as { def?: SchemaParts } | undefined)?.def;
  while (parts?.innerType !== undefined) parts = (parts.innerType as { def?: SchemaParts }).def;
  return parts;
}

/** The known word that a mistyped one probably means: at most a third of its letters off, and never a guess. */
function nearest(word: string, known: readonly string[]): string | undefined {
  // Where both are known, INFOO is rather INFO than info.
  const capitals = known.filter((candidate) => /^[A-Z]+$/.test(candidate));
  const isCapital = /^[A-Z]+$/.test(word) && capitals.length > 0;
  const [written, candidates] = isCapital ? [word, capitals] : [word.toLowerCase(), known];
  if (candidates.length === 0) return undefined;
  const beginning = candidates.filter((candidate) => candidate.startsWith(written));
  if (word.length >= 4 && beginning.length === 1) return beginning[0];
  const best = closest(written, candidates);
  return distance(written, best) <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
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

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isComposite(value: unknown): boolean {
  return typeof value === 'object' || typeof value === 'boolean';
}

/** Ids stand in log lines, tables and object keys. */
function isUnsafeId(id: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return id === '__proto__' || id === '<<' || id.length > 100 || /[\u0000-\u001f\u007f-\u009f]/.test(id);
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, index) => String(step) === String(b[index]));
}

function pathText(path: Path): string {
  return path.map(String).join('.');
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function expected(type: string): string {
  return EXPECTED[type] ?? type;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return (
    { string: 'a text', number: 'a number', boolean: 'true or false', object: 'a mapping' }[
      typeof value as string
    ] ?? typeof value
  );
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
