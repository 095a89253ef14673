import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { editsFor, fixSource, type Source } from '../../../src/core/config/fix.js';
import { checkConfig } from '../../../src/core/config/load.js';
import type { Problem } from '../../../src/core/config/problem.js';
import { validateConfigText } from '../../../src/core/config/validate.js';

interface Broken {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Place from and to, severity, code, message and hint; all there are, in order. */
  readonly problems: readonly string[];
  /** The text after `--fix`; absent where nothing can safely be corrected. */
  readonly fixed?: string;
  /** The text, or the environment, after doing as the hints say, for what is not fixed or not by itself. */
  readonly by_hand?: string;
  readonly by_hand_env?: Readonly<Record<string, string>>;
}

const cases = JSON.parse(readFileSync('test/data/broken/cases.json', 'utf8')) as readonly Broken[];

const MARK = '\ufeff';

function sourceOf(text: string): Source {
  const hasByteOrderMark = text.startsWith(MARK);
  return { text: hasByteOrderMark ? text.slice(1) : text, hasByteOrderMark };
}

function textOf({ text, hasByteOrderMark }: Source): string {
  return `${hasByteOrderMark ? MARK : ''}${text}`;
}

function check({ file, env = {} }: Broken, { text, hasByteOrderMark }: Source): readonly Problem[] {
  return validateConfigText(file, text, hasByteOrderMark, env).problems;
}

function line({ range: { start, end }, severity, code, message, hint }: Problem): string {
  const place = `${start.line}:${start.column}-${end.line}:${end.column}`;
  return `${place} ${severity} ${code} ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

describe('broken configurations', () => {
  it('are many', () => {
    expect(cases.length).toBeGreaterThanOrEqual(130);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    expect(cases.filter(({ fixed }) => fixed !== undefined).length).toBeGreaterThanOrEqual(30);
  });

  it.each(cases.map((broken) => [broken.name, broken] as const))('%s', (_, broken) => {
    const source = sourceOf(broken.text);
    const problems = check(broken, source);
    expect(problems.map(line)).toEqual(broken.problems);
    expect(problems.length).toBeGreaterThan(0);
    for (const { range } of problems) {
      // Each place lies in the file, and its offset is that of its line and column.
      const lines = source.text.split('\n');
      for (const { line, column, offset } of [range.start, range.end]) {
        const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
        expect(before + column - 1).toBe(offset);
        expect(offset).toBeLessThanOrEqual(source.text.length);
      }
    }
    // What refuses a file here refuses it everywhere.
    const loads = checkConfig(broken.file, source.text, broken.env ?? {}).config !== undefined;
    expect(problems.some(({ severity }) => severity === 'error')).toBe(!loads);
  });

  it.each(
    cases
      .filter(({ fixed }) => fixed !== undefined)
      .map((broken) => [broken.name, broken, broken.fixed ?? ''] as const),
  )('%s: the fix removes the problem', (_, broken, expected) => {
    const source = sourceOf(broken.text);
    const fixed = fixSource(source, (next) => check(broken, next));
    expect(textOf(fixed)).toBe(expected);
    expect(fixed.fixed.length).toBeGreaterThan(0);
    const left = check(broken, fixed).map(line);
    for (const problem of fixed.fixed) expect(left).not.toContain(line(problem));
    // Correcting what is correct changes nothing.
    expect(textOf(fixSource(fixed, (next) => check(broken, next)))).toBe(expected);
  });

  it.each(cases.filter(({ fixed }) => fixed === undefined).map((broken) => [broken.name, broken] as const))(
    '%s: nothing is written over',
    (_, broken) => {
      const source = sourceOf(broken.text);
      expect(textOf(fixSource(source, (next) => check(broken, next)))).toBe(broken.text);
    },
  );
});

describe('doing as the hint says removes the problem', () => {
  const left = (broken: Broken, text: string, env = broken.env) =>
    check({ ...broken, env: { ...env, VARIABLE: 'filled in' } }, sourceOf(text)).map(line);

  it.each(
    cases.flatMap((broken) => {
      const { name, by_hand: text, by_hand_env: env = broken.env ?? {} } = broken;
      return text === undefined ? [] : [[name, broken, text, env] as const];
    }),
  )('%s', (_, broken, text, env) => {
    expect(left(broken, text, env)).toEqual([]);
  });

  it('in every case that is not corrected by itself, and none is without a hint', () => {
    const alone = cases.filter((broken) => {
      const { fixed, by_hand: text } = broken;
      return text === undefined && (fixed === undefined || left(broken, fixed).length > 0);
    });
    expect(alone.map(({ name }) => name)).toEqual([]);
    // A message may say itself what is expected.
    const speechless = cases.flatMap(({ problems }) =>
      problems.filter((problem) => !problem.includes('; ') && !problem.includes('expected')),
    );
    expect(speechless).toEqual([]);
  });
});

describe('a fix', () => {
  const fix = (text: string, env = {}) =>
    fixSource(
      { text, hasByteOrderMark: false },
      (source) => validateConfigText('c.yaml', source.text, false, env).problems,
    );

  it('keeps comments, order, quotes, spacing and line ends as they are', () => {
    const text =
      '# top\r\nmcp_servers:   # all\r\n\r\n  a:  {url:   "http://localhost/sse" ,prioritty:  "1",domains: p }  # one\r\n';
    expect(fix(text).text).toBe(
      text.replace('prioritty:  "1"', 'priority:  1').replace('domains: p', 'domains: [p]'),
    );
  });

  it('brings up what was hidden, and corrects that too', () => {
    const { text, fixed } = fix('mcp_server:\n\ta: { url: "localhost:1", prioritty: "1", domains: [p] }\n');
    expect(text).toBe('mcp_servers:\n  a: { url: "http://localhost:1", priority: 1, domains: [p] }\n');
    expect(fixed.map(({ code }) => code)).toEqual(['CFG103', 'CFG104', 'CFG108', 'CFG104', 'CFG105']);
  });

  it('that does not work out leaves the others in peace', () => {
    const text =
      'mcp_servers:\n  a:\n    url: "http://localhost/a"\n    domains: p]\n  b: { url: "http://localhost/b", prioritty: "1", domains: q }\n';
    expect(fix(text).text).toBe(
      text.replace('prioritty: "1"', 'priority: 1').replace('domains: q', 'domains: [q]'),
    );
  });

  it('of thousands is a matter of a few checks', () => {
    const servers = Array.from(
      { length: 300 },
      (_, index) =>
        `  s${index}: { url: "http://localhost:${index + 1}", prioritty: "${index + 1}", domains: d${index} }\n`,
    );
    const text = `mcp_servers:\n${servers.join('')}`;
    let checks = 0;
    const { fixed } = fixSource({ text, hasByteOrderMark: false }, (source) => {
      checks += 1;
      return validateConfigText('c.yaml', source.text, false, {}).problems;
    });
    expect(fixed).toHaveLength(900);
    expect(checks).toBeLessThanOrEqual(4);
  });

  it('leaves references to the environment and to anchors alone', () => {
    for (const text of [
      'mcp_servers:\n  a: { url: "http://localhost", priority: "${P}", domains: [p] }\n',
      'x-p: &p "1"\nmcp_servers:\n  a: { url: "http://localhost", priority: *p, domains: [p] }\n',
    ]) {
      expect(fix(text, { P: '1' }).text).toBe(text);
    }
  });

  it('of one problem can be had alone', () => {
    const text = 'mcp_servers:\n  a: { url: "http://localhost", prioritty: 1, domains: [p] }\n';
    const [problem] = validateConfigText('c.yaml', text, false, {}).problems;
    if (problem === undefined) throw new Error('no problem was found');
    const start = text.indexOf('prioritty');
    expect(editsFor(problem, text)).toEqual([{ start, end: start + 9, text: 'priority' }]);
  });
});
