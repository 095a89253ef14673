import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ERROR_CODES } from '../../../src/core/errors.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { run } from '../../fixtures/io.js';

const schema = JSON.parse(readFileSync('resources/mcp_config_schema.json', 'utf8')) as Record<
  string,
  unknown
>;
const isValid = new Ajv2020({ strict: false }).compile(schema);
const valid = (text: string) => isValid(parse(text));

describe('the published schema, with which editors complete and check', () => {
  it.each([
    'config/mcp_config.yaml',
    'test/data/config/everything.yaml',
    ...['001', '002', '003'].map((name) => `test/data/documents/${name}.yaml`),
  ])('takes %s', (file) => {
    expect(valid(readFileSync(file, 'utf8')), JSON.stringify(isValid.errors)).toBe(true);
  });

  it.each([
    ['an unknown key', 'prioritty: 1'],
    ['a priority of 0', 'priority: 0'],
    ['a text for a list', 'domains: p'],
    ['a transport of its own', 'transport: pigeon'],
    ['a duration that is none', 'timeout: soon'],
    ['an unknown key of a section', 'retry: { max_retry: 1 }'],
  ])('refuses %s', (_, setting) => {
    const server = 'mcp_servers:\n  a:\n    url: "http://localhost/sse"\n';
    expect(valid(`${server}    x-mine: 1\n`)).toBe(true);
    expect(valid(`${server}    ${setting}\n`)).toBe(false);
  });

  it('is found by the modeline of what `mcpx init` writes', async () => {
    using folder = temporaryFolder();
    expect((await run(['init', 'project'], { cwd: folder.path })).status).toBe(0);
    const root = path.join(folder.path, 'project');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.ya?ml$/.test(name),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) {
      const text = readFileSync(path.join(root, name), 'utf8');
      const [, reference = ''] = /^# yaml-language-server: \$schema=(\S+)/m.exec(text) ?? [];
      expect(reference, name).not.toBe('');
      const found = readFileSync(path.resolve(root, path.dirname(name), reference), 'utf8');
      expect(JSON.parse(found)).toEqual(schema);
      expect(valid(text)).toBe(true);
    }
  });
});

/** Codes that were given out before anything uses them, or say what an exit status stands for. */
const NOT_YET = new Set(['RES304', 'SRV404', 'SRV410', 'SQL506']);

it('each code that is explained is used in the sources', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/core\/(?:errors|error-catalogue)\.ts$/.test(name))
    .map((name) => readFileSync(path.join('src', name), 'utf8'))
    .join('\n');
  const unused = Object.keys(ERROR_CODES).filter((code) => !sources.includes(code));
  expect(unused.filter((code) => !NOT_YET.has(code))).toEqual([]);
});
