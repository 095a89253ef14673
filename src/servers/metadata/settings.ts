import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigurationError } from '../../core/errors.js';
import { LOG_LEVELS, type LogLevel } from '../../core/logging/logger.js';
import { packageRoot } from '../../core/package-root.js';

/** As typed, so texts; what was not typed is missing. */
export interface MetadataServerFlags {
  readonly host?: string | undefined;
  readonly port?: string | number | undefined;
  readonly transport?: string | undefined;
  readonly metadata?: string | undefined;
  readonly logLevel?: string | undefined;
}

export interface MetadataServerSettings {
  readonly host: string;
  readonly port: number;
  readonly transport: 'http' | 'stdio';
  readonly metadataPath: string;
  /** Missing where nobody said one. */
  readonly logLevel?: LogLevel;
}

export interface Surroundings {
  readonly cwd: string;
  readonly exists: (path: string) => boolean;
}

const DEFAULT_FILE = join('resources', 'product_metadata.json');

/**
 * Decides flags, then `PRODUCT_MCP_HOST/PORT/METADATA_PATH/LOG_LEVEL/TRANSPORT`, then defaults. Without a path it
 * is the file in the working directory, else the one that comes with mcpx.
 *
 * @throws ConfigurationError CLI901 for a flag, CFG115 for a variable
 */
export function metadataServerSettings(
  flags: MetadataServerFlags,
  env: Readonly<Record<string, string | undefined>>,
  { cwd, exists }: Surroundings = { cwd: process.cwd(), exists: existsSync },
): MetadataServerSettings {
  const pick = (flag: string, value: string | number | undefined, variable: string): Setting | undefined => {
    if (value !== undefined) return { text: String(value), source: `--${flag}`, code: 'CLI901' };
    const text = env[variable];
    return text === undefined || text === '' ? undefined : { text, source: variable, code: 'CFG115' };
  };
  const host = pick('host', flags.host, 'PRODUCT_MCP_HOST');
  const port = pick('port', flags.port, 'PRODUCT_MCP_PORT');
  const transport = pick('transport', flags.transport, 'PRODUCT_MCP_TRANSPORT');
  const path = pick('metadata', flags.metadata, 'PRODUCT_MCP_METADATA_PATH');
  const level = pick('log-level', flags.logLevel, 'PRODUCT_MCP_LOG_LEVEL');
  return {
    host: host === undefined ? '127.0.0.1' : hostOf(host),
    port: port === undefined ? 8002 : portOf(port),
    transport: transport === undefined ? 'http' : transportOf(transport),
    metadataPath: path === undefined ? defaultPath(cwd, exists) : resolve(cwd, path.text),
    ...(level === undefined ? {} : { logLevel: levelOf(level) }),
  };
}

interface Setting {
  readonly text: string;
  /** The flag or variable that it comes from. */
  readonly source: string;
  readonly code: 'CLI901' | 'CFG115';
}

function hostOf(setting: Setting): string {
  const host = setting.text.trim();
  if (host === '' || /[\s/@?#]/.test(host)) throw bad(setting, 'an address or host name, such as 127.0.0.1');
  return host;
}

function portOf(setting: Setting): number {
  const port = /^\d{1,5}$/.test(setting.text.trim()) ? Number(setting.text) : Number.NaN;
  if (!(port <= 65_535)) throw bad(setting, 'a number from 0 to 65535 (0 takes any free port)');
  return port;
}

function transportOf(setting: Setting): 'http' | 'stdio' {
  switch (setting.text.trim().toLowerCase()) {
    case 'http':
    // The documents' word; our one port speaks SSE and Streamable HTTP.
    case 'sse':
      return 'http';
    case 'stdio':
      return 'stdio';
    default:
      throw bad(setting, 'http or stdio');
  }
}

function levelOf(setting: Setting): LogLevel {
  const name = setting.text.trim().toLowerCase();
  const level = LOG_LEVELS.find((known) => known === (name === 'warning' ? 'warn' : name));
  if (level === undefined) throw bad(setting, `one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function bad({ text, source, code }: Setting, wanted: string): ConfigurationError {
  // Control characters of a flag or variable shall not reach the terminal.
  const shown = JSON.stringify(text.slice(0, 60));
  return new ConfigurationError(code, `${source} cannot be ${shown}`, {
    context: { source },
    hint: `It takes ${wanted}.`,
  });
}

function defaultPath(cwd: string, exists: (path: string) => boolean): string {
  const local = join(cwd, DEFAULT_FILE);
  if (exists(local)) return local;
  const shipped = join(packageRoot(), DEFAULT_FILE);
  return exists(shipped) ? shipped : local;
}
