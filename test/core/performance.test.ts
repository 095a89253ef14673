import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import config from '../../vitest.config.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { gatherOnce } from '../fixtures/gathering.js';
import { verifies } from '../verifies.js';

describe('the numbers of the documents', () => {
  verifies('perf:five', 'five slow servers are gathered in under 2 s, because all work at once', async () => {
    const delayMs = 250;
    const upstreams = await Promise.all(
      Array.from({ length: 5 }, () =>
        startFakeUpstream({ resources: 3, listDelayMs: delayMs, readDelayMs: delayMs }),
      ),
    );
    try {
      let waiting = 0;
      let peak = 0;
      const started = performance.now();
      const { complete, outcomes } = await gatherOnce(
        Object.fromEntries(
          upstreams.map(({ sseUrl }, index) => [`s${index}`, { url: sseUrl, priority: index + 1 }]),
        ),
        {},
        {
          onPhase: (_, phase) => {
            if (phase === 'read') waiting += 1;
            if (phase === 'done') waiting -= 1;
            peak = Math.max(peak, waiting);
          },
        },
      );
      expect(performance.now() - started).toBeLessThan(2000);
      expect(complete).toBe(true);
      expect(outcomes.flatMap(({ resources }) => resources)).toHaveLength(15);
      // All five were being read at the same time, and so were the resources of each.
      expect(peak).toBe(5);
      expect(upstreams.map(({ peakReads }) => peakReads)).toEqual([3, 3, 3, 3, 3]);
    } finally {
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    }
  });

  verifies('perf:one', 'one server is asked no more than listing and reading takes', async () => {
    for (const [transport, era] of [
      ['sse', 'legacy'],
      ['streamable-http', 'legacy'],
      ['streamable-http', 'modern'],
    ] as const) {
      await using upstream = await startFakeUpstream({
        transport,
        era,
        resources: 10,
        pageSize: 5,
        readDelayMs: 20,
      });
      const servers = {
        a: { url: upstream.url, transport, protocol: era === 'modern' ? '2026-07-28' : era },
      };
      // The first gather of a process also compiles what it uses.
      await gatherOnce(servers);
      upstream.requests.clear();
      const before = upstream.connections;
      const { outcomes } = await gatherOnce(servers);
      const hello = era === 'legacy' ? { initialize: 1, 'notifications/initialized': 1 } : {};
      const asked = Object.fromEntries(upstream.requests);
      delete asked['server/discover'];
      expect(asked).toEqual({
        ...hello,
        'resources/list': 2,
        'resources/templates/list': 1,
        'resources/read': 10,
      });
      expect(upstream.requests.get('server/discover') ?? 0).toBeLessThanOrEqual(era === 'modern' ? 1 : 0);
      // Ten reads of 20 ms, eight at once, are two rounds; the rest is ours.
      expect(outcomes[0]?.durationMs).toBeLessThan(500);
      expect(upstream.connections - before).toBeLessThanOrEqual(10);
    }
  });
});

describe('the quality of the tests', () => {
  verifies('quality:coverage', 'npm test fails below 85 % of the lines', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Readonly<Record<string, string>>;
    };
    expect(scripts['test']).toMatch(/^vitest run .*--coverage/);
    const { coverage } = (
      config as { test: { coverage: { include: string[]; thresholds: { lines: number } } } }
    ).test;
    expect(coverage.include).toEqual(['src/**/*.ts']);
    expect(coverage.thresholds.lines).toBeGreaterThanOrEqual(85);
  });
});
