import type { CommandDefinition, CommandInput } from './command.js';

export const explainCommand: CommandDefinition = {
  name: 'explain',
  summary: 'Say what a code of a message means, and what to do',
  description: 'Say what a code means, what usually causes it, and what to do; without a code, list them all',
  arguments: [['[code]', 'a code or its name, in any case: UPS201, connect_timeout']],
  examples: ['mcpx explain', 'mcpx explain UPS201', 'mcpx explain connect_timeout --json'],
  exits: [0, 2, 7],
  run,
};

async function run({ args, global, io }: CommandInput): Promise<void> {
  const [render, { viewOf, writeValue }] = await Promise.all([
    import('../render/explain.js'),
    import('./output.js'),
  ]);
  const word = args[0] as string | undefined;
  if (word === undefined) {
    if (global.output === 'table') await io.out(render.renderCodes(viewOf(global, io)));
    else if (global.output === 'ndjson')
      for (const line of render.codeLines()) await writeValue(line, 'ndjson', io);
    else await writeValue(render.codeList(), global.output, io);
    return;
  }
  const { ERROR_CATALOGUE, findCode, nearestCodes } = await import('../core/error-catalogue.js');
  const code = findCode(word);
  if (code === undefined) {
    const { ERROR_CODES, ResourceFetchError } = await import('../core/errors.js');
    const near = nearestCodes(word).map((each) => `${each} (${ERROR_CODES[each].name})`);
    throw new ResourceFetchError('RES307', `mcpx prints no code "${word}"`, {
      context: { near: nearestCodes(word) },
      hint: near.length === 0 ? 'Without a code it lists them all.' : `Did you mean ${near.join(' or ')}?`,
      fix: 'mcpx explain',
    });
  }
  if (global.output === 'table') {
    await io.out(render.renderCode(code, ERROR_CATALOGUE[code], viewOf(global, io)));
  } else await writeValue(render.codeReport(code, ERROR_CATALOGUE[code]), global.output, io);
}
