import { randomBytes } from 'node:crypto';
import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { closest, distance } from 'fastest-levenshtein';
import { ConfigurationError, MCPOrchestratorException, ResourceFetchError } from '../errors.js';
import { convertServer } from './import-convert.js';
import { EDITORS, editorFiles, shortPath, type Editor, type System } from './import-locations.js';
import { readEditorFile, type EditorServers } from './import-read.js';
import { findClearText, masked } from './clear-text.js';
import { openTarget, type NewServer } from './import-write.js';

export interface ImportRequest {
  /** An editor or a file; every known editor when left out. */
  readonly from?: string;
  /** As the user named it. */
  readonly outputFile: string;
  /** Replaces entries of the same id. */
  readonly force: boolean;
  /** Writes nothing. */
  readonly dryRun: boolean;
  readonly system: System;
}

export interface ImportResult {
  readonly outputFile: string;
  readonly dryRun: boolean;
  /** Whether the output file is another one now, or would be. */
  readonly changed: boolean;
  readonly sources: readonly ImportSource[];
  /** In the order of the sources. */
  readonly servers: readonly ImportedServer[];
  /** The entries as they are written, with `***` for every credential in clear text. */
  readonly yaml: string;
}

export interface ImportSource {
  readonly editor?: Editor;
  /** As people know it: from the working directory or from `~`. */
  readonly file: string;
  readonly servers: number;
}

export interface ImportedServer {
  readonly id: string;
  readonly file: string;
  readonly status: 'added' | 'replaced' | 'unchanged' | 'skipped';
  /** Why it was skipped. */
  readonly reason?: string;
  readonly notes: readonly string[];
  readonly warnings: readonly { readonly code: 'CFG116'; readonly message: string }[];
}

interface Source extends EditorServers {
  readonly editor?: Editor;
  readonly file: string;
  /** What `${workspaceFolder}` means there. */
  readonly project: string;
}

/**
 * Takes the servers of editors over into a configuration. Connects to nothing.
 *
 * @throws ResourceFetchError RES308 where there is no file to import from
 * @throws ConfigurationError CFG102, CFG103, CFG114 for a file that holds no servers, CLI901 for an output file that is
 *   none of ours
 * @throws MCPOrchestratorException CLI903 where the output file cannot be written
 */
export async function importServers(request: ImportRequest): Promise<ImportResult> {
  const { system, outputFile, force, dryRun } = request;
  const sources = await readSources(request.from, system);
  const path = resolve(system.cwd, outputFile);
  const before = await readTarget(path, outputFile);
  const target = openTarget(outputFile, before ?? '');

  const chosen = new Map<string, { readonly server: NewServer; readonly shown: NewServer }>();
  const origins = new Map<string, string>();
  const servers: ImportedServer[] = [];
  for (const source of sources) {
    for (const [id, raw] of source.servers) servers.push(take(source, id, raw));
  }
  const picked = [...chosen.values()];
  const text = target.withServers(picked.map(({ server }) => server));
  const changed = picked.length > 0;
  if (changed && !dryRun) {
    const isSecret = servers.some(({ warnings }) => warnings.length > 0);
    await writeTarget(path, outputFile, text, before === undefined && isSecret);
  }
  return {
    outputFile,
    dryRun,
    changed,
    sources: sources.map(({ editor, file, servers: found }) => ({
      ...(editor === undefined ? {} : { editor }),
      file,
      servers: found.length,
    })),
    servers,
    yaml: changed ? openTarget('mcpx.yaml', '').withServers(picked.map(({ shown }) => shown)) : '',
  };

  function take(source: Source, id: string, raw: unknown): ImportedServer {
    const { file } = source;
    const converted = convertServer(id, raw, { inputs: source.inputs, project: source.project, system });
    if ('reason' in converted) return skipped(id, file, converted.reason);
    const { entry, notes } = converted;
    const earlier = chosen.get(id)?.server.entry;
    const exists = target.existing.has(id);
    if (isDeepStrictEqual(earlier ?? target.existing.get(id), entry)) {
      return { id, file, status: 'unchanged', notes: [], warnings: [] };
    }
    if (earlier !== undefined) {
      return skipped(id, file, `${origins.get(id) ?? ''} has another server of this id`);
    }
    if (exists && !force) {
      return skipped(id, file, `${outputFile} has a server of this id; --force replaces it`);
    }
    const secrets = findClearText(entry);
    const comment = `imported from ${oneLine(file)}`;
    chosen.set(id, { server: { id, entry, comment }, shown: { id, entry: masked(entry, secrets), comment } });
    origins.set(id, file);
    return {
      id,
      file,
      status: exists ? 'replaced' : 'added',
      notes,
      warnings: secrets.map(({ what }) => ({
        code: 'CFG116',
        message: `${what} holds a credential in clear text: write a reference such as \${VARIABLE} instead`,
      })),
    };
  }
}

function skipped(id: string, file: string, reason: string): ImportedServer {
  return { id, file, status: 'skipped', reason, notes: [], warnings: [] };
}

/** A line break in a path would end the comment that it stands in. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

async function readSources(from: string | undefined, system: System): Promise<Source[]> {
  const editor = EDITORS.find((known) => known === from);
  if (from !== undefined && editor === undefined) return [await readNamed(from, system)];
  const places = (editor === undefined ? EDITORS : [editor]).flatMap((each) =>
    editorFiles(each, system).map((path) => ({ each, path })),
  );
  const sources: Source[] = [];
  for (const { each, path } of places) {
    const file = shortPath(path, system);
    try {
      const found = await readEditorFile(path, file, system.cwd);
      if (found.isServerFile) sources.push({ ...found, editor: each, file, project: system.cwd });
    } catch (error) {
      // An editor that is not installed, or has no servers here.
      if (!(error instanceof ResourceFetchError)) throw error;
    }
  }
  if (sources.length > 0) return sources;
  throw new ResourceFetchError(
    'RES308',
    `${editor ?? 'no known editor'} has ${editor === undefined ? '' : 'no '}servers here`,
    {
      context: { looked_at: places.map(({ path }) => path) },
      hint: `Looked at ${places.map(({ path }) => shortPath(path, system)).join(', ')}. Name another file with --from.`,
    },
  );
}

async function readNamed(from: string, system: System): Promise<Source> {
  const path = resolve(system.cwd, from);
  const folder = dirname(path);
  const project = ['.vscode', '.cursor', '.codex'].includes(basename(folder)) ? dirname(folder) : system.cwd;
  let found: EditorServers;
  try {
    found = await readEditorFile(path, from, project);
  } catch (error) {
    if (!(error instanceof ResourceFetchError)) throw error;
    const near = closest(from, EDITORS);
    const meant = distance(from, near) <= 3 ? `Did you mean ${near}? ` : '';
    throw new ResourceFetchError('RES308', error.message, {
      context: error.context,
      hint: `${meant}--from takes a file or one of ${EDITORS.join(', ')}.`,
      cause: error.cause,
    });
  }
  if (!found.isServerFile) {
    throw new ConfigurationError('CFG114', `${from} has no servers`, {
      context: { file: from },
      hint: 'They are looked for below mcpServers, servers and mcp_servers.',
    });
  }
  return { ...found, file: from, project };
}

/** What mcpx would not load again need not be extended. */
const MAX_TARGET_BYTES = 1024 * 1024;

/** @returns `undefined` where the file does not exist yet */
async function readTarget(path: string, shown: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_TARGET_BYTES) throw new Error('it is larger than a configuration can be (1 MiB)');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigurationError('CFG102', `${shown} cannot be read as text`, {
      context: { file: shown },
      hint: 'Name another file with --output-file.',
      cause,
    });
  }
}

/** Writes beside the file and puts the whole in its place, so that it is never half there. */
async function writeTarget(path: string, shown: string, text: string, isPrivate: boolean): Promise<void> {
  let temporary: string | undefined;
  try {
    // A link stays a link.
    const real = await realpath(path).catch(() => path);
    const mode = await stat(real).then(
      (stats) => stats.mode & 0o777,
      () => (isPrivate ? 0o600 : undefined),
    );
    temporary = `${real}.${randomBytes(6).toString('hex')}.tmp`;
    await writeFile(temporary, text, { flag: 'wx', mode: mode ?? 0o666 });
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, real);
  } catch (cause) {
    if (temporary !== undefined) await rm(temporary, { force: true });
    throw new MCPOrchestratorException('CLI903', `cannot write ${shown}`, {
      context: { file: shown },
      hint: 'Check the permissions of its folder and the space on its disk.',
      cause,
    });
  }
}
