import path from 'node:path';
import { ConfigurationError } from '../errors.js';
import type { Operation } from '../operation.js';
import type { Config } from './config.js';
import { differenceOf, type ConfigDifference } from './difference.js';
import { loadConfig } from './load.js';
import { problemsIn } from './problem.js';
import { oneAtATime } from './one-at-a-time.js';
import { watchFile } from './watch-file.js';

export interface WatchConfigOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Uses the new configuration from now on; called only with one that is valid and differs. */
  readonly take: (config: Config, difference: ConfigDifference) => Promise<void> | void;
  /** Registers for SIGHUP, on which the file is read again; returns its remover. */
  readonly onHangUp: (listener: () => void) => () => void;
}

/**
 * Takes a changed configuration file over while mcpx runs. A broken one is refused as a whole, the last good one stays,
 * and one log line says either.
 *
 * @param config  what the file held when it was loaded; `config.file` names it
 * @returns ends the watch
 */
export async function watchConfig(
  config: Config,
  options: WatchConfigOptions,
  op: Operation,
): Promise<() => void> {
  const { file } = config;
  if (file === undefined) return () => undefined;
  let current = config;
  const look = oneAtATime(async () => {
    try {
      const loaded = await loadConfig(file, options.env, options.cwd);
      const difference = differenceOf(current, loaded);
      if (!difference.isChange) {
        op.log('config.unchanged', { file }, 'debug');
        return;
      }
      await options.take(loaded, difference);
      current = loaded;
      const { added, removed, reconnected, relabelled } = difference;
      op.log('config.reloaded', { file, added, removed, reconnected, relabelled });
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      const { code, message } = error;
      op.log('config.reload_refused', { file, code, message, ...problemsIn(error.context) }, 'warn');
    }
  });
  const stopWatching = await watchFile(path.resolve(options.cwd, file), () => void look());
  const removeHangUp = options.onHangUp(() => void look());
  // It may have changed between its loading and the watch.
  await look();
  return () => {
    stopWatching();
    removeHangUp();
  };
}
