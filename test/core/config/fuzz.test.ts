import { readFileSync } from 'node:fs';
import { assert, asyncProperty, constantFrom, tuple, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editsFor, fixSource, type Source } from '../../../src/core/config/fix.js';
import { checkConfig } from '../../../src/core/config/load.js';
import type { Position, Problem } from '../../../src/core/config/problem.js';
import {
  validateConfigBytes,
  validateConfigText,
  type ValidatedFile,
} from '../../../src/core/config/validate.js';
import { renderGithub } from '../../../src/render/diagnostics-github.js';
import { diagnosticsJson, type JsonPosition } from '../../../src/render/diagnostics-json.js';
import { diagnosticsSarif } from '../../../src/render/diagnostics-sarif.js';
import { renderDiagnostics } from '../../../src/render/diagnostics.js';
import { validateMetadataBytes, validateMetadataText } from '../../../src/servers/metadata/validate.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { run } from '../../fixtures/io.js';
import { dataMutation, mutation, type Mutation } from '../../fixtures/mutations.js';

/**
 * Changed files of every kind, the same ones in each run. More of them, or others:
 * `FUZZ_RUNS=20000 FUZZ_SEED=7 npx vitest run test/core/config/fuzz.test.ts --coverage=false`
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20261121);
const LONG = Math.max(60_000, RUNS * 100);
/** Of the processor; a file of this size takes some milliseconds. */
const SOON_MS = 1000;

const ENV = { A: 'value-of-a', METADATA_TOKEN: 'value-of-the-token', MCPX_FAIL_FAST: 'false' };

/** In a form by which it is known wherever it stands. */
const KEY = 'ghp_Zq8mK2vX7tR4wY9bN3cL6dF1gH5jS0pQaEuI';
/** Secret only for where it stands. */
const WORD = 'marmalade-4711';

const secretConfig = `mcp_servers:
  first:
    url: "https://user:${WORD}@host.example/sse?api_key=${WORD}"
    priority: 1
    domains: [products]
    headers:
      Authorization: Bearer ${KEY}
      X-Api-Key: "${WORD}"
  second:
    command: node
    args: [server.js, --token, ${KEY}, "--password=${WORD}"]
    env: { API_KEY: ${WORD}, OTHER: ${KEY} }
    domains: [sales]
    priority: 2
`;

const read = (file: string): [string, Buffer] => [file, readFileSync(file)];
const configs: readonly (readonly [string, Buffer])[] = [
  ...['001', '002', '003'].map((name) => read(`test/data/documents/${name}.yaml`)),
  read('config/mcp_config.yaml'),
  read('test/data/config/everything.yaml'),
  ['secrets.yaml', Buffer.from(secretConfig)],
  ...['claude-code.mcp', 'claude', 'claude_desktop_config', 'cursor.mcp', 'vscode.mcp'].map((name) =>
    read(`test/data/editors/${name}.json`),
  ),
];
const metadata: readonly (readonly [string, Buffer])[] = [
  read('resources/product_metadata.json'),
  [
    'small.json',
    Buffer.from(
      JSON.stringify({
        version: '1.0.0',
        last_updated: '2026-01-01T00:00:00Z',
        product_aliases: {
          a: { canonical_id: 'A', canonical_name: 'A b', aliases: ['ab'], database_references: { t: 'A' } },
          b: { canonical_id: 'B', canonical_name: 'B c', aliases: [], categories: ['x'] },
        },
        column_mappings: { total: 'SUM(sales.total)' },
      }),
    ),
  ],
];

/** Runs a property on files that were changed in ways that are the same each time. */
function fuzz(
  files: readonly (readonly [string, Buffer])[],
  mutations: Arbitrary<Mutation>,
  property: (file: string, bytes: Buffer) => void | Promise<void>,
  numRuns = RUNS,
): Promise<void> {
  const changed = tuple(constantFrom(...files), mutations).map(
    ([[file, bytes], mutate]): [string, Buffer] => [file, mutate(bytes)],
  );
  return assert(
    asyncProperty(changed, async ([file, bytes]) => {
      try {
        await property(file, bytes);
      } catch (error) {
        // The text as it came, to be tried by hand.
        throw new Error(`${file}: ${JSON.stringify(bytes.toString('utf8'))}`, { cause: error });
      }
    }),
    { seed: SEED, numRuns },
  );
}

function expectPlace({ line, column, offset }: Position, text: string): void {
  expect(offset).toBeGreaterThanOrEqual(0);
  expect(offset).toBeLessThanOrEqual(text.length);
  const before = text.slice(0, offset).split('\n');
  expect([line, column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1]);
}

/** What is true of every answer, whatever the file. */
function expectSound(file: ValidatedFile, bytes: Buffer): void {
  const { text, problems } = file;
  for (const { range, message, code } of problems) {
    expect(message, code).not.toBe('');
    expect(range.end.offset).toBeGreaterThanOrEqual(range.start.offset);
    if (text !== undefined) for (const place of [range.start, range.end]) expectPlace(place, text);
  }
  const keys = problems.map(({ code, message, range }) => `${range.start.offset} ${code} ${message}`);
  expect(new Set(keys).size, 'a problem is told twice').toBe(keys.length);
  const offsets = problems.map(({ range }) => range.start.offset);
  expect(offsets).toEqual([...offsets].sort((a, b) => a - b));

  const json = JSON.parse(JSON.stringify(diagnosticsJson([file], { valid: false, editsFor }))) as {
    readonly diagnostics: readonly {
      readonly range: { readonly start: JsonPosition; readonly end: JsonPosition };
      readonly fix: { readonly edits: readonly { start_byte: number; end_byte: number }[] } | null;
    }[];
  };
  for (const { range, fix } of json.diagnostics) {
    expect(range.end.byte).toBeGreaterThanOrEqual(range.start.byte);
    expect(range.end.byte).toBeLessThanOrEqual(bytes.length);
    for (const { start_byte: start, end_byte: end } of fix?.edits ?? []) {
      expect(start).toBeGreaterThanOrEqual(0);
      expect(end).toBeGreaterThanOrEqual(start);
      expect(end).toBeLessThanOrEqual(bytes.length);
    }
  }
}

/** Everything that people and programs get to see. */
function everythingShown(file: ValidatedFile): string {
  return [
    renderDiagnostics([file], { color: false }),
    renderDiagnostics([file], { color: true, width: 60 }),
    renderGithub([file]),
    JSON.stringify(diagnosticsJson([file], { valid: false, editsFor })),
    JSON.stringify(diagnosticsSarif([file], { version: '1', editsFor })),
  ].join('\n');
}

function withinTime<Result>(work: () => Result): Result {
  const started = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1000).toBeLessThan(SOON_MS);
  return result;
}

const errorsOf = (problems: readonly Problem[]) => problems.filter(({ severity }) => severity === 'error');
const isUnreadable = (problems: readonly Problem[]) => problems.some(({ code }) => code === 'CFG103');

function expectSafeFix(before: ValidatedFile, check: (source: Source) => readonly Problem[]): void {
  const { text, hasByteOrderMark, problems } = before;
  if (text === undefined) return;
  const after = withinTime(() => fixSource({ text, hasByteOrderMark }, check));
  const left = check(after);
  if (after.fixed.length === 0) expect(after).toMatchObject({ text, hasByteOrderMark });
  if (errorsOf(problems).length === 0) expect(errorsOf(left)).toEqual([]);
  if (!isUnreadable(problems)) {
    expect(isUnreadable(left)).toBe(false);
    // A section that is found only now brings up what is wrong in it.
    const isFound = after.fixed.some(({ code, path }) => code === 'CFG104' && !path.includes('.'));
    if (!isFound) expect(errorsOf(left).length).toBeLessThanOrEqual(errorsOf(problems).length);
  }
  const again = fixSource(after, check);
  expect(again).toMatchObject({ text: after.text, hasByteOrderMark: after.hasByteOrderMark, fixed: [] });
}

describe('a configuration that was changed in any way', () => {
  it(
    'is answered soon, each place lies in it, and the verdict is that of every command',
    () =>
      fuzz(configs, mutation, (file, bytes) => {
        const validated = withinTime(() => validateConfigBytes(file, bytes, ENV));
        expectSound(validated, bytes);
        everythingShown(validated);
        const { text, problems, examined } = validated;
        const isRefused = errorsOf(problems).length > 0;
        expect(examined?.config === undefined).toBe(isRefused);
        if (text !== undefined) expect(checkConfig(file, text, ENV).config === undefined).toBe(isRefused);
      }),
    LONG,
  );

  it(
    'is not made worse by a correction, and correcting it again changes nothing',
    () =>
      fuzz(configs, mutation, (file, bytes) => {
        const check = (source: Source) =>
          validateConfigText(file, source.text, source.hasByteOrderMark, ENV).problems;
        expectSafeFix(validateConfigBytes(file, bytes, ENV), check);
      }),
    LONG,
  );

  it(
    'shows no key of a well-known form, and nothing that the environment brought in',
    () =>
      fuzz(configs, mutation, (file, bytes) => {
        const shown = everythingShown(validateConfigBytes(file, bytes, ENV));
        expect(shown).not.toContain(KEY);
        if (!bytes.toString('utf8').includes(ENV.METADATA_TOKEN))
          expect(shown).not.toContain(ENV.METADATA_TOKEN);
      }),
    LONG,
  );

  it(
    'shows no credential, as long as it stands where one does',
    () =>
      fuzz([['secrets.yaml', Buffer.from(secretConfig)]], dataMutation, (file, bytes) => {
        expect(everythingShown(validateConfigBytes(file, bytes, ENV))).not.toContain(WORD);
      }),
    LONG,
  );
});

describe('product metadata that was changed in any way', () => {
  it(
    'is answered soon, and each place lies in it',
    () =>
      fuzz(metadata, mutation, (file, bytes) => {
        const validated = withinTime(() => validateMetadataBytes(file, bytes));
        expectSound(validated, bytes);
        everythingShown(validated);
      }),
    LONG,
  );

  it(
    'is not made worse by a correction, and correcting it again changes nothing',
    () =>
      fuzz(metadata, mutation, (file, bytes) => {
        const check = (source: Source) =>
          validateMetadataText(file, source.text, source.hasByteOrderMark).problems;
        expectSafeFix(validateMetadataBytes(file, bytes), check);
      }),
    LONG,
  );
});

describe('the file of an editor that was changed in any way', () => {
  it(
    'is imported or refused, with one of the exit statuses that are promised, and shows no key',
    async () => {
      using folder = temporaryFolder();
      const files = [
        ...configs.filter(([name]) => name.includes('editors')),
        read('test/data/editors/codex.toml'),
        [
          'secret.json',
          Buffer.from(
            JSON.stringify({
              mcpServers: {
                a: { command: 'npx', args: ['--token', KEY], env: { TOKEN: KEY } },
                b: {
                  type: 'http',
                  url: 'https://h.example/mcp',
                  headers: { Authorization: `Bearer ${KEY}` },
                },
              },
            }),
          ),
        ] as const,
      ];
      await fuzz(
        files,
        mutation,
        async (name, bytes) => {
          const file = folder.write(name.endsWith('.toml') ? 'codex.toml' : 'mcp.json', bytes);
          for (const flags of [['--dry-run'], ['--dry-run', '--json']]) {
            const ran = await run(['servers', 'import', '--from', file, ...flags], { cwd: folder.path });
            expect([0, 3, 7], ran.stderr).toContain(ran.status);
            expect(ran.stdout + ran.stderr).not.toContain(KEY);
            expect(ran.stderr).not.toContain('    at ');
          }
        },
        Math.ceil(RUNS / 3),
      );
    },
    LONG,
  );
});
