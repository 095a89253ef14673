import type { CommandDefinition, CommandInput } from './command.js';

export const serversCommand: CommandDefinition = {
  name: 'servers',
  summary: 'Show the configured servers, without connecting to them',
  examples: ['mcpx servers list', 'mcpx servers show product_metadata_mcp'],
  exits: [0, 2, 3, 7],
  subcommands: [
    {
      name: 'list',
      summary: 'All configured servers, best priority first',
      examples: ['mcpx servers list', 'mcpx servers list --json'],
      exits: [0, 2, 3],
      run: list,
    },
    {
      name: 'show',
      summary: 'Everything that is configured for one server; secrets as ***',
      arguments: [['<id>', 'id of the server']],
      examples: ['mcpx servers show product_metadata_mcp'],
      exits: [0, 2, 3, 7],
      run: show,
    },
  ],
};

async function list(input: CommandInput): Promise<void> {
  const { global, io } = input;
  const [{ openSession }, { Registry }, render, { viewOf, writeValue }] = await load();
  const { config } = await openSession(input);
  const { servers } = new Registry(config.servers);
  if (global.output === 'table') await io.out(render.renderServers(servers, viewOf(global, io)));
  else await writeValue(render.serverList(servers), global.output, io);
}

async function show(input: CommandInput): Promise<void> {
  const { args, global, io } = input;
  const [{ openSession }, { Registry }, render, { viewOf, writeValue }] = await load();
  const { chooseServers } = await import('./choose-servers.js');
  const { config } = await openSession(input);
  const registry = new Registry(config.servers);
  const [id = ''] = chooseServers(registry, [String(args[0])], undefined);
  const server = registry.find(id);
  if (server === undefined) return;
  if (global.output === 'table') await io.out(render.renderServer(server, viewOf(global, io)));
  else
    await writeValue(
      { api_version: 'mcpx/v1', kind: 'Server', ...render.describeServer(server) },
      global.output,
      io,
    );
}

function load() {
  return Promise.all([
    import('./session.js'),
    import('../core/registry/registry.js'),
    import('../render/servers.js'),
    import('./output.js'),
  ]);
}
