import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Config } from '../core/config/config.js';
import { digest } from '../core/digest.js';
import { READ_BY_OWN_SERVERS, SHELL_VARIABLES, startsOwnServer } from '../core/gather/shelf-of.js';
import { readVersion } from '../core/version.js';
import type { Io } from './command.js';

export type World = Pick<Io, 'cwd' | 'env'>;

/** Whoever asks for traces, or looks closely, gets the whole way. */
const NEEDS_WHOLE_RUN = /^(?:OTEL_|TRACEPARENT$)/;
/** Settings of ours, of flags and of the configuration. */
const OURS = /^MCPX_/;
/** Where the configuration may be, and what servers that are started get unless their settings say otherwise. */
const PLAIN = ['HOME', 'LANG', 'PATH', 'TMPDIR', 'XDG_CONFIG_HOME'];

/**
 * What a kept run is found by: what decides, beside settings and credentials, about the meaning of a command line.
 *
 * @returns `undefined` where only the whole program will do
 */
export function commandLineOf(argv: readonly string[], { cwd, env }: World): string | undefined {
  if (Object.keys(env).some((name) => NEEDS_WHOLE_RUN.test(name))) return undefined;
  return JSON.stringify([readVersion(), argv, cwd, ...PLAIN.map((name) => env[name])]);
}

/**
 * A digest of the environment, where a run may depend on more of it than `commandLineOf` says: only then does a kept
 * run need one, which takes it 3 ms.
 *
 * @param depends  whether something other than settings of ours may do so
 */
export function environmentOf({ env }: World, depends: boolean): string | undefined {
  const names = Object.keys(env);
  if (!depends && !names.some((name) => OURS.test(name) || READ_BY_OWN_SERVERS.test(name))) return undefined;
  const counting = names.filter((name) => !SHELL_VARIABLES.has(name)).sort();
  return digest(JSON.stringify(counting.map((name) => [name, env[name]])));
}

/** Whether more of the environment may have a say: in a configuration, or in what a server is started with. */
export function dependsOnEnvironment(text: Buffer, config: Config): boolean {
  return (
    text.includes('$') ||
    inherited(config).some((name) => !PLAIN.includes(name)) ||
    config.servers.some(({ start }) => start !== undefined && !startsOwnServer(start))
  );
}

/** Whether a configuration may depend on a variable that is in no digest, or in a way that is not seen here. */
export function usesIgnored(text: Buffer, config: Config): boolean {
  return (
    REFERS_TO_IGNORED.test(text.toString('latin1')) ||
    inherited(config).some((name) => SHELL_VARIABLES.has(name))
  );
}

/** References of those, and a `$` that is written by its number. */
const REFERS_TO_IGNORED = new RegExp(
  String.raw`\$\{(?:env:)?(?:${[...SHELL_VARIABLES].join('|')})|\\(?:x24|u0024|U00000024)`,
);

function inherited({ servers }: Config): readonly string[] {
  return servers.flatMap(({ command, inheritEnv }) => (command === undefined ? [] : inheritEnv));
}

/** A file may be changed again within one step of its file system's clock, which is two seconds at worst (FAT). */
const LONGEST_STEP_MS = 2000;

/**
 * What tells a file from every other one and from itself after a change, without reading it.
 *
 * @returns `undefined` for one that was changed just now: the next change might not show
 * @throws the file system's error
 */
export function stampOf(file: string): string | undefined {
  // Opened, because what a network file system says of a file that is not may be a minute old.
  const descriptor = openSync(file, 'r');
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = fstatSync(descriptor, { bigint: true });
    if (Date.now() - Number(ctimeMs) < LONGEST_STEP_MS) return undefined;
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } finally {
    closeSync(descriptor);
  }
}

/** Whether a file holds what it held, by a stamp that it had then or else by its digest. */
export function isUnchanged(
  file: { readonly path: string; readonly sha256: string },
  stamp: string | undefined,
  stampThen: string | undefined,
): boolean {
  return (stamp !== undefined && stamp === stampThen) || digest(readFileSync(file.path)) === file.sha256;
}
