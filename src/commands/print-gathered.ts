import type { Gathered } from '../core/gather/outcome.js';
import { gatherReport, gatherServerLine, gatherSummary, type ReportHead } from '../render/gather-report.js';
import type { GlobalOptions, Io } from './command.js';
import { viewOf, writeValue } from './output.js';

export interface PrintOptions {
  readonly global: Pick<GlobalOptions, 'output' | 'color'>;
  readonly io: Io;
  /** The lines of the servers were written as they finished. */
  readonly areServersOut: boolean;
}

/** Writes what a gather found in the format that was asked for. */
export async function printGathered(
  gathered: Gathered,
  head: ReportHead,
  { global, io, areServersOut }: PrintOptions,
): Promise<void> {
  const format = global.output;
  if (format === 'table') {
    const { renderGather } = await import('../render/gather.js');
    await io.out(renderGather(gathered, viewOf(global, io)));
    return;
  }
  if (format !== 'ndjson') {
    await writeValue(gatherReport(gathered, head), format, io);
    return;
  }
  if (!areServersOut) {
    for (const outcome of gathered.outcomes) {
      await writeValue(gatherServerLine(outcome, head.operationId), format, io);
    }
  }
  await writeValue(gatherSummary(gathered, head), format, io);
}
