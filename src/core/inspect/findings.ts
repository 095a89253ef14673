import { compareProblems, type Problem } from '../config/problem.js';
import type { ExaminedConfig } from '../config/load.js';
import type { ServerConfig } from '../config/config.js';
import type { MCPOrchestratorException } from '../errors.js';
import { claimFindings, EXECUTE_QUERY } from './claims.js';
import type { Finding } from './finding.js';
import type { Collision, InspectedServer, Inspection } from './inspection.js';

/**
 * What an inspection has to tell of a file, each at its place there.
 *
 * @param redact  takes the configuration's secrets out of what servers said
 */
export function findingsOf(
  inspection: Inspection,
  file: string,
  { document }: Pick<ExaminedConfig, 'document'>,
  redact: (text: string) => string,
): readonly Problem[] {
  const { servers, collisions } = inspection;
  const isHopeless = servers.every(({ outcome }) => outcome.status === 'failed');
  const findings = [
    ...servers.flatMap((inspected) => [
      ...failureFindings(inspected, isHopeless),
      ...claimFindings(inspected),
      ...oddities(inspected),
    ]),
    ...collisionFindings(collisions),
  ];
  return findings
    .map(({ path, atKey, message, hint, ...rest }): Problem => ({
      ...rest,
      message: redact(message),
      ...(hint === undefined ? {} : { hint: redact(hint) }),
      path: path.map(String).join('.'),
      file,
      range: atKey === true ? document.keyRangeOf(path) : document.rangeOf(path),
    }))
    .sort(compareProblems);
}

/** A server that has failed: an error where it is required, or where no other is left. */
function failureFindings({ server, outcome }: InspectedServer, isHopeless: boolean): readonly Finding[] {
  if (outcome.status === 'ok') return [];
  const severity = server.required || isHopeless ? 'error' : 'warning';
  return [failure(severity, outcome.error, placeOf(server, outcome.error))];
}

function failure(
  severity: Problem['severity'],
  error: MCPOrchestratorException,
  path: readonly string[],
): Finding {
  const { code, message, hint, causes } = error.toJSON();
  return {
    severity,
    code,
    path,
    message: [message, ...causes].join(': '),
    ...(hint === undefined
      ? {}
      : { hint: hint.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase()).replace(/\.$/, '') }),
  };
}

/** The setting that is to be looked at first. */
function placeOf(server: ServerConfig, error: MCPOrchestratorException): readonly string[] {
  const at = ['mcp_servers', server.id];
  if (server.start !== undefined && error.context['phase'] === 'start') return [...at, 'start', 'command'];
  const hasHeaders = Object.keys(server.headers).length > 0;
  return error.code === 'UPS207' && hasHeaders ? [...at, 'headers'] : addressOf(server);
}

function addressOf({ id, url }: ServerConfig): readonly string[] {
  return ['mcp_servers', id, url === undefined ? 'command' : 'url'];
}

/** What a server lists and should not, or cannot list; a gather lives with it. */
function oddities({ server, outcome, tools, prompts }: InspectedServer): readonly Finding[] {
  const path = addressOf(server);
  const warned = outcome.warnings.map(({ code, message }): Finding => {
    return { severity: 'warning', code, path, message: `${server.id} ${message}` };
  });
  const malformed = [...tools.malformed, ...prompts.malformed].map((error) =>
    failure('warning', error, path),
  );
  // Whether it can execute queries is then unknown, and a query would have to know.
  const forQueries = server.capabilities.includes(EXECUTE_QUERY) ? 'error' : 'warning';
  return [
    ...warned,
    ...malformed,
    ...(tools.error === undefined ? [] : [failure(forQueries, tools.error, path)]),
    ...(prompts.error === undefined ? [] : [failure('warning', prompts.error, path)]),
  ];
}

/** Names that a message lists. */
const MOST_NAMES = 3;

const NOUNS: Readonly<Record<Collision['kind'], readonly [one: string, many: string]>> = {
  'resource-uri': ['resource', 'resources'],
  'template-uri': ['resource template', 'resource templates'],
  'tool-name': ['tool', 'tools'],
  'prompt-name': ['prompt', 'prompts'],
};

/** One finding for all that the same servers share: two copies of a server share everything. */
function collisionFindings(collisions: readonly Collision[]): readonly Finding[] {
  const groups = new Map<string, Collision[]>();
  for (const collision of collisions) {
    const key = JSON.stringify([collision.winner, collision.losers]);
    groups.set(key, [...(groups.get(key) ?? []), collision]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    const [loser] = first?.losers ?? [];
    if (first === undefined || loser === undefined) return [];
    const { winner, losers, rule } = first;
    const isTie = rule.startsWith('equal');
    const finding: Finding = {
      // Where only the ids decide, nobody has decided.
      severity: isTie ? 'warning' : 'note',
      code: 'UPS233',
      path: ['mcp_servers', loser, 'priority'],
      message: `${losers.join(', ')} and ${winner} share ${sharedText(group)}; ${winner} comes first (${rule})`,
      hint: isTie
        ? 'give one of them another priority, so that it is clear who comes first'
        : group.some(({ kind }) => kind === 'resource-uri')
          ? 'leave resources out with resources.exclude, if that is not meant'
          : 'fine where that is meant',
    };
    return [finding];
  });
}

/** `3 resources (x://1, x://2, x://3) and a tool (now)` */
function sharedText(group: readonly Collision[]): string {
  const parts = (Object.keys(NOUNS) as Collision['kind'][]).flatMap((kind) => {
    const keys = group.filter((collision) => collision.kind === kind).map(({ key }) => key);
    if (keys.length === 0) return [];
    const [one, many] = NOUNS[kind];
    const more = keys.length > MOST_NAMES ? `, and ${keys.length - MOST_NAMES} more` : '';
    const count = keys.length === 1 ? `a ${one}` : `${keys.length} ${many}`;
    return [`${count} (${keys.slice(0, MOST_NAMES).join(', ')}${more})`];
  });
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}
