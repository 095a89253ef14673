import type { ConnectedFile } from '../core/inspect/connected-file.js';
import type { InspectedServer, ListedNames } from '../core/inspect/inspection.js';

/** What `--connect` adds to the JSON of `validate-config`; each entry names its file, as the diagnostics do. */
export function inspectionReport(files: readonly ConnectedFile[]): Readonly<Record<string, unknown>> {
  const connected = files.flatMap(({ file, inspection }) =>
    inspection === undefined ? [] : [{ filename: file, inspection }],
  );
  return {
    servers: connected.flatMap(({ filename, inspection }) =>
      inspection.servers.map((inspected) => ({ filename, ...serverReport(inspected) })),
    ),
    domains: connected.flatMap(({ filename, inspection }) =>
      inspection.domains.map(({ domain, servers, answers, next }) => ({
        filename,
        domain,
        servers,
        answers: answers ?? null,
        next: next ?? null,
      })),
    ),
    conflicts: connected.flatMap(({ filename, inspection }) =>
      inspection.collisions.map((collision) => ({ filename, ...collision })),
    ),
    gathers: connected.map(({ filename, inspection: { forecast, executor, servers, durationMs } }) => ({
      filename,
      mode: forecast.mode,
      result: forecast.result,
      exit_code: forecast.exitCode,
      ...(forecast.result === 'failure'
        ? { code: forecast.code, message: forecast.message }
        : { resources: forecast.resources, answering: forecast.answering }),
      servers: servers.length,
      executor: executor ?? null,
      duration_ms: Math.round(durationMs),
    })),
  };
}

function serverReport(inspected: InspectedServer): Readonly<Record<string, unknown>> {
  const { server, outcome, listed, tools, prompts, started } = inspected;
  const { connection } = outcome;
  const answered = outcome.status !== 'failed';
  return {
    id: server.id,
    name: server.name,
    status: outcome.status,
    started,
    required: server.required,
    priority: server.priority,
    domains: server.domains,
    capabilities: server.capabilities,
    offered: connection?.capabilities ?? null,
    transport: connection?.transport ?? server.transport,
    era: connection?.era ?? null,
    protocol_version: connection?.protocolVersion ?? null,
    server_name: connection?.serverName ?? null,
    server_version: connection?.serverVersion ?? null,
    duration_ms: Math.round(outcome.durationMs),
    attempts: outcome.attempts,
    counts: answered
      ? {
          resources: outcome.resources.length,
          // With those that `resources.include` and `exclude` leave out.
          resources_listed: listed,
          templates: outcome.templates.length,
          tools: namesReport(tools)?.length ?? null,
          prompts: namesReport(prompts)?.length ?? null,
        }
      : null,
    tools: answered ? namesReport(tools) : null,
    prompts: answered ? namesReport(prompts) : null,
    error: outcome.status === 'ok' ? null : { ...outcome.error.toJSON(), phase: outcome.phase },
  };
}

/** `null` where the list could not be had. */
function namesReport({ names, error }: ListedNames): readonly string[] | null {
  return error === undefined ? names : null;
}
