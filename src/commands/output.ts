import type { View } from '../render/terminal.js';
import { colorIsOn } from './color.js';
import type { GlobalOptions, Io, OutputFormat } from './command.js';

/** Writes a value in a machine format. */
export async function writeValue(
  value: unknown,
  format: Exclude<OutputFormat, 'table'>,
  io: Io,
): Promise<void> {
  if (format === 'yaml') {
    const { stringify } = await import('yaml');
    await io.out(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
    return;
  }
  await io.out(`${JSON.stringify(value, null, format === 'json' ? 2 : 0)}\n`);
}

/** How people will look at what goes to standard output. */
export function viewOf(global: GlobalOptions, io: Io): View {
  return {
    color: colorIsOn(global.color, io.stdoutIsTerminal, io.env),
    ...(io.columns === undefined ? {} : { width: io.columns }),
  };
}
