import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { Mcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';

const nodeArgs = ['--require', path.resolve('test/fixtures/v8-flags.cjs')];
const flagsIn = (text: string) => text.match(/^flag .*/gm) ?? [];

describe('a server that mcpx runs', () => {
  for (const place of ['before', 'after']) {
    it(`is tuned for long, with its options ${place} the command`, async () => {
      await using upstream = await startFakeUpstream();
      using folder = temporaryFolder();
      const file = folder.write(
        'c.json',
        configText({ a: { url: upstream.mcpUrl, transport: 'streamable-http', priority: 1 } }),
      );
      const global = ['-c', file, '--log-level', 'info'];
      const command = ['serve', 'gateway', '--port', '0'];
      await using mcpx = new Mcpx(place === 'before' ? [...global, ...command] : [...command, ...global], {
        nodeArgs,
      });
      await mcpx.said('gateway.server_up');
      await mcpx.said('flag --heap-growing-percent');
      expect(flagsIn(mcpx.stderr)).toEqual([
        'flag --semi-space-growth-factor=1',
        'flag --heap-growing-percent=100',
      ]);
      mcpx.process.kill('SIGTERM');
      const { status, stderr } = await mcpx.finished;
      expect(status).toBe(0);
      // Lines go out together, and the last ones with the end of the process.
      const events = stderr.match(/"event":"[^"]*"/g) ?? [];
      expect(events.slice(-2)).toEqual(['"event":"serve.closed"', '"event":"command.finished"']);
    });
  }

  it('is told from a short run, which is not', async () => {
    await using mcpx = new Mcpx(['explain', 'CFG111'], { nodeArgs });
    const flags = flagsIn((await mcpx.finished).stderr);
    expect(flags).not.toEqual([]);
    expect(flags.join()).not.toContain('heap-growing');
  });
});
