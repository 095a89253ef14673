import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { environment, EXECUTABLE, Mcpx, type StartOptions } from '../fixtures/executable.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';

/** Tells on standard error which of our bundles a run has loaded, and which of Node's costly modules. */
const TELLS_BUNDLES = `
  const fs = require('node:fs');
  const read = fs.readFileSync;
  const seen = [];
  fs.readFileSync = (file, ...rest) => {
    const name = /(mcpx|kept)\\.cjs$/.exec(String(file));
    if (name !== null) seen.push(name[1]);
    return read(file, ...rest);
  };
  process.on('exit', () => {
    const costly = ['crypto', 'stream', 'net'].filter((name) => process.moduleLoadList.includes('NativeModule ' + name));
    fs.writeSync(2, 'bundles: ' + seen.join(' ') + '\\nmodules: ' + costly.join(' ') + '\\n');
  });
`;

/** A server that mcpx starts. */
const STDIO = { command: process.execPath, args: [path.resolve('test/fixtures/stdio-upstream.mjs')] };

/** A pipe that takes ten bytes and is full then, once. */
const FULL_ONCE = `
  const fs = require('node:fs');
  const write = fs.writeSync;
  let left = 10;
  fs.writeSync = (fd, data, ...rest) => {
    if (fd !== 1) return write(fd, data, ...rest);
    if (left === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
    const written = write(fd, data.subarray(0, left));
    left = 0;
    return written;
  };
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
    async gather(args: readonly string[] = [], more: StartOptions['env'] = {}) {
      await using mcpx = new Mcpx(['gather', ...args], {
        cwd: folder.path,
        // The fixture switches the cache off by this variable.
        env: { ...env, MCPX_RESOURCE_CACHE_TTL: '300', ...more },
        nodeArgs: ['-r', hook],
      });
      const { status, stdout, stderr } = await mcpx.finished;
      const bundles = /bundles: (.*)\n/.exec(stderr)?.[1];
      const modules = /modules: (.*)\n/.exec(stderr)?.[1];
      return { status, stdout, bundles, modules, stderr: stderr.replace(/bundles: .*\nmodules: .*\n/, '') };
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
  it('logs the deadline that it was given', async () => {
    await using at = await world();
    const deadlineOf = async () => {
      const { stderr, bundles } = await at.gather(['--json', '--deadline', '7s', '--log-level', 'info']);
      return [bundles, /"gather.started".*"deadline_ms":(\d+)/.exec(stderr)?.[1]];
    };
    expect(await deadlineOf()).toEqual(['kept mcpx', '7000']);
    expect(await deadlineOf()).toEqual(['kept', '7000']);
  });

  it('tells as the whole program does that nothing matches --include any more', async () => {
    await using at = await world();
    const wanted = ['--include', 'item://2', '--json'];
    expect(await at.gather(wanted)).toMatchObject({ status: 0 });
    at.one.change({ resources: 1 });
    expect(await at.gather(['--refresh'])).toMatchObject({ status: 0 });
    const now = await at.gather(wanted);
    expect(now).toMatchObject({ status: 7, stdout: '', bundles: 'kept mcpx' });
    expect(now.stderr).toContain('RES305');
  });

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

  it.each([
    ['JSON', ['--json']],
    ['a table', []],
  ])('loads for %s neither streams nor digests once it has checked what is kept', async (_what, args) => {
    await using at = await world();
    const gather = () => at.gather(args, { MCPX_RESOURCE_CACHE_TTL: undefined });
    await gather();
    expect(await gather()).toMatchObject({ bundles: 'kept', modules: 'crypto stream' });
    await sleep(2100);
    await gather();
    expect(await gather()).toMatchObject({ status: 0, stderr: '', bundles: 'kept', modules: '' });
    // Another command line may have asked the servers meanwhile.
    await at.gather([...args, '--refresh'], { MCPX_RESOURCE_CACHE_TTL: undefined });
    expect(await gather()).toMatchObject({ bundles: 'kept', modules: 'crypto stream' });
    expect(await gather()).toMatchObject({ bundles: 'kept', modules: '' });
  });

  it('does not take the look of a file for its contents that was written just now', async () => {
    await using at = await world();
    const runs = path.join(at.cache, 'mcpx', 'runs');
    await at.gather();
    let isJustNow = false;
    while (!isJustNow) {
      const writtenAt = Date.now();
      at.write();
      expect(await at.gather()).toMatchObject({ bundles: 'kept' });
      isJustNow = Date.now() - writtenAt < 2000;
    }
    const [name = ''] = readdirSync(runs);
    const { checked } = JSON.parse(readFileSync(path.join(runs, name), 'utf8')) as { checked: object };
    expect(Object.keys(checked)).toEqual(['shelves']);
  });

  it('notices a change that leaves size and time of a file as they were', async () => {
    await using at = await world();
    const file = path.join(at.folder.path, 'mcpx.json');
    // Of whole seconds, so that it can be set again exactly.
    const time = new Date('2026-01-01T00:00:00Z');
    at.write({ deadline: '7s' });
    utimesSync(file, time, time);
    await sleep(2100);
    for (const _round of [1, 2, 3]) await at.gather();
    expect(await at.gather()).toMatchObject({ bundles: 'kept' });
    at.write({ deadline: '8s' });
    utimesSync(file, time, time);
    await sleep(2100);
    expect(await at.gather()).toMatchObject({ bundles: 'kept mcpx' });
  });

  it.each(['cut off', 'forged'])(
    'asks for an answer anew whose file was %s after it was checked',
    async (how) => {
      await using at = await world();
      for (const _round of [1, 2, 3]) await at.gather(['--json']);
      const folder = path.join(at.cache, 'mcpx', 'resources');
      for (const name of readdirSync(folder)) {
        const text = readFileSync(path.join(folder, name), 'utf8');
        const damaged = how === 'forged' ? text.replaceAll('item://', 'evil://') : text.slice(0, -10);
        writeFileSync(path.join(folder, name), damaged);
      }
      const next = await at.gather(['--json']);
      expect(next).toMatchObject({ status: 0, bundles: 'kept mcpx' });
      expect(next.stdout).toContain('item://1');
      expect(next.stdout).not.toContain('evil');
      expect([at.one.lists, at.two.lists]).toEqual([2, 2]);
    },
  );

  it('depends on variables that its configuration names, however it writes them, and on no others', async () => {
    await using at = await world();
    const gather = (from: string) =>
      at.gather(['--json'], { MCPX_RESOURCE_CACHE_TTL: undefined, FROM: from, ANY: from });
    await gather('here');
    expect(await gather('there')).toMatchObject({ bundles: 'kept' });
    for (const [index, reference] of ['${FROM}', '${FROM:-nowhere}', '${env:FROM}'].entries()) {
      at.write({}, { headers: { 'X-From': reference } });
      await sleep(20);
      await gather('');
      expect(await gather('')).toMatchObject({ bundles: 'kept' });
      expect(await gather(`there ${index}`)).toMatchObject({ bundles: 'kept mcpx' });
      expect(at.one.headers.at(-1)?.['x-from']).toBe(`there ${index}`);
    }
    const text = readFileSync(path.join(at.folder.path, 'mcpx.json'), 'utf8');
    at.folder.write('mcpx.json', text.replace('${env:FROM}', '\\u0024{FROM}'));
    await sleep(20);
    await gather('elsewhere');
    expect(await gather('anywhere')).toMatchObject({ bundles: 'kept mcpx' });
    expect(at.one.headers.at(-1)?.['x-from']).toBe('anywhere');
  });

  it('depends on variables that a server is started with', async () => {
    await using at = await world();
    const gather = (from: string) => at.gather([], { MCPX_RESOURCE_CACHE_TTL: undefined, FROM: from });
    for (const names of [['PATH'], ['PATH', 'FROM']]) {
      at.write({}, { url: undefined, headers: undefined, ...STDIO, inherit_env: names });
      await sleep(20);
      await gather('here');
      const isInherited = names.includes('FROM');
      expect(await gather('there')).toMatchObject({ bundles: isInherited ? 'kept mcpx' : 'kept' });
    }
  });

  it.each([
    ['node', ['server.js'], 'FROM', 2],
    ['mcpx', ['serve', 'database'], 'FROM', 1],
    ['mcpx', ['serve', 'database'], 'DATABASE_URL', 2],
  ])('depends on what a start block gives to %s %j: %s', async (command, args, variable, asked) => {
    await using at = await world();
    at.write({}, { start: { command, args } });
    await sleep(20);
    const gather = (value: string) =>
      at.gather([], { MCPX_RESOURCE_CACHE_TTL: undefined, [variable]: value });
    await gather('postgres://here');
    expect(await gather('postgres://here')).toMatchObject({ bundles: 'kept' });
    await gather('postgres://there');
    expect(at.one.lists).toBe(asked);
  });

  it('is never remembered with a credential on its command line', async () => {
    await using at = await world();
    await at.gather(['--exclude', '*sentinel-5a1*']);
    expect(await at.gather(['--exclude', '*sentinel-5a1*'])).toMatchObject({ bundles: 'kept mcpx' });
    expect(await at.gather(['--exclude', '*nothing*'])).toMatchObject({ bundles: 'kept mcpx' });
    expect(await at.gather(['--exclude', '*nothing*'])).toMatchObject({ bundles: 'kept' });
  });

  it('prints all of it to a reader that is slow, and nothing more to one that has gone', async () => {
    await using at = await world();
    const plain = { MCPX_RESOURCE_CACHE_TTL: undefined };
    await at.gather(['--json'], plain);
    const hook = at.folder.write('full.cjs', FULL_ONCE);
    const whole = await at.gather(['--json'], plain);
    const slow = await at.gather(['--json'], { ...plain, NODE_OPTIONS: `-r ${hook}` });
    expect(slow).toMatchObject({ status: 0, bundles: 'kept', stderr: '' });
    expect(slow.modules).toContain('stream');
    expect(stable(slow.stdout)).toBe(stable(whole.stdout));
    const gone = await promisify(execFile)(
      'sh',
      ['-c', '{ "$0" "$1" gather --json; echo "$?" >&2; } | true', process.execPath, EXECUTABLE],
      {
        cwd: at.folder.path,
        env: environment({ ...plain, XDG_CACHE_HOME: at.cache }),
      },
    );
    expect(gone.stderr).toBe('0\n');
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

  it.each([
    ['${OLDPWD}', '${OLDPWD}'],
    ['${env:OLDPWD}', '${env:OLDPWD}'],
    ['$OLDPWD', '\\u0024{OLDPWD}'],
  ])(
    'knows a configuration that uses a variable of the shell (%s, written %s)',
    async (reference, written) => {
      await using at = await world();
      at.write({}, { headers: { 'X-From': reference } });
      const text = readFileSync(path.join(at.folder.path, 'mcpx.json'), 'utf8');
      at.folder.write(
        'mcpx.json',
        text.replace(reference, () => written),
      );
      await sleep(20);
      await at.gather([], { OLDPWD: '/one' });
      await at.gather([], { OLDPWD: '/two' });
      expect(at.one.lists).toBe(2);
      expect(at.one.headers.map((headers) => headers['x-from'])).toContain('/two');
    },
  );

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
