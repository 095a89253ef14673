import * as z from 'zod/v4';
import { BYTES_PATTERN, DURATION_PATTERN, parseBytes, parseDuration } from './units.js';

// Zod would compile each schema into code of its own before its first use. That pays off for schemas that are used
// over and over; a configuration and the few answers of a gather are checked once. It counts for schemas made later.
z.config({ jitless: true });

/**
 * The only description of the configuration file. Types, defaults, environment names, the published JSON
 * Schema and the README's table all come from here. Keys are snake_case as in the file; `toConfig` in
 * `config.ts` turns the result into the `Config` that the rest of mcpx knows.
 */

const NO_DURATION = {
  error: 'expected a duration: seconds as a number, or a text such as "250ms", "30s", "5m"',
};
const NO_SIZE = { error: 'expected a size: bytes as a number, or a text such as "100MB", "64MiB"' };
/** What each setting means, and the environment variable that overrides it. Unlike `.describe()` this copies nothing. */
export const settings = z.registry<{ readonly description: string; readonly env?: string }>();

const durationText = z.string().regex(DURATION_PATTERN, NO_DURATION);
const bytesText = z.string().regex(BYTES_PATTERN, NO_SIZE);

/** Seconds as a number, or a text with its unit; milliseconds inside mcpx. */
const duration = z
  .union([z.number().min(0, NO_DURATION), durationText], NO_DURATION)
  .refine((value) => parseDuration(value) !== undefined, {
    error: 'longer than a timer can hold (24 days)',
    // What is no duration at all has been reported as that.
    when: ({ issues }) => issues.length === 0,
  });

/** A duration that something is waited for: 0 would mean never. */
const wait = duration.refine((value) => parseDuration(value) !== 0, { error: 'must be longer than 0' });

const bytes = z
  .union([z.number().check(z.int(NO_SIZE), z.gte(0, NO_SIZE)), bytesText], NO_SIZE)
  .refine((value) => parseBytes(value) !== undefined, {
    error: 'larger than a number can hold',
    when: ({ issues }) => issues.length === 0,
  });

const httpUrl = z.string().refine((text) => isHttpUrl(text), {
  error: 'expected an http:// or https:// URL',
  params: { code: 'CFG108' },
});

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

const TRANSPORTS = ['sse', 'streamable-http', 'stdio', 'auto'] as const;
const PROTOCOLS = ['auto', 'legacy', '2026-07-28'] as const;
const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;

/** Field values of RFC 9110, section 5.5: a line break would let a value add headers of its own. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const priority = z
  .number()
  .check(
    z.int(),
    z.gte(1, { error: 'must be at least 1 (the highest priority)' }),
    z.lte(999, { error: 'must be at most 999 (the lowest priority)' }),
  );

const text = z.string().min(1);
const texts = z.array(text);
/** In one step: each method of its own would copy the schema once more. */
const whole = (min: number, max?: number) =>
  z.number().check(z.int(), z.gte(min), ...(max === undefined ? [] : [z.lte(max)]));
const flag = z.boolean();
/** YAML reads an unquoted 8080 or true as a number or boolean; where only text makes sense it is taken as text. */
const scalarText = z
  .union([z.string(), z.number(), z.boolean()], { error: 'expected a text' })
  .transform((value) => String(value));
const environment = z.record(text, scalarText);

const resourcesFilter = z.strictObject({
  include: texts
    .optional()
    .register(settings, { description: 'Globs of the URIs to gather; all when left out' }),
  exclude: texts.default([]).register(settings, { description: 'Globs of the URIs to leave out' }),
});

const toolsFilter = z.strictObject({
  include: texts
    .optional()
    .register(settings, { description: 'Globs of the tools that the gateway offers; all when left out' }),
  exclude: texts
    .default([])
    .register(settings, { description: 'Globs of the tools that the gateway does not offer' }),
});

const serverCache = z.strictObject({
  ttl: duration.optional().register(settings, {
    description: 'Time that answers of this server stay fresh; 0 switches its cache off',
  }),
  honor_server_hints: flag.default(true).register(settings, {
    description: 'Use the time to live that the server itself gives (revision 2026-07-28)',
  }),
});

const retry = z.strictObject({
  max_retries: whole(0, 20).optional().register(settings, { description: 'Attempts after the first one' }),
  initial: duration
    .default('100ms')
    .register(settings, { description: 'First pause between attempts; it doubles from there' }),
  max: duration.default('2s').register(settings, { description: 'Longest pause between attempts' }),
});

const circuitBreaker = z.strictObject({
  failures: whole(1).default(5).register(settings, {
    description: 'Failures in a row, retries included, after which a server is left alone',
  }),
  reset: wait
    .default('30s')
    .register(settings, { description: 'How long it is left alone; then one request tries again' }),
});

const start = z.strictObject({
  command: z.string().min(1).register(settings, {
    description: 'Program to run, without a shell; `mcpx` means this very executable',
  }),
  args: z.array(scalarText).default([]).register(settings, { description: 'Its arguments' }),
  env: environment
    .default({})
    .register(settings, { description: 'Environment variables added to those of mcpx' }),
  cwd: text.optional().register(settings, { description: 'Folder to run it in' }),
  ready_timeout: wait
    .default(10)
    .register(settings, { description: 'Longest wait until the started server lists' }),
});

const server = z.strictObject({
  name: text.optional().register(settings, { description: 'Display name; the key when left out' }),
  url: httpUrl
    .optional()
    .register(settings, { description: 'Address of the server, for sse and streamable-http' }),
  command: text
    .optional()
    .register(settings, { description: 'Program of a stdio server, run without a shell' }),
  args: z.array(scalarText).default([]).register(settings, { description: 'Arguments of the command' }),
  env: environment.default({}).register(settings, { description: 'Environment variables of the command' }),
  inherit_env: texts.default(['PATH', 'HOME', 'LANG', 'TMPDIR']).register(settings, {
    description: 'Variables of our own environment that the command sees; no other is inherited',
  }),
  cwd: text.optional().register(settings, { description: 'Folder to run the command in' }),
  priority: priority.default(100).register(settings, { description: '1 to 999; the lower number wins' }),
  domains: texts.default([]).register(settings, { description: 'What the server knows about' }),
  capabilities: texts.default([]).register(settings, {
    description: 'What the server is said to be able to; `execute_query` makes it the executor',
  }),
  transport: z.enum(TRANSPORTS).optional().register(settings, {
    description: 'When left out: stdio for a command, sse for a URL that ends in /sse, else auto',
  }),
  protocol: z
    .enum(PROTOCOLS)
    .default('auto')
    .register(settings, { description: 'Protocol era: auto finds out, legacy means 2025-11-25 and before' }),
  timeout: wait.optional().register(settings, { description: 'Longest wait for one answer' }),
  connect_timeout: wait
    .optional()
    .register(settings, { description: 'Longest wait for a connection to be ready' }),
  required: flag.optional().register(settings, { description: 'false: its failure never fails the whole' }),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/),
      scalarText.refine((text) => HEADER_VALUE.test(text), {
        error: 'holds a character that no HTTP header may hold',
      }),
    )
    .default({})
    .register(settings, { description: 'HTTP headers of every request to this server' }),
  resources: resourcesFilter.prefault({}).register(settings, { description: 'Which resources are gathered' }),
  tools: toolsFilter.prefault({}).register(settings, { description: 'Which tools the gateway offers' }),
  cache: serverCache.prefault({}).register(settings, { description: 'Caching of this server' }),
  retry: retry
    .prefault({})
    .register(settings, { description: 'Repeating of requests that failed for a passing reason' }),
  circuit_breaker: circuitBreaker
    .prefault({})
    .register(settings, { description: 'Leaving a server alone that keeps failing' }),
  rate_limit: z
    .number()
    .positive()
    .optional()
    .register(settings, { description: 'Requests per second at most' }),
  start: start
    .optional()
    .register(settings, { description: 'How to start the server when nothing answers at its URL' }),
});

const defaults = z.strictObject({
  timeout: wait.default(30).register(settings, { description: 'Longest wait for one answer of a server' }),
  connect_timeout: wait
    .default(5)
    .register(settings, { description: 'Longest wait for a connection to be ready' }),
  required: flag
    .default(true)
    .register(settings, { description: 'Whether the failure of a server fails the whole' }),
});

const gateway = z.strictObject({
  on_conflict: z.enum(['prefix', 'priority', 'error']).default('prefix').register(settings, {
    description: 'Which of several tools or prompts of one name are listed',
  }),
  page_size: whole(1, 10_000)
    .default(1000)
    .register(settings, { description: 'Entries on one page of a merged list' }),
  max_in_flight: whole(1)
    .default(256)
    .register(settings, { description: 'Requests that are answered at once; more are refused with 429' }),
  list_timeout: wait.default('5s').register(settings, {
    description: 'Longest time that a merged list waits for one server, in degraded mode',
  }),
});

const orchestration = z.strictObject({
  resource_cache_ttl: duration.default(300).register(settings, {
    description: 'Time that answers stay fresh; 0 switches the cache off',
    env: 'MCPX_RESOURCE_CACHE_TTL',
  }),
  fail_fast: flag.default(true).register(settings, {
    description: 'The first failure stops the whole, and nothing partial is printed',
    env: 'MCPX_FAIL_FAST',
  }),
  enable_logging: flag
    .default(true)
    .register(settings, { description: 'Log events on stderr', env: 'MCPX_ENABLE_LOGGING' }),
  log_level: z
    .enum([...LOG_LEVELS, ...LOG_LEVELS.map((level) => level.toLowerCase() as Lowercase<typeof level>)])
    .default('INFO')
    .register(settings, {
      description: 'Least level that is logged; on a terminal ERROR unless somebody names one',
      env: 'MCPX_LOG_LEVEL',
    }),
  max_retries: whole(0, 20).default(3).register(settings, {
    description: 'Attempts after the first one, for every server',
    env: 'MCPX_MAX_RETRIES',
  }),
  max_connections: whole(1, 1000)
    .default(10)
    .register(settings, { description: 'Servers that are worked on at once', env: 'MCPX_MAX_CONNECTIONS' }),
  deadline: wait
    .default('30s')
    .register(settings, { description: 'Longest time that a whole gather may take', env: 'MCPX_DEADLINE' }),
  cache_max_bytes: bytes.default('100MB').register(settings, {
    description: 'The cache never holds more',
    env: 'MCPX_CACHE_MAX_BYTES',
  }),
  cache_store: z.enum(['disk', 'memory']).default('disk').register(settings, {
    description: 'Where the cache lives',
    env: 'MCPX_CACHE_STORE',
  }),
  serve_stale_on_error: flag.default(false).register(settings, {
    description: 'Answer from an expired entry, and say so, when the server fails',
    env: 'MCPX_SERVE_STALE_ON_ERROR',
  }),
});

export const configFileSchema = z
  .strictObject({
    $schema: z.string().optional().register(settings, { description: 'Where editors find the schema' }),
    defaults: defaults
      .prefault({})
      .register(settings, { description: 'Settings of every server that does not have its own' }),
    mcp_servers: z
      .record(z.string().min(1), server)
      .register(settings, { description: 'The servers, by id' }),
    gateway: gateway
      .prefault({})
      .register(settings, { description: 'How `mcpx serve gateway` offers the servers as one' }),
    orchestration: orchestration
      .prefault({})
      .register(settings, { description: 'How the servers are used together' }),
  })
  .register(settings, { description: 'Configuration of mcpx' });

export type ConfigFile = z.output<typeof configFileSchema>;
export type ServerFile = ConfigFile['mcp_servers'][string];

/** The published JSON Schema, as `resources/mcp_config_schema.json` holds it. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configFileSchema, {
    io: 'input',
    metadata: settings,
    // What is checked in code only (URL syntax, numbers from text) is wider in the schema, never narrower.
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Keys that begin with x- are free in every mapping of the file.
      if (jsonSchema.type === 'object' && jsonSchema.additionalProperties === false) {
        jsonSchema.patternProperties = { '^x-': {} };
      }
    },
  });
  return { ...schema, title: 'mcpx configuration' };
}
