import type { z } from 'zod';
import { getIn } from './path.js';
import type { Problem } from './problem.js';
import type { Path, Places } from './yaml-document.js';

/** What is known of a kind of file. */
export interface ShapeRules<Value> {
  readonly schema: z.ZodType<Value>;
  /** What an issue of the schema means to the person who wrote the file: one problem for each key. */
  problemsOf(issue: z.core.$ZodIssue, raw: unknown, places: Places): readonly ShapeProblem[];
  /** How much is left out of the further checks for an issue at a path. */
  partOf(path: Path): Path;
}

/** A problem of the shape, with the keys that lead to it. */
export interface ShapeProblem extends Problem {
  readonly keys: Path;
}

export interface CheckedShape<Value> {
  /** The file with every default filled in; `undefined` where something is wrong. */
  readonly valid: Value | undefined;
  /** The same without what cannot be read, so that the rest can be looked at too. */
  readonly settings: Value | undefined;
  /** The settings by the keys that were meant. */
  readonly raw: unknown;
  /** Places by the keys that were meant. */
  readonly places: Places;
  readonly problems: readonly ShapeProblem[];
  /** Whether the value at a path is there and cannot be read. */
  isBroken(...path: readonly string[]): boolean;
  /** Whether a mapping has keys of which nobody knows what they mean. */
  hasUnknownKeys(...path: readonly string[]): boolean;
}

/** A misspelt section hides misspelt settings, and those hide misspelt ones below them. */
const MAX_ROUNDS = 4;

/**
 * Holds settings against the schema. A misspelt key is read as the one that was meant, so that what is wrong with its
 * value comes up in the same run, and nobody is told that it is missing.
 *
 * @param raw  plain data of our own, which is changed where a key is misspelt
 */
export function checkShape<Value>(
  raw: unknown,
  given: Places,
  rules: ShapeRules<Value>,
): CheckedShape<Value> {
  const never = () => false;
  let parsed = rules.schema.safeParse(raw);
  if (parsed.success) {
    return {
      valid: parsed.data,
      settings: parsed.data,
      raw,
      places: given,
      problems: [],
      isBroken: never,
      hasUnknownKeys: never,
    };
  }
  const written = new Map<string, string>();
  const places = placesAsMeant(given, written);
  const problems: ShapeProblem[] = [];
  let found = problemsOfAll(parsed.error.issues, raw, places, rules);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const misspelt = found.filter(({ code, replacement }) => code === 'CFG104' && replacement !== undefined);
    if (misspelt.length === 0) break;
    for (const problem of misspelt) rename(raw, problem, written);
    problems.push(...misspelt);
    parsed = rules.schema.safeParse(raw);
    found = problemsOfAll(parsed.error?.issues ?? [], raw, places, rules);
  }
  const issues = parsed.error?.issues ?? [];
  problems.push(...found);
  const broken = new Set<string>();
  const unknown = new Set<string>();
  const remove: Removal = new Map();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      unknown.add(pathKey(issue.path));
      for (const key of issue.keys) addRemoval(remove, [...issue.path, key]);
    } else {
      const path = rules.partOf(issue.path);
      broken.add(pathKey(path));
      addRemoval(remove, path);
    }
  }
  return {
    valid: undefined,
    settings: rules.schema.safeParse(without(raw, remove)).data,
    raw,
    places,
    problems,
    isBroken: (...path) => broken.has(pathKey(path)),
    hasUnknownKeys: (...path) => unknown.has(pathKey(path)),
  };
}

function problemsOfAll<Value>(
  issues: readonly z.core.$ZodIssue[],
  raw: unknown,
  places: Places,
  rules: ShapeRules<Value>,
): ShapeProblem[] {
  const problems = issues.flatMap((issue) => rules.problemsOf(issue, raw, places));
  const meant = new Map<string, number>();
  for (const problem of problems) {
    const key = meantPath(problem);
    if (key !== undefined) meant.set(key, (meant.get(key) ?? 0) + 1);
  }
  // Of two keys that may mean the same the person has to say which one does.
  return problems.map((problem) => {
    const key = meantPath(problem);
    if (key === undefined || meant.get(key) === 1) return problem;
    const { replacement: _, ...rest } = problem;
    return rest;
  });
}

function meantPath({ code, keys, replacement }: ShapeProblem): string | undefined {
  if (code !== 'CFG104' || replacement === undefined || !('text' in replacement)) return undefined;
  return pathKey([...keys.slice(0, -1), replacement.text]);
}

function rename(raw: unknown, { keys, replacement }: ShapeProblem, written: Map<string, string>): void {
  const around = keys.slice(0, -1);
  const mapping = getIn(raw, around) as Record<PropertyKey, unknown>;
  const key = keys.at(-1);
  if (key === undefined || replacement === undefined || !('text' in replacement)) return;
  mapping[replacement.text] = mapping[key];
  delete mapping[key];
  written.set(pathKey([...around, replacement.text]), String(key));
}

/** @param written  the keys as they stand in the file, by the path that was meant */
function placesAsMeant(places: Places, written: ReadonlyMap<string, string>): Places {
  const translate = (path: Path): Path =>
    written.size === 0
      ? path
      : path.map((step, index) => written.get(pathKey(path.slice(0, index + 1))) ?? step);
  return {
    isJson: places.isJson,
    rangeOf: (path) => places.rangeOf(translate(path)),
    keyRangeOf: (path) => places.keyRangeOf(translate(path)),
    standsAt: (path) => places.standsAt(translate(path)),
  };
}

/** What is left out, by key; `true` for the whole of it. */
type Removal = Map<string, Removal | true>;

function addRemoval(removal: Removal, path: Path): void {
  const [key, ...rest] = path.map(String);
  if (key === undefined) return;
  const below = removal.get(key);
  if (rest.length === 0) removal.set(key, true);
  else if (below !== true) {
    const inner: Removal = below ?? new Map();
    removal.set(key, inner);
    addRemoval(inner, rest);
  }
}

function without(value: unknown, removal: Removal): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).flatMap(([key, child]): [string, unknown][] => {
    const below = removal.get(key);
    if (below === true) return [];
    return [[key, below === undefined ? child : without(child, below)]];
  });
  return Object.fromEntries(kept);
}

function pathKey(path: Path): string {
  return JSON.stringify(path.map(String));
}
