import { cut, plain } from '../render/terminal.js';
import { humanMs } from '../render/units.js';
import type { Io } from './command.js';

/** Nothing is shown before: most gathers are done by then, and a flash of text only disturbs. */
const QUIET_MS = 300;
const FRAME_MS = 100;

export interface Progress {
  update(server: string, phase: string): void;
  stop(): void;
}

/** Shows on the terminal's last line which servers are still awaited, for what, and for how long. */
export function startProgress(io: Io): Progress {
  const started = performance.now();
  const awaited = new Map<string, string>();
  let shown = false;
  const timer = setInterval(() => {
    const elapsed = performance.now() - started;
    if (elapsed < QUIET_MS || awaited.size === 0) return;
    const names = [...awaited].map(([server, phase]) => `${plain(server)} (${phase})`).join(', ');
    io.err(`\r\u001b[2K${cut(`${humanMs(elapsed)} waiting for ${names}`, (io.columns ?? 80) - 1)}`);
    shown = true;
  }, FRAME_MS);
  timer.unref();
  return {
    update(server, phase) {
      if (phase === 'done') awaited.delete(server);
      else awaited.set(server, phase);
    },
    stop() {
      clearInterval(timer);
      if (shown) io.err('\r\u001b[2K');
    },
  };
}
