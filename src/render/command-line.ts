import { plain } from './terminal.js';

/** Commands of ours that use a configuration: what is to be tried has to use the same one. */
const USES_CONFIG =
  /^mcpx (?:cache|call|gather|read|resolve|servers|sql|validate-config)\b(?!.* --metadata )/;

/**
 * A command line to try or to copy, with the configuration that this one was given.
 *
 * @param config  as the command line named it
 */
export function withConfig(command: string, config: string | undefined): string {
  if (config === undefined || !USES_CONFIG.test(command)) return command;
  const flag = ` -c ${shellWord(config)}`;
  // Behind it everything is a word.
  const end = command.indexOf(' -- ');
  return end === -1 ? `${command}${flag}` : `${command.slice(0, end)}${flag}${command.slice(end)}`;
}

/** A text as one word of a command line: the shell sees it as it is. */
export function shellWord(word: string): string {
  const text = plain(word);
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", String.raw`'\''`)}'` : `"${text}"`;
}
