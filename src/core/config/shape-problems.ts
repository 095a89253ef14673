import type { z } from 'zod';
import type { ErrorCode } from '../errors.js';
import { nearest } from '../nearest.js';
import { getIn } from './path.js';
import type { Problem } from './problem.js';
import { configFileSchema, type ConfigFile } from './schema.js';
import type { ShapeProblem, ShapeRules } from './shape.js';
import type { Path, Places } from './yaml-document.js';

/**
 * The rules of our configuration.
 *
 * @param sourceOf  the environment variable that overrides the setting at a path
 */
export function configRules(
  file: string,
  sourceOf: (path: Path) => string | undefined,
): ShapeRules<ConfigFile> {
  return {
    schema: configFileSchema,
    problemsOf: (issue, raw, places) => problemsOf(issue, raw, { places, file, sourceOf }),
    // Settings of a server hang together; below them nothing is looked at twice.
    partOf: (path) => path.slice(0, path[0] === 'mcp_servers' ? 3 : 2),
  };
}

interface ShapeSource {
  readonly places: Places;
  readonly file: string;
  readonly sourceOf: (path: Path) => string | undefined;
}

/** What an issue of the schema means to the person who wrote the file: one problem for each key. */
function problemsOf(issue: z.core.$ZodIssue, raw: unknown, source: ShapeSource): ShapeProblem[] {
  const { places, file, sourceOf } = source;
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
          keys: path,
          range: places.keyRangeOf(path),
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
        keys: path,
        range: places.keyRangeOf(path),
        ...(isFree && key !== '<<' && places.standsAt(path)
          ? { replacement: { kind: 'word', text: near } as const }
          : {}),
      };
    });
  }
  const found = getIn(raw, issue.path);
  const variable = sourceOf(issue.path);
  const { code, message, hint, replacement } = explain(issue, found, places.isJson);
  const isSafe = replacement !== undefined && variable === undefined && places.standsAt(issue.path);
  return [
    {
      ...base,
      code: variable === undefined ? code : 'CFG115',
      message: variable === undefined ? message : `environment variable ${variable}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
      path: pathText(issue.path),
      keys: issue.path,
      range: issue.code === 'invalid_key' ? places.keyRangeOf(issue.path) : places.rangeOf(issue.path),
      ...(isSafe ? { replacement } : {}),
    },
  ];
}

type Explanation = Pick<Problem, 'code' | 'message' | 'hint' | 'replacement'>;

function explain(issue: z.core.$ZodIssue, found: unknown, isJson: boolean): Explanation {
  const { path } = issue;
  const last = String(path.at(-1) ?? 'the file');
  if (found === undefined) {
    const where = path.length > 1 ? ` in ${pathText(path.slice(0, -1))}` : '';
    const hint = last === 'mcp_servers' ? 'name the servers below "mcp_servers:"' : `add "${last}"`;
    return { code: 'CFG107', message: `"${last}" is missing${where}`, hint };
  }
  if (issue.code === 'invalid_key') return wrongKey(path);
  if (issue.code === 'invalid_type' || (issue.code === 'invalid_union' && isComposite(found))) {
    return wrongType(issue, found, isJson);
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    // Levels may be written in small letters too; naming both would only be long.
    const shown = values.filter(
      (value) => value === value.toLowerCase() || !values.includes(value.toLowerCase()),
    );
    const few =
      shown.length < values.length ? values.filter((value) => value === value.toUpperCase()) : values;
    const near = typeof found === 'string' ? nearest(found, values) : undefined;
    const list = `one of: ${few.join(', ')}`;
    return {
      code: 'CFG106',
      message: `${last} cannot be ${shortened(JSON.stringify(found))}`,
      hint: near === undefined ? list : `did you mean "${near}"? (${list})`,
      ...(near === undefined ? {} : { replacement: { kind: 'word', text: near } }),
    };
  }
  const message = `${nameOf(path)}: ${limitText(issue) ?? issue.message}`;
  const params = 'params' in issue ? (issue.params as { code?: ErrorCode } | undefined) : undefined;
  if (params?.code === 'CFG108') {
    const isLocal = typeof found === 'string' && /^(?:localhost|127\.0\.0\.1)(?:[:/][^?@#]*)?$/.test(found);
    return {
      code: 'CFG108',
      message,
      hint: isLocal ? `write http://${found}` : 'write it as http://host:port/path',
      ...(isLocal ? { replacement: { kind: 'word', text: `http://${found}` } } : {}),
    };
  }
  const hint = limitHint(issue, last, found);
  return { code: 'CFG106', message, ...(hint === undefined ? {} : { hint }) };
}

function wrongKey(path: Path): Explanation {
  const last = String(path.at(-1));
  if (last === '') return { code: 'CFG106', message: 'a key here cannot be empty', hint: 'give it a name' };
  return {
    code: 'CFG106',
    message: `${JSON.stringify(last)} cannot be the name of a header`,
    hint: 'write it in letters, digits and -',
  };
}

function wrongType(issue: z.core.$ZodIssue, found: unknown, isJson: boolean): Explanation {
  const { path } = issue;
  const last = settingOf(path);
  const wanted = issue.code === 'invalid_type' ? expected(issue.expected) : undefined;
  if (wanted === undefined) return { code: 'CFG105', message: `${last}: ${issue.message}` };
  const isWhole = wanted === 'a whole number' && typeof found === 'number';
  const message = `${last} must be ${wanted}, not ${isWhole ? found : kindOf(found)}`;
  // An argument may be a token, and one text of several arguments is rarely meant as one.
  if (wanted === 'a list' && typeof found === 'string' && last !== 'args') {
    const text = isJson ? JSON.stringify(found) : found;
    return { code: 'CFG105', message, hint: `write [${text}]`, replacement: { kind: 'list' } };
  }
  const bare = typeof found === 'string' ? bareValue(wanted, found.trim()) : undefined;
  if (bare !== undefined) {
    const hint = wanted === 'true or false' ? `write ${bare}` : `write ${bare} without quotes`;
    return { code: 'CFG105', message, hint, replacement: { kind: 'bare', text: bare } };
  }
  return { code: 'CFG105', message, hint: typeHint(path, wanted, found) };
}

function typeHint(path: Path, wanted: string, found: unknown): string {
  const last = String(path.at(-1));
  if (path.length === 0)
    return 'name the servers below "mcp_servers:", or run `mcpx init` for a starter file';
  if (found === null && wanted !== 'a mapping') return `write a value, or remove "${last}"`;
  if (wanted === 'true or false') return 'write true or false';
  if (last === 'priority') return 'write a whole number from 1 to 999';
  if (wanted.endsWith('number')) return `write ${wanted}`;
  if (wanted === 'a list') return 'write it as a list, as in [first, second]';
  if (wanted === 'a text') return 'write one text';
  if (path.length === 1 && last === 'mcp_servers') {
    return 'write the id of each server and a colon, and its settings below';
  }
  if (path.length === 2 && path[0] === 'mcp_servers') {
    return 'write its settings below, as in url: http://localhost:8000/sse';
  }
  return last === 'headers' || last === 'env' ? 'write name: value below it' : 'write its settings below it';
}

/** How a message names the value at a path. */
function settingOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  return typeof last === 'number' ? `entry ${last + 1} of ${nameOf(path)}` : String(last);
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

/** What to write instead of a value beyond a limit, where the message does not say it. */
function limitHint(issue: z.core.$ZodIssue, last: string, found: unknown): string | undefined {
  if (last === 'priority') return Number(found) < 1 ? 'use 1' : 'use 999';
  if (issue.code === 'too_small' && issue.origin === 'string') return 'write a value, or remove it';
  if (issue.message.startsWith('must be longer')) return 'write a time such as 5s';
  if (issue.message.startsWith('longer than a timer')) return 'write 596h or less';
  if (issue.message.startsWith('holds a character')) return 'remove the line break or control character';
  return last === 'rate_limit' ? 'write a number above 0, or remove it' : undefined;
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

function isComposite(value: unknown): boolean {
  return typeof value === 'object' || typeof value === 'boolean';
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

/** A value that is long is no word that somebody mistyped, and may be a key that was put into the wrong place. */
function shortened(json: string): string {
  return json.length <= 40 ? json : `${json.slice(0, 20)}…`;
}

export function pathText(path: Path): string {
  return path.map(String).join('.');
}
