import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/core/errors.js';
import {
  CODES_BEGIN,
  CODES_END,
  codesTable,
  configurationTable,
  schemaFile,
  TABLE_BEGIN,
  TABLE_END,
  withTables,
} from './generate.js';

/** `npm run generate` sets it: the files are written instead of compared. */
const isUpdate = process.env['UPDATE_GENERATED'] === '1';
const SCHEMA = 'resources/mcp_config_schema.json';
const README = 'README.md';

describe('generated files', () => {
  it('the published schema is that of the code', () => {
    const schema = schemaFile();
    if (isUpdate) writeFileSync(SCHEMA, schema);
    expect(existsSync(SCHEMA), `${SCHEMA} is missing: run \`npm run generate\``).toBe(true);
    expect(readFileSync(SCHEMA, 'utf8'), `${SCHEMA} is out of date: run \`npm run generate\``).toBe(schema);
  });

  it("the README's tables of settings and codes are those of the sources", () => {
    const readme = existsSync(README) ? readFileSync(README, 'utf8') : '';
    const expected = withTables(readme);
    const marks = [TABLE_BEGIN, TABLE_END, CODES_BEGIN, CODES_END].join(', ');
    expect(expected, `${README} needs the lines ${marks}`).toBeDefined();
    if (isUpdate) writeFileSync(README, expected!);
    expect(readFileSync(README, 'utf8'), `${README} is out of date: run \`npm run generate\``).toBe(expected);
  });

  it('the table names every setting with its type, default and environment variable', () => {
    const table = configurationTable();
    const row = (setting: string) =>
      table
        .split('\n')
        .find((line) => line.startsWith(`| \`${setting}\` `))
        ?.split(' | ')
        .map((cell) => cell.replace(/^\||\|$/g, '').trim());
    expect(row('mcp_servers.<id>.retry.initial')?.slice(1, 4)).toEqual([
      'duration',
      '`"100ms"`',
      '`MCPX_SERVERS__<ID>__RETRY__INITIAL`',
    ]);
    expect(row('mcp_servers.<id>.priority')?.slice(1, 3)).toEqual(['whole number, 1 to 999', '`100`']);
    expect(row('orchestration.cache_max_bytes')?.slice(1, 4)).toEqual([
      'size',
      '`"100MB"`',
      '`MCPX_CACHE_MAX_BYTES`',
    ]);
    expect(row('orchestration.fail_fast')?.[3]).toBe('`MCPX_FAIL_FAST`');
    expect(row('defaults.timeout')?.[3]).toBe('`MCPX_DEFAULTS__TIMEOUT`');
    expect(row('mcp_servers.<id>.start.command')?.[2]).toBe('required');
    expect(table).not.toContain('undefined');
    expect(table).not.toContain('$schema');
  });

  it('the table of codes has a line for each, with what to do first', () => {
    const lines = codesTable().trimEnd().split('\n').slice(2);
    expect(lines.map((line) => line.split(' | ')[0])).toEqual(
      Object.keys(ERROR_CODES).map((code) => `| ${code}`),
    );
    expect(lines.find((line) => line.startsWith('| RES306 '))).toContain('`mcpx servers list`');
  });
});
