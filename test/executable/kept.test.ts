import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { environment, EXECUTABLE, Mcpx } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';

/** Tells on standard error which of our bundles a run has loaded. */
const TELLS_BUNDLES = `
  const fs = require('node:fs');
  const read = fs.readFileSync;
  const seen = [];
  fs.readFileSync = (file, ...rest) => {
    const name = /(mcpx|kept)\\.cjs$/.exec(String(file));
    if (name !== null) seen.push(name[1]);
    return read(file, ...rest);
  };
  process.on('exit', () => process.stderr.write('bundles: ' + seen.join(' ') + '\\n'));
`;

/** A folder with a configuration of two servers, and runs of the program in it. */
async function world(orchestration = {}) {
  const folder = temporaryFolder();
  const one = await startFakeUpstream({ resources: 2 });
  const two = await startFakeUpstream({ resources: 1 });
  const servers = {
    one: { url: one.url, priority: 1, domains: ['x'], headers: { 'X-Key': 'sentinel-5a1' } },
    two: { url: two.url, priority: 2, domains: ['y'] },
  };
  const write = (more: object = {}, ofOne: object = {}) =>
    folder.write(
      'mcpx.json',
      configText(
        { ...servers, one: { ...servers.one, ...ofOne } },
        { resource_cache_ttl: 300, ...orchestration, ...more },
      ),
    );
  write();
  const hook = folder.write('bundles.cjs', TELLS_BUNDLES);
  const env = { XDG_CACHE_HOME: path.join(folder.path, 'cache') };
  // The kept run believes a file only if it is older than the run that read it.
  await sleep(20);
  return {
    one,
    two,
    write,
    folder,
    cache: env.XDG_CACHE_HOME,
    async gather(args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
      await using mcpx = new Mcpx(['gather', ...args], {
        cwd: folder.path,
        // The fixture switches the cache off by this variable.
        env: { ...env, MCPX_RESOURCE_CACHE_TTL: '300', ...more },
        nodeArgs: ['-r', hook],
      });
      const { status, stdout, stderr } = await mcpx.finished;
      const bundles = /bundles: (.*)\n/.exec(stderr)?.[1];
      return { status, stdout, bundles, stderr: stderr.replace(/bundles: .*\n/, '') };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([one.close(), two.close()]);
      folder[Symbol.dispose]();
    },
  };
}

/** Without what differs from run to run. */
function stable(text: string): string {
  return text
    .replace(/"(operation_id|started_at)": ?"[^"]*"/g, '"$1"')
    .replace(/"(duration_ms|age_ms)": ?\d+/g, '"$1"')
    .replace(/[\d.]+ m?s/g, '<time>')
    .replace(/ +/g, ' ');
}

describe('a gather whose answers are all kept', () => {
  it.each([
    [[]],
    [['--json']],
    [['-o', 'ndjson']],
    [['--list-only', '--degraded', '--json']],
    [['--json', '--exclude', '*1', '--include', 'item:*']],
  ])('with %j needs a small part of the program, and prints the same', async (args) => {
    await using at = await world();
    expect(await at.gather(args)).toMatchObject({ status: 0, bundles: 'kept mcpx' });
    const second = await at.gather(args);
    expect(second).toMatchObject({ status: 0, stderr: '', bundles: 'kept' });
    const whole = await at.gather(args, { OTEL_SDK_DISABLED: 'true' });
    expect(whole.bundles).toBe('kept mcpx');
    expect(stable(second.stdout)).toBe(stable(whole.stdout));
    expect([at.one.lists, at.two.lists]).toEqual([1, 1]);
  });

  it('logs as the configuration says', async () => {
    await using at = await world({ enable_logging: true, log_level: 'INFO' });
    const events = ({ stderr }: { stderr: string }) =>
      stderr
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event);
    await at.gather();
    const kept = await at.gather();
    const whole = await at.gather([], { OTEL_SDK_DISABLED: 'true' });
    expect(kept.bundles).toBe('kept');
    expect(events(kept)).toEqual(events(whole));
  });

  it('is run as a whole when anything is different', async () => {
    await using at = await world();
    await at.gather();
    expect(await at.gather(['--json'])).toMatchObject({ bundles: 'kept mcpx' });
    expect(await at.gather([], { ANY: 'other' })).toMatchObject({ bundles: 'kept mcpx' });
    expect(await at.gather([], { MCPX_RESOURCE_CACHE_TTL: '0' })).toMatchObject({ bundles: 'kept mcpx' });
    expect(at.one.lists).toBe(2);
    at.write({ deadline: '7s' });
    expect(await at.gather()).toMatchObject({ bundles: 'kept mcpx' });
    expect(await at.gather(['--refresh'])).toMatchObject({ bundles: 'mcpx' });
    expect(await at.gather(['--no-cache'])).toMatchObject({ bundles: 'mcpx' });
    expect(at.one.lists).toBe(4);
  });

  it('is run as a whole when answers are too old, or gone', async () => {
    await using at = await world();
    const soon = { MCPX_RESOURCE_CACHE_TTL: '1ms' };
    await at.gather([], soon);
    expect(await at.gather([], soon)).toMatchObject({ status: 0, bundles: 'kept mcpx' });
    expect(at.one.lists).toBe(2);
    await at.gather();
    await using cleared = new Mcpx(['cache', 'clear', 'two'], {
      env: { XDG_CACHE_HOME: path.join(at.folder.path, 'cache') },
    });
    await cleared.finished;
    expect(await at.gather()).toMatchObject({ status: 0, bundles: 'kept mcpx' });
    expect(at.two.lists).toBe(3);
  });

  it('notices a configuration that comes before the one that was used', async () => {
    await using at = await world();
    await at.gather();
    expect(await at.gather()).toMatchObject({ bundles: 'kept' });
    at.folder.write('mcpx.yaml', configText({ other: { url: at.two.url, priority: 1, domains: ['z'] } }));
    const changed = await at.gather();
    expect(changed.bundles).toBe('kept mcpx');
    expect(changed.stdout).toContain('other');
  });

  it('is not believed where others can write it, and holds no secret', async () => {
    await using at = await world();
    await at.gather();
    const runs = path.join(at.folder.path, 'cache', 'mcpx', 'runs');
    const [file = ''] = readdirSync(runs);
    expect(readFileSync(path.join(runs, file), 'utf8')).not.toContain('sentinel');
    expect(statSync(path.join(runs, file)).mode & 0o777).toBe(0o600);
    chmodSync(path.join(runs, file), 0o666);
    expect(await at.gather()).toMatchObject({ bundles: 'kept mcpx' });
  });

  it('is none of a configuration that comes through a pipe', async () => {
    await using at = await world();
    const pipe = () =>
      promisify(execFile)(
        'sh',
        ['-c', 'cat mcpx.json | "$0" "$1" gather -c /dev/stdin --json', process.execPath, EXECUTABLE],
        {
          cwd: at.folder.path,
          env: { ...environment(), XDG_CACHE_HOME: at.cache, MCPX_RESOURCE_CACHE_TTL: '300' },
        },
      );
    const first = await pipe();
    const second = await pipe();
    expect(JSON.parse(first.stdout)).toMatchObject({ complete: true, cache: { hits: 0 } });
    expect(JSON.parse(second.stdout)).toMatchObject({ complete: true, cache: { misses: 0 } });
  });

  it('does not need its configuration any more once the result is out', async () => {
    await using at = await world();
    at.one.change({ listDelayMs: 300 });
    const running = at.gather();
    await at.one.requested('resources/list');
    rmSync(path.join(at.folder.path, 'mcpx.json'));
    expect(await running).toMatchObject({ status: 0, stderr: '' });
  });

  it('knows a configuration that uses a variable of the shell', async () => {
    await using at = await world();
    at.write({}, { headers: { 'X-From': '${OLDPWD}' } });
    await sleep(20);
    await at.gather([], { OLDPWD: '/one' });
    await at.gather([], { OLDPWD: '/two' });
    expect(at.one.lists).toBe(2);
    expect(at.one.headers.map((headers) => headers['x-from'])).toContain('/two');
  });

  it('hides in its log what the whole run hides', async () => {
    await using at = await world({ enable_logging: true, log_level: 'INFO' });
    at.two.change({
      resources: [
        { uri: 'x://sentinel-5a1', name: 'same' },
        { uri: 'x://2', name: 'same' },
        { uri: 'x://sentinel-5a1', name: 'same' },
      ],
    });
    for (const _round of [1, 2]) {
      const { stderr } = await at.gather();
      expect(stderr).toContain('server.warning');
      expect(stderr).not.toContain('sentinel-5a1');
    }
  });

  it('leaves no record in a folder that others can write', async () => {
    await using at = await world();
    const runs = path.join(at.cache, 'mcpx', 'runs');
    mkdirSync(runs, { recursive: true });
    chmodSync(runs, 0o777);
    expect(await at.gather()).toMatchObject({ status: 0 });
    expect(readdirSync(runs)).toEqual([]);
  });

  it('is forgotten after a week', async () => {
    await using at = await world();
    await at.gather();
    const runs = path.join(at.folder.path, 'cache', 'mcpx', 'runs');
    const [file = ''] = readdirSync(runs);
    utimesSync(path.join(runs, file), new Date(), new Date(Date.now() - 8 * 24 * 3600 * 1000));
    await at.gather(['--json']);
    expect(readdirSync(runs)).not.toContain(file);
  });
});
