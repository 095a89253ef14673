/**
 * Every code that mcpx prints: its stable name, the exit status of a run that ends with it, and what `mcpx
 * explain` says. `CFG1xx` configuration, `UPS2xx` upstream servers, `RES3xx` resolution, `SRV4xx` serving,
 * `SQL5xx` database, `CLI9xx` usage. A code keeps its meaning for good.
 */
export const ERROR_CODES = {
  CFG101: { name: 'config_not_found', exit: 3, meaning: 'no configuration or metadata file at the path' },
  CFG102: { name: 'config_unreadable', exit: 3, meaning: 'the file exists but cannot be read as text' },
  CFG103: { name: 'syntax', exit: 3, meaning: 'the file is not valid YAML or JSON' },
  CFG104: { name: 'unknown_key', exit: 3, meaning: 'a key that mcpx does not know, usually a typing error' },
  CFG105: { name: 'wrong_type', exit: 3, meaning: 'a value of another type than the setting takes' },
  CFG106: { name: 'invalid_value', exit: 3, meaning: 'a value outside of what the setting allows' },
  CFG107: { name: 'missing_key', exit: 3, meaning: 'a required setting is not there' },
  CFG108: { name: 'invalid_url', exit: 3, meaning: 'a URL that cannot be used to reach a server' },
  CFG109: {
    name: 'unset_variable',
    exit: 3,
    meaning: '${VAR} names an environment variable that is not set',
  },
  CFG110: { name: 'duplicate_key', exit: 3, meaning: 'the same key stands twice in one mapping' },
  CFG111: { name: 'priority_tie', exit: 3, meaning: 'two servers of one domain have the same priority' },
  CFG112: {
    name: 'priority_shared',
    exit: 3,
    meaning: 'two servers without a common domain share a priority',
  },
  CFG113: { name: 'transport_mismatch', exit: 3, meaning: 'the transport does not fit the url or command' },
  CFG114: { name: 'no_servers', exit: 3, meaning: 'the configuration names no server' },
  CFG115: {
    name: 'environment_override',
    exit: 3,
    meaning: 'an environment variable overrides a setting with a bad value',
  },
  CFG116: { name: 'clear_text_credential', exit: 3, meaning: 'a credential stands in the file itself' },
  CFG117: { name: 'credential_in_url', exit: 3, meaning: 'a URL carries a credential' },
  CFG118: { name: 'plain_http', exit: 3, meaning: 'http without TLS to a host that is not this machine' },
  CFG119: { name: 'no_domain', exit: 3, meaning: 'a server without domains, which no domain ever asks' },
  CFG120: { name: 'beyond_deadline', exit: 3, meaning: 'a time limit that the deadline cuts short' },
  CFG121: { name: 'duplicate_alias', exit: 3, meaning: 'two products of a metadata file claim one alias' },
  CFG122: { name: 'alias_shadows_name', exit: 3, meaning: "an alias is another product's name, key or id" },
  CFG123: { name: 'alias_is_column_term', exit: 3, meaning: 'a name of a product is a column term too' },
  CFG124: {
    name: 'folded_collision',
    exit: 3,
    meaning: 'names of two products, or two column terms, differ only in case, marks or spacing',
  },
  CFG125: { name: 'not_an_expression', exit: 3, meaning: 'a column mapping that is no SQL expression' },
  CFG126: { name: 'byte_order_mark', exit: 3, meaning: 'the file begins with a byte order mark' },
  CFG127: { name: 'no_break_space', exit: 3, meaning: 'a space that looks like one and is none' },
  CFG128: { name: 'same_address', exit: 3, meaning: 'two servers have the same url' },
  CFG129: { name: 'misspelt_capability', exit: 3, meaning: 'a capability that resembles a known one' },
  CFG130: { name: 'mapping_unfit', exit: 3, meaning: 'a column mapping that the database does not take' },
  CFG131: { name: 'no_effect', exit: 3, meaning: 'a setting that does nothing for a server of this kind' },

  UPS201: { name: 'connect_timeout', exit: 4, meaning: 'the server did not complete the connection in time' },
  UPS202: { name: 'connection_refused', exit: 4, meaning: 'nothing listens at the address of the server' },
  UPS203: { name: 'connection_lost', exit: 4, meaning: 'the connection broke while an answer was awaited' },
  UPS204: { name: 'request_timeout', exit: 4, meaning: 'the server did not answer a request in time' },
  UPS205: { name: 'http_status', exit: 4, meaning: 'the server answered with an HTTP error' },
  UPS206: { name: 'protocol_error', exit: 4, meaning: 'the server answered something that is not MCP' },
  UPS207: { name: 'unauthorized', exit: 5, meaning: 'the server refused our credentials' },
  UPS208: { name: 'deadline_exceeded', exit: 4, meaning: 'the deadline for the whole operation passed' },
  UPS209: { name: 'too_large', exit: 4, meaning: 'an answer was larger than allowed and was cut off' },
  UPS210: { name: 'endless_list', exit: 4, meaning: 'a list repeats a cursor or has too many pages' },
  UPS211: {
    name: 'invalid_resource',
    exit: 4,
    meaning: 'the server listed or returned a malformed resource',
  },
  UPS212: { name: 'start_failed', exit: 4, meaning: 'the start command of a server failed' },
  UPS213: { name: 'start_timeout', exit: 4, meaning: 'a started server was not ready in time' },
  UPS214: { name: 'no_mcp_available', exit: 4, meaning: 'no configured server is usable' },
  UPS215: { name: 'redirect_refused', exit: 4, meaning: 'the server redirects to another origin' },
  UPS216: { name: 'spawn_failed', exit: 4, meaning: 'the command of a stdio server cannot be run' },
  UPS217: { name: 'server_error', exit: 4, meaning: 'the server answered a request with an error' },
  UPS218: { name: 'no_executor', exit: 4, meaning: 'no connected server can execute_query' },
  UPS219: { name: 'cancelled', exit: 130, meaning: 'the operation was stopped' },
  UPS220: { name: 'host_not_found', exit: 4, meaning: 'the host name of the server does not resolve' },
  UPS221: { name: 'tls_error', exit: 4, meaning: 'the TLS handshake with the server failed' },
  UPS222: { name: 'server_exited', exit: 4, meaning: 'the process of a stdio server ended' },
  UPS223: { name: 'circuit_open', exit: 4, meaning: 'a server that kept failing is left alone for a while' },
  UPS224: { name: 'stale_answer', exit: 0, meaning: 'a kept answer stands in for a server that failed' },
  UPS230: {
    name: 'capability_missing',
    exit: 4,
    meaning: 'the configuration claims a capability that the server does not have',
  },
  UPS231: {
    name: 'nothing_listed',
    exit: 4,
    meaning: 'the configuration claims lists of the server, and there is nothing in them',
  },
  UPS232: {
    name: 'capability_unclaimed',
    exit: 0,
    meaning: 'the server can execute_query, and the configuration does not say so',
  },
  UPS233: {
    name: 'name_collision',
    exit: 4,
    meaning: 'several servers have resources, templates, tools or prompts of the same name',
  },

  RES301: { name: 'unknown_domain', exit: 7, meaning: 'no configured server handles the domain' },
  RES302: { name: 'equal_priorities', exit: 0, meaning: 'two servers of equal priority; the id decided' },
  RES303: { name: 'ambiguous_term', exit: 8, meaning: 'a term fits several products' },
  RES304: { name: 'unknown_term', exit: 7, meaning: 'a term fits nothing' },
  RES305: { name: 'unknown_uri', exit: 7, meaning: 'no server lists or serves the URI' },
  RES306: { name: 'unknown_server', exit: 7, meaning: 'no configured server has the name' },
  RES307: { name: 'unknown_code', exit: 7, meaning: 'mcpx prints no such code' },
  RES308: { name: 'nothing_to_import', exit: 7, meaning: 'no file of an editor to import servers from' },
  RES309: { name: 'unknown_tool', exit: 7, meaning: 'no configured server has the tool' },

  SRV401: { name: 'port_in_use', exit: 9, meaning: 'another process listens on the port' },
  SRV402: { name: 'cannot_bind', exit: 9, meaning: 'the address cannot be listened on' },
  SRV403: { name: 'open_address', exit: 2, meaning: 'listening off loopback without a bearer token' },
  SRV404: { name: 'data_locked', exit: 9, meaning: 'another process uses the data directory' },
  SRV405: { name: 'engine_missing', exit: 4, meaning: 'the optional database engine is not installed' },
  SRV406: { name: 'engine_failed', exit: 4, meaning: 'the embedded database does not start' },
  SRV407: { name: 'database_unreachable', exit: 4, meaning: 'the PostgreSQL of --url cannot be used' },
  SRV408: { name: 'database_login', exit: 5, meaning: 'PostgreSQL refused user or password' },
  SRV409: {
    name: 'privileged_role',
    exit: 4,
    meaning: 'the role of --url may do more than a query server should',
  },
  SRV410: {
    name: 'data_not_loaded',
    exit: 3,
    meaning: 'an SQL or CSV file cannot be loaded into the database',
  },
  SRV411: {
    name: 'gateway_conflict',
    exit: 4,
    meaning: 'servers behind the gateway have the same name or URI',
  },

  SQL501: { name: 'not_read_only', exit: 4, meaning: 'a statement that is not a plain read' },
  SQL502: { name: 'several_statements', exit: 4, meaning: 'more than one statement in a query' },
  SQL503: { name: 'sql_syntax', exit: 4, meaning: 'the query is not valid SQL' },
  SQL504: { name: 'query_timeout', exit: 4, meaning: 'the query ran longer than allowed' },
  SQL505: { name: 'query_failed', exit: 4, meaning: 'the database refused or failed the query' },
  SQL506: { name: 'sql_generation', exit: 4, meaning: 'no valid SQL could be generated' },

  CLI901: { name: 'usage', exit: 2, meaning: 'a command, flag or argument that mcpx does not take' },
  CLI902: { name: 'file_exists', exit: 2, meaning: 'a file would be overwritten' },
  CLI903: { name: 'cannot_write', exit: 1, meaning: 'the output cannot be written' },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

interface ErrorCodeEntry {
  /** snake_case, as it stands in `error.name` of the JSON. */
  readonly name: string;
  /** Process exit status. */
  readonly exit: number;
  readonly meaning: string;
}

export interface ErrorOptions {
  /** Names, URIs, counts and durations; never a header, a token, an environment value or a URL's query. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** A command that helps, word for word. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/** The JSON form of an error, as it stands in `{"error": …}` on stderr. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly name: string;
  readonly message: string;
  readonly server?: string;
  readonly hint?: string;
  readonly fix?: string;
  readonly exit_code: number;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly causes: readonly string[];
}

/** The base of every error that mcpx throws on purpose; anything else is a bug in mcpx. */
export class MCPOrchestratorException extends Error {
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.context = options.context ?? {};
    this.hint = options.hint;
    this.fix = options.fix;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  toJSON(): SerializedError {
    const { server, ...context } = this.context;
    return {
      code: this.code,
      name: ERROR_CODES[this.code].name,
      message: this.message,
      ...(typeof server === 'string' ? { server } : {}),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.fix === undefined ? {} : { fix: this.fix }),
      exit_code: this.exitCode,
      ...(Object.keys(context).length > 0 ? { context } : {}),
      causes: causesOf(this),
    };
  }
}

/** The same error, of its own class, with some of its circumstances told otherwise. */
export function retold<Failure extends MCPOrchestratorException>(
  error: Failure,
  changes: ErrorOptions,
): Failure {
  const { code, message, context, hint, fix, cause } = error;
  const Kind = error.constructor as new (
    ...args: ConstructorParameters<typeof MCPOrchestratorException>
  ) => Failure;
  return new Kind(code, message, {
    context,
    ...(hint === undefined ? {} : { hint }),
    ...(fix === undefined ? {} : { fix }),
    ...(cause === undefined ? {} : { cause }),
    ...changes,
  });
}

/** A server could not be reached, or the connection to it broke. */
export class MCPConnectionError extends MCPOrchestratorException {}

/** A connected server did not give a resource, or gave something that is none. */
export class ResourceFetchError extends MCPOrchestratorException {}

/** No server is left that could answer. */
export class NoMCPAvailableError extends MCPOrchestratorException {}

/** The configuration, the metadata or the command line is wrong. */
export class ConfigurationError extends MCPOrchestratorException {}

/** No valid SQL could be generated for a question. */
export class SQLGenerationError extends MCPOrchestratorException {}

/** A server of ours cannot be started. */
export class ServeError extends MCPOrchestratorException {}

/** What a log line tells of a failure. */
export function logFieldsOf(error: MCPOrchestratorException): Readonly<Record<string, unknown>> {
  const causes = causesOf(error);
  return {
    code: error.code,
    message: error.message,
    ...(causes.length === 0 ? {} : { cause: causes.join('; ') }),
  };
}

/** The messages of the cause chain, outermost first, without repeating one. */
function causesOf(error: Error): string[] {
  const causes: string[] = [];
  let cause = error.cause;
  // A chain from outside may be circular; ten links explain any failure.
  for (let links = 0; cause instanceof Error && links < 10; links += 1) {
    const text = cause.message;
    if (text !== error.message && !causes.includes(text)) causes.push(text);
    cause = cause.cause;
  }
  return causes;
}
