// Starts the servers of a scenario, and judges from what they were asked whether a contender did the whole work.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { tokenOf } = createRequire(import.meta.url)('./content.cjs');
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * The running servers of a scenario: `servers` as a contender is told of them, `takeReport()` for what they were
 * asked since the last call, `close()`.
 */
export async function startUpstreams(scenario, { node, directory }) {
  return scenario.transport === 'stdio'
    ? prepareStdio(scenario, node, directory)
    : startHttp(scenario, directory);
}

async function startHttp(scenario) {
  const child = fork(here('http-upstream.cjs'), [JSON.stringify(scenario)], { execArgv: [] });
  const [{ ready }] = await once(child, 'message');
  const place = scenario.transport === 'sse' ? 'sse' : 'mcp';
  return {
    servers: ready.map(({ server, port }) => ({ id: server, url: `http://127.0.0.1:${port}/${place}` })),
    async takeReport() {
      const answered = once(child, 'message');
      child.send('report');
      const [{ report }] = await answered;
      return report;
    },
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

function prepareStdio(scenario, node, directory) {
  const logFiles = new Map(
    scenario.serverIds.map((server) => [server, path.join(directory, `${server}.log`)]),
  );
  return {
    servers: scenario.serverIds.map((server) => {
      const { resources, pageSize, delayMs, bodyBytes, tools } = scenario;
      const shared = { resources, pageSize, delayMs, bodyBytes, tools };
      const options = { ...shared, server, logFile: logFiles.get(server) };
      return {
        id: server,
        command: node,
        args: [here(scenario.raw ? 'stdio-upstream.cjs' : 'stdio-sdk-upstream.mjs'), JSON.stringify(options)],
      };
    }),
    async takeReport() {
      return [...logFiles].map(([server, file]) => {
        const log = takeLines(file);
        return { server, log, violations: log.flatMap(({ violation }) => violation ?? []) };
      });
    },
    async close() {},
  };
}

function takeLines(file) {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    // Not removed: whoever writes it may still be running.
    truncateSync(file);
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * What a run left undone, in words; empty when it asked for everything and printed all of it.
 *
 * @param output  the JSON that it printed: `servers.<id>.resources`, an array or an object, with a `uri` in each
 */
export function findOmissions(scenario, report, output) {
  const pages = Math.ceil(scenario.resources / scenario.pageSize);
  return report.flatMap(({ server, log, violations }) => {
    const omissions = violations.map((violation) => `${server}: ${violation}`);
    const count = (method) => log.filter((request) => request.method === method).length;
    const expectAtLeast = (method, least) => {
      if (count(method) < least) omissions.push(`${server}: ${count(method)} of ${least} ${method}`);
    };
    expectAtLeast('initialize', 1);
    expectAtLeast('notifications/initialized', 1);
    expectAtLeast('resources/list', pages);
    expectAtLeast('resources/templates/list', 1);
    const read = new Set(log.flatMap(({ method, uri }) => (method === 'resources/read' ? uri : [])));
    if (read.size !== scenario.resources) {
      omissions.push(`${server}: read ${read.size} of ${scenario.resources} resources`);
    }
    const printed = new Map(
      Object.values(output?.servers?.[server]?.resources ?? {}).map((resource) => [
        resource.uri,
        JSON.stringify(resource),
      ]),
    );
    const missing = Array.from({ length: scenario.resources }, (_, index) => index + 1).filter((number) => {
      const text = printed.get(`bench://${server}/${number}`);
      // In quotes, and escaped ones where the content is printed as text: 1 is not the beginning of 10.
      return text === undefined || !new RegExp(`"${tokenOf(server, number)}\\\\?"`).test(text);
    });
    if (missing.length > 0) omissions.push(`${server}: did not print ${missing.length} resources`);
    return omissions;
  });
}
