import { ASKING_SCENARIOS, AUTH_SCENARIOS, TASKS_SCENARIOS, type Revision } from './scenarios.js';
import type { Excuse } from './verdict.js';

/** What is tested: `mcpx serve gateway` over a server of either era, `mcpx serve metadata`, and our two clients. */
export type Target =
  | 'gateway over a server of 2026-07-28'
  | 'gateway over a server of 2025-11-25'
  | 'metadata server'
  | 'orchestrator'
  | 'gateway as a client';

interface NotApplicable {
  readonly targets: readonly Target[];
  /** Only of these, where the scenario belongs to several. */
  readonly revisions?: readonly Revision[];
  readonly reason: string;
  /** Scenarios, or single checks as `<scenario>:<check>`. */
  readonly subjects: readonly string[];
}

const SERVERS: readonly Target[] = [
  'gateway over a server of 2026-07-28',
  'gateway over a server of 2025-11-25',
  'metadata server',
];

/** Every exception with its reason. One that is none any more fails the run, as does what fails and is not listed. */
export const NOT_APPLICABLE: readonly NotApplicable[] = [
  {
    targets: SERVERS,
    reason: 'Tasks are an extension that neither the SDK nor mcpx has.',
    subjects: TASKS_SCENARIOS,
  },
  {
    targets: SERVERS,
    reason:
      'The suite only warns: it wishes for streams that can be resumed. For that the SDK wants a store of events from its user, and neither server has one; calls whose stream breaks are made again.',
    subjects: ['server-sse-polling'],
  },
  {
    targets: ['gateway over a server of 2025-11-25'],
    reason:
      'A server of 2025-11-25 asks by requests, and a client of 2026-07-28 can only be asked by results: the gateway tells the server that nobody can be asked (src/DECISIONS.md, "Who is asked when a server asks").',
    subjects: [
      ...ASKING_SCENARIOS.filter((name) => !/extra-params|unsupported-methods/.test(name)),
      'server-stateless:sep-2575-server-rejects-undeclared-capability',
      'server-stateless:sep-2575-missing-capability-http-400',
    ],
  },
  {
    targets: ['metadata server'],
    reason: 'It has resources and one tool, and no prompts.',
    subjects: [
      'caching:sep-2549-prompts-list-caching-hints',
      'completion-complete',
      'prompts-get-embedded-resource',
      'prompts-get-simple',
      'prompts-get-with-args',
      'prompts-get-with-image',
      'prompts-list',
    ],
  },
  {
    targets: ['metadata server'],
    revisions: ['2026-07-28'],
    reason: 'It has one tool, and one has no order.',
    subjects: ['tools-list:tools-list-deterministic-order'],
  },
  {
    targets: ['metadata server'],
    reason: 'It sends no log messages to clients.',
    subjects: ['logging-set-level', 'tools-call-with-logging'],
  },
  {
    targets: ['metadata server'],
    reason: 'It asks its clients for nothing.',
    subjects: [
      ...ASKING_SCENARIOS.filter((name) => !/unsupported-methods|validate-input/.test(name)),
      'elicitation-sep1034-defaults',
      'elicitation-sep1330-enums',
      'tools-call-elicitation',
      'tools-call-sampling',
    ],
  },
  {
    targets: ['metadata server'],
    reason: 'The scenario wants a tool or resource of that name, which only a server made for the suite has.',
    subjects: [
      'http-custom-header-server-validation',
      'json-schema-2020-12',
      'resources-read-binary',
      'resources-read-text',
      'resources-templates-read',
      'server-stateless:sep-2575-http-server-no-independent-requests-on-stream',
      'server-stateless:sep-2575-missing-capability-http-400',
      'server-stateless:sep-2575-server-no-log-without-loglevel',
      'server-stateless:sep-2575-server-rejects-undeclared-capability',
      'server-stateless:sep-2575-server-sends-prompts-list-changed-on-subscription',
      'server-stateless:sep-2575-server-sends-tools-list-changed-on-subscription',
      'tools-call-audio',
      'tools-call-embedded-resource',
      'tools-call-error',
      'tools-call-image',
      'tools-call-mixed-content',
      'tools-call-simple-text',
      'tools-call-with-progress',
    ],
  },
  {
    targets: ['orchestrator'],
    reason: 'mcpx sends the headers of its configuration, and does not log in by OAuth.',
    subjects: [...new Set(Object.values(AUTH_SCENARIOS).flat())],
  },
  {
    targets: ['orchestrator'],
    reason:
      'Nobody sits behind the orchestrator who could be asked, and it says so to servers; the gateway passes questions on to its clients.',
    subjects: [
      'elicitation-sep1034-client-defaults',
      'request-metadata:sep-2575-client-declares-elicitation-capability',
      'request-metadata:sep-2575-client-declares-roots-capability',
      'request-metadata:sep-2575-client-declares-sampling-capability',
      'sep-2322-client-request-state',
    ],
  },
];

/** The exceptions for a target among scenarios of a revision. */
export function excusesFor(target: Target, revision: Revision): readonly Excuse[] {
  return NOT_APPLICABLE.filter(
    ({ targets, revisions = [revision] }) => targets.includes(target) && revisions.includes(revision),
  ).flatMap(({ subjects, reason }) => subjects.map((subject) => ({ subject, reason })));
}

/** Exceptions about scenarios that no revision has. */
export function unknownSubjects(scenarios: Readonly<Record<Revision, readonly string[]>>[]): string[] {
  const known = new Set(scenarios.flatMap((byRevision) => Object.values(byRevision).flat()));
  return NOT_APPLICABLE.flatMap(({ subjects }) => subjects).filter(
    (subject) => !known.has(subject.split(':')[0] ?? ''),
  );
}
