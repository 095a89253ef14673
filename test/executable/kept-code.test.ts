import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';

/** The files of compiled code under a cache, and what tells a file from one that replaced it. */
function codeIn(cache: string): Record<string, string> {
  const folder = path.join(cache, 'mcpx', 'code');
  return Object.fromEntries(
    readdirSync(folder).map((name) => {
      const { ino, mtimeMs } = statSync(path.join(folder, name));
      return [name, `${ino} ${mtimeMs}`];
    }),
  );
}

it.each([['--refresh'], ['--no-cache'], ['--json']])(
  'the code that a gather %s keeps is taken by V8 at the next start, so it is written once',
  async (flag) => {
    await using upstream = await startFakeUpstream({ resources: 2 });
    using folder = temporaryFolder();
    folder.write('mcpx.json', configText({ one: { url: upstream.url } }, { resource_cache_ttl: 300 }));
    const cache = path.join(folder.path, 'cache');
    const gather = () => runMcpx(['gather', flag], { cwd: folder.path, env: { XDG_CACHE_HOME: cache } });

    const { status, stderr } = await gather();
    expect(status, stderr).toBe(0);
    const first = codeIn(cache);
    await gather();

    // V8 refuses code that was kept under other flags, and refused code is written anew.
    expect(Object.keys(first)).not.toEqual([]);
    expect(codeIn(cache)).toMatchObject(first);
  },
);
