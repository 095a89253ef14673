/** The scenarios of the suite by name: one that does not run is missed, and one that is new is noticed. */
export type Revision = '2025-11-25' | '2026-07-28';
export const REVISIONS: readonly Revision[] = ['2025-11-25', '2026-07-28'];

const SERVER_OF_BOTH = [
  'completion-complete',
  'dns-rebinding-protection',
  'json-schema-2020-12',
  'prompts-get-embedded-resource',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-with-image',
  'prompts-list',
  'resources-list',
  'resources-read-binary',
  'resources-read-text',
  'resources-templates-read',
  'server-sse-multiple-streams',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-error',
  'tools-call-image',
  'tools-call-mixed-content',
  'tools-call-simple-text',
  'tools-call-with-progress',
  'tools-list',
];

/** Where servers ask in their results. */
export const ASKING_SCENARIOS = [
  'input-required-result-basic-elicitation',
  'input-required-result-basic-list-roots',
  'input-required-result-basic-sampling',
  'input-required-result-capability-check',
  'input-required-result-ignore-extra-params',
  'input-required-result-missing-input-response',
  'input-required-result-multi-round',
  'input-required-result-multiple-input-requests',
  'input-required-result-non-tool-request',
  'input-required-result-request-state',
  'input-required-result-result-type',
  'input-required-result-tampered-state',
  'input-required-result-unsupported-methods',
  'input-required-result-validate-input',
];

export const TASKS_SCENARIOS = [
  'tasks-capability-negotiation',
  'tasks-dispatch-and-envelope',
  'tasks-lifecycle',
  'tasks-mrtr-composition',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-request-state-removal',
  'tasks-required-task-error',
  'tasks-status-notifications',
  'tasks-wire-fields',
];

export const SERVER_SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': [
    ...SERVER_OF_BOTH,
    'elicitation-sep1034-defaults',
    'elicitation-sep1330-enums',
    'logging-set-level',
    'ping',
    'resources-subscribe',
    'resources-unsubscribe',
    'server-initialize',
    'server-session-lifecycle',
    'server-sse-polling',
    'tools-call-elicitation',
    'tools-call-sampling',
    'tools-call-with-logging',
  ],
  '2026-07-28': [
    ...SERVER_OF_BOTH,
    ...ASKING_SCENARIOS,
    ...TASKS_SCENARIOS,
    'caching',
    'http-custom-header-server-validation',
    'http-header-validation',
    'sep-2164-resource-not-found',
    'server-stateless',
  ],
};

export const CLIENT_SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': [
    'elicitation-sep1034-client-defaults',
    'initialize',
    'json-schema-2020-12-preservation',
    'sse-retry',
    'tools_call',
  ],
  '2026-07-28': [
    'http-custom-headers',
    'http-invalid-tool-headers',
    'http-standard-headers',
    'json-schema-2020-12-preservation',
    'json-schema-ref-no-deref',
    'request-metadata',
    'sep-2322-client-request-state',
    'tools_call',
  ],
};

const AUTH_OF_BOTH = [
  'auth/basic-cimd',
  'auth/client-credentials-basic',
  'auth/client-credentials-jwt',
  'auth/dpop',
  'auth/dpop-nonce',
  'auth/enterprise-managed-authorization',
  'auth/metadata-default',
  'auth/metadata-var1',
  'auth/metadata-var2',
  'auth/metadata-var3',
  'auth/pre-registration',
  'auth/scope-from-scopes-supported',
  'auth/scope-from-www-authenticate',
  'auth/scope-omitted-when-undefined',
  'auth/scope-retry-limit',
  'auth/scope-step-up',
  'auth/token-endpoint-auth-basic',
  'auth/token-endpoint-auth-none',
  'auth/token-endpoint-auth-post',
  'auth/wif-jwt-bearer',
];

/** Clients that log in by OAuth. */
export const AUTH_SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': AUTH_OF_BOTH,
  '2026-07-28': [
    ...AUTH_OF_BOTH,
    'auth/authorization-server-migration',
    'auth/iss-normalized',
    'auth/iss-not-advertised',
    'auth/iss-supported',
    'auth/iss-supported-missing',
    'auth/iss-unexpected',
    'auth/iss-wrong-issuer',
    'auth/metadata-issuer-mismatch',
    'auth/offline-access-not-supported',
    'auth/offline-access-scope',
    'auth/resource-mismatch',
  ],
};
