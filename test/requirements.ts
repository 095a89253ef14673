/**
 * The promises of mcpx by id, with the issue that owes the proof. `verifies(id, …)` in a test proves one;
 * `requirements.test.ts` holds both lists together.
 */
export type Owner = 'foundation' | 'resolver' | 'validate' | 'faults' | 'database' | 'gateway' | 'later';

export const REQUIREMENTS = {
  'meta:port': 'foundation',
  'meta:resources': 'foundation',
  'meta:aliases': 'foundation',
  'meta:mappings': 'foundation',
  'meta:summary': 'foundation',
  'meta:unknown-uri': 'foundation',
  'meta:schema': 'foundation',
  'meta:malformed': 'foundation',
  'meta:reload': 'foundation',
  'meta:transports': 'foundation',
  'meta:shutdown': 'foundation',
  'meta:sample': 'foundation',

  'config:seed-files': 'foundation',
  'config:model': 'foundation',
  'config:dynamic': 'foundation',
  'config:env': 'foundation',
  'config:reload': 'validate',
  'config:validation': 'foundation',

  'orch:initialize': 'foundation',
  'orch:degraded': 'foundation',
  'orch:gather': 'foundation',
  'orch:domain': 'foundation',
  'orch:executor': 'foundation',
  'orch:status': 'foundation',
  'orch:close': 'foundation',
  'orch:cache-hit': 'faults',
  'orch:cache-expiry': 'faults',
  'orch:cache-limit': 'faults',
  'orch:no-cache': 'foundation',
  'orch:concurrency': 'foundation',
  'orch:retry': 'foundation',
  'orch:timeouts': 'foundation',
  'orch:transport-factory': 'foundation',
  'orch:registry': 'foundation',
  'orch:errors': 'foundation',
  'orch:logging': 'foundation',
  'orch:secrets': 'foundation',
  'orch:progress': 'foundation',
  'orch:validate-resource': 'foundation',
  'orch:rate': 'faults',

  'resolve:domain': 'resolver',
  'resolve:entity': 'resolver',
  'resolve:alias': 'resolver',
  'resolve:fuzzy': 'resolver',
  'resolve:conflict': 'resolver',
  'resolve:not-cached': 'resolver',
  'resolve:mapping': 'resolver',

  'validate:offline': 'validate',
  'validate:connect': 'validate',

  'perf:five': 'foundation',
  'perf:one': 'foundation',
  'perf:memory': 'foundation',
  'perf:reliability': 'faults',
  'quality:coverage': 'foundation',

  'query:process': 'later',
  'query:recover': 'later',
  'query:pure-llm': 'later',
  'api:http': 'later',
  'docs:all': 'later',
} as const satisfies Record<string, Owner>;

export type RequirementId = keyof typeof REQUIREMENTS;

/** Owners whose promises must have a proof by now; the others are listed as still owed. */
export const DUE: readonly Owner[] = ['foundation', 'resolver', 'validate', 'faults'];
