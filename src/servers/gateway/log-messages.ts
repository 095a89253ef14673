/** Levels of log messages, least first (2025-11-25, "Logging"; RFC 5424). */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
/** What a client that names no level gets. */
const DEFAULT_LEVEL = 'info';

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

  /** The level that servers should log from; `undefined` while no client has set one. */
  get level(): string | undefined {
    const set = [...this.#sessions].flatMap(({ level }) => (level === undefined ? [] : [level]));
    return set.sort((a, b) => LEVELS.indexOf(a) - LEVELS.indexOf(b))[0];
  }

  join(send: (params: Params) => void): { setLevel(level: string): boolean; leave(): void } {
    const session: Session = { send };
    this.#sessions.add(session);
    return {
      setLevel: (level) => {
        if (!LEVELS.includes(level)) return false;
        session.level = level;
        this.#onLevel(this.level ?? level);
        return true;
      },
      leave: () => {
        this.#sessions.delete(session);
      },
    };
  }

  /** Tells a message of a server; the logger bears the name of the server. */
  tell(serverId: string, { level, logger, data }: Params): void {
    const severity = LEVELS.indexOf(String(level));
    if (severity === -1) return;
    const name = typeof logger === 'string' ? `${serverId}/${logger}` : serverId;
    for (const session of this.#sessions) {
      if (severity >= LEVELS.indexOf(session.level ?? DEFAULT_LEVEL)) {
        session.send({ level, logger: name, data: data ?? null });
      }
    }
  }
}
