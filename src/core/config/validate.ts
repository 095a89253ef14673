import { ConfigurationError, ERROR_CODES } from '../errors.js';
import { adviceOn } from './advice.js';
import { decodeText, examineConfig, readConfigBytes, type Environment, type ExaminedConfig } from './load.js';
import { Lines } from './lines.js';
import { maskSecrets } from './mask.js';
import { findNoBreakSpaces, withPlainSpaces } from './no-break-space.js';
import { compareProblems, type Position, type Problem } from './problem.js';

/** A file and all that is wrong with it. */
export interface ValidatedFile {
  /** As the user named it. */
  readonly file: string;
  /** The source without its byte order mark; `undefined` where it could not be read. */
  readonly text: string | undefined;
  /** The source as it may be shown: of the same length, with `*` for every letter of a credential. */
  readonly shown: string | undefined;
  readonly hasByteOrderMark: boolean;
  /** By place. */
  readonly problems: readonly Problem[];
}

export interface ValidatedConfig extends ValidatedFile {
  readonly examined: ExaminedConfig | undefined;
}

const START: Position = { line: 1, column: 1, offset: 0 };

/** Reads and checks a configuration; a file that cannot be read is a problem like any other. */
export async function validateConfigFile(
  file: string,
  cwd: string,
  env: Environment,
): Promise<ValidatedConfig> {
  try {
    return validateConfigBytes(file, await readConfigBytes(file, cwd), env);
  } catch (error) {
    return { ...unreadable(file, error), examined: undefined };
  }
}

/** As `validateConfigFile`, of what stands in the file. */
export function validateConfigBytes(file: string, bytes: Buffer, env: Environment): ValidatedConfig {
  try {
    return validateConfigText(file, decodeText(file, bytes), hasByteOrderMark(bytes), env);
  } catch (error) {
    return { ...unreadable(file, error), examined: undefined };
  }
}

/** Checks the text of a configuration as `loadConfig` would, and looks for what should better not stand in it. */
export function validateConfigText(
  file: string,
  text: string,
  withByteOrderMark: boolean,
  env: Environment,
): ValidatedConfig {
  const strict = examineConfig(file, text, env);
  const { examined, problems } = withInvisible(
    file,
    text,
    withByteOrderMark,
    strict,
    (readable): ExaminedConfig => {
      const found = readable === text ? strict : examineConfig(file, readable, env);
      return { ...found, problems: [...found.problems, ...adviceOn(found, text, file)] };
    },
  );
  return {
    file,
    text,
    shown: maskSecrets(text, examined),
    hasByteOrderMark: withByteOrderMark,
    problems,
    examined: { ...examined, config: strict.config },
  };
}

/**
 * Adds what nobody sees in a file: a byte order mark, and spaces that are none.
 *
 * @param strict  what is wrong with the text as it is
 * @param check  looks at the text with such spaces read as they look: what is left are the other mistakes
 */
export function withInvisible<Checked extends { readonly problems: readonly Problem[] }>(
  file: string,
  text: string,
  withByteOrderMark: boolean,
  strict: { readonly problems: readonly Problem[] },
  check: (readable: string) => Checked,
): { readonly examined: Checked; readonly problems: readonly Problem[] } {
  const spaces = findNoBreakSpaces(text);
  const refused = strict.problems.some(({ severity }) => severity === 'error');
  const examined = check(refused && spaces.length > 0 ? withPlainSpaces(text, spaces) : text);
  const problems = [...examined.problems];
  if (spaces.length > 0) problems.push(noBreakSpaceProblem(file, text, spaces, refused));
  if (withByteOrderMark) problems.push(byteOrderMarkProblem(file));
  return { examined, problems: problems.sort(compareProblems) };
}

/** The file as a problem of its own. */
export function unreadable(file: string, error: unknown): ValidatedFile {
  if (!(error instanceof ConfigurationError)) throw error;
  const { line = 1, column = 1 } = error.context as { readonly line?: number; readonly column?: number };
  const start: Position = { ...START, line, column };
  const problem: Problem = {
    severity: 'error',
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    path: '',
    file,
    range: { start, end: start },
  };
  return { file, text: undefined, shown: undefined, hasByteOrderMark: false, problems: [problem] };
}

export function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function noBreakSpaceProblem(
  file: string,
  text: string,
  spaces: readonly number[],
  refused: boolean,
): Problem {
  const [offset = 0] = spaces;
  const lines = new Lines(text);
  const count = new Set(spaces.map((space) => lines.position(space).line)).size;
  const more = count === 1 ? '' : `, and on ${count - 1} more ${count === 2 ? 'line' : 'lines'}`;
  const code = text.charCodeAt(offset).toString(16).toUpperCase().padStart(4, '0');
  return {
    severity: refused ? 'error' : 'warning',
    code: 'CFG127',
    message: `U+${code} looks like a space here and is none${more}`,
    hint: 'write ordinary spaces',
    path: '',
    file,
    range: lines.range(offset, offset + 1),
    replacement: { kind: 'spaces' },
  };
}

function byteOrderMarkProblem(file: string): Problem {
  return {
    severity: 'warning',
    code: 'CFG126',
    message: ERROR_CODES.CFG126.meaning,
    hint: 'save it as UTF-8 without one; other programs stumble over it',
    path: '',
    file,
    range: { start: START, end: START },
    replacement: { kind: 'no-byte-order-mark' },
  };
}
