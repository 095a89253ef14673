import type { Relay } from './relays.js';

/** Levels of log messages, least first (2025-11-25, "Logging"; RFC 5424). */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
/** What a client that names no level gets. */
const DEFAULT_LEVEL = 'info';

export interface LogSession {
  /** From which level on its client gets messages. */
  readonly level: string;
  /** @returns false for a level that does not exist */
  setLevel(level: string): boolean;
  leave(): void;
}

export const LOG_MESSAGE = 'notifications/message';

type Params = Readonly<Record<string, unknown>>;

interface Session {
  /** As the client set it. */
  level?: string;
  send(params: Params): void;
}

/**
 * Passes log messages of servers on to sessions of the older revisions, each from the level that its client set; servers
 * are asked for the least of those levels.
 */
export class LogMessages {
  readonly #sessions = new Set<Session>();
  readonly #onLevel: (level: string) => void;

  constructor(onLevel: (level: string) => void) {
    this.#onLevel = onLevel;
  }

  /** The level that servers should log from: the least that a client wants; `undefined` while none has set one. */
  get level(): string | undefined {
    const sessions = [...this.#sessions];
    if (sessions.every(({ level }) => level === undefined)) return undefined;
    const wanted = sessions.map(({ level = DEFAULT_LEVEL }) => level);
    return wanted.sort((a, b) => LEVELS.indexOf(a) - LEVELS.indexOf(b))[0];
  }

  join(send: (params: Params) => void): LogSession {
    const session: Session = { send };
    this.#sessions.add(session);
    return {
      get level() {
        return session.level ?? DEFAULT_LEVEL;
      },
      setLevel: (level) => {
        if (!LEVELS.includes(level)) return false;
        session.level = level;
        this.#onLevel(this.level ?? level);
        return true;
      },
      leave: () => {
        const before = this.level;
        this.#sessions.delete(session);
        const now = this.level ?? DEFAULT_LEVEL;
        // Servers go on with what they were asked for last.
        if (before !== undefined && before !== now) this.#onLevel(now);
      },
    };
  }

  /**
   * Tells sessions a message of a server of the older revisions. Since 2026-07-28 a message belongs to a request, and goes
   * to whoever made it.
   */
  tell(serverId: string, message: Params, isOfRequest: boolean, request: Relay | undefined): void {
    const severity = severityOf(message);
    if (severity === -1) return;
    const named = withServer(serverId, message);
    // A client of the older revisions is told by its session.
    const wanted = isOfRequest || request?.ask === undefined ? request?.logLevel : undefined;
    if (wanted !== undefined && severity >= LEVELS.indexOf(wanted)) request?.tell(LOG_MESSAGE, named);
    if (isOfRequest) return;
    for (const session of this.#sessions) {
      if (severity >= LEVELS.indexOf(session.level ?? DEFAULT_LEVEL)) session.send(named);
    }
  }
}

function severityOf({ level }: Params): number {
  return LEVELS.indexOf(String(level));
}

/** The logger bears the name of the server. */
function withServer(serverId: string, { level, logger, data }: Params): Params {
  return {
    level,
    logger: typeof logger === 'string' ? `${serverId}/${logger}` : serverId,
    data: data ?? null,
  };
}
