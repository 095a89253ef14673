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
  for (const costly of ['perf_hooks', 'child_process', 'worker_threads', 'internal/deps/undici/undici']) {
    expect(loaded).not.toContain(costly);
  }
});
