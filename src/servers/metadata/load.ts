import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { decodeText } from '../../core/config/load.js';
import {
  compareProblems,
  describeProblem,
  type Problem,
  type Replacement,
} from '../../core/config/problem.js';
import { checkShape, type ShapeRules } from '../../core/config/shape.js';
import { nearest } from '../../core/nearest.js';
import type { Path, Places } from '../../core/config/yaml-document.js';
import { ConfigurationError, type ErrorCode } from '../../core/errors.js';
import { readJsonDocument } from './json-document.js';
import { lintMetadata, type Finding } from './lint.js';
import { metadataFileSchema, type Metadata } from './schema.js';

/** A catalogue of a hundred thousand products is smaller than this. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** As many as an error carries along; a file of another kind has one for each of its lines. */
const MAX_PROBLEMS = 200;

export interface CheckedMetadata {
  /** There unless a problem is an error. */
  readonly metadata: Metadata | undefined;
  /** By place. */
  readonly problems: readonly Problem[];
}

export interface LoadedMetadata {
  readonly metadata: Metadata;
  /** When the file was written, ISO 8601. */
  readonly modified: string;
  readonly warnings: readonly Problem[];
}

/**
 * Reads and checks a product-metadata file.
 *
 * @throws ConfigurationError CFG101 no such file, CFG102 not readable as text, else the code of its first error;
 *   `context.problems` has everything that is wrong, each at its place
 */
export async function loadMetadata(file: string): Promise<LoadedMetadata> {
  const { text, modified } = await readMetadataText(file);
  const { metadata, problems } = checkMetadata(file, text, modified);
  if (metadata !== undefined) return { metadata, modified, warnings: problems };
  const errors = problems.filter((problem) => problem.severity === 'error');
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new ConfigurationError(
    first?.code ?? 'CFG103',
    first === undefined
      ? `${file} is no product metadata`
      : `${describeProblem({ ...first, hint: undefined })}${more}`,
    {
      context: { file, problems: problems.slice(0, MAX_PROBLEMS) },
      hint: first?.hint ?? 'Correct the file and run the command again.',
      fix: `mcpx validate-config --metadata ${file}`,
    },
  );
}

/** Checks the text of a product-metadata file; never throws for what the text holds. */
export function checkMetadata(file: string, text: string, modified: string): CheckedMetadata {
  const document = readJsonDocument(text);
  const problems: Problem[] = document.complaints.map(({ kind, message, path, range }) => ({
    severity: 'error',
    file,
    path: pathText(path),
    range,
    message,
    ...(kind === 'syntax'
      ? syntaxAdvice(message)
      : { code: 'CFG110', hint: 'remove or rename one of the two' }),
  }));
  if (document.value === undefined) return { metadata: undefined, problems };
  const { valid, settings, places, problems: found } = checkShape(document.value, document, rules(file));
  problems.push(...found);
  const add = (finding: Finding) => problems.push(problemAt(finding, file, places));
  for (const finding of reservedKeys(document.value)) add(finding);
  // Without what cannot be read, so that correcting it does not bring up others.
  const readable = settings === undefined ? undefined : toMetadata(settings, modified);
  if (readable !== undefined) for (const finding of lintMetadata(readable)) add(finding);
  const isRefused = problems.some((problem) => problem.severity === 'error');
  return {
    metadata: isRefused || valid === undefined ? undefined : readable,
    problems: problems.sort(compareProblems),
  };
}

function rules(file: string): ShapeRules<z.output<typeof metadataFileSchema>> {
  return {
    schema: metadataFileSchema,
    problemsOf: (issue, raw, places) =>
      findingsOf(issue, raw).map((finding) => ({
        ...problemAt(finding, file, places),
        keys: finding.path,
      })),
    // A product whose name cannot be read is none.
    partOf: (path) => path.slice(0, 2),
  };
}

function problemAt({ path, atKey, replacement, ...rest }: Finding, file: string, places: Places): Problem {
  const range = atKey === true ? places.keyRangeOf(path) : places.rangeOf(path);
  const isSafe = replacement !== undefined && places.standsAt(path);
  return { ...rest, path: pathText(path), file, range, ...(isSafe ? { replacement } : {}) };
}

async function readMetadataText(file: string): Promise<{ text: string; modified: string }> {
  let bytes: Buffer;
  let modified: string;
  try {
    const stats = await stat(file);
    if (!stats.isFile()) {
      throw new ConfigurationError('CFG102', `${file} is not a file`, {
        context: { file },
        hint: 'Name the JSON file itself.',
      });
    }
    if (stats.size > MAX_FILE_BYTES) {
      throw new ConfigurationError('CFG102', `${file} is larger than product metadata can be (64 MiB)`, {
        context: { file, bytes: stats.size },
        hint: 'Is it the right file?',
      });
    }
    modified = stats.mtime.toISOString();
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new ConfigurationError(
      missing ? 'CFG101' : 'CFG102',
      missing ? `There is no product-metadata file ${file}` : `${file} cannot be read`,
      {
        context: { file },
        hint: missing
          ? 'Check the path, or run `mcpx init` for a starter file.'
          : 'Check the permissions of the file.',
        cause: error,
      },
    );
  }
  return { text: decodeText(file, bytes), modified };
}

function toMetadata(file: z.output<typeof metadataFileSchema>, modified: string): Metadata {
  return {
    lastUpdated: file.last_updated ?? modified,
    version: file.version,
    products: new Map(Object.entries(file.product_aliases)),
    mappings: new Map(Object.entries(file.column_mappings)),
  };
}

/** `__proto__` as a key: legal JSON, but a trap for most programs that read what we serve. */
function* reservedKeys(value: unknown): Iterable<Finding> {
  const maps = ['product_aliases', 'column_mappings'].map((key): [string, unknown] => [key, own(value, key)]);
  for (const [key, map] of maps) {
    if (own(map, '__proto__') === undefined) continue;
    yield {
      severity: 'error',
      code: 'CFG106',
      message: '"__proto__" cannot be a key',
      hint: 'give it another name',
      path: [key, '__proto__'],
      atKey: true,
    };
  }
}

function findingsOf(issue: z.core.$ZodIssue, root: unknown): readonly Finding[] {
  const { path } = issue;
  const found = path.reduce<unknown>(own, root);
  const last = String(path.at(-1) ?? 'the file');
  const finding = (code: ErrorCode, message: string, hint?: string, atKey = false): readonly Finding[] => [
    { severity: 'error', code, message, ...(hint === undefined ? {} : { hint }), path, atKey },
  ];

  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys((path.length === 0 ? metadataFileSchema : productShape()).shape);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const isFree = near !== undefined && own(path.reduce<unknown>(own, root), near) === undefined;
      return {
        severity: 'error',
        code: 'CFG104',
        message: `unknown key ${JSON.stringify(key)}${path.length > 0 ? ` in ${pathText(path)}` : ''}`,
        hint:
          near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`,
        path: [...path, key],
        atKey: true,
        ...(isFree ? { replacement: { kind: 'word', text: near } } : {}),
      };
    });
  }
  if (issue.code === 'invalid_key') {
    return finding(
      'CFG106',
      `${JSON.stringify(last)} cannot be a key here`,
      'give it a name that can be read',
      true,
    );
  }
  if (found === undefined) {
    return finding(
      'CFG107',
      `"${last}" is missing${path.length > 1 ? ` in ${pathText(path.slice(0, -1))}` : ''}`,
      `add "${last}"`,
      true,
    );
  }
  if (issue.code === 'invalid_type' || issue.code === 'invalid_union') {
    const wanted =
      issue.code === 'invalid_type' ? (KINDS[issue.expected] ?? issue.expected) : 'a text, number or list';
    const [hint, replacement] = typeAdvice(wanted, found);
    const [wrong] = finding('CFG105', `${last} must be ${wanted}, not ${kindOf(found)}`, hint);
    return wrong === undefined ? [] : [{ ...wrong, ...(replacement === undefined ? {} : { replacement }) }];
  }
  return finding('CFG106', `${last}: ${issue.message}`, limitAdvice(issue, last));
}

function typeAdvice(wanted: string, found: unknown): readonly [hint: string, replacement?: Replacement] {
  if (wanted === 'a list' && typeof found === 'string') {
    return [`write [${JSON.stringify(found)}]`, { kind: 'list' }];
  }
  // A number with a fraction or an exponent may have been written in another way than it reads.
  if (wanted === 'a text' && Number.isSafeInteger(found)) {
    const text = JSON.stringify(String(found));
    return [`write ${text}`, { kind: 'bare', text }];
  }
  if (wanted === 'a list') return ['write a list, as in ["first", "second"]'];
  return [wanted === 'an object' ? 'write { "name": … }' : `write ${wanted}`];
}

function limitAdvice(issue: z.core.$ZodIssue, last: string): string | undefined {
  if (issue.code === 'too_big') return 'shorten it';
  return issue.message.includes('empty') ? `write a text, or remove ${JSON.stringify(last)}` : undefined;
}

function productShape() {
  return metadataFileSchema.shape.product_aliases.valueType;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}

function own(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

function pathText(path: Path): string {
  return path.map(String).join('.');
}

function syntaxAdvice(message: string): Pick<Problem, 'code' | 'hint' | 'replacement'> {
  if (message.includes('comma stands before')) {
    return { code: 'CFG103', hint: 'remove the comma', replacement: { kind: 'bare', text: '' } };
  }
  const hint = message.includes('double quotes')
    ? 'JSON has no comments, and its keys stand in double quotes'
    : message.startsWith('nested')
      ? 'no metadata lies so deep: is this the right file?'
      : 'the file must be JSON';
  return { code: 'CFG103', hint };
}
