import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configText, temporaryFolder } from '../fixtures/configuration.js';
import { environment, EXECUTABLE } from '../fixtures/executable.js';
import { startEverythingServer, type EverythingServer } from './everything-server.js';
import { installSuite, type Suite } from './install.js';
import { runClientLeg, runAuthLeg, runServerLeg } from './legs.js';
import { excusesFor, unknownSubjects, type Target } from './not-applicable.js';
import { AUTH_SCENARIOS, CLIENT_SCENARIOS, REVISIONS, SERVER_SCENARIOS, type Revision } from './scenarios.js';
import { judge, type LegResult, type Legs } from './verdict.js';

let suite: Suite;
let plainServer: EverythingServer;
const clientFolder = path.resolve('node_modules/.cache/conformance');
const client = (kind: string) => `${process.execPath} ${path.join(clientFolder, 'client.mjs')} ${kind}`;

beforeAll(async () => {
  suite = await installSuite();
  plainServer = await startEverythingServer();
  await build({
    entryPoints: ['test/conformance/client.ts'],
    outfile: path.join(clientFolder, 'client.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['@electric-sql/pglite', 'libpg-query'],
    // CommonJS packages in an ES bundle still call require() for Node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfClient } from 'node:module'; const require = createRequireOfClient(import.meta.url);",
    },
    logLevel: 'error',
  });
});
afterAll(() => plainServer[Symbol.asyncDispose]());

it('every exception is about a scenario that there is', () => {
  expect(unknownSubjects([SERVER_SCENARIOS, CLIENT_SCENARIOS, AUTH_SCENARIOS])).toEqual([]);
});

/** How each server under test is started, given the address of the plain one. */
const SERVERS: Partial<Record<Target, (upstream: string) => Promise<RunningServer>>> = {
  'gateway over a server of 2026-07-28': (upstream) => startGatewayOver(upstream, '2026-07-28'),
  'gateway over a server of 2025-11-25': (upstream) => startGatewayOver(upstream, 'legacy'),
  'metadata server': () => startMcpx(['serve', 'metadata']),
};

for (const revision of REVISIONS) {
  describe(`a client of ${revision}`, () => {
    let plain: LegResult;
    beforeAll(async () => {
      plain = await runServerLeg(suite, plainServer.url, revision);
    });

    for (const [target, start] of Object.entries(SERVERS) as [
      Target,
      (url: string) => Promise<RunningServer>,
    ][]) {
      describe(`before the ${target}`, () => {
        let ours: LegResult;
        beforeAll(async () => {
          await using server = await start(plainServer.url);
          ours = await runServerLeg(suite, server.url, revision);
        });
        expectPassed(target, revision, SERVER_SCENARIOS[revision], () => ({ ours, plain }));
      });
    }
  });

  describe(`a server of ${revision}`, () => {
    const scenarios = CLIENT_SCENARIOS[revision];
    let plain: LegResult;
    let nobody: LegResult;
    beforeAll(async () => {
      plain = await runClientLeg(suite, client('sdk'), revision, scenarios);
      nobody = await runClientLeg(suite, client('nobody'), revision, scenarios);
    });

    for (const [target, kind] of [
      ['orchestrator', 'orchestrator'],
      ['gateway as a client', 'gateway'],
    ] as const) {
      describe(`before the ${target}`, () => {
        let ours: LegResult;
        beforeAll(async () => {
          ours = await runClientLeg(suite, client(kind), revision, scenarios);
        });
        expectPassed(target, revision, scenarios, () => ({ ours, plain, nobody }));
      });
    }
  });

  describe(`a server of ${revision} that wants a login`, () => {
    let ours: LegResult;
    beforeAll(async () => {
      ours = await runAuthLeg(suite, client('orchestrator'), revision);
    });
    expectPassed('orchestrator', revision, AUTH_SCENARIOS[revision], () => ({ ours, plain: new Map() }));
  });
}

function expectPassed(
  target: Target,
  revision: Revision,
  scenarios: readonly string[],
  legs: () => Legs,
): void {
  it.each(scenarios)('%s', (scenario) => {
    const { unexcused, stale } = judge(scenario, legs(), excusesFor(target, revision));
    expect(unexcused, 'what is wrong, or has to be listed with its reason').toEqual([]);
    expect(stale, 'it passes after all: take it off the list').toEqual([]);
  });

  it('no scenario ran that nobody knows', () => {
    expect([...legs().ours.keys()].filter((scenario) => !scenarios.includes(scenario))).toEqual([]);
  });
}

interface RunningServer extends AsyncDisposable {
  readonly url: string;
}

async function startGatewayOver(url: string, protocol: string): Promise<RunningServer> {
  const folder = temporaryFolder();
  const upstream = { url, protocol, transport: 'streamable-http', priority: 1, domains: ['conformance'] };
  const file = folder.write('mcpx.json', configText({ everything: upstream }));
  const server = await startMcpx(['serve', 'gateway', '--config', file]);
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** A server of the built executable, on a free port. */
async function startMcpx(args: readonly string[]): Promise<RunningServer> {
  const child = spawn(process.execPath, [EXECUTABLE, ...args, '--port', '0', '-o', 'json'], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const ready = await Promise.race([once(child.stdout, 'data'), exited.then(() => undefined)]);
  if (ready === undefined) throw new Error(`mcpx ${args.join(' ')} has ended`);
  const { mcp } = JSON.parse(String(ready[0])) as { mcp: string };
  return {
    url: mcp,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
