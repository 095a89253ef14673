import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { Mcpx, runMcpx } from '../fixtures/executable.js';
import { startFakeUpstream, type FakeUpstreamOptions } from '../fixtures/fake-upstream.js';

/** A server, a configuration of it, and processes that share one cache folder. */
async function world(options: FakeUpstreamOptions) {
  const folder = temporaryFolder();
  const upstream = await startFakeUpstream(options);
  const server = { url: upstream.url, priority: 1, domains: ['x'] };
  folder.write('mcpx.json', configText({ a: server }, { resource_cache_ttl: 300 }));
  const cache = path.join(folder.path, 'cache');
  const start = { cwd: folder.path, env: { XDG_CACHE_HOME: cache, MCPX_RESOURCE_CACHE_TTL: '300' } };
  return {
    upstream,
    resources: path.join(cache, 'mcpx', 'resources'),
    code: path.join(cache, 'mcpx', 'code'),
    start: (...args: string[]) => new Mcpx(['gather', '--json', ...args], start),
    /** @returns the URIs that a run prints, each checked to bring its own content */
    async gather(...args: string[]): Promise<{ readonly uris: string[]; readonly hits: number }> {
      const { status, stdout, stderr } = await runMcpx(['gather', '--json', ...args], start);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const report = JSON.parse(stdout) as {
        cache: { hits: number };
        servers: { a: { resources: Record<string, { uri: string; data: { id: number } }> } };
      };
      const resources = Object.values(report.servers.a.resources);
      for (const { uri, data } of resources) expect(uri).toBe(`item://${data.id}`);
      return { uris: resources.map(({ uri }) => uri), hits: report.cache.hits };
    },
    async [Symbol.asyncDispose]() {
      await upstream.close();
      folder[Symbol.dispose]();
    },
  };
}

describe('processes that share a cache', () => {
  it('at the same time all print the whole, and leave it whole', async () => {
    await using at = await world({ resources: 20 });
    const runs = await Promise.all([1, 2, 3, 4].map(() => at.gather()));
    for (const { uris } of runs) expect(uris).toHaveLength(20);
    expect(readdirSync(at.resources)).toHaveLength(1);
    const before = at.upstream.lists;
    expect((await at.gather()).hits).toBe(22);
    expect(at.upstream.lists).toBe(before);
  });

  it('and are killed while they write leave what the next one can use', async () => {
    await using at = await world({ resources: 2000 });
    for (let round = 0; round < 5; round += 1) {
      await using mcpx = at.start('--list-only', '--refresh');
      // Its file appears by steps; the kill meets one of them, another in each round.
      while (mcpx.process.exitCode === null && !isWriting(at.resources)) await sleep(1);
      mcpx.process.kill('SIGKILL');
      await mcpx.finished;
    }
    const { status, stdout } = await finishedOf(at.start('--list-only'));
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as { servers: { a: { resources: object } } };
    expect(Object.keys(report.servers.a.resources)).toHaveLength(2000);
  });
});

describe('compiled code that is kept', () => {
  it('is neither run nor kept where others can write it', async () => {
    await using at = await world({ resources: 1 });
    await at.gather('--no-cache');
    expect(readdirSync(at.code).length).toBeGreaterThan(0);
    rmSync(at.code, { recursive: true });
    mkdirSync(at.code);
    chmodSync(at.code, 0o777);
    await at.gather('--no-cache');
    expect(readdirSync(at.code)).toEqual([]);
  });

  it('that is damaged costs time and nothing else', async () => {
    await using at = await world({ resources: 1 });
    await at.gather('--no-cache');
    const files = readdirSync(at.code).map((name) => path.join(at.code, name));
    const sizes = files.map((file) => readFileSync(file).length);
    for (const file of files) writeFileSync(file, readFileSync(file).subarray(0, 1000));
    expect((await at.gather('--no-cache')).uris).toEqual(['item://1']);
    // It was made anew.
    for (const [index, file] of files.entries()) {
      expect(readFileSync(file).length).toBeGreaterThan(sizes[index]! / 2);
    }
  });
});

function isWriting(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.new'));
}

async function finishedOf(mcpx: Mcpx) {
  await using running = mcpx;
  return await running.finished;
}
