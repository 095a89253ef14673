import { expect, it } from 'vitest';
import { interpolate } from '../../../src/core/config/interpolate.js';

const ENV = { A: 'value', EMPTY: '', REF: '${A}', A1_b: 'digits' };

it.each([
  ['no reference', 'no reference'],
  ['${A}', 'value'],
  ['<${A}|${A}>', '<value|value>'],
  ['${env:A}', 'value'],
  ['${A1_b}', 'digits'],
  ['${A:-x}', 'value'],
  ['${GONE:-x y}', 'x y'],
  ['${GONE:-}', ''],
  ['${EMPTY:-x}', 'x'],
  ['${EMPTY}', ''],
  [String.raw`${'${GONE:-a\\}b}'}`, 'a}b'],
  [String.raw`${'${GONE:-C:\\temp}'}`, String.raw`C:\temp`],
  ['$${A}', '${A}'],
  ['$$${A}', '$${A}'],
  ['$A and $ and {A}', '$A and $ and {A}'],
  ['${1A} ${A-B} ${ A } ${}', '${1A} ${A-B} ${ A } ${}'],
  // A value is taken as it is, never looked through again.
  ['${REF}', '${A}'],
  ['${GONE:-open', '${GONE:-open'],
  ['${A}${GONE:-open', 'value${GONE:-open'],
])('%j becomes %j', (text, expected) => {
  expect(interpolate(text, ENV)).toMatchObject({ text: expected, unset: [] });
});

it('lists what is not set, in order, and leaves the reference standing', () => {
  expect(interpolate('${X} ${A} ${Y} ${X}', ENV)).toEqual({
    text: '${X} value ${Y} ${X}',
    unset: ['X', 'Y', 'X'],
    ofEditors: [],
    variables: [{ name: 'A', value: 'value' }],
    unreadable: false,
    changed: true,
  });
});

it.each([
  ['${workspaceFolder}/x', 'write the folder itself, or ${PWD} for the one that mcpx is run in'],
  ['${userHome}', 'write ${HOME}'],
  ['${/}', 'write /'],
  ['${input:api-key}', 'write ${API_KEY} and set it in the environment'],
  ['${input:2fa}', 'write ${_2FA} and set it in the environment'],
  ['${command:pick.it}', 'write the value itself'],
])('knows %j as what only an editor fills in', (text, hint) => {
  const found = interpolate(`a ${text} ${text}`, ENV);
  expect(found).toMatchObject({ text: `a ${text} ${text}`, unset: [], unreadable: false });
  const [reference] = /\$\{[^}]*\}/.exec(text) ?? [];
  expect(found.ofEditors).toEqual([
    { reference, hint },
    { reference, hint },
  ]);
});

it('takes a name of an editor from the environment where it is set, and where that is meant', () => {
  expect(interpolate('${userHome}', { userHome: '/h' })).toMatchObject({ text: '/h', ofEditors: [] });
  expect(interpolate('${env:userHome}', {})).toMatchObject({ unset: ['userHome'], ofEditors: [] });
  expect(interpolate('${userHome:-/h}', {})).toMatchObject({ text: '/h', ofEditors: [] });
  expect(interpolate('${constructor}', {})).toMatchObject({ unset: ['constructor'], ofEditors: [] });
});

it('what every object has is no environment variable', () => {
  expect(interpolate('${constructor} ${__proto__} ${toString}', {}).unset).toEqual([
    'constructor',
    '__proto__',
    'toString',
  ]);
});

it.each([
  ['${MY-VAR}', true],
  ['${VAR-default}', true],
  ['${}', true],
  ['${ A }', true],
  ['${1A}', true],
  ['a ${GONE:-open', true],
  ['a ${', true],
  ['${A} ${A-B} ${A}', true],
  ['$${MY-VAR} ${A} ${GONE:-${x}', false],
  ['$A {A} $', false],
])('%j holds an unreadable reference: %j', (text, unreadable) => {
  expect(interpolate(text, ENV)).toMatchObject({ unreadable });
});

it('tells what came from the environment, and no default', () => {
  expect(interpolate('${A} ${GONE:-x} ${EMPTY:-y} ${A1_b:-z}', ENV).variables).toEqual([
    { name: 'A', value: 'value' },
    { name: 'A1_b', value: 'digits' },
  ]);
});

it('says whether there was a reference at all', () => {
  expect(interpolate('a $ b', ENV).changed).toBe(false);
  expect(interpolate('a ${GONE:-open', ENV).changed).toBe(false);
  expect(interpolate('$${', ENV).changed).toBe(true);
});
