import type { CommandDefinition, CommandInput, GlobalOptions, Io } from './command.js';

export const cacheCommand: CommandDefinition = {
  name: 'cache',
  summary: 'Show or empty what is kept of the answers of servers',
  examples: ['mcpx cache stats', 'mcpx cache clear', 'mcpx cache clear product_metadata_mcp'],
  exits: [0, 1, 2, 7],
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
      exits: [0, 1, 2, 7],
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
  if (named.length > 0) await assertKnown(named, folder, global, io);
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

/**
 * Of a configured server nothing may be kept, and of one that is no longer configured something may.
 *
 * @throws ResourceFetchError RES306 for an id that is neither; nothing is forgotten then
 */
async function assertKnown(
  named: readonly string[],
  folder: string | undefined,
  global: GlobalOptions,
  io: Io,
): Promise<void> {
  const { listShelves } = await import('../core/cache/disk-store.js');
  const kept = folder === undefined ? [] : listShelves(folder).map(({ server }) => server);
  if (named.every((id) => kept.includes(id))) return;
  const [{ findConfig, loadConfig }, errors, { listed, meant }] = await Promise.all([
    import('../core/config/load.js'),
    import('../core/errors.js'),
    import('../core/nearest.js'),
  ]);
  // A configuration that cannot be read is no reason to keep anything.
  const configured = await findConfig(global.config, io.cwd, io.env)
    .then((file) => loadConfig(file, io.env, io.cwd))
    .then(({ servers }) => servers.map(({ id }) => id))
    .catch((error: unknown) => {
      if (error instanceof errors.ConfigurationError) return undefined;
      throw error;
    });
  const known = [...new Set([...kept, ...(configured ?? [])])].sort();
  const unknown = named.find((id) => !known.includes(id));
  if (unknown === undefined) return;
  const among = known.length === 0 ? 'Nothing is kept.' : `Known: ${listed(known)}.`;
  const elsewhere = configured === undefined ? '' : ', and no server of that id is configured';
  const message = `nothing is kept of "${unknown}"${elsewhere}`;
  throw new errors.ResourceFetchError('RES306', message, {
    context: { known },
    hint: `${meant(unknown, known)}${among}`,
    fix: 'mcpx cache stats',
  });
}
