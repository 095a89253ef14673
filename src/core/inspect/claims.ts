import { closest, distance } from 'fastest-levenshtein';
import type { Finding } from './finding.js';
import type { InspectedServer } from './inspection.js';

/** The tool that makes a server the executor (document 001, `get_executor_mcp`). */
export const EXECUTE_QUERY = 'execute_query';

type Part = 'resources' | 'templates' | 'tools' | 'prompts' | 'completions' | 'logging' | 'subscribe';

/** Words for what a server of MCP may be able to: the methods, and the names that people give them. */
const WORDS: Readonly<Record<Part, readonly string[]>> = {
  resources: [
    'resources',
    'list_resources',
    'resources_list',
    'read_resource',
    'read_resources',
    'resources_read',
  ],
  templates: ['resource_templates', 'list_resource_templates', 'resources_templates_list'],
  tools: ['tools', 'list_tools', 'tools_list', 'call_tool', 'call_tools', 'tools_call'],
  prompts: ['prompts', 'list_prompts', 'prompts_list', 'get_prompt', 'prompts_get'],
  completions: ['completions', 'completion', 'complete', 'completion_complete'],
  logging: ['logging', 'set_level', 'logging_setlevel'],
  subscribe: ['subscribe', 'subscribe_resource', 'subscribe_resources', 'resources_subscribe'],
};

/** Tools that a hint names. */
const MOST_NAMES = 5;

/** Where the `capabilities` that the configuration claims for a server differ from what the server has. */
export function claimFindings(inspected: InspectedServer): readonly Finding[] {
  const { server, outcome, tools } = inspected;
  if (outcome.status === 'failed') return [];
  const findings: Finding[] = [];
  const id = server.id;
  const at = ['mcp_servers', id, 'capabilities'];
  for (const [index, claim] of server.capabilities.entries()) {
    if (tools.names.includes(claim)) continue;
    const part = partOf(claim);
    // What its tools are nobody knows, and that is told for itself.
    if (part === undefined && tools.error !== undefined) continue;
    const found = part === undefined ? wordFinding(claim, inspected) : partFinding(claim, part, inspected);
    if (found !== undefined) findings.push({ ...found, path: [...at, index] });
  }
  if (tools.names.includes(EXECUTE_QUERY) && !server.capabilities.includes(EXECUTE_QUERY)) {
    findings.push({
      severity: 'note',
      code: 'UPS232',
      path: at,
      atKey: true,
      message: `${id} has the tool ${EXECUTE_QUERY} and does not claim it, so no query goes there`,
      hint: `add ${EXECUTE_QUERY} to its capabilities, if queries may go there`,
    });
  }
  return findings;
}

function partOf(claim: string): Part | undefined {
  const word = claim.toLowerCase().replace(/[^a-z]+/g, '_');
  return (Object.keys(WORDS) as Part[]).find((part) => WORDS[part].includes(word));
}

type Told = Omit<Finding, 'path'>;

/** A claim that is none of MCP's words has to be a tool. */
function wordFinding(claim: string, { server: { id }, tools: { names } }: InspectedServer): Told {
  if (claim === EXECUTE_QUERY) {
    return {
      severity: 'error',
      code: 'UPS230',
      message: `${id} claims ${claim} and has no such tool`,
      hint: toolsHint(claim, names),
    };
  }
  return {
    severity: 'warning',
    code: 'UPS230',
    message: `${id} claims "${claim}", which is neither a tool of it nor a word for what MCP servers can do`,
    hint: toolsHint(claim, names),
  };
}

function toolsHint(claim: string, names: readonly string[]): string {
  if (names.length === 0) return 'remove it; the server has no tools';
  const near = closest(claim, [...names]);
  if (distance(claim, near) <= Math.max(2, Math.floor(claim.length / 3))) return `did you mean "${near}"?`;
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : '';
  return `remove it, or name one of its tools: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}

function partFinding(claim: string, part: Part, inspected: InspectedServer): Told | undefined {
  const { server, outcome, listed, tools, prompts } = inspected;
  const { id } = server;
  if (!offers(part, inspected)) {
    return {
      severity: 'error',
      code: 'UPS230',
      message: `${id} claims ${claim}, and the server does not offer ${OFFERED[part]}`,
      hint: 'remove it, or check that this is the server that you mean',
    };
  }
  const nothing = (what: string, why?: string): Told => ({
    severity: 'warning',
    code: 'UPS231',
    message: `${id} claims ${claim} and lists no ${what}`,
    hint: why ?? 'look whether the server has been given its data',
  });
  if (part === 'resources' && listed === 0) return nothing('resource');
  if (part === 'resources' && outcome.resources.length === 0) {
    return {
      ...nothing('resource'),
      message: `${id} claims ${claim}, and resources.include and exclude leave out all ${listed} that it lists`,
      hint: 'correct the globs: * stands for any run of characters',
    };
  }
  if (part === 'templates' && outcome.templates.length === 0) return nothing('resource template');
  if (part === 'tools' && tools.error === undefined && tools.names.length === 0) return nothing('tool');
  if (part === 'prompts' && prompts.error === undefined && prompts.names.length === 0)
    return nothing('prompt');
  return undefined;
}

const OFFERED: Readonly<Record<Part, string>> = {
  resources: 'resources',
  templates: 'resources',
  tools: 'tools',
  prompts: 'prompts',
  completions: 'completions',
  logging: 'logging',
  subscribe: 'subscriptions to resources',
};

function offers(part: Part, { outcome: { connection } }: InspectedServer): boolean {
  if (connection === undefined) return false;
  if (part !== 'subscribe')
    return connection.capabilities.includes(part === 'templates' ? 'resources' : part);
  const resources = connection.declared['resources'] as { readonly subscribe?: unknown } | undefined;
  return resources?.subscribe === true;
}
