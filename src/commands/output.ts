import { ResourceFetchError } from '../core/errors.js';
import { escapeControls, hasRawControls, type View } from '../render/terminal.js';
import { colorIsOn } from './color.js';
import type { GlobalOptions, Io, OutputFormat } from './command.js';

/** Writes a value in a machine format. */
export async function writeValue(
  value: unknown,
  format: Exclude<OutputFormat, 'table'>,
  io: Io,
): Promise<void> {
  if (format === 'yaml') {
    const { Document, visit } = await import('yaml');
    const document = new Document(value, { aliasDuplicateObjects: false });
    visit(document, {
      Scalar(_, node) {
        // Only there can they be written as escapes.
        if (typeof node.value === 'string' && hasRawControls(node.value)) node.type = 'QUOTE_DOUBLE';
      },
    });
    await io.out(escapeControls(document.toString({ lineWidth: 0 })));
    return;
  }
  await io.out(`${escapeControls(toJson(value, format === 'json' ? 2 : 0))}\n`);
}

/** @throws ResourceFetchError UPS209 where the text would be longer than V8 can hold (512 MiB) */
function toJson(value: unknown, indent: number): string {
  try {
    return JSON.stringify(value, null, indent);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ResourceFetchError('UPS209', 'the result is larger than one text can be (512 MiB)', {
      hint: 'Gather fewer servers at once, or use -o ndjson, which writes a line for each.',
      cause,
    });
  }
}

/** How people will look at what goes to standard output. */
export function viewOf(global: Pick<GlobalOptions, 'color'>, io: Io): View {
  return {
    color: colorIsOn(global.color, io.stdoutIsTerminal, io.env),
    ...(io.columns === undefined ? {} : { width: io.columns }),
  };
}
