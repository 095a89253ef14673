/** What the bundle gives to the shim in `bin/`. */
import { MCPConnectionError } from './core/errors.js';

export { main } from './cli.js';

/** The reason with which a signal stops a command. */
export function stopped(status: number): MCPConnectionError {
  return new StoppedError(status);
}

const SIGNALS: Readonly<Record<number, string>> = { 129: 'SIGHUP', 130: 'Ctrl-C', 143: 'SIGTERM' };

class StoppedError extends MCPConnectionError {
  readonly #status: number;

  constructor(status: number) {
    super('UPS219', `stopped by ${SIGNALS[status] ?? 'a signal'}`);
    this.name = 'MCPConnectionError';
    this.#status = status;
  }

  override get exitCode(): number {
    return this.#status;
  }
}
