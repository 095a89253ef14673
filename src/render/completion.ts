export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What completion knows of a command; a `CommandDefinition` is one. */
interface Completable {
  readonly name: string;
  readonly summary: string;
  readonly options?: readonly CompletableOption[];
  readonly subcommands?: readonly Completable[];
}

interface CompletableOption {
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

/** A script that completes commands, flags and the words that a flag takes. */
export function renderCompletion(
  shell: Shell,
  commands: readonly Completable[],
  globals: readonly CompletableOption[],
): string {
  if (shell === 'bash') return bash(commands, globals);
  if (shell === 'fish') return fish(commands, globals);
  // zsh runs bash's completions as they are.
  return `#compdef mcpx
autoload -U +X bashcompinit && bashcompinit
${bash(commands, globals)}`;
}

function bash(commands: readonly Completable[], globals: readonly CompletableOption[]): string {
  const leaves = leavesOf(commands);
  const choices = [...globals, ...leaves.flatMap(({ options }) => options)].filter(
    ({ choices }) => choices !== undefined,
  );
  const byFlag = new Map(choices.map((option) => [flagPattern(option), option.choices?.join(' ')]));
  const flagsOf = (options: readonly CompletableOption[]) => [...globals, ...options].map(longFlag).join(' ');
  const cases = [
    ...[...byFlag].map(
      ([flag, words]) => `    ${flag}) COMPREPLY=($(compgen -W '${words}' -- "$cur")); return ;;`,
    ),
    `    -c|--config|--metadata) COMPREPLY=($(compgen -f -- "$cur")); return ;;`,
  ];
  const words = leaves.map(({ path, options }) => `    '${path}') words='${flagsOf(options)}' ;;`);
  const groups = commands
    .filter(({ subcommands }) => subcommands !== undefined)
    .map(
      ({ name, subcommands }) =>
        `    '${name}') words='${(subcommands ?? []).map((sub) => sub.name).join(' ')}' ;;`,
    );
  return `_mcpx() {
  local cur prev path word words
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$prev" in
${cases.join('\n')}
  esac
  path=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${commands.map(({ name }) => `      ' ${name}') path='${name}' ;;`).join('\n')}
${leaves
  .filter(({ path }) => path.includes(' '))
  .map(({ path }) => `      '${path}') path='${path}' ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
    '') words='${[...commands.map(({ name }) => name), 'help', ...globals.map(longFlag)].join(' ')}' ;;
${[...groups, ...words].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _mcpx mcpx
`;
}

function fish(commands: readonly Completable[], globals: readonly CompletableOption[]): string {
  const lines = ['complete -c mcpx -f', ...globals.map((option) => fishOption('', option))];
  for (const command of commands) {
    lines.push(
      `complete -c mcpx -n __fish_use_subcommand -a ${command.name} -d '${escaped(command.summary)}'`,
    );
    for (const sub of command.subcommands ?? []) {
      const names = (command.subcommands ?? []).map(({ name }) => name).join(' ');
      const when = `__fish_seen_subcommand_from ${command.name}; and not __fish_seen_subcommand_from ${names}`;
      lines.push(`complete -c mcpx -n '${when}' -a ${sub.name} -d '${escaped(sub.summary)}'`);
    }
  }
  for (const { path, options } of leavesOf(commands)) {
    const when = path
      .split(' ')
      .map((name) => `__fish_seen_subcommand_from ${name}`)
      .join('; and ');
    for (const option of options) lines.push(fishOption(when, option));
  }
  return `${lines.join('\n')}\n`;
}

function fishOption(when: string, option: CompletableOption): string {
  const short = /^-(\w),/.exec(option.flags)?.[1];
  const parts = [
    'complete -c mcpx',
    ...(when === '' ? [] : [`-n '${when}'`]),
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${longFlag(option).slice(2)}`,
    ...(option.flags.includes('<') ? ['-r'] : []),
    ...(option.flags.includes('<file>') ? ['-F'] : []),
    ...(option.choices === undefined ? [] : [`-a '${option.choices.join(' ')}'`]),
    `-d '${escaped(option.description)}'`,
  ];
  return parts.join(' ');
}

function leavesOf(
  commands: readonly Completable[],
): readonly { readonly path: string; readonly options: readonly CompletableOption[] }[] {
  return commands.flatMap((command) =>
    command.subcommands === undefined
      ? [{ path: command.name, options: command.options ?? [] }]
      : command.subcommands.map((sub) => ({
          path: `${command.name} ${sub.name}`,
          options: sub.options ?? [],
        })),
  );
}

function longFlag({ flags }: CompletableOption): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

/** Both spellings of a flag, as a pattern of bash's `case`. */
function flagPattern(option: CompletableOption): string {
  const short = /^-\w/.exec(option.flags)?.[0];
  return short === undefined ? longFlag(option) : `${short}|${longFlag(option)}`;
}

function escaped(text: string): string {
  return text.replaceAll("'", String.raw`\'`);
}
