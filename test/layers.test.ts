import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/**
 * What each room may import from, by the first folders of a path below `src/`. Rooms lie in the order of the
 * picture in `src/README.md`: a step knows the steps before it, never the ones after.
 */
const GROUND = [
  'core/errors',
  'core/operation',
  'core/logging',
  'core/telemetry',
  'core/version',
  'core/package-root',
  'core/nearest',
  'core/digest',
  'core/make-folder',
  'core/mapping',
  'core/nesting',
  'core/process-stat',
];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'core/errors': [],
  'core/error-catalogue': ['core/errors'],
  'core/version': [],
  'core/package-root': [],
  'core/nearest': [],
  'core/digest': [],
  'core/make-folder': [],
  'core/mapping': [],
  'core/nesting': [],
  'core/process-stat': [],
  'core/logging': [],
  'core/telemetry': ['core/version'],
  'core/operation': ['core/logging', 'core/telemetry'],
  'core/config': GROUND,
  'core/resilience': GROUND,
  'core/cache': [...GROUND, 'core/resilience'],
  'core/registry': [...GROUND, 'core/config'],
  'core/clients': [...GROUND, 'core/config', 'core/registry', 'core/resilience'],
  'core/gather': [...GROUND, 'core/config', 'core/registry', 'core/resilience', 'core/cache', 'core/clients'],
  'core/inspect': [
    ...GROUND,
    'core/config',
    'core/registry',
    'core/resilience',
    'core/clients',
    'core/gather',
  ],
  'core/resolve': [...GROUND, 'core/config', 'core/registry', 'core/cache', 'core/gather'],
  'core/orchestrator': [
    ...GROUND,
    'core/config',
    'core/registry',
    'core/resilience',
    'core/cache',
    'core/clients',
    'core/gather',
    'core/inspect',
    'core/resolve',
  ],
  servers: ['core', 'servers'],
  render: ['core', 'render'],
  commands: ['core', 'servers', 'render', 'commands'],
  cli: ['commands', 'render', 'core'],
  main: ['cli', 'core/errors'],
  kept: ['commands'],
  index: ['core'],
};

const SDK = /^@modelcontextprotocol\//;
const SDK_ROOMS = ['core/clients', 'servers'];
/** `render/` turns values into text: of the core it needs types, the table of codes, and how a problem reads. */
const RENDER_VALUES = ['core/errors', 'core/config/problem'];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const imports = files.flatMap((file) => importsOf(file, readFileSync(join('src', file), 'utf8')));

function importsOf(file: string, text: string): Import[] {
  const found = [
    ...text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gm),
    ...text.matchAll(/(?<!type )\bimport\(()\s*'([^']+)'/g),
  ];
  return found.map(([, type, to = '']) => ({
    from: file.replace(/\.ts$/, ''),
    to: resolved(file, to),
    typeOnly: type !== undefined && type !== '',
  }));
}

function resolved(file: string, to: string): string {
  return to.startsWith('.') ? normalize(join(dirname(file), to)).replace(/\.js$/, '') : to;
}

function roomOf(path: string): string {
  const known = Object.keys(MAY_IMPORT).filter((room) => path === room || path.startsWith(`${room}/`));
  return known.sort((a, b) => b.length - a.length)[0] ?? path;
}

const isInside = (path: string) => !path.startsWith('node:') && files.includes(`${path}.ts`);

test('finds the imports that it watches over', () => {
  expect(imports.length).toBeGreaterThan(100);
  expect(imports.filter(({ to }) => isInside(to)).length).toBeGreaterThan(80);
});

test('imports point downwards and from right to left along the steps', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!isInside(to)) return false;
    const room = roomOf(from);
    const target = roomOf(to);
    return (
      target !== room &&
      !(MAY_IMPORT[room] ?? []).some((allowed) => target === allowed || target.startsWith(`${allowed}/`))
    );
  });
  expect(wrong).toEqual([]);
});

test('only the clients and the servers know the MCP SDK', () => {
  const wrong = imports.filter(({ from, to }) => SDK.test(to) && !SDK_ROOMS.includes(roomOf(from)));
  expect(wrong).toEqual([]);
});

test('render takes values: of the core it imports types alone', () => {
  const wrong = imports.filter(
    ({ from, to, typeOnly }) =>
      roomOf(from) === 'render' && to.startsWith('core/') && !typeOnly && !RENDER_VALUES.includes(to),
  );
  expect(wrong).toEqual([]);
});

test('render asks nobody and reads no environment', () => {
  for (const file of files.filter((name) => name.startsWith('render/'))) {
    expect(readFileSync(join('src', file), 'utf8'), file).not.toMatch(/\bprocess\.|node:fs|console\./);
  }
});
