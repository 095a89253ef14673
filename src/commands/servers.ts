import type { Problem } from '../core/config/problem.js';
import type { CommandDefinition, CommandInput, GlobalOptions, Io } from './command.js';

export const serversCommand: CommandDefinition = {
  name: 'servers',
  summary: 'Show the configured servers, or import those of an editor, without connecting',
  examples: ['mcpx servers list', 'mcpx servers show product_metadata_mcp', 'mcpx servers import --dry-run'],
  exits: [0, 1, 2, 3, 6, 7],
  subcommands: [
    {
      name: 'list',
      summary: 'All configured servers, best priority first',
      examples: ['mcpx servers list', 'mcpx servers list --json'],
      exits: [0, 2, 3, 6],
      run: list,
    },
    {
      name: 'show',
      summary: 'Everything that is configured for one server; secrets as ***',
      arguments: [['<id>', 'id of the server']],
      examples: ['mcpx servers show product_metadata_mcp'],
      exits: [0, 2, 3, 6, 7],
      run: show,
    },
    {
      name: 'import',
      summary: "Take over the servers of your editors' files",
      description:
        "Take over the servers of your editors' files: claude-desktop, claude-code, cursor, vscode, codex, or any file of theirs; without --from those of all",
      options: [
        { flags: '--from <source>', description: 'one of these editors, or a JSON or TOML file' },
        {
          flags: '--output-file <file>',
          description: 'file to write; the configuration in use, or a new mcpx.yaml, when left out',
        },
        { flags: '--force', description: 'replace servers that have the same id' },
        { flags: '--dry-run', description: 'show what would be written, and write nothing' },
      ],
      examples: [
        'mcpx servers import --dry-run',
        'mcpx servers import --from cursor',
        'mcpx servers import --from ~/.codex/config.toml --output-file mcpx.yaml',
      ],
      exits: [0, 1, 2, 3, 7],
      run: importThem,
    },
  ],
};

async function list(input: CommandInput): Promise<number> {
  const { global, io } = input;
  const [{ Registry }, render, { viewOf, writeValue }] = await load();
  const { config, redact, unset } = await openToShow(input);
  const { servers } = new Registry(config.servers);
  if (global.output === 'table') await io.out(render.renderServers(servers, viewOf(global, io), redact));
  else await writeValue(render.serverList(servers, redact, unset), global.output, io);
  return unset.length === 0 ? 0 : 6;
}

async function show(input: CommandInput): Promise<number> {
  const { args, global, io } = input;
  const [{ Registry }, render, { viewOf, writeValue }] = await load();
  const { chooseServers } = await import('./choose-servers.js');
  const wanted = String(args[0]);
  const { config, redact, unset } = await openToShow(input, wanted);
  const registry = new Registry(config.servers);
  const [id = ''] = chooseServers(registry, [wanted], undefined);
  const server = registry.named(id);
  if (global.output === 'table') await io.out(render.renderServer(server, viewOf(global, io), redact));
  else await writeValue(render.oneServer(server, redact, unset), global.output, io);
  return unset.length === 0 ? 0 : 6;
}

/**
 * The configuration, also where variables are not set: that is told, and the rest is there to be seen.
 *
 * @param id  of the only server that is shown: what is missing to others is nothing to it
 */
async function openToShow(input: CommandInput, id?: string) {
  const [{ openConfig }, { loadConfigToShow }, { describeProblem }, { plain }] = await Promise.all([
    import('./session.js'),
    import('../core/config/load.js'),
    import('../core/config/problem.js'),
    import('../render/terminal.js'),
  ]);
  let unset: readonly Problem[] = [];
  const session = await openConfig(input, async (...where) => {
    const shown = await loadConfigToShow(...where);
    unset = shown.unset.filter(({ path }) => id === undefined || path.startsWith(`mcp_servers.${id}.`));
    return shown.config;
  });
  for (const problem of unset) input.io.err(`${plain(describeProblem(problem))}\n`);
  return { ...session, unset };
}

async function importThem({ options, global, io }: CommandInput): Promise<void> {
  const [{ importServers }, render, { viewOf, writeValue }] = await Promise.all([
    import('../core/config/import.js'),
    import('../render/import.js'),
    import('./output.js'),
  ]);
  const from = options['from'] as string | undefined;
  const result = await importServers({
    ...(from === undefined ? {} : { from }),
    outputFile: (options['outputFile'] as string | undefined) ?? (await configToWrite(global, io)),
    force: options['force'] === true,
    dryRun: options['dryRun'] === true,
    system: { platform: process.platform, env: io.env, cwd: io.cwd },
  });
  if (global.output === 'table') await io.out(render.renderImport(result, viewOf(global, io)));
  else await writeValue(render.importReport(result), global.output, io);
}

/** The configuration that the other commands would use here, or the one that they will find once it is written. */
async function configToWrite(global: GlobalOptions, io: Io): Promise<string> {
  const [{ relative }, { findConfig }, { ConfigurationError }] = await Promise.all([
    import('node:path'),
    import('../core/config/load.js'),
    import('../core/errors.js'),
  ]);
  try {
    const found = await findConfig(global.config, io.cwd, io.env);
    const local = relative(io.cwd, found);
    return global.config ?? (local.startsWith('..') ? found : local);
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'CFG101') return 'mcpx.yaml';
    throw error;
  }
}

function load() {
  return Promise.all([
    import('../core/registry/registry.js'),
    import('../render/servers.js'),
    import('./output.js'),
  ]);
}
