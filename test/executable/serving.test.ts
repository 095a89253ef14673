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
      await mcpx.said('flag --semi-space-growth-factor');
      expect(flagsIn(mcpx.stderr).slice(0, 2)).toEqual([
        'flag --heap-growing-percent=50',
        expect.stringMatching(/^flag --semi-space-growth-factor=[12]$/),
      ]);
      mcpx.process.kill('SIGTERM');
      const { status, stderr } = await mcpx.finished;
      expect(status).toBe(0);
      // Lines go out together, and the last ones with the end of the process.
      const events = stderr.match(/"event":"[^"]*"/g) ?? [];
      expect(events.slice(-2)).toEqual(['"event":"serve.closed"', '"event":"command.finished"']);
    });
  }

  it('gets its room for young objects back that V8 took while it was idle', async () => {
    await using mcpx = new Mcpx(['serve', 'metadata', '--port', '0'], {
      nodeArgs: [...nodeArgs, '--require', path.resolve('test/fixtures/young-space.cjs')],
    });
    await mcpx.said('young 16\nflag --heap-growing-percent=50\nflag --semi-space-growth-factor=1\n');
    await mcpx.said(
      'young 1\nflag --semi-space-growth-factor=2\nyoung 1\nyoung 16\nflag --semi-space-growth-factor=1\n',
    );
  });

  it('is told from a short run, which is not', async () => {
    await using mcpx = new Mcpx(['explain', 'CFG111'], { nodeArgs });
    const flags = flagsIn((await mcpx.finished).stderr);
    expect(flags).not.toEqual([]);
    expect(flags.join()).not.toContain('heap-growing');
  });
});
