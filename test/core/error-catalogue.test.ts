import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.js';
import { validateConfigText } from '../../src/core/config/validate.js';
import {
  ERROR_CATALOGUE,
  findCode,
  nearestCodes,
  type CatalogueEntry,
} from '../../src/core/error-catalogue.js';
import { ERROR_CODES, type ErrorCode } from '../../src/core/errors.js';
import { checkMetadata } from '../../src/servers/metadata/load.js';

/** Codes that no line of the sources raises, and why they are there. */
const NOT_RAISED: Readonly<Partial<Record<ErrorCode, string>>> = {
  RES304: 'an unknown term is an answer of `mcpx resolve`, with this exit status, and no failure',
  SQL506: 'owed by the query issue, which brings the model',
};

const entries = Object.entries(ERROR_CATALOGUE) as readonly (readonly [ErrorCode, CatalogueEntry])[];

describe('the catalogue of codes', () => {
  it('has an entry for every code, and no other, in the same order', () => {
    expect(Object.keys(ERROR_CATALOGUE)).toEqual(Object.keys(ERROR_CODES));
  });

  it.each(entries)('%s has causes, an example and remedies', (_, { causes, example, remedies }) => {
    expect(causes.length).toBeGreaterThan(0);
    expect(remedies.length).toBeGreaterThan(0);
    expect(example.trim()).not.toBe('');
    for (const sentence of causes) expect(sentence).toMatch(/^[A-Zmn`].*\.$/);
    for (const sentence of remedies) expect(sentence).toMatch(/^[A-Zm`].*[.`]$/);
    expect(Math.max(...example.split('\n').map((line) => line.length))).toBeLessThan(160);
  });

  it('holds only codes that the sources raise, or that are owed', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/^core.error(s|-catalogue)\.ts$/.test(file))
      .map((file) => readFileSync(path.join('src', file), 'utf8'))
      .join('\n');
    const unused = Object.keys(ERROR_CODES).filter((code) => !sources.includes(`'${code}'`));
    expect(unused).toEqual(Object.keys(NOT_RAISED));
  });

  it('names only commands that there are', () => {
    const known = new Set(commands.map(({ name }) => name)).add('help');
    const texts = entries.flatMap(([, { remedies, example }]) => [...remedies, example]);
    const named = texts.flatMap((text) =>
      [...text.matchAll(/(?:`|\$ )mcpx ([a-z-]+)/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(10);
    // The one that shows what a misspelt command looks like.
    expect(named.filter((name) => !known.has(String(name)))).toEqual(['gathr']);
  });
});

describe('the examples of files', () => {
  const isOfAFile = ([, { example }]: (typeof entries)[number]) => !/^\$ |^error |^warning /.test(example);
  const configurations = entries
    .filter(([code]) => /^CFG1(?:[01]\d|20|2[6-9])$/.test(code))
    .filter(isOfAFile);
  const metadata = entries.filter(([code]) => /^CFG12[1-5]$/.test(code)).filter(isOfAFile);

  it.each(configurations)('that of %s has this problem', (code, { example }) => {
    const text = example.replace('\ufeff', '');
    const found = validateConfigText('mcpx.yaml', text, text !== example, {});
    expect(found.problems.map((problem) => problem.code)).toContain(code);
    // Whoever tries it out looks for no other error.
    const { severity } = found.problems.find((problem) => problem.code === code) ?? {};
    const errors = found.problems.filter((problem) => problem.severity === 'error');
    expect(errors.map((problem) => problem.code)).toEqual(severity === 'error' ? [code] : []);
  });

  it.each(metadata)('that of %s has this problem and no other', (code, { example }) => {
    const { problems } = checkMetadata('metadata.json', example, '2025-01-01T00:00:00Z');
    expect(problems.map((problem) => problem.code)).toEqual([code]);
  });

  it('all others show the code, or what is typed', () => {
    const others = entries.filter((entry) => !isOfAFile(entry));
    for (const [code, { example }] of others) {
      if (example.startsWith('error '))
        expect(example).toContain(`error ${code} ${ERROR_CODES[code].name}: `);
      else if (example.includes('\nerror '))
        expect(example).toContain(`error ${code} ${ERROR_CODES[code].name}: `);
    }
  });
});

describe('finding a code', () => {
  it('takes codes and names in any case', () => {
    for (const word of [
      'UPS201',
      'ups201',
      ' Ups201 ',
      'connect_timeout',
      'CONNECT-TIMEOUT',
      'connect timeout',
    ]) {
      expect(findCode(word), word).toBe('UPS201');
    }
    for (const word of ['', 'UPS2', 'UPS299', 'toString', '__proto__', 'connect']) {
      expect(findCode(word), word).toBeUndefined();
    }
  });

  it.each([
    ['UPS210x', 'UPS210'],
    ['CGF104', 'CFG104'],
    ['ERR202', 'UPS202'],
    ['202', 'UPS202'],
    ['UPS2', 'UPS201'],
    ['ups', 'UPS201'],
    ['UPS21', 'UPS210'],
    ['sql', 'SQL501'],
    ['conect_timeout', 'UPS201'],
    ['connection_refuse', 'UPS202'],
    ['redirect', 'UPS215'],
    ['unknown_kye', 'CFG104'],
  ])('"%s" is near to %s', (word, code) => {
    expect(findCode(word)).toBeUndefined();
    expect(nearestCodes(word)[0]).toBe(code);
    expect(nearestCodes(word).length).toBeLessThanOrEqual(3);
  });

  it('the beginning of codes is near to nothing but them', () => {
    expect(nearestCodes('CFG13')).toEqual(['CFG130', 'CFG131']);
  });

  it('what resembles nothing has no neighbour, however long it is', () => {
    for (const word of ['', 'zzzzqqq', 'x'.repeat(100_000)]) expect(nearestCodes(word)).toEqual([]);
  });
});
