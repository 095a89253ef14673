import { describe, expect, it } from 'vitest';
import { startFakeUpstream, type FakeUpstreamOptions } from '../../fixtures/fake-upstream.js';
import { contentsOf, failureOf, outcomeOf } from '../../fixtures/gathering.js';
import { stdioUpstream } from '../../fixtures/stdio-upstream.js';
import { configOf } from '../../fixtures/configuration.js';
import { createTransport } from '../../../src/core/clients/create-transport.js';
import { verifies } from '../../verifies.js';

const OPTIONS = { maxBytes: 1, redact: (text: string) => text };

const MADE_UP = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `item://${index + 1}`,
      [{ id: index + 1, tags: ['made', 'up'] }],
    ]),
  );

const VARIANTS: readonly (readonly [string, FakeUpstreamOptions, object, object])[] = [
  ['SSE', { transport: 'sse' }, { transport: 'sse' }, { transport: 'sse', era: 'legacy' }],
  [
    'Streamable HTTP, legacy, JSON',
    { transport: 'streamable-http', era: 'legacy', responseMode: 'json' },
    { transport: 'streamable-http' },
    { transport: 'streamable-http', era: 'legacy', protocolVersion: '2025-11-25' },
  ],
  [
    'Streamable HTTP, legacy, event stream',
    { transport: 'streamable-http', era: 'legacy', responseMode: 'sse' },
    { transport: 'streamable-http', protocol: 'legacy' },
    { transport: 'streamable-http', era: 'legacy', protocolVersion: '2025-11-25' },
  ],
  [
    'Streamable HTTP, modern, JSON',
    { transport: 'streamable-http', era: 'modern' },
    { transport: 'streamable-http' },
    { transport: 'streamable-http', era: 'modern', protocolVersion: '2026-07-28' },
  ],
  [
    'Streamable HTTP, modern, event stream',
    { transport: 'streamable-http', era: 'modern', responseMode: 'sse' },
    { transport: 'streamable-http', protocol: '2026-07-28' },
    { transport: 'streamable-http', era: 'modern', protocolVersion: '2026-07-28' },
  ],
  [
    'Streamable HTTP, both eras',
    { transport: 'streamable-http' },
    { transport: 'streamable-http' },
    { transport: 'streamable-http', era: 'modern' },
  ],
  [
    'auto at Streamable HTTP',
    { transport: 'streamable-http' },
    { transport: 'auto' },
    { transport: 'streamable-http', era: 'modern' },
  ],
  [
    'auto at SSE, by falling back',
    { transport: 'sse' },
    { transport: 'auto' },
    { transport: 'sse', era: 'legacy' },
  ],
];

describe.each(VARIANTS)('%s', (_, options, settings, connection) => {
  it('reads every resource of every page, and lists the templates', async () => {
    const templates = [{ uriTemplate: 'item://{id}', name: 'Item', description: 'By number' }];
    await using upstream = await startFakeUpstream({ ...options, resources: 23, pageSize: 5, templates });
    const outcome = await outcomeOf({ url: upstream.url, ...settings });
    expect(outcome).toMatchObject({ status: 'ok', attempts: 1, connection, warnings: [], templates });
    expect(contentsOf(outcome)).toEqual(MADE_UP(23));
    expect(upstream.lists).toBe(5);
    expect([...upstream.reads.values()]).toEqual(Array.from({ length: 23 }, () => 1));
    await upstream.disconnected();
  });

  it('a server without templates, without resources, or without any at all is not dead', async () => {
    await using none = await startFakeUpstream({ ...options, resources: 0, templates: 'unsupported' });
    expect(await outcomeOf({ url: none.url, ...settings })).toMatchObject({ status: 'ok', resources: [] });
    await using lacking = await startFakeUpstream({ ...options, withoutResources: true });
    expect(await outcomeOf({ url: lacking.url, ...settings })).toMatchObject({ status: 'ok', resources: [] });
    expect(lacking.lists).toBe(0);
  });

  it('names, binary and several contents arrive as they were sent', async () => {
    const resources = [
      {
        uri: 'x://grüße/世界?a=b#c',
        name: 'Grüße, 世界 🎉',
        text: '\u0000\u001b[31mÄ\u2028',
        mimeType: 'text/plain',
      },
      { uri: 'x://picture', name: 'Picture', blob: 'iVBORw0KGgo=', mimeType: 'image/png' },
      {
        uri: 'x://folder',
        name: 'Folder',
        contents: [
          { uri: 'x://folder/1', text: '[1]' },
          { uri: 'x://folder/2', blob: 'AA==' },
        ],
      },
      { uri: 'x://nothing', name: 'Nothing', contents: [] },
    ];
    await using upstream = await startFakeUpstream({ ...options, resources });
    const outcome = await outcomeOf({ url: upstream.url, ...settings });
    expect(outcome.resources.map(({ key }) => key)).toEqual(resources.map(({ name }) => name));
    expect(contentsOf(outcome)).toEqual({
      'x://grüße/世界?a=b#c': ['\u0000\u001b[31mÄ\u2028'],
      'x://picture': ['iVBORw0KGgo='],
      'x://folder': [[1], 'AA=='],
      'x://nothing': [],
    });
  });

  it('headers of the configuration are on every request', async () => {
    await using upstream = await startFakeUpstream({ ...options, requiredBearer: 'the-right-token' });
    const right = { url: upstream.url, ...settings, headers: { Authorization: 'Bearer the-right-token' } };
    expect(await outcomeOf(right)).toMatchObject({ status: 'ok' });
    const wrong = { ...right, headers: { Authorization: 'Bearer the-wrong-token' } };
    const error = await failureOf(outcomeOf(wrong));
    expect(error).toMatchObject({ code: 'UPS207', exitCode: 5, context: { server: 'a', status: 401 } });
    expect(JSON.stringify(error)).not.toContain('the-wrong-token');
  });
});

describe('stdio', () => {
  it('reads every resource of every page', async () => {
    using upstream = stdioUpstream({ resources: 23, pageSize: 5 });
    const outcome = await outcomeOf({ command: upstream.command, args: upstream.args });
    expect(outcome).toMatchObject({
      status: 'ok',
      connection: { transport: 'stdio', era: 'legacy', protocolVersion: '2025-11-25' },
    });
    expect(outcome.resources).toHaveLength(23);
    expect(contentsOf(outcome)['item://23']).toEqual([{ id: 23 }]);
    expect(upstream.requests().get('initialize')).toBe(1);
    expect(upstream.requests().get('resources/read')).toBe(23);
  });
});

describe('the factory', () => {
  verifies('orch:transport-factory', 'makes the transport that the configuration names, and no other', () => {
    const [http, stdio] = configOf({
      http: { url: 'http://127.0.0.1:1/x', priority: 1 },
      stdio: { command: 'node', priority: 2 },
    }).servers;
    expect(createTransport(http!, 'sse', OPTIONS).constructor.name).toBe('SseTransport');
    expect(createTransport(http!, 'streamable-http', OPTIONS).constructor.name).toBe(
      'StreamableHttpTransport',
    );
    expect(createTransport(stdio!, 'stdio', OPTIONS).constructor.name).toBe('StdioTransport');
    const refused = (make: () => unknown) => {
      try {
        return make();
      } catch (error) {
        return error;
      }
    };
    expect(refused(() => createTransport(http!, 'stdio', OPTIONS))).toMatchObject({ code: 'CFG107' });
    expect(refused(() => createTransport(stdio!, 'sse', OPTIONS))).toMatchObject({ code: 'CFG107' });
    expect(refused(() => createTransport(http!, 'carrier-pigeon' as 'sse', OPTIONS))).toMatchObject({
      code: 'CFG106',
      name: 'ConfigurationError',
    });
  });

  it('a pinned protocol that the server does not speak is a clear failure', async () => {
    await using upstream = await startFakeUpstream({ transport: 'streamable-http', era: 'legacy' });
    const settings = { url: upstream.url, transport: 'streamable-http', protocol: '2026-07-28' };
    const error = await failureOf(outcomeOf(settings));
    expect(['UPS205', 'UPS206', 'UPS217']).toContain(error.code);
    expect(error.message).toContain('a');
  });
});
