import { plain } from './terminal.js';

/** A command line as it was read, with nothing that the environment says. */
export interface Typed {
  /** `gather`, `servers list`. */
  readonly command: string;
  /** Names, URIs, terms, in order. */
  readonly operands: readonly string[];
  /** In order, as far as commander keeps it. */
  readonly flags: readonly TypedFlag[];
}

export interface TypedFlag {
  /** `-c`, `--include`. */
  readonly name: string;
  readonly values: readonly string[];
  /** Every command takes it. */
  readonly isGlobal: boolean;
}

/** What is different in a command line that is like another one. */
interface Change {
  readonly adds?: string;
  readonly drops?: readonly string[];
  /** Instead of those that were typed. */
  readonly operands?: readonly string[];
}

/** What to try, and what is different in it where it is the same command that failed. */
const CHANGES: Readonly<Record<string, Change & { readonly of: readonly string[] }>> = {
  'mcpx gather --degraded': { of: ['gather', 'resolve'], adds: '--degraded', drops: ['--fail-fast'] },
  'mcpx gather --list-only': { of: ['gather'], adds: '--list-only', drops: ['--include'] },
  'mcpx call --list': { of: ['call'], adds: '--list', drops: ['--args', '--csv'], operands: [] },
  'mcpx cache stats': { of: ['cache stats'], operands: [] },
  'mcpx explain': { of: ['explain'], operands: [] },
};

/** Commands of ours that use a configuration: what is to be tried has to use the same one. */
const USES_CONFIG =
  /^mcpx (?:cache|call|gather|read|resolve|servers|sql|validate-config)\b(?!.* --metadata )/;
/** Those that ask servers, for which whoever gave a deadline wants to wait as long. */
const ASKS_SERVERS = /^mcpx (?:call|gather|read|resolve|sql|validate-config --connect)\b/;

/**
 * A command line to try after another one has failed: that one with what is to be different, where it is the same
 * command, else with its configuration and its deadline, unless it is that which was too short.
 *
 * @param fix  as the error has it
 */
export function commandToTry(
  { fix, code }: { readonly fix: string; readonly code: string },
  typed: Typed | undefined,
): string {
  if (typed === undefined) return fix;
  const change = CHANGES[fix];
  if (change?.of.includes(typed.command) === true) return retyped(typed, change);
  const kept = typed.flags.filter(
    ({ name }) =>
      (name === '-c' && USES_CONFIG.test(fix)) ||
      (name === '--deadline' && ASKS_SERVERS.test(fix) && code !== 'UPS208'),
  );
  return [fix, ...kept.map(flagText)].join(' ');
}

/** A command line again, with something different. */
export function retyped({ command, flags, ...typed }: Typed, change: Change): string {
  const { adds, drops = [], operands = typed.operands } = change;
  const kept = flags.filter(({ name }) => name !== adds && !drops.includes(name));
  const words = operands.map(shellWord);
  // A term may look like a flag.
  const dash = words.findIndex((word) => word.startsWith('-'));
  const [before, behind] = dash === -1 ? [words, []] : [words.slice(0, dash), ['--', ...words.slice(dash)]];
  return [
    `mcpx ${command}`,
    ...before,
    ...kept.filter(({ isGlobal }) => !isGlobal).map(flagText),
    ...(adds === undefined ? [] : [adds]),
    ...kept.filter(({ isGlobal }) => isGlobal).map(flagText),
    ...behind,
  ].join(' ');
}

function flagText({ name, values }: TypedFlag): string {
  return [name, ...values.map(shellWord)].join(' ');
}

/** A text as one word of a command line: the shell sees it as it is. */
export function shellWord(word: string): string {
  const text = plain(word);
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", String.raw`'\''`)}'` : `"${text}"`;
}
