import type { CommandDefinition, CommandInput } from './command.js';

export const cacheCommand: CommandDefinition = {
  name: 'cache',
  summary: 'Show or empty what is kept of the answers of servers',
  examples: ['mcpx cache stats', 'mcpx cache clear', 'mcpx cache clear product_metadata_mcp'],
  exits: [0, 1, 2],
  subcommands: [
    {
      name: 'stats',
      summary: 'What is kept, of which server, since when, and where',
      examples: ['mcpx cache stats', 'mcpx cache stats --json'],
      exits: [0, 2],
      run: stats,
    },
    {
      name: 'clear',
      summary: 'Forget what servers answered, so that the next gather asks them',
      arguments: [['[servers...]', 'ids of the servers whose answers go; all when left out']],
      examples: ['mcpx cache clear', 'mcpx cache clear product_metadata_mcp'],
      exits: [0, 1, 2],
      run: clear,
    },
  ],
};

async function stats({ global, io }: CommandInput): Promise<void> {
  const [{ cacheFolder }, { listShelves }, { cacheStats, renderCacheStats }, { viewOf, writeValue }] =
    await Promise.all([
      import('../core/cache/folder.js'),
      import('../core/cache/disk-store.js'),
      import('../render/cache.js'),
      import('./output.js'),
    ]);
  const folder = cacheFolder(io.env);
  const shelves = folder === undefined ? [] : listShelves(folder);
  if (global.output === 'table') {
    await io.out(renderCacheStats(folder, shelves, Date.now(), viewOf(global, io)));
  } else await writeValue(cacheStats(folder, shelves, Date.now()), global.output, io);
}

async function clear({ args, global, io }: CommandInput): Promise<void> {
  const [
    { cacheFolder },
    { clearShelves },
    { cacheCleared, renderCacheCleared },
    { writeValue },
    { forgetRuns },
    errors,
  ] = await Promise.all([
    import('../core/cache/folder.js'),
    import('../core/cache/disk-store.js'),
    import('../render/cache.js'),
    import('./output.js'),
    import('./kept-run.js'),
    import('../core/errors.js'),
  ]);
  const named = args[0] as readonly string[];
  const folder = cacheFolder(io.env);
  let removed = 0;
  try {
    if (folder !== undefined) removed = clearShelves(folder, named.length === 0 ? undefined : named);
    if (named.length === 0) forgetRuns(io.env);
  } catch (cause) {
    throw new errors.ConfigurationError('CLI903', `cannot empty the cache in ${folder ?? ''}`, {
      context: { folder },
      hint: 'Remove the folder by hand, or ask whoever owns it.',
      cause,
    });
  }
  if (global.output === 'table') await io.out(renderCacheCleared(removed, named));
  else await writeValue(cacheCleared(removed, named), global.output, io);
}
