import type { OptionDefinition } from './command.js';
import { durationMs } from './values.js';

/** The flags that every command takes. */
export const GLOBAL_OPTIONS: readonly OptionDefinition[] = [
  { flags: '-c, --config <file>', description: 'configuration file', env: 'MCPX_CONFIG' },
  {
    flags: '-o, --output <format>',
    description: 'format of the result',
    choices: ['table', 'json', 'yaml', 'ndjson'],
    default: 'table',
    env: 'MCPX_OUTPUT',
  },
  { flags: '--json', description: 'short for --output json' },
  {
    flags: '--color <when>',
    description: 'colours',
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    env: 'MCPX_COLOR',
  },
  { flags: '-q, --quiet', description: 'no progress, and no log below error' },
  { flags: '-v, --verbose', description: 'log everything' },
  {
    flags: '--log-format <format>',
    description: 'format of log lines; auto: text on a terminal, else json',
    choices: ['auto', 'json', 'text'],
    default: 'auto',
    env: 'MCPX_LOG_FORMAT',
  },
  {
    flags: '--log-level <level>',
    description: 'least level that is logged',
    choices: ['debug', 'info', 'warn', 'error'],
  },
  {
    flags: '--deadline <duration>',
    description: 'longest time for the whole (30, 250ms, 5m)',
    env: 'MCPX_DEADLINE',
    parse: durationMs,
  },
];
