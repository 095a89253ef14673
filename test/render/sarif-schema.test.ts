import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { editsFor } from '../../src/core/config/fix.js';
import { validateConfigText, type ValidatedFile } from '../../src/core/config/validate.js';
import { diagnosticsSarif } from '../../src/render/diagnostics-sarif.js';
import { temporaryFolder } from '../fixtures/configuration.js';
import { run } from '../fixtures/io.js';

interface Broken {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly env?: Readonly<Record<string, string>>;
}

const MARK = '\ufeff';
const cases = JSON.parse(readFileSync('test/data/broken/cases.json', 'utf8')) as readonly Broken[];
const isSarif = sarifCheck();

/** The schema of the standard itself, a draft 4 of which nothing changed its meaning since but the key of its id. */
function sarifCheck(): (log: unknown) => readonly string[] {
  const text = readFileSync('test/data/sarif/sarif-schema-2.1.0.json', 'utf8');
  const { $schema: _, id: $id, ...schema } = JSON.parse(text) as { $schema: string; id: string };
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile({ ...schema, $id });
  return (log) =>
    validate(log)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function checked({ file, text, env = {} }: Broken): ValidatedFile {
  const hasMark = text.startsWith(MARK);
  return validateConfigText(file, hasMark ? text.slice(1) : text, hasMark, env);
}

function sarifOf(files: readonly ValidatedFile[]) {
  // As it is written: `undefined` is no JSON.
  return JSON.parse(JSON.stringify(diagnosticsSarif(files, { version: '1.2.3', editsFor }))) as {
    readonly runs: readonly { readonly results: readonly object[] }[];
  };
}

describe('the SARIF log keeps to the schema of the standard', () => {
  it.each(cases.map((broken) => [broken.name, broken] as const))('%s', (_, broken) => {
    const file = checked(broken);
    const log = sarifOf([file]);
    expect(log.runs[0]?.results).toHaveLength(file.problems.length);
    expect(isSarif(log)).toEqual([]);
  });

  it('of all of them in one run, of none, and of files whose names are no URIs', () => {
    const files = cases.map((broken) =>
      checked({ ...broken, file: `dir with space/ü%#?:\\"<${broken.name}>.yaml` }),
    );
    expect(isSarif(sarifOf(files))).toEqual([]);
    expect(isSarif(sarifOf([]))).toEqual([]);
    const absolute = cases
      .slice(0, 3)
      .map((broken) => checked({ ...broken, file: `/tmp/a b/${broken.name}` }));
    expect(isSarif(sarifOf(absolute))).toEqual([]);
    const windows = sarifOf(
      cases.slice(0, 1).map((broken) => checked({ ...broken, file: 'C:\\a b\\c.yaml' })),
    );
    expect(isSarif(windows)).toEqual([]);
    expect(JSON.stringify(windows)).toContain('"file:///C:/a%20b/c.yaml"');
  });

  it('of what the command prints, also for files that cannot be read and for product metadata', async () => {
    using folder = temporaryFolder();
    folder.write('a.yaml', 'mcp_servers:\n  a: { url: "http://localhost/sse", prioritty: 1, domains: p }\n');
    folder.write('m.json', '{ "product_aliases": { "a": { "canonical_id": 1, "canonical_name": "A" } }, }');
    const { stdout } = await run(
      ['validate-config', '--format', 'sarif', 'a.yaml', 'gone.yaml', '--metadata', 'm.json'],
      { cwd: folder.path },
    );
    const log = JSON.parse(stdout) as ReturnType<typeof sarifOf>;
    expect(log.runs[0]?.results.length).toBeGreaterThanOrEqual(4);
    expect(isSarif(log)).toEqual([]);
  });

  it('and that schema refuses what is none', () => {
    const [first] = cases;
    if (first === undefined) throw new Error('there are no cases');
    const log = sarifOf([checked(first)]);
    expect(isSarif({ ...log, version: '2.0.0' })).not.toEqual([]);
    const result = { ...log.runs[0]?.results[0], level: 'grave', line: 1 };
    expect(isSarif({ ...log, runs: [{ ...log.runs[0], results: [result] }] })).not.toEqual([]);
  });
});
