import type { Edit } from '../core/config/fix.js';
import type { Problem, Range } from '../core/config/problem.js';
import type { ValidatedFile } from '../core/config/validate.js';
import { ERROR_CODES, type ErrorCode } from '../core/errors.js';
import { lineAt } from './diagnostics.js';

/** @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
export function diagnosticsSarif(
  files: readonly ValidatedFile[],
  options: {
    readonly version: string;
    readonly editsFor: (problem: Problem, text: string) => readonly Edit[] | undefined;
  },
): Readonly<Record<string, unknown>> {
  const codes = [...new Set(files.flatMap(({ problems }) => problems.map(({ code }) => code)))].sort();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'mcpx', version: options.version, rules: codes.map(ruleOf) } },
        columnKind: 'utf16CodeUnits',
        artifacts: files.map(({ file }) => ({ location: { uri: uriOf(file) } })),
        results: files.flatMap((file) =>
          file.problems.map((problem) => resultOf(problem, file, codes.indexOf(problem.code))),
        ),
      },
    ],
  };

  function resultOf(problem: Problem, { file, text, shown }: ValidatedFile, ruleIndex: number) {
    const { code, severity, message, hint, range } = problem;
    const edits = text === undefined ? undefined : options.editsFor(problem, text);
    const artifactLocation = { uri: uriOf(file), index: files.findIndex((other) => other.file === file) };
    return {
      ruleId: code,
      ruleIndex,
      level: severity,
      message: { text: hint === undefined ? message : `${message}; ${hint}` },
      locations: [
        {
          physicalLocation: {
            artifactLocation,
            ...(shown === undefined
              ? {}
              : {
                  region: {
                    ...regionOf(range),
                    snippet: { text: lineAt(shown, range.start.offset).slice(0, 400) },
                  },
                }),
          },
          ...(problem.path === ''
            ? {}
            : { logicalLocations: [{ fullyQualifiedName: problem.path, kind: 'property' }] }),
        },
      ],
      ...(edits === undefined
        ? {}
        : {
            fixes: [
              {
                description: { text: hint ?? message },
                artifactChanges: [
                  {
                    artifactLocation,
                    replacements: edits.map((edit) => ({
                      deletedRegion: { charOffset: edit.start, charLength: edit.end - edit.start },
                      insertedContent: { text: edit.text },
                    })),
                  },
                ],
              },
            ],
          }),
    };
  }
}

function ruleOf(code: ErrorCode) {
  const { name, meaning } = ERROR_CODES[code];
  return { id: code, name, shortDescription: { text: meaning }, help: { text: `mcpx explain ${code}` } };
}

function regionOf({ start, end }: Range) {
  return {
    startLine: start.line,
    startColumn: start.column,
    endLine: end.line,
    endColumn: end.column,
    charOffset: start.offset,
    charLength: end.offset - start.offset,
  };
}

/** A relative path stays one, so that it means the file of the checkout wherever that lies. */
function uriOf(file: string): string {
  const [, drive = '', rest = ''] = /^([A-Za-z]:(?=[\\/]))?(.*)$/s.exec(file) ?? [];
  const path = rest.split(/[\\/]/).map(encodeURIComponent).join('/');
  if (drive !== '') return `file:///${drive}${path}`;
  return file.startsWith('/') ? `file://${path}` : path;
}
