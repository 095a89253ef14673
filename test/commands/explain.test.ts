import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ERROR_CODES } from '../../src/core/errors.js';
import { ERROR_CATALOGUE } from '../../src/core/error-catalogue.js';
import { errorLine, run } from '../fixtures/io.js';

const codes = Object.entries(ERROR_CODES);

describe('mcpx explain', () => {
  it('lists every code with its name, exit status and meaning', async () => {
    const { status, stdout, stderr } = await run(['explain']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head?.split(/ +/)).toEqual(['CODE', 'NAME', 'EXIT', 'MEANING']);
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual(
      codes.map(([code, { name, exit, meaning }]) => [code, name, String(exit), meaning]),
    );
  });

  it('lists them in every machine format', async () => {
    const expected = codes.map(([code, { name, exit, meaning }]) => ({
      code,
      name,
      exit_code: exit,
      meaning,
    }));
    const list = { api_version: 'mcpx/v1', kind: 'CodeList', codes: expected };
    expect(JSON.parse((await run(['explain', '--json'])).stdout)).toEqual(list);
    expect(parse((await run(['explain', '-o', 'yaml'])).stdout)).toEqual(list);
    const lines = (await run(['explain', '-o', 'ndjson'])).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(expected);
  });

  it('tells meaning, causes, example and remedies of one, by code or by name', async () => {
    const { status, stdout, stderr } = await run(['explain', 'UPS201']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { causes, example, remedies } = ERROR_CATALOGUE.UPS201;
    expect(stdout).toBe(
      [
        'UPS201 connect_timeout (exit status 4)',
        ERROR_CODES.UPS201.meaning,
        '',
        'Usual causes',
        ...causes.map((text) => `  - ${text}`),
        '',
        'Example',
        `  ${example}`,
        '',
        'What to do',
        ...remedies.map((text) => `  - ${text}`),
        '',
      ].join('\n'),
    );
    for (const word of ['ups201', 'connect_timeout', 'Connect-Timeout']) {
      expect((await run(['explain', word])).stdout).toBe(stdout);
    }
  });

  it('tells the same to programs', async () => {
    const report = {
      api_version: 'mcpx/v1',
      kind: 'Code',
      code: 'CFG104',
      name: 'unknown_key',
      exit_code: 3,
      meaning: ERROR_CODES.CFG104.meaning,
      ...ERROR_CATALOGUE.CFG104,
    };
    expect(JSON.parse((await run(['explain', 'unknown_key', '--json'])).stdout)).toEqual(report);
    expect(parse((await run(['explain', 'cfg104', '-o', 'yaml'])).stdout)).toEqual(report);
    const { stdout } = await run(['explain', 'cfg104', '-o', 'ndjson']);
    expect(stdout.trimEnd()).not.toContain('\n');
    expect(JSON.parse(stdout)).toEqual(report);
  });

  it('one that there is not is not found, with the nearest', async () => {
    const text = await run(['explain', 'conect_timeout']);
    expect(text).toMatchObject({ status: 7, stdout: '' });
    expect(text.stderr).toContain('error RES307 unknown_code: mcpx prints no code "conect_timeout"');
    expect(text.stderr).toContain('Did you mean UPS201 (connect_timeout)');
    expect(text.stderr).toContain('mcpx explain');
    const family = await run(['explain', 'UPS2']);
    expect(family.stderr).toContain('Did you mean UPS201 (connect_timeout) or UPS202 (');
    const json = await run(['explain', 'zzzzqqq', '--json']);
    expect(json).toMatchObject({ status: 7, stdout: '' });
    expect(errorLine(json)).toMatchObject({ code: 'RES307', hint: 'Without a code it lists them all.' });
    const hostile = await run(['explain', '\u001b[31mred\u009b']);
    expect(hostile.stderr).not.toContain('\u001b[31m');
    expect((await run(['explain', 'UPS201', 'UPS202'])).status).toBe(2);
  });

  it('breaks its sentences where the terminal ends, never a word', async () => {
    for (const columns of [60, 80]) {
      for (const [code] of codes) {
        const { stdout } = await run(['explain', code], { columns });
        const [, texts = '', rest = ''] = /^([\s\S]*?)\nExample\n[\s\S]*?\n\n([\s\S]*)$/.exec(stdout) ?? [];
        const longest = Math.max(...`${texts}${rest}`.split('\n').map((line) => line.length));
        expect(longest, code).toBeLessThanOrEqual(columns);
      }
    }
    const { stdout } = await run(['explain'], { columns: 60 });
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('needs no configuration, and colours only where asked', async () => {
    const ran = await run(['explain', 'UPS201', '--color', 'always'], { cwd: '/' });
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('\u001b[1mUPS201\u001b[');
  });
});
