import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { descendantsOf, processesWith, survivors } from '../fixtures/processes.js';
import { midway, NEVER, starting } from '../fixtures/running.js';

describe('mcpx that is killed', () => {
  it('by SIGKILL leaves nobody: the watchdog sees to it', async () => {
    for (const options of [
      { grandchild: true, ignoreStdinEnd: true },
      { grandchild: true, ignoreStdinEnd: true, ignoreSigterm: true },
    ]) {
      await using running = await midway(options);
      const descendants = descendantsOf(running.mcpx.pid);
      expect(descendants.length).toBeGreaterThan(0);
      running.mcpx.process.kill('SIGKILL');
      expect(await running.mcpx.finished).toMatchObject({ signal: 'SIGKILL' });
      expect(await survivors(() => processesWith(running.marker), 10_000)).toEqual([]);
    }
  });

  it('leaves no server that it was starting', async () => {
    await using running = await starting(NEVER);
    running.mcpx.process.kill('SIGKILL');
    expect(await survivors(() => processesWith(running.marker), 10_000)).toEqual([]);
  });
});

describe('standard error', () => {
  it('a gather of many resources prints no warning', async () => {
    await using upstream = await startFakeUpstream({ resources: 60 });
    using folder = temporaryFolder();
    const servers = {
      a: { url: upstream.sseUrl, priority: 1 },
      b: { url: upstream.mcpUrl, transport: 'streamable-http', priority: 2 },
    };
    const file = folder.write('c.json', configText(servers));
    for (let round = 1; round <= 3; round += 1) {
      expect(await runMcpx(['gather', '--json', '-c', file])).toMatchObject({ status: 0, stderr: '' });
    }
  });
});
