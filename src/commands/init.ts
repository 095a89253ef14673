import type { CommandDefinition, CommandInput } from './command.js';

export const initCommand: CommandDefinition = {
  name: 'init',
  summary: 'Write a starter configuration and product metadata',
  arguments: [['[folder]', 'where to write; the working directory when left out']],
  options: [{ flags: '--force', description: 'replace files that exist' }],
  examples: ['mcpx init', 'mcpx init my-project && cd my-project && mcpx gather'],
  exits: [0, 1, 2],
  run,
};

/** Source in the package, and what it becomes in the user's folder. */
const FILES = [
  ['config/mcp_config.yaml', 'config/mcp_config.yaml'],
  ['resources/mcp_config_schema.json', 'resources/mcp_config_schema.json'],
  ['resources/product_metadata.json', 'resources/product_metadata.json'],
  ['resources/product_metadata_schema.json', 'resources/product_metadata_schema.json'],
] as const;

async function run({ args, options, global, io }: CommandInput): Promise<void> {
  const [
    { readFile, writeFile },
    { dirname, join, resolve },
    { makeFolder },
    { packageRoot },
    { ConfigurationError, MCPOrchestratorException },
  ] = await Promise.all([
    import('node:fs/promises'),
    import('node:path'),
    import('../core/make-folder.js'),
    import('../core/package-root.js'),
    import('../core/errors.js'),
  ]);
  const { existsSync } = await import('node:fs');
  const folder = resolve(io.cwd, (args[0] as string | undefined) ?? '.');
  const targets = FILES.map(([source, target]) => ({ source, target, path: join(folder, target) }));
  const existing = targets.filter(({ path }) => existsSync(path));
  if (existing.length > 0 && options['force'] !== true) {
    throw new ConfigurationError(
      'CLI902',
      `${existing.map(({ target }) => target).join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already`,
      {
        context: { folder },
        hint: 'Nothing was written. Choose another folder, or replace the files with --force.',
      },
    );
  }
  try {
    for (const { source, path } of targets) {
      makeFolder(dirname(path));
      await writeFile(path, await readFile(join(packageRoot(), source)));
    }
  } catch (cause) {
    throw new MCPOrchestratorException('CLI903', `cannot write to ${folder}`, {
      context: { folder },
      hint: 'Check the permissions of the folder and the space on its disk.',
      cause,
    });
  }
  if (global.output !== 'table') {
    const { writeValue } = await import('./output.js');
    await writeValue(
      { api_version: 'mcpx/v1', kind: 'Init', folder, files: FILES.map(([, target]) => target) },
      global.output,
      io,
    );
    return;
  }
  const [{ plain }, { shellWord }] = await Promise.all([
    import('../render/terminal.js'),
    import('../render/command-line.js'),
  ]);
  const written = targets.map(({ target }) => `  ${target}\n`).join('');
  const enter = folder === resolve(io.cwd) ? '' : `cd ${shellWord(plain(String(args[0])))} && `;
  await io.out(`Written to ${plain(folder)}:\n${written}Next: ${enter}mcpx gather\n`);
}
