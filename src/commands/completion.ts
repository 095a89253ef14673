import type { CommandDefinition, CommandInput } from './command.js';

export const completionCommand: CommandDefinition = {
  name: 'completion',
  summary: 'Print a completion script for your shell',
  arguments: [['<shell>', 'bash, zsh or fish']],
  examples: [
    'mcpx completion bash > ~/.local/share/bash-completion/completions/mcpx',
    'mcpx completion zsh > "${fpath[1]}/_mcpx"',
    'mcpx completion fish > ~/.config/fish/completions/mcpx.fish',
  ],
  exits: [0, 2],
  run,
};

async function run({ args, io }: CommandInput): Promise<void> {
  const [{ commands }, { GLOBAL_OPTIONS }, { renderCompletion, SHELLS }, { ConfigurationError }] =
    await Promise.all([
      import('./commands.js'),
      import('./global-options.js'),
      import('../render/completion.js'),
      import('../core/errors.js'),
    ]);
  const shell = SHELLS.find((known) => known === args[0]);
  if (shell === undefined) {
    throw new ConfigurationError('CLI901', `no completion for the shell "${String(args[0])}"`, {
      hint: `There is one for ${SHELLS.join(', ')}.`,
    });
  }
  await io.out(renderCompletion(shell, commands, GLOBAL_OPTIONS));
}
