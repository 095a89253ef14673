import { describe, expect, it } from 'vitest';
import { configOf } from '../../fixtures/configuration.js';
import { startFakeUpstream } from '../../fixtures/fake-upstream.js';
import { over, startTestGateway } from '../../fixtures/gateway.js';
import { startToolUpstream } from '../../fixtures/tool-upstream.js';

const DEGRADED = { fail_fast: false };
const resource = (uri: string, text: string) => ({ uri, name: uri, text });

describe('another configuration', () => {
  it('adds and removes servers; those that did not change keep their connections and calls', async () => {
    await using kept = await startToolUpstream({ name: 'kept' });
    await using old = await startFakeUpstream({ resources: [resource('old://1', 'old')] });
    await using fresh = await startFakeUpstream({ resources: [resource('new://1', 'new')] });
    await using gateway = await startTestGateway({ kept: over(kept, 1), old: over(old, 2) });
    const client = await gateway.client('legacy');
    let changes = 0;
    client.setNotificationHandler('notifications/resources/list_changed', () => void (changes += 1));
    const uris = async () => (await client.listResources()).resources.map(({ uri }) => uri);
    expect(await uris()).toEqual(['note://kept', 'old://1']);
    const call = client.callTool({ name: 'wait' });
    await kept.until(() => kept.calls.includes('wait'));

    const next = configOf({ kept: over(kept, 1), fresh: over(fresh, 2) }, DEGRADED);
    await gateway.served.reconfigure(next);
    await expect.poll(uris).toEqual(['note://kept', 'new://1']);
    await expect.poll(() => changes).toBeGreaterThan(0);
    kept.release();
    expect(await call).toMatchObject({ content: [{ text: 'waited' }] });
    expect(kept.cancelled).toBe(0);
    await expect(client.readResource({ uri: 'old://1' })).rejects.toThrow('not found');
    await old.disconnected();
  });

  it('another priority moves names without a new connection', async () => {
    await using a = await startFakeUpstream({ resources: [resource('x://1', 'a')] });
    await using b = await startFakeUpstream({ resources: [resource('x://1', 'b')] });
    await using gateway = await startTestGateway({
      a: over(a, 1, { protocol: 'legacy' }),
      b: over(b, 2, { protocol: 'legacy' }),
    });
    const client = await gateway.client();
    const read = async () => (await client.readResource({ uri: 'x://1' })).contents;
    await client.listResources();
    expect(await read()).toMatchObject([{ text: 'a' }]);
    const next = { a: over(a, 3, { protocol: 'legacy' }), b: over(b, 2, { protocol: 'legacy' }) };
    await gateway.served.reconfigure(configOf(next, DEGRADED));
    expect(await read()).toMatchObject([{ text: 'b' }]);
    expect(a.requests.get('initialize')).toBe(1);
    expect(b.requests.get('initialize')).toBe(1);
  });

  it('another filter and another conflict rule count at once', async () => {
    await using a = await startToolUpstream({ name: 'a' });
    await using b = await startToolUpstream({ name: 'b' });
    await using gateway = await startTestGateway({ a: over(a, 1), b: over(b, 2) });
    const client = await gateway.client('legacy');
    const names = async () => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names()).toContain('a__echo');
    const tools = { include: ['echo'] };
    const next = configOf({ a: over(a, 1), b: over(b, 2, { tools }) }, DEGRADED, {
      gateway: { on_conflict: 'priority' },
    });
    await gateway.served.reconfigure(next);
    await expect.poll(names).toEqual(['count', 'echo', 'fail', 'log', 'wait']);
    await expect(client.callTool({ name: 'b__wait' })).rejects.toThrow('Unknown tool');
    expect(await client.callTool({ name: 'b__echo', arguments: { text: 'x' } })).toMatchObject({
      content: [{ text: 'b: x' }],
    });
  });

  it('another address is used, and subscriptions go along', async () => {
    await using a = await startToolUpstream({ name: 'same' });
    await using b = await startToolUpstream({ name: 'same' });
    await using gateway = await startTestGateway({ a: over(a, 1) });
    const client = await gateway.client('legacy');
    const seen: string[] = [];
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void seen.push(params.uri),
    );
    await client.subscribeResource({ uri: 'note://same' });
    await gateway.served.reconfigure(configOf({ a: over(b, 1) }, DEGRADED));
    await b.until(() => b.subscribed.has('note://same'));
    await a.until(() => a.subscribed.size === 0);
    b.served.notify.resourceUpdated('note://same');
    await expect.poll(() => seen.length).toBeGreaterThan(0);
  });
});
