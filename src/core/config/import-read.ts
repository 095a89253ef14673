import { createReadStream } from 'node:fs';
import { ConfigurationError, ResourceFetchError } from '../errors.js';
import { isMapping } from '../mapping.js';
import { decodeText } from './load.js';
import { stripJsonComments } from './json-comments.js';
import { readYamlDocument } from './yaml-document.js';

/** What a file of an editor says: its servers as they stand there, and the values that the editor asks people for. */
export interface EditorServers {
  readonly servers: readonly (readonly [id: string, entry: unknown])[];
  readonly inputs: ReadonlyMap<string, EditorInput>;
  /** Whether the file has a place for servers at all. */
  readonly isServerFile: boolean;
}

/** What `${input:id}` stands for in VS Code. */
export interface EditorInput {
  readonly description?: string;
  readonly default?: string;
}

/** Claude Code keeps the history of its projects in the same file, which grows large. */
const MAX_BYTES = 64 * 1024 * 1024;
/** A place is looked for in files that somebody wrote. */
const MAX_EXAMINED = 64 * 1024;
/** Files with comments are written by hand. */
const MAX_HAND_WRITTEN = 1024 * 1024;

/**
 * Reads the server file of an editor: JSON, which may have comments and trailing commas, or TOML.
 *
 * @param shown  the path as messages name it
 * @param project  the folder whose servers are taken from a file that holds those of many projects
 * @throws ResourceFetchError RES308 where there is no such file
 * @throws ConfigurationError CFG102 not readable as text, CFG103 neither JSON nor TOML
 */
export async function readEditorFile(path: string, shown: string, project: string): Promise<EditorServers> {
  const text = await readText(path, shown);
  const value = /\.toml$/i.test(path) ? await parseToml(text, shown) : parseJson(text, shown);
  return serversIn(value, project);
}

async function readText(path: string, shown: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES) break;
    }
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT' || reason === 'ENOTDIR') {
      throw new ResourceFetchError('RES308', `${shown} does not exist`, { context: { file: shown }, cause });
    }
    throw new ConfigurationError('CFG102', `${shown} cannot be read`, {
      context: { file: shown },
      hint:
        reason === 'EISDIR' ? 'It is a folder; name the file in it.' : 'Check the permissions of the file.',
      cause,
    });
  }
  if (size > MAX_BYTES) {
    throw new ConfigurationError('CFG102', `${shown} is larger than 64 MiB`, {
      context: { file: shown },
      hint: 'Is this the right file?',
    });
  }
  return decodeText(shown, Buffer.concat(chunks));
}

function parseJson(text: string, shown: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Perhaps only for its comments.
  }
  const bare = text.length > MAX_HAND_WRITTEN ? text : stripJsonComments(text);
  try {
    return JSON.parse(bare) as unknown;
  } catch {
    // The parser's own message quotes the file, and with it perhaps a token.
    throw syntaxError(shown, 'JSON', placeOfMistake(bare));
  }
}

async function parseToml(text: string, shown: string): Promise<unknown> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(text, { unsafeKeyBehaviour: 'drop', maxDepth: 100 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its message quotes the lines around the mistake.
    throw syntaxError(shown, 'TOML', { line: error.line, column: error.column });
  }
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function syntaxError(shown: string, language: string, place: Place | undefined): ConfigurationError {
  return new ConfigurationError('CFG103', `${shown} is not valid ${language}`, {
    context: { file: shown, ...place },
    hint:
      place === undefined
        ? 'Open it in its editor, which shows where.'
        : `Look at line ${place.line}, column ${place.column}.`,
  });
}

/** JSON is YAML too, and that parser tells the place of a mistake without quoting the file. */
function placeOfMistake(text: string): Place | undefined {
  if (text.length > MAX_EXAMINED) return undefined;
  return readYamlDocument('', text, {}).problems.find(({ code }) => code === 'CFG103')?.range.start;
}

function serversIn(value: unknown, project: string): EditorServers {
  const settings = own(value, 'mcp');
  const ofProject = own(own(own(value, 'projects'), project), 'mcpServers');
  const tables = [
    ofProject,
    own(value, 'mcpServers'),
    own(value, 'servers'),
    own(value, 'mcp_servers'),
    own(settings, 'servers'),
  ].filter(isMapping);
  const inputs = [own(value, 'inputs'), own(settings, 'inputs')].find(Array.isArray) as unknown[] | undefined;
  return {
    servers: tables.flatMap((table) => Object.entries(table)),
    inputs: new Map((inputs ?? []).flatMap(inputOf)),
    isServerFile: tables.length > 0,
  };
}

function inputOf(value: unknown): [string, EditorInput][] {
  const id = own(value, 'id');
  if (typeof id !== 'string') return [];
  const description = own(value, 'description');
  const fallback = own(value, 'default');
  return [
    [
      id,
      {
        ...(typeof description === 'string' ? { description } : {}),
        ...(typeof fallback === 'string' ? { default: fallback } : {}),
      },
    ],
  ];
}

function own(value: unknown, key: string): unknown {
  return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
