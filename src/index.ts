/** The public API of mcpx as a library; nothing else is public. */
export { MCPOrchestrator } from './core/orchestrator.js';
export type {
  Executor,
  GatherRequest,
  OrchestratorOptions,
  OrchestratorStatus,
  ServerResources,
  ServerState,
} from './core/orchestrator.js';
export { findConfig, loadConfig } from './core/config/load.js';
export type { Config, ServerConfig } from './core/config/config.js';
export type { Problem } from './core/config/problem.js';
export type {
  Conflict,
  Content,
  Freshness,
  Gathered,
  GatheredResource,
  GatheredTemplate,
  Outcome,
} from './core/gather/outcome.js';
export { createOperation } from './core/operation.js';
export type { Operation, OperationOptions } from './core/operation.js';
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
