import { writeFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { startFakeUpstream } from '../fixtures/fake-upstream.js';
import { run, type Ran } from '../fixtures/io.js';
import { startToolUpstream } from '../fixtures/tool-upstream.js';
import { verifies } from '../verifies.js';

interface Ready {
  readonly mcp: string;
}

/** Runs `mcpx serve gateway` in this process until `stop` is called. */
async function serving(file: string, flags: readonly string[] = []) {
  const stop = new AbortController();
  let hangUp: () => void = () => undefined;
  let tell: (ready: Ready) => void = () => undefined;
  const ready = new Promise<Ready>((resolve) => (tell = resolve));
  let stderr = '';
  const ended = run(['serve', 'gateway', '--port', '0', '-o', 'json', '-c', file, ...flags], {
    signal: stop.signal,
    onOut: (line) => tell(JSON.parse(line) as Ready),
    onErr: (text) => (stderr += text),
    onSignal: (_signal, listener) => {
      hangUp = listener;
      return () => undefined;
    },
  });
  const { mcp } = await Promise.race([
    ready,
    ended.then((ran: Ran) => Promise.reject(new Error(`it ended: ${ran.stderr}`))),
  ]);
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(mcp)));
  return {
    client,
    stderr: () => stderr,
    hangUp: () => hangUp(),
    stop: async () => {
      stop.abort();
      return ended;
    },
    async [Symbol.asyncDispose]() {
      await client.close().catch(() => undefined);
      stop.abort();
      await ended;
    },
  };
}

const over = (upstream: { readonly mcpUrl: string }, priority: number) => ({
  url: upstream.mcpUrl,
  transport: 'streamable-http',
  priority,
});
const resource = (uri: string) => ({ uri, name: uri, text: uri });

describe('mcpx serve gateway', () => {
  verifies('config:reload', 'takes a changed configuration over, and refuses a broken one', async () => {
    await using a = await startFakeUpstream({ resources: [resource('a://1')] });
    await using b = await startFakeUpstream({ resources: [resource('b://1')] });
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: over(a, 1) }, { enable_logging: true }));
    await using gateway = await serving(file);
    const uris = async () => (await gateway.client.listResources()).resources.map(({ uri }) => uri);
    expect(await uris()).toEqual(['a://1']);
    const both = configText({ a: over(a, 1), b: over(b, 2) }, { enable_logging: true });
    writeFileSync(file, both);
    gateway.hangUp();
    await expect.poll(uris, { timeout: 10_000 }).toEqual(['a://1', 'b://1']);
    writeFileSync(file, '{ "mcp_servers": { "a": { "prioritty": 1 } } }');
    gateway.hangUp();
    await expect.poll(gateway.stderr, { timeout: 10_000 }).toContain('config.reload_refused');
    expect(await uris()).toEqual(['a://1', 'b://1']);
  });

  verifies(
    'orch:no-cache',
    'asks the servers for every read with --no-cache, and else within no time',
    async () => {
      await using a = await startFakeUpstream({ era: 'legacy' });
      using folder = temporaryFolder();
      const file = folder.write('c.json', configText({ a: over(a, 1) }, { resource_cache_ttl: 300 }));
      const readTwice = async (flags: readonly string[]) => {
        const before = a.reads.get('item://1') ?? 0;
        await using gateway = await serving(file, flags);
        for (let count = 0; count < 2; count += 1) await gateway.client.readResource({ uri: 'item://1' });
        return a.reads.get('item://1')! - before;
      };
      expect(await readTwice([])).toBe(1);
      expect(await readTwice(['--no-cache'])).toBe(2);
    },
  );

  it('a flag stands above the file, also after a reload', async () => {
    await using a = await startFakeUpstream();
    using folder = temporaryFolder();
    const gone = { url: 'http://127.0.0.1:9/mcp', transport: 'streamable-http', priority: 9 };
    const file = folder.write('c.json', configText({ a: over(a, 1), gone }));
    await using gateway = await serving(file, ['--degraded']);
    expect((await gateway.client.listResources()).resources).toHaveLength(3);
    writeFileSync(file, configText({ a: over(a, 2), gone }));
    gateway.hangUp();
    const priority = async () =>
      (await gateway.client.listResources()).resources[0]?._meta?.['mcpx/priority'];
    await expect.poll(priority, { timeout: 10_000 }).toBe(2);
  });

  it('lets what is in flight finish when it is stopped, for as long as --drain says', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: over(a, 1) }));
    await using patient = await serving(file);
    const call = patient.client.callTool({ name: 'wait' });
    await a.until(() => a.calls.length === 1);
    const ended = patient.stop();
    a.release();
    expect(await call).toMatchObject({ content: [{ text: 'waited' }] });
    expect((await ended).status).toBe(0);
  });

  it('cuts off what takes longer than --drain', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: over(a, 1) }));
    await using hasty = await serving(file, ['--drain', '50ms']);
    const call = hasty.client.callTool({ name: 'wait' }).then(
      () => 'answered',
      () => 'cut off',
    );
    await a.until(() => a.calls.length === 1);
    expect((await hasty.stop()).status).toBe(0);
    // Nobody is left to wait for it at the server either.
    await a.until(() => a.cancelled === 1);
    await hasty.client.close();
    expect(await call).toBe('cut off');
  });

  it('is told of flags that contradict each other, and of what it does not take', async () => {
    using folder = temporaryFolder();
    const file = folder.write('c.json', configText({ a: { url: 'http://127.0.0.1:9/mcp' } }));
    const tell = (...flags: string[]) => run(['serve', 'gateway', '-c', file, ...flags]);
    expect(await tell('--fail-fast', '--degraded')).toMatchObject({ status: 2 });
    expect(await tell('--transport', 'pigeon')).toMatchObject({ status: 2 });
    expect(await tell('--drain', 'soon')).toMatchObject({ status: 2 });
    expect(await tell('--host', '0.0.0.0')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('SRV403'),
    });
  });
});
