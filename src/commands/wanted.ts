import type { Gathered } from '../core/gather/outcome.js';
import type { GatherRequest } from '../core/orchestrator.js';
import { byteCount } from './values.js';
import type { CommandInput, OptionDefinition } from './command.js';

/** The flags of `gather` that say what is wanted of the servers' resources. */
export const WANTED_OPTIONS: readonly OptionDefinition[] = [
  { flags: '--list-only', description: 'list resources without reading them' },
  { flags: '--include <globs...>', description: 'only resources whose URI matches one of these' },
  { flags: '--exclude <globs...>', description: 'no resource whose URI matches one of these' },
  {
    flags: '--max-bytes <size>',
    description: 'largest resource (1048576, 100kB, 8MiB); a larger one counts as failed',
    parse: byteCount,
  },
];

export type Wanted = Required<Pick<GatherRequest, 'listOnly' | 'selection'>> &
  Pick<GatherRequest, 'maxBytes'>;

/** What those flags say. */
export function wanted(options: CommandInput['options']): Wanted {
  const { listOnly = false, include, exclude, maxBytes } = options as Flags;
  return {
    listOnly,
    selection: {
      ...(include === undefined ? {} : { include }),
      ...(exclude === undefined ? {} : { exclude }),
    },
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}

/** The globs of `--include`, where every server has answered and none lists what matches them. */
export function unmatched({ selection }: Wanted, { outcomes }: Gathered): readonly string[] | undefined {
  const isEmpty = outcomes.every(({ status, resources }) => status === 'ok' && resources.length === 0);
  return isEmpty ? selection.include : undefined;
}

interface Flags {
  readonly listOnly?: boolean;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly maxBytes?: number;
}
