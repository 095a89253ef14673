/** Levels in rising order; a logger of one level writes it and all above. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'json' | 'text';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** Writes one event line. `event` is dotted (`server.gathered`); durations carry their unit in the name. */
  log(level: LogLevel, event: string, fields?: LogFields): void;
}

export const silentLogger: Logger = { log: () => undefined };

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes a whole line with its line break; standard error in the executable. */
  readonly write: (line: string) => void;
  /** Takes secrets out of a line before it is written. */
  readonly redact?: (text: string) => string;
  readonly now?: () => number;
}

/** Writes structured events, one a line: JSON for programs, `time level event key=value` for people. */
export function createLogger(options: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level);
  const now = options.now ?? Date.now;
  const redact = options.redact ?? ((text: string) => text);
  return {
    log(level, event, fields = {}) {
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      const time = new Date(now()).toISOString();
      const line =
        options.format === 'json'
          ? JSON.stringify({ time, level, event, ...fields })
          : `${time.slice(11, 23)} ${level.padEnd(5)} ${event}${textFields(fields)}`;
      options.write(`${redact(line)}\n`);
    },
  };
}

function textFields(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        ` ${key}=${typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value)}`,
    )
    .join('');
}
