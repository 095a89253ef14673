import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/core/config/config.js';
import { differenceOf, type ConfigDifference } from '../../src/core/config/difference.js';
import { loadConfig } from '../../src/core/config/load.js';
import { watchConfig } from '../../src/core/config/watch-config.js';
import { createLogger } from '../../src/core/logging/logger.js';
import { createOperation } from '../../src/core/operation.js';
import { MCPOrchestrator } from '../../src/core/orchestrator.js';
import { configOf, configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { failureOf } from '../fixtures/gathering.js';
import { processesWith, survivors } from '../fixtures/processes.js';
import { stdioUpstream } from '../fixtures/stdio-upstream.js';
import { verifies } from '../verifies.js';

const A = { url: 'http://127.0.0.1:1/sse', priority: 1, domains: ['x'] };
const B = { url: 'http://127.0.0.1:2/sse', priority: 2, domains: ['y'] };

describe('the difference of two configurations', () => {
  const difference = (after: Readonly<Record<string, FileSettings>>, orchestration: FileSettings = {}) =>
    differenceOf(configOf({ a: A, b: B }), configOf(after, orchestration));

  it.each([
    ['nothing', { a: A, b: B }, { isChange: false }],
    [
      'another order of keys',
      { b: B, a: { domains: A.domains, priority: 1, url: A.url } },
      { added: [], removed: [], reconnected: [] },
    ],
    ['one more and one less', { a: A, c: B }, { added: ['c'], removed: ['b'] }],
    ['another address', { a: { ...A, url: B.url }, b: B }, { reconnected: ['a'], relabelled: [] }],
    ['other credentials', { a: { ...A, headers: { X: 'secret' } }, b: B }, { reconnected: ['a'] }],
    [
      'another priority',
      { a: { ...A, priority: 7 }, b: B },
      { reconnected: [], relabelled: ['a'], isChange: true },
    ],
  ] as const)('%s', (_title, after, expected) => {
    expect(difference(after)).toMatchObject(expected);
  });

  it('counts settings of the whole', () => {
    expect(difference({ a: A, b: B }, { deadline: '7s' })).toMatchObject({ reconnected: [], isChange: true });
  });
});

describe('an orchestrator that is reconfigured', () => {
  verifies('config:reload', 'keeps the connections that did not change, and closes the others', async () => {
    await using same = await startFakeUpstream({ resources: 1 });
    await using gone = await startFakeUpstream({ resources: 1 });
    await using added = await startFakeUpstream({ resources: 1 });
    const server = ({ url }: { url: string }, priority: number) => ({ url, priority, domains: ['x'] });
    await using orchestrator = new MCPOrchestrator(
      configOf({ same: server(same, 1), gone: server(gone, 2) }),
    );
    await orchestrator.gather();
    const difference = await orchestrator.reconfigure(
      configOf({ same: server(same, 5), added: server(added, 1) }),
    );
    expect(difference).toMatchObject({ added: ['added'], removed: ['gone'], relabelled: ['same'] });
    await gone.disconnected();
    const { outcomes } = await orchestrator.gather();
    expect(outcomes.map(({ server: { id, priority } }) => [id, priority])).toEqual([
      ['added', 1],
      ['same', 5],
    ]);
    expect(same.requests.get('initialize')).toBe(1);
    expect(await failureOf(orchestrator.gather({ servers: ['gone'] }))).toMatchObject({ code: 'RES306' });
  });

  it('connects anew where the credentials changed, and still hides the old ones', async () => {
    await using upstream = await startFakeUpstream({ resources: 1, requiredBearer: 'new-token-123' });
    const config = (token: string) =>
      configOf({
        a: { url: upstream.url, priority: 1, domains: ['x'], headers: { Authorization: `Bearer ${token}` } },
      });
    await using orchestrator = new MCPOrchestrator(config('old-token-123'));
    expect(await failureOf(orchestrator.gather())).toMatchObject({ code: 'UPS207' });
    await orchestrator.reconfigure(config('new-token-123'));
    expect(await orchestrator.gather()).toMatchObject({ complete: true });
  });

  it('never asks the old address for the new one, also not for a gather that had begun', async () => {
    await using old = await startFakeUpstream({ resources: 40, readDelayMs: 50, tools: [{ name: 'old' }] });
    await using moved = await startFakeUpstream({ resources: 2, listDelayMs: 300 });
    const config = ({ url }: { url: string }) =>
      configOf({ a: { url, priority: 1, domains: ['x'] } }, { fail_fast: false });
    await using orchestrator = new MCPOrchestrator(config(old));
    const before = orchestrator.gather().catch((error: unknown) => error);
    await old.requested('resources/read', 8);
    await orchestrator.reconfigure(config(moved));
    const opened = old.requests.get('initialize');
    const { outcomes } = await orchestrator.gather();
    expect(outcomes[0]!.resources.map(({ uri }) => uri)).toEqual(['item://1', 'item://2']);
    await before;
    expect(moved.requests.get('resources/read')).toBe(2);
    expect(old.requests.get('initialize')).toBe(opened);
  });

  it('stops the process of a server that is gone', async () => {
    using upstream = stdioUpstream();
    const { command, args, marker } = upstream;
    await using orchestrator = new MCPOrchestrator(
      configOf({ a: { command, args, priority: 1, domains: ['x'] }, b: B }),
    );
    await orchestrator.gather({ servers: ['a'] });
    expect(processesWith(marker)).not.toEqual([]);
    await orchestrator.reconfigure(configOf({ b: B }));
    expect(await survivors(() => processesWith(marker))).toEqual([]);
  });
});

describe('a configuration file that is watched', () => {
  /** A file, what was taken of it, and its log. */
  async function watched() {
    const folder = temporaryFolder();
    const file = folder.write('mcpx.yaml', configText({ a: A }));
    const taken: { config: Config; difference: ConfigDifference }[] = [];
    const lines: string[] = [];
    const waiting = new Set<() => void>();
    let hangUp = () => undefined as void;
    const logger = createLogger({
      level: 'info',
      format: 'json',
      write: (line) => {
        lines.push(line);
        for (const wake of waiting) wake();
      },
    });
    const stop = await watchConfig(
      await loadConfig('mcpx.yaml', {}, folder.path),
      {
        env: {},
        cwd: folder.path,
        take: (config, difference) => void taken.push({ config, difference }),
        onHangUp: (listener) => {
          hangUp = listener;
          return () => undefined;
        },
      },
      createOperation({ logger }),
    );
    return {
      taken,
      lines,
      write: (text: string) => writeFileSync(path.resolve(file), text),
      hangUp: () => hangUp(),
      async logged(event: string): Promise<Record<string, unknown>> {
        for (;;) {
          const line = lines
            .map((text) => JSON.parse(text) as Record<string, unknown>)
            .find((l) => l['event'] === event);
          if (line !== undefined) return line;
          await new Promise<void>((resolve) => waiting.add(resolve));
        }
      },
      [Symbol.dispose]: () => {
        stop();
        folder[Symbol.dispose]();
      },
    };
  }

  verifies('config:reload', 'is taken over when it changes, with one log line', async () => {
    using at = await watched();
    at.write(configText({ a: A, b: B }));
    expect(await at.logged('config.reloaded')).toMatchObject({ added: ['b'], removed: [], reconnected: [] });
    expect(at.taken).toHaveLength(1);
    expect(at.taken[0]!.config.servers.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  verifies('config:reload', 'is refused while it is broken: the last good one stays', async () => {
    using at = await watched();
    at.write(configText({ a: { ...A, prioritty: 1 } }));
    const refused = await at.logged('config.reload_refused');
    expect(refused).toMatchObject({ code: 'CFG104', level: 'warn' });
    expect(refused['problems']).toEqual([
      expect.stringMatching(/:\d+:\d+ error CFG104 unknown key "prioritty".*did you mean "priority"\?$/),
    ]);
    expect(at.taken).toEqual([]);
    at.write(configText({ b: B }));
    expect(await at.logged('config.reloaded')).toMatchObject({ added: ['b'], removed: ['a'] });
  });

  it('is read again on SIGHUP, and an unchanged one changes nothing', async () => {
    using at = await watched();
    at.hangUp();
    at.write(configText({ a: A }, { deadline: '9s' }));
    at.hangUp();
    await at.logged('config.reloaded');
    expect(at.taken).toHaveLength(1);
    expect(at.taken[0]!.config.deadlineMs).toBe(9000);
  });
});
