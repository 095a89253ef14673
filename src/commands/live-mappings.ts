import type { Config } from '../core/config/config.js';
import type { ConnectedFile } from '../core/inspect/connected-file.js';
import type { ValidatedConfig, ValidatedFile } from '../core/config/validate.js';
import type { LiveTable } from '../servers/metadata/live-mappings.js';
import type { CommandInput } from './command.js';

/**
 * Checks the column mappings of product metadata against the database of the first configuration that has one.
 *
 * @param files what `connectFiles` made of them
 */
export async function checkLiveMappings(
  input: CommandInput,
  files: readonly (ValidatedFile | ValidatedConfig | ConnectedFile)[],
): Promise<readonly ConnectedFile[]> {
  const config = files.flatMap((file) => configOf(file) ?? []).at(0);
  const isMetadata = (file: ValidatedFile): boolean => !('examined' in file) && file.text !== undefined;
  if (config === undefined || !files.some(isMetadata)) return files;
  return withDatabase(input, config, files, isMetadata);
}

function configOf(file: ValidatedFile | ValidatedConfig): Config | undefined {
  return 'examined' in file ? file.examined?.config : undefined;
}

async function withDatabase(
  { global, io, operationId, span }: CommandInput,
  config: Config,
  files: readonly ConnectedFile[],
  isMetadata: (file: ValidatedFile) => boolean,
): Promise<readonly ConnectedFile[]> {
  const [{ MCPOrchestrator }, { createOperation }, { MCPOrchestratorException }, { checkMappings }] =
    await Promise.all([
      import('../core/orchestrator.js'),
      import('../core/operation.js'),
      import('../core/errors.js'),
      import('../servers/metadata/live-mappings.js'),
    ]);
  const limit = AbortSignal.timeout(global.deadlineMs ?? config.deadlineMs);
  const op = createOperation({ id: operationId, signal: AbortSignal.any([io.signal, limit]), span });
  await using orchestrator = new MCPOrchestrator(config, { ownExecutable: io.ownExecutable });
  try {
    const executor = await orchestrator.getExecutor(op);
    const { server } = executor;
    const { contents } = await orchestrator.readResource('database://metadata', { server }, op);
    const database = {
      server,
      tables: tablesOf(contents),
      explain: async (query: string) => {
        try {
          await executor.executeQuery(`EXPLAIN ${query}`, op);
          return undefined;
        } catch (error) {
          // Anything but a refused query is no fault of the mapping.
          if (!(error instanceof MCPOrchestratorException) || !error.code.startsWith('SQL')) throw error;
          const [first = '', ...rest] = error.message.split('\n');
          const hint = error.hint ?? rest.join(' ');
          const message = first.replace(/^\w+ \(SQLSTATE \w{5}\)(?: at character \d+)?: /, '');
          return hint === '' ? { message } : { message, hint };
        }
      },
    };
    const checked: ConnectedFile[] = [];
    for (const file of files) checked.push(isMetadata(file) ? await checkMappings(file, database) : file);
    return checked;
  } catch (error) {
    if (io.signal.aborted || !(error instanceof MCPOrchestratorException)) throw error;
    return files.map((file) =>
      isMetadata(file)
        ? {
            ...file,
            problems: [
              ...file.problems,
              {
                severity: 'warning',
                code: error.code,
                message: `the column mappings were checked against no database: ${error.message}`,
                ...(error.hint === undefined ? {} : { hint: error.hint }),
                path: 'column_mappings',
                file: file.file,
                range: { start: TOP, end: TOP },
              } as const,
            ],
          }
        : file,
    );
  }
}

const TOP = { line: 1, column: 1, offset: 0 };

/** A table that is described otherwise is none that a mapping could name. */
function tablesOf(contents: readonly unknown[]): readonly LiveTable[] {
  const [content] = contents as readonly { readonly text?: unknown }[];
  const description = parsed(content?.text) as { readonly tables?: unknown } | undefined;
  const tables = Array.isArray(description?.tables) ? (description.tables as readonly unknown[]) : [];
  return tables.filter(isTable);
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function isTable(value: unknown): value is LiveTable {
  const { schema, name, columns } = (value ?? {}) as Record<string, unknown>;
  const isColumn = (column: unknown): boolean => {
    const { name: own, type } = (column ?? {}) as Record<string, unknown>;
    return typeof own === 'string' && typeof type === 'string';
  };
  return (
    typeof schema === 'string' &&
    typeof name === 'string' &&
    Array.isArray(columns) &&
    columns.every(isColumn)
  );
}
