/** The public API of mcpx as a library; nothing else is public. */
export { MCPOrchestrator } from './core/orchestrator.js';
export type {
  Executor,
  GatherRequest,
  InspectRequest,
  OrchestratorOptions,
  OrchestratorStatus,
  ResolveRequest,
  ServerResources,
  ServerState,
  ServerTools,
  ToolAnswer,
} from './core/orchestrator.js';
export type { ListedTool, ToolArgument } from './core/clients/tool-arguments.js';
export { findConfig, loadConfig } from './core/config/load.js';
export type { Config, ServerConfig } from './core/config/config.js';
export type { ConfigDifference } from './core/config/difference.js';
export type { CacheCounts, CacheMode } from './core/cache/cache.js';
export type { Freshness } from './core/cache/lifetime.js';
export type { Problem } from './core/config/problem.js';
export type {
  Conflict,
  Content,
  Gathered,
  GatheredResource,
  GatheredTemplate,
  Outcome,
} from './core/gather/outcome.js';
export type {
  Collision,
  DomainOutlook,
  Forecast,
  InspectedServer,
  Inspection,
  ListedNames,
} from './core/inspect/inspection.js';
export { buildIndex } from './core/resolve/build-index.js';
export type { ResolverIndex } from './core/resolve/build-index.js';
export type { PrioritizedEntity } from './core/resolve/domain.js';
export { findMentions } from './core/resolve/mentions.js';
export type { DomainCandidate, DomainResolution, DomainTerm } from './core/resolve/resolve-domain.js';
export { resolveTerm } from './core/resolve/resolve-term.js';
export type {
  Candidate,
  Catalogue,
  ColumnMappingMatch,
  DescriptionConflict,
  Mention,
  ResolvedEntity,
  ResolveOptions,
  TermResolution,
} from './core/resolve/types.js';
export { createOperation } from './core/operation.js';
export type { Operation, OperationOptions } from './core/operation.js';
export { startTelemetry } from './core/telemetry/start.js';
export type { Telemetry, TelemetryOptions } from './core/telemetry/start.js';
export type { Attributes, Span, SpanOptions, TraceContext } from './core/telemetry/span.js';
export { createLogger } from './core/logging/logger.js';
export type { Logger, LoggerOptions } from './core/logging/logger.js';
export {
  ConfigurationError,
  ERROR_CODES,
  MCPConnectionError,
  MCPOrchestratorException,
  NoMCPAvailableError,
  ResourceFetchError,
  SQLGenerationError,
} from './core/errors.js';
export type { ErrorCode, SerializedError } from './core/errors.js';
