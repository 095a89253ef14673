import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pLimit from 'p-limit';
import { temporaryFolder } from '../fixtures/configuration.js';
import type { Suite } from './install.js';
import type { Revision } from './scenarios.js';
import type { Check, LegResult, ScenarioResult } from './verdict.js';

/** A run of the suite that takes longer has failed. */
const RUN_MS = 180_000;
/** Two at once, so that a client's answer is not late because of the others. */
const AT_ONCE = 2;
const FINISHED = 'finished\n';
const LAST_WORDS = 2000;

/** Runs all scenarios of a revision against a server. */
export async function runServerLeg(suite: Suite, url: string, revision: Revision): Promise<LegResult> {
  return run(suite, ['server', '--url', url, '--requirements', revision], false);
}

/** Runs scenarios against what a command starts, to which the suite appends the address of its server. */
export async function runClientLeg(
  suite: Suite,
  command: string,
  revision: Revision,
  scenarios: readonly string[],
): Promise<LegResult> {
  const limit = pLimit(AT_ONCE);
  const results = await Promise.all(
    scenarios.map((scenario) =>
      limit(() => {
        const args = ['client', '--command', command, '--scenario', scenario, '--spec-version', revision];
        return run(suite, args, true);
      }),
    ),
  );
  return new Map(results.flatMap((result) => [...result]));
}

/** Runs all scenarios about a login at once. */
export async function runAuthLeg(suite: Suite, command: string, revision: Revision): Promise<LegResult> {
  return run(suite, ['client', '--command', command, '--suite', 'auth', '--spec-version', revision], true);
}

async function run({ node, cli }: Suite, args: readonly string[], isClient: boolean): Promise<LegResult> {
  using folder = temporaryFolder();
  const child = spawn(node, [cli, ...args, '-o', folder.path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder.path,
    timeout: RUN_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  const hear = (text: Buffer) => {
    said = `${said}${String(text)}`.slice(-LAST_WORDS);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  // Its exit status tells nothing more than its results: scenarios that do not apply fail too.
  await once(child, 'close');
  const results = readResults(folder.path, isClient);
  if (results.size === 0) throw new Error(`the suite ran nothing (${args.join(' ')}):\n${said}`);
  return results;
}

function readResults(folder: string, isClient: boolean): LegResult {
  const results = new Map<string, ScenarioResult>();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const named = /^(?<name>.+)-\d{4}-\d\d-\d\dT[\d-]+Z[/\\]checks\.json$/.exec(file)?.groups?.['name'];
    if (named === undefined) continue;
    const scenario = isClient ? named.replaceAll('\\', '/') : named.replace(/^server-/, '');
    const checks = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Check[];
    const clientFolder = path.join(folder, path.dirname(file));
    const isFinished = !isClient || read(clientFolder, 'stdout.txt').endsWith(FINISHED);
    const lastWords = isFinished ? {} : { lastWords: read(clientFolder, 'stderr.txt').slice(-LAST_WORDS) };
    results.set(scenario, { checks, isFinished, ...lastWords });
  }
  return results;
}

function read(folder: string, name: string): string {
  const file = path.join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
