import { callCommand } from './call.js';
import type { CommandDefinition } from './command.js';
import { cacheCommand } from './cache.js';
import { completionCommand } from './completion.js';
import { explainCommand } from './explain.js';
import { gatherCommand } from './gather.js';
import { gatewayCommand } from './gateway.js';
import { initCommand } from './init.js';
import { readCommand } from './read.js';
import { resolveCommand } from './resolve.js';
import { serveCommand } from './serve.js';
import { serversCommand } from './servers.js';
import { sqlCommand } from './sql.js';
import { validateConfigCommand } from './validate-config.js';

/** Every command, in the order of the help. Declarations only: their bodies are loaded when they run. */
export const commands: readonly CommandDefinition[] = [
  gatherCommand,
  resolveCommand,
  readCommand,
  sqlCommand,
  callCommand,
  serversCommand,
  validateConfigCommand,
  cacheCommand,
  serveCommand,
  gatewayCommand,
  initCommand,
  explainCommand,
  completionCommand,
];
