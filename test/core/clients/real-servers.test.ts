import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { contentsOf, gatherOnce, outcomeOf } from '../../fixtures/gathering.js';
import {
  everythingStdioServer,
  filesystemServer,
  memoryServer,
  startEverythingServer,
  startV1Server,
  v1StdioServer,
} from '../../fixtures/real-servers.js';
import { verifies } from '../../verifies.js';

describe('a server on the v1 SDK', () => {
  const contents = {
    'v1://aliases': [{ widget: ['gadget', 'gizmo'] }],
    'v1://notes': ['Grüße, 世界'],
    'v1://picture': ['iVBORw0KGgo='],
  };

  it.each(['sse', 'streamable-http'] as const)('over %s', async (transport) => {
    await using server = await startV1Server({ transport });
    for (const settings of [{ transport }, { transport: 'auto' }]) {
      const outcome = await outcomeOf({ url: server.url, ...settings });
      expect(outcome).toMatchObject({ status: 'ok', connection: { transport, era: 'legacy' } });
      expect(contentsOf(outcome)).toEqual(contents);
      expect(outcome.templates).toMatchObject([{ uriTemplate: 'v1://products/{id}', name: 'Product' }]);
    }
  });

  it('over stdio', async () => {
    const outcome = await outcomeOf({ ...v1StdioServer() });
    expect(contentsOf(outcome)).toEqual(contents);
  });
});

describe('published servers', () => {
  verifies('orch:gather', 'gather lists and reads every resource of all of them, side by side', async () => {
    using folder = temporaryFolder();
    mkdirSync(path.join(folder.path, 'files'));
    await using sse = await startEverythingServer({ transport: 'sse' });
    await using http = await startEverythingServer({ transport: 'streamableHttp' });
    const { complete, outcomes } = await gatherOnce({
      sse: { url: sse.url, priority: 1 },
      http: { url: http.url, transport: 'streamable-http', priority: 2 },
      stdio: { ...everythingStdioServer(), priority: 3 },
      files: { ...filesystemServer(path.join(folder.path, 'files')), priority: 4 },
      memory: { ...memoryServer(path.join(folder.path, 'memory.json')), priority: 5 },
    });
    expect(complete).toBe(true);
    expect(outcomes.map(({ server, status }) => [server.id, status])).toEqual([
      ['sse', 'ok'],
      ['http', 'ok'],
      ['stdio', 'ok'],
      ['files', 'ok'],
      ['memory', 'ok'],
    ]);
    const [overSse, overHttp, overStdio, files] = outcomes;
    expect(overSse!.resources.length).toBeGreaterThan(3);
    for (const outcome of [overSse!, overHttp!, overStdio!]) {
      expect(outcome.resources.map(({ uri }) => uri)).toEqual(overSse!.resources.map(({ uri }) => uri));
      for (const resource of outcome.resources) {
        expect(resource.error, resource.uri).toBeUndefined();
        expect(resource.contents.length, resource.uri).toBeGreaterThan(0);
        expect(resource.bytes, resource.uri).toBeGreaterThan(0);
      }
      expect(outcome.templates.length).toBeGreaterThan(0);
    }
    expect(files!.resources).toEqual([]);
  });
});
