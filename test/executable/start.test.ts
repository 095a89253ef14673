import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';

/** Tells at the end which modules of Node's own a run has loaded. */
const TELLS_MODULES = `process.on('exit', () => process.stderr.write(
  process.moduleLoadList.filter((name) => name.startsWith('NativeModule ')).join(' ')));`;

it('a gather --json over HTTP loads none of the large modules of Node that it has no use for', async () => {
  await using upstream = await startFakeUpstream({ resources: 2 });
  using folder = temporaryFolder();
  folder.write('mcpx.json', configText({ one: { url: upstream.url } }));
  const hook = folder.write('modules.cjs', TELLS_MODULES);

  const { status, stderr } = await runMcpx(['gather', '--json'], {
    cwd: folder.path,
    nodeArgs: ['-r', hook],
  });

  expect(status, stderr).toBe(0);
  const loaded = stderr.split('NativeModule ').map((name) => name.trim());
  expect(loaded).toContain('http');
  for (const costly of [
    'perf_hooks',
    'child_process',
    'worker_threads',
    'internal/deps/undici/undici',
    'internal/fs/rimraf',
  ]) {
    expect(loaded).not.toContain(costly);
  }
});

/** Counts the schemas that zod makes, and the functions that are made of text. */
const TELLS_MAKING = `
  const { Session } = require('node:inspector');
  const made = { schemas: 0, functions: 0 };
  globalThis.__zod_globalConfig = { postProcessor: () => void (made.schemas += 1) };
  const session = new Session();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params }) => void (made.functions += params.url === '' ? 1 : 0));
  session.post('Debugger.enable');
  process.on('exit', () => process.stderr.write('made ' + JSON.stringify(made)));`;

it('a gather makes only the schemas that it uses, and no function of text', async () => {
  await using upstream = await startFakeUpstream({ resources: 2, era: 'legacy' });
  using folder = temporaryFolder();
  const servers = { one: { url: upstream.url }, two: { url: upstream.sseUrl } };
  folder.write('mcpx.json', configText(servers));
  const hook = folder.write('making.cjs', TELLS_MAKING);

  const { status, stderr } = await runMcpx(['gather', '--json'], {
    cwd: folder.path,
    nodeArgs: ['-r', hook],
  });

  expect(status, stderr).toBe(0);
  const made = JSON.parse(/made (.*)$/.exec(stderr)?.[1] ?? '{}') as Record<string, number>;
  expect(made['functions']).toBe(0);
  // The configuration has 200 of them; the messages of the protocol would be 800 more.
  expect(made['schemas']).toBeGreaterThan(100);
  expect(made['schemas']).toBeLessThan(250);
});

it('what serves is in a bundle that no other command loads', () => {
  const isIn = (file: string) => readFileSync(file, 'latin1').includes('pg_catalog');
  expect([isIn('dist/mcpx.cjs'), isIn('dist/serve.cjs')]).toEqual([false, true]);
});
