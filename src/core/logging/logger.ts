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
  /** Takes secrets out of the texts among an event's values; its field names are ours and stay. */
  readonly redact?: (text: string) => string;
  readonly now?: () => number;
}

/** Writes structured events, one a line: JSON for programs, `time level event key=value` for people. */
export function createLogger(options: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level);
  const now = options.now ?? Date.now;
  const redact = options.redact ?? ((text: string) => text);
  // Many lines of a busy server bear the same millisecond.
  let last = { at: Number.NaN, time: '' };
  return {
    log(level, event, fields = {}) {
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      const at = now();
      if (at !== last.at) last = { at, time: new Date(at).toISOString() };
      const { time } = last;
      const line =
        options.format === 'json'
          ? `{"time":"${time}","level":"${level}","event":${quoted(event)}${jsonFields(fields)}}`
          : `${time.slice(11, 23)} ${level.padEnd(5)} ${event}${textFields(fields)}`;
      options.write(`${line}\n`);
    },
  };

  function jsonFields(fields: LogFields): string {
    let text = '';
    for (const key in fields) {
      const json = jsonOf(fields[key], key);
      if (json !== undefined) text += `,${quoted(key)}:${json}`;
    }
    return text;
  }

  function textFields(fields: LogFields): string {
    let text = '';
    for (const key in fields) {
      const json = jsonOf(fields[key], key);
      if (json !== undefined) text += ` ${key}=${json}`;
    }
    return text;
  }

  /** @returns `undefined` for what JSON has no word for */
  function jsonOf(root: unknown, name: string): string | undefined {
    if (typeof root === 'string') return quoted(name === 'operation_id' ? root : redact(root));
    if (typeof root === 'number' && Number.isFinite(root)) return String(root);
    const text = JSON.stringify(root, (key, value: unknown) =>
      typeof value === 'string' && key !== 'operation_id' ? redact(value) : value,
    ) as string | undefined;
    return text?.replace(CONTROLS, escaped);
  }
}

/** Stands between quotes as it is, in JSON and on a terminal. A busy server writes thousands of such texts a second. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text).replace(CONTROLS, escaped);
}

// Lines go to a terminal, and JSON alone leaves these as they are.
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROLS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
